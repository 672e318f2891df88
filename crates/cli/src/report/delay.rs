//! Paper M's Table 3: the delay of encrypting a sequence of 1200 bits, ten times.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Series, point};
use super::clock::processor;
use super::figure::{Figure, Spread, TIMING, Verdict};
use super::interval::mean;
use super::printed::DELAY_S;
use super::section::{Layout, Section};
use crate::exit::Failure;
use bodywire_sim::Error;
use bodywire_sim::measure::delay::{MESSAGE_BYTES, RUNS, Row, rows, take_turns};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::hint::black_box;

const PLAIN: &str = "plain AES-256-GCM";
const THRESHOLD: &str = "threshold, 2 of 3";
const SLICES: &str = "paper M's slices, AES-128, 3 of 3";
const ECC: &str = "improved ECC (reconstructed)";

/// Nothing but encryption and decryption, with the library that the channels use.
fn plain() -> Result<Row<'static>, Failure> {
    let broken = |_| Failure::Failed("AES-256-GCM refuses a key of 32 bytes".to_owned());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(broken)?);
    let mut counter = 0u64;
    Ok(Row::new(PLAIN, move |message| {
        counter += 1;
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().rev().zip(counter.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
        let nonce = || Nonce::assume_unique_for_key(nonce);
        let mut buffer = message.to_vec();
        let failed = |_| Error::Misuse("AES-256-GCM refuses its own ciphertext");
        key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut buffer).map_err(failed)?;
        black_box(key.open_in_place(nonce(), Aad::empty(), &mut buffer).map_err(failed)?);
        Ok(())
    }))
}

/// Ten runs of each scheme in turns, as many more in the full report so that the mean is worth something.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let mut all = rows(asked.seed)?;
    all.push(plain()?);
    take_turns(&mut all, asked.of(RUNS, 20 * RUNS), asked.seed, processor)?;
    let n = DELAY_S.len() as f64;
    let printed_ecc = DELAY_S.iter().map(|(ecc, _)| ecc).sum::<f64>() / n;
    let printed_own = DELAY_S.iter().map(|(_, own)| own).sum::<f64>() / n;
    let mut figures = Vec::new();
    for row in &all {
        let (low, middle, high) = mean(&row.seconds);
        let figure = Figure::new(row.name, "there and back", "ms", 1e3 * middle)
            .between(1e3 * low.max(0.0), 1e3 * high, Spread::Confidence)
            .class(TIMING);
        let why = "the paper's seconds are of what is not said, in MATLAB on a machine that is not named; ours are of 1200 bits from \
                   plaintext to plaintext, keys agreed, without a network";
        figures.push(match row.name {
            SLICES => figure.paper(1e3 * printed_own).verdict(Verdict::NotComparable, why),
            ECC => figure.paper(1e3 * printed_ecc).verdict(Verdict::NotComparable, why),
            _ => figure,
        });
    }
    let took = |name: &str| all.iter().find(|row| row.name == name).map_or(f64::NAN, Row::mean);
    let times = |row: &str, ratio: f64, printed: bool| {
        let figure = Figure::new(row, "faster than improved ECC", "times", ratio).class(TIMING);
        if !printed {
            return figure;
        }
        figure.paper(printed_ecc / printed_own).verdict(
            if ratio > 1.0 { Verdict::Holds } else { Verdict::DoesNotHold },
            "it is faster, and by more than printed; but the paper compares AES on a message with elliptic curves on a message, which \
             nobody would use for bulk data",
        )
    };
    let ratios = vec![
        times(SLICES, took(ECC) / took(SLICES), true),
        times(THRESHOLD, took(ECC) / took(THRESHOLD), false),
        times(PLAIN, took(ECC) / took(PLAIN), false),
    ];
    let mut series: Vec<Series> = all
        .iter()
        .map(|row| Series {
            name: row.name.to_owned(),
            points: (1..=RUNS).zip(&row.seconds).map(|(run, s)| point((run as f64, 1e3 * s))).collect(),
            mark: Mark::LineAndMarkers,
        })
        .collect();
    for (name, pick) in [
        ("paper M prints for ECC", (|pair: &(f64, f64)| pair.0) as fn(&(f64, f64)) -> f64),
        ("paper M prints for itself", |pair| pair.1),
    ] {
        let points = (1..=RUNS).zip(&DELAY_S).map(|(run, pair)| point((run as f64, 1e3 * pick(pair))));
        series.push(Series { name: name.to_owned(), points: points.collect(), mark: Mark::Markers });
    }
    Ok(Section::new("m-delay", "Delay of encrypting 1200 bits", "paper M, 4.2 and Table 3")
        .about(format!(
            "A message of {MESSAGE_BYTES} bytes, another one each time, from the plaintext at one end to the plaintext at the other. The \
             schemes take turns, and a turn before the first is not counted. Time is that of the thread on a processor, \
             so that other programs do not count. The \u{201c}traditional method\u{201d} is the improved \
             ECC of Khan, Quasim, Alghamdi and Khan (IEEE Access 8, 2020), in the one reading of its formulas that is well defined.",
        ))
        .table("delay", Layout::List, "Table 3: means", figures)
        .table("ratio", Layout::List, "How many times as fast", ratios)
        .chart(Chart {
            id: "runs",
            caption: "The first ten runs of each, and the ten that paper M prints. By powers of ten.".to_owned(),
            x: Axis::linear("run"),
            y: Axis::log("delay, ms"),
            series,
        }))
}
