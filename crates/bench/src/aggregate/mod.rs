//! Sums over encrypted vital signs: what each operation costs, beside other schemes and beside memory itself.

mod bandwidth;
mod goals;
mod peak;
mod peers;
mod rows;
mod run;
mod ward;

use crate::figure::Figure;
use crate::processor::Processor;
use bodywire_aggregate::Encoding;
use bodywire_sim::measure::sums::{Encrypted, costs};
use indicatif::{ProgressBar, ProgressStyle};
use peers::Peer;
use std::io::Write;
use std::path::PathBuf;

/// The key lengths of Paillier's scheme: 112 and 128 bits of security (NIST SP 800-57).
const PAILLIER_BITS: [u32; 2] = [2048, 3072];
/// Batches of the run from end to end.
const RUN_BATCHES: usize = 1000;
const SEED: u64 = 1;

/// What to measure.
pub(crate) struct Asked {
    pub(crate) seconds: f64,
    pub(crate) vectors: usize,
    pub(crate) patients: usize,
    pub(crate) directory: PathBuf,
    pub(crate) peers: Option<PathBuf>,
}

/// All figures. False when the ward's result is not that of the plain readings.
///
/// # Errors
/// A sentence: what could not be run.
pub(crate) fn figures(asked: &Asked) -> Result<(Vec<Figure>, bool), String> {
    let bar = ProgressBar::new(7);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {elapsed}") {
        bar.set_style(style);
    }
    let next = |what: &'static str| {
        bar.inc(1);
        bar.set_message(what);
    };
    bar.set_message("a ward");
    // First, so that the peak of memory is the replica's and not that of what follows.
    let day = ward::day(&asked.directory, asked.patients, ward::batches_max())
        .map_err(|error| format!("the ward's file in {}: {error}", asked.directory.display()))?;
    next("Python's schemes");
    let mut peers = match &asked.peers {
        Some(python) => peers::of_python(python)?,
        None => Vec::new(),
    };
    next("Paillier in Rust");
    let watch = Processor { seconds: asked.seconds };
    peers.extend(PAILLIER_BITS.iter().flat_map(|bits| peers::of_rust(*bits, &watch)));
    next("series");
    let mut encrypted =
        Encrypted::new(Encoding::Series, asked.vectors, SEED).expect("readings within their bound");
    let series = costs(&mut encrypted, &watch).expect("honest sums");
    next("bandwidth");
    let memory = bandwidth::bandwidth(&encrypted);
    drop(encrypted);
    next("wide");
    let mut wide = Encrypted::new(Encoding::Wide, asked.vectors, SEED).expect("readings within their bound");
    let wide = costs(&mut wide, &watch).expect("honest sums");
    next("a thousand batches");
    let run = run::run(RUN_BATCHES);
    bar.finish_and_clear();
    if asked.peers.is_none() {
        say("python-paillier and SEAL are left out: give --peers PYTHON, see scripts/aggregate-peers");
    }
    let (measured, missing): (Vec<Peer>, Vec<Peer>) =
        peers.into_iter().partition(|peer| peer.missing.is_none());
    missing.iter().for_each(|peer| {
        say(&format!("{} is left out: {}", peer.name, peer.missing.as_deref().unwrap_or_default()));
    });

    let mut figures = rows::beside("series", &series, &measured);
    // All peers beside one encoding are enough; beside the other those that the goals name.
    let named: Vec<Peer> = measured.into_iter().filter(goals::names).collect();
    figures.extend(rows::beside("wide", &wide, &named));
    figures.extend(rows::alone("series", &series, asked.vectors));
    figures.extend(rows::alone("wide", &wide, asked.vectors));
    figures.extend(rows::rotation(&named));
    figures.extend(rows::of_memory(&memory));
    figures.extend(rows::of_run(&run));
    figures.extend(rows::of_day(&day));
    figures.extend(goals::figures(&series, &named, &memory, run.iter().map(|(_, seconds)| seconds).sum()));
    Ok((figures, day.exact))
}

/// To whoever waits.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
