//! Plays random worlds, one for each seed, and prints what must not be, one line for each such seed:
//!
//! ```text
//! cargo run -p bodywire-sim --example seeds -- FROM TO [--stop] [--trace]
//! seed 17 at 12.345 s, NothingLost: 1 of 96 reports of hub 1 are not in the ledger, the first is number 40
//! 200 seeds from 0 on, 1 with a violation
//! ```
//!
//! TO is not played. With `--stop` seeds above the lowest one with a violation are left out, so that it is the same one in
//! each run. `--trace` prints every step of each world. Everything in these worlds is simulated. Ends with 1 when there was a
//! violation, and with 2 when the arguments are wrong.

use bodywire_sim::world::{Options, World, random};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Worlds at a time: a world has one thread, and the machines of the checks have two processors.
const THREADS: usize = 2;
const USAGE: &str = "usage: seeds FROM TO [--stop] [--trace], where FROM is below TO";

#[derive(Debug, Clone, Copy)]
struct Arguments {
    from: u64,
    to: u64,
    stop: bool,
    trace: bool,
}

/// Seeds that are left, and what was found so far.
struct Work {
    next: AtomicU64,
    end: AtomicU64,
    found: Mutex<BTreeMap<u64, String>>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Arguments { from, to, stop, trace } = arguments;
    let work = Work { next: AtomicU64::new(from), end: AtomicU64::new(to), found: Mutex::default() };
    thread::scope(|scope| {
        for _ in 0..if trace { 1 } else { THREADS } {
            scope.spawn(|| play(arguments, &work));
        }
    });
    let found = work.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let kept = if stop { 1 } else { usize::MAX };
    found.iter().take(kept).for_each(|(seed, text)| say(&format!("seed {seed} at {text}")));
    let played = work.end.load(Relaxed) - from;
    say(&format!("{played} seeds from {from} on, {} with a violation", found.len().min(kept)));
    ExitCode::from(u8::from(!found.is_empty()))
}

/// Plays seeds until there is none left. They are taken in order, so that those below a bad one were begun before it.
fn play(arguments: Arguments, work: &Work) {
    loop {
        let seed = work.next.fetch_add(1, Relaxed);
        if seed >= work.end.load(Relaxed) {
            return;
        }
        // What a world does to itself ends it and no other.
        let played = catch_unwind(AssertUnwindSafe(|| violation(seed, arguments.trace)));
        if let Some(text) = played.unwrap_or_else(|_| Some("no time, Panicked: see above".to_owned())) {
            work.found.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, text);
            if arguments.stop {
                work.end.fetch_min(seed + 1, Relaxed);
            }
        }
    }
}

/// The first violation of a seed's world.
fn violation(seed: u64, trace: bool) -> Option<String> {
    let print: Box<dyn FnMut(&str)> = Box::new(say);
    let options = Options { lines: trace.then_some(print), ..Options::default() };
    match World::new(&random::scenario(seed), seed, options) {
        Ok(world) => world.run().violations.first().map(|violation| {
            format!("{:.3} s, {:?}: {}", violation.at_ns as f64 / 1e9, violation.rule, violation.text)
        }),
        Err(error) => Some(format!("no time, Unplayable: {error}")),
    }
}

/// Prints a line. Nobody may be listening any more, as behind `head`.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn arguments() -> Option<Arguments> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let (switches, numbers): (Vec<&str>, Vec<&str>) =
        given.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    let [from, to] = numbers.as_slice() else { return None };
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    let known = switches.iter().all(|switch| ["--stop", "--trace"].contains(switch));
    let has = |switch| switches.contains(&switch);
    (known && from < to).then(|| Arguments { from, to, stop: has("--stop"), trace: has("--trace") })
}
