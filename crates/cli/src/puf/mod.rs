//! Which PUF a sensor has: a simulated one, a program's, or recorded readings. What `--puf` takes.
//!
//! A PUF answers without a result ([`bodywire_proto::puf::Puf`]): hardware does not explain itself. A program or a file
//! that fails answers with zeros from then on, with which nothing can be enrolled or authenticated, and the reason is
//! kept in [`Trouble`] for whoever asks.

mod csv;
mod exec;

pub use csv::CsvPuf;
pub use exec::ExecPuf;

use crate::exit::Failure;
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_sim::puf::{ArbiterPuf, CHAINS_MAX, NOISE_TYPICAL, SramPuf};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// What was typed after `--puf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PufChoice {
    /// `sram`: a simulated memory.
    Sram,
    /// `arbiter` or `xor-arbiter:K`: so many simulated chains, XORed.
    Arbiter(usize),
    /// `exec:PROGRAM`: a program that is asked line by line.
    Exec(PathBuf),
    /// `csv:FILE`: recorded readings.
    Csv(PathBuf),
}

impl FromStr for PufChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("sram", None) => Ok(Self::Sram),
            ("arbiter", None) => Ok(Self::Arbiter(1)),
            ("xor-arbiter", Some(chains)) => match chains.parse() {
                Ok(chains) if (2..=CHAINS_MAX).contains(&chains) => Ok(Self::Arbiter(chains)),
                _ => Err(format!("`{chains}` chains: 2 to {CHAINS_MAX} can be XORed")),
            },
            ("exec", Some(program)) if !program.is_empty() => Ok(Self::Exec(program.into())),
            ("csv", Some(file)) if !file.is_empty() => Ok(Self::Csv(file.into())),
            _ => Err("it is one of sram, arbiter, xor-arbiter:K, exec:PROGRAM, csv:FILE".to_owned()),
        }
    }
}

impl std::fmt::Display for PufChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sram => f.write_str("sram"),
            Self::Arbiter(1) => f.write_str("arbiter"),
            Self::Arbiter(chains) => write!(f, "xor-arbiter:{chains}"),
            Self::Exec(program) => write!(f, "exec:{}", program.display()),
            Self::Csv(file) => write!(f, "csv:{}", file.display()),
        }
    }
}

impl PufChoice {
    /// The PUF. `chip` decides a simulated one, `readings` its noise.
    pub fn open(&self, chip: [u8; 32], readings: u64) -> Result<DevicePuf, Failure> {
        let trouble = Trouble::default();
        let puf: Box<dyn Puf + Send> = match self {
            Self::Sram => Box::new(SramPuf::new(chip, NOISE_TYPICAL, readings)),
            Self::Arbiter(chains) => Box::new(ArbiterPuf::new(chip, *chains, NOISE_TYPICAL, readings)?),
            Self::Exec(program) => Box::new(ExecPuf::start(program, &[], trouble.clone())?),
            Self::Csv(file) => Box::new(CsvPuf::open(file, trouble.clone())?),
        };
        Ok(DevicePuf { puf, trouble })
    }
}

/// A PUF of any kind.
pub struct DevicePuf {
    puf: Box<dyn Puf + Send>,
    trouble: Trouble,
}

impl DevicePuf {
    /// Where the reason will be if it stops answering.
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }
}

impl Puf for DevicePuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        self.puf.respond(challenge, response);
    }
}

/// Why a PUF stopped answering: the first reason, kept until it is asked for.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<Failure>>>);

impl Trouble {
    /// `Err` with the reason, once, when the PUF has stopped answering.
    pub fn check(&self) -> Result<(), Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn keep(&self, failure: Failure) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_and_printed_back() {
        for text in ["sram", "arbiter", "xor-arbiter:4", "exec:./puf --fast", "csv:a:b.csv"] {
            assert_eq!(text.parse::<PufChoice>().unwrap().to_string(), text);
        }
        assert_eq!("csv:a:b.csv".parse(), Ok(PufChoice::Csv("a:b.csv".into())));
        for text in [
            "",
            "rom",
            "sram:1",
            "arbiter:2",
            "xor-arbiter",
            "xor-arbiter:1",
            "xor-arbiter:99",
            "exec:",
            "csv",
        ] {
            assert!(text.parse::<PufChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn simulated_pufs_are_chips_of_their_own() {
        let read = |choice: &str, chip: u8| {
            let mut puf = choice.parse::<PufChoice>().unwrap().open([chip; 32], 1).unwrap();
            let mut response = Response::zeroed(32).unwrap();
            puf.respond(&Challenge::from([1; 8]), &mut response);
            assert!(puf.trouble().check().is_ok());
            response
        };
        for choice in ["sram", "arbiter", "xor-arbiter:2"] {
            assert_eq!(read(choice, 1), read(choice, 1));
            assert!(read(choice, 1).distance(&read(choice, 2)) > 50);
        }
        assert!(read("sram", 1).distance(&read("arbiter", 1)) > 50);
    }
}
