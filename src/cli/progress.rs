//! Progress of indexing on stderr, if a person looks at it.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::base::Progress;
use crate::jobs;
use crate::jobs::index::IndexEvent;

/// Runs `work` with a bar on stderr where that is a terminal. `work` gets what to call with its events.
pub(super) fn shown<T>(progress: &Progress, work: impl FnOnce(&(dyn Fn(IndexEvent) + Sync)) -> T) -> T {
    with_bar(progress, |bar| {
        work(&|event| {
            if let IndexEvent::Waiting { .. } = event {
                let text = "shopscope: another shopscope is indexing this dataset; waiting for it";
                match bar {
                    Some(bar) => bar.println(text),
                    None => eprintln!("{text}"),
                }
            }
        })
    })
}

/// Runs `work` with a bar on stderr where that is a terminal.
pub(super) fn drawn<T>(progress: &Progress, work: impl FnOnce() -> T) -> T {
    with_bar(progress, |_| work())
}

/// Runs `work` on `total` pictures with a bar that shows how many a second and what is left.
pub(super) fn rated<T>(progress: &Progress, total: u64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let message = || {
        let (done, secs) = (progress.samples() as f64, started.elapsed().as_secs_f64());
        // What an earlier run did does not count as fast.
        let left = total as f64 * (1.0 - f64::from(progress.fraction().unwrap_or(0.0)));
        let rate = done / secs.max(1e-3);
        match (left / rate).ceil() {
            secs if done > 0.0 && secs < 1e7 => {
                format!("{rate:.1} pictures/s  {} left", HumanDuration(Duration::from_secs(secs as u64)))
            }
            _ => "starting".to_owned(),
        }
    };
    bar(progress, &message, |_| work())
}

fn with_bar<T>(progress: &Progress, work: impl FnOnce(Option<&ProgressBar>) -> T) -> T {
    bar(progress, &|| format!("{} samples", progress.samples()), work)
}

fn bar<T>(
    progress: &Progress,
    message: &(dyn Fn() -> String + Sync),
    work: impl FnOnce(Option<&ProgressBar>) -> T,
) -> T {
    if !stderr().is_terminal() {
        return work(None);
    }
    let bar = ProgressBar::new(1000);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {elapsed}");
    bar.set_style(style.expect("the template is right"));
    let tick = || {
        bar.set_position((progress.fraction().unwrap_or(0.0) * 1000.0) as u64);
        bar.set_message(message());
    };
    let done = jobs::index::while_ticking(Duration::from_millis(100), tick, || work(Some(&bar)));
    bar.finish_and_clear();
    done
}
