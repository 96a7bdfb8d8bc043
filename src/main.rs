//! Shopscope: arguments to a window or a command; nothing else.

use std::process::ExitCode;

use shopscope::{cli, views};

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        cli::Next::Exit(code) => code,
        cli::Next::Launch(launch) => match views::launch(*launch) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                eprintln!("shopscope: {sentence}");
                ExitCode::FAILURE
            }
        },
    }
}
