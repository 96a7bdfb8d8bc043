//! Shopscope: arguments to a window or a command; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    shopscope::cli::run(std::env::args_os())
}
