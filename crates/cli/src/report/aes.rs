//! Paper M's Table 1: rounds of AES by the length of its key.

use super::Asked;
use super::figure::{Figure, Verdict};
use super::section::{Layout, Section};
use crate::exit::Failure;
use bodywire_channels::{Cipher, Spread};
use bodywire_sim::measure::session::Ends;

/// Bits of a word (FIPS 197, 3.1), and words of a block (FIPS 197, 5).
const WORD_BITS: f64 = 32.0;
const BLOCK_WORDS: f64 = 4.0;

/// The ciphers, bits of their keys, and what the table prints: key length, group size, rounds.
const ROWS: [(Cipher, &str, f64, [f64; 3]); 3] = [
    (Cipher::Aes128, "AES-128", 128.0, [4.0, 4.0, 10.0]),
    (Cipher::Aes192, "AES-192", 192.0, [6.0, 4.0, 12.0]),
    (Cipher::Aes256, "AES-256", 256.0, [8.0, 4.0, 14.0]),
];

/// Why no length of the table can be right.
const BYTES: &str = "the table's \"bytes\" are words of 32 bits: keys of 4, 6 and 8 bytes and blocks of 4 would be broken by trying, and \
                     the paper's text has 128, 192 and 256 bits";

/// A table of three rows, worked out, and each cipher used once.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let mut figures = Vec::new();
    for (cipher, name, key_bits, [key, block, rounds]) in ROWS {
        // FIPS 197, 5: Nr = max(Nk, Nb) + 6, and Nb is 4.
        let words = key_bits / WORD_BITS;
        let turns = words.max(BLOCK_WORDS) + 6.0;
        let came_back =
            Ends::new(Spread::split(cipher, 3)?, asked.seed)?.round_trip(b"vital signs")? == b"vital signs";
        let works =
            if came_back { "; a message comes back through it" } else { "; a message does NOT come back" };
        let of = |what: &str, unit: &str, ours: f64| Figure::new(name, what, unit, ours);
        figures.extend([
            of("key", "byte", key_bits / 8.0).paper(key).verdict(Verdict::CannotBeRight, BYTES),
            of("block", "byte", BLOCK_WORDS * WORD_BITS / 8.0)
                .paper(block)
                .verdict(Verdict::CannotBeRight, BYTES),
            of("rounds", "", turns).paper(rounds).verdict(
                if turns == rounds { Verdict::Holds } else { Verdict::DoesNotHold },
                format!("words of the key and six (FIPS 197, 5){works}"),
            ),
        ]);
    }
    Ok(Section::new("m-aes", "Rounds of AES", "paper M, 3.2 and Table 1").table(
        "rounds",
        Layout::Matrix,
        "Table 1: rounds and lengths of keys",
        figures,
    ))
}
