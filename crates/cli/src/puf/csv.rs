//! A PUF that was read elsewhere: a file with its readings.
//!
//! ```text
//! challenge,response
//! 0000000000000000,8f3a…
//! 0000000000000000,8f3b…        a second reading of the same challenge
//! ```
//!
//! Both columns in hexadecimal; a first line `challenge,response` is skipped. Several rows of one challenge are several
//! readings, used in turn and from the first again after the last. In the hardened profile challenges are the numbers
//! from 0 on, in eight bytes, and an enrolment reads each seven times: with one row for each challenge no noise is seen.

use super::Trouble;
use crate::exit::Failure;
use bodywire_proto::puf::{Challenge, Puf, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file: seven readings of 64 bytes for each of 50,000 challenges.
const FILE_BYTES_MAX: u64 = 64 << 20;

const NEXT: &str = "give a file of lines `challenge,response`, both in hexadecimal";

/// Readings from a file.
pub struct CsvPuf {
    file: PathBuf,
    readings: HashMap<Challenge, Readings>,
    trouble: Trouble,
}

struct Readings {
    rows: Vec<Response>,
    next: usize,
}

impl CsvPuf {
    /// Reads the file. A line that cannot be read is named.
    pub fn open(file: &Path, trouble: Trouble) -> Result<Self, Failure> {
        let mut text = String::new();
        std::fs::File::open(file)
            .and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| Failure::path(file, error, NEXT))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(Failure::path(file, format!("it is longer than {FILE_BYTES_MAX} bytes"), NEXT));
        }
        let readings = parse(&text).map_err(|why| Failure::path(file, why, NEXT))?;
        Ok(Self { file: file.to_owned(), readings, trouble })
    }

    fn read(&mut self, challenge: &Challenge, bytes: usize) -> Result<&Response, String> {
        let hex = HEXLOWER_PERMISSIVE.encode(challenge.as_bytes());
        let readings =
            self.readings.get_mut(challenge).ok_or(format!("it has no row for the challenge {hex}"))?;
        let at = readings.next % readings.rows.len();
        readings.next = at + 1;
        let response = &readings.rows[at];
        let found = response.as_bytes().len();
        if found != bytes {
            return Err(format!("a response to {hex} has {} bits, and {} were asked", 8 * found, 8 * bytes));
        }
        Ok(response)
    }
}

fn parse(text: &str) -> Result<HashMap<Challenge, Readings>, String> {
    let mut readings: HashMap<Challenge, Readings> = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || (number == 1 && line.trim() == "challenge,response") {
            continue;
        }
        let row = || -> Option<(Challenge, Response)> {
            let (challenge, response) = line.split_once(',')?;
            let hex = |text: &str| HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
            let (challenge, response) = (hex(challenge)?, hex(response)?);
            (!challenge.is_empty() && !response.is_empty()).then_some(())?;
            Some((Challenge::new(&challenge).ok()?, Response::new(&response).ok()?))
        };
        let (challenge, response) = row().ok_or(format!("line {number} is no challenge and response"))?;
        readings.entry(challenge).or_insert(Readings { rows: Vec::new(), next: 0 }).rows.push(response);
    }
    if readings.is_empty() {
        return Err("it has no rows".to_owned());
    }
    Ok(readings)
}

impl Puf for CsvPuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        let bytes = response.as_bytes().len();
        match self.read(challenge, bytes) {
            Ok(reading) => response.as_mut_bytes().copy_from_slice(reading.as_bytes()),
            Err(why) => {
                response.as_mut_bytes().fill(0);
                self.trouble.keep(Failure::path(&self.file, why, NEXT));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<CsvPuf, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("readings.csv");
        std::fs::write(&file, text).unwrap();
        CsvPuf::open(&file, Trouble::default())
    }

    fn read(puf: &mut CsvPuf, challenge: &[u8]) -> Vec<u8> {
        let mut response = Response::new(&[7; 2]).unwrap();
        puf.respond(&Challenge::new(challenge).unwrap(), &mut response);
        response.as_bytes().to_vec()
    }

    #[test]
    fn readings_of_a_challenge_are_used_in_turn() {
        let mut puf = open("challenge,response\n01, AB01\n02,ffff\r\n\n01,ab02\n").unwrap();
        let seen: Vec<_> = (0..3).map(|_| read(&mut puf, &[1])).collect();
        assert_eq!(seen, [[0xab, 1], [0xab, 2], [0xab, 1]]);
        assert_eq!(read(&mut puf, &[2]), [0xff, 0xff]);
        assert!(puf.trouble.check().is_ok());
    }

    #[test]
    fn what_is_missing_answers_zeros_and_is_named() {
        let mut puf = open("01,ab01\n03,ab\n").unwrap();
        assert_eq!(read(&mut puf, &[2]), [0, 0]);
        assert_eq!(read(&mut puf, &[3]), [0, 0]);
        let failure = puf.trouble.check().unwrap_err().to_string();
        assert!(failure.contains("no row for the challenge 02"), "{failure}");
        assert!(puf.trouble.check().is_ok(), "the first reason, once");
        read(&mut puf, &[3]);
        assert!(puf.trouble.check().unwrap_err().to_string().contains("8 bits, and 16 were asked"));
    }

    #[test]
    fn bad_files_are_refused_with_the_line() {
        for (text, why) in [
            ("", "no rows"),
            ("challenge,response\n", "no rows"),
            ("01,ab\n01;cd\n", "line 2"),
            ("01,xy\n", "line 1"),
            (",ab\n", "line 1"),
            ("01,\n", "line 1"),
            (&format!("01,{}\n", "00".repeat(81)), "line 1"),
        ] {
            let Err(failure) = open(text) else { panic!("{text:?} was taken") };
            assert!(failure.to_string().contains(why), "{text:?}: {failure}");
        }
        assert!(CsvPuf::open(Path::new("no such file"), Trouble::default()).is_err());
    }
}
