//! What happened, in order: a digest of everything always, so that two runs can be compared, and lines for people when they are
//! wanted.

use crate::agenda::Time;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The world: faults and their end.
    World,
    /// A sensor of a bed.
    Sensor(usize, usize),
    /// The hub of a bed.
    Hub(usize),
    /// A broker.
    Broker(usize),
    /// The clinic.
    Clinic,
    /// A replica.
    Replica(usize),
    /// Somebody who asks for access.
    Person(&'static str),
    /// Somebody who does wrong.
    Attacker(&'static str),
}

impl Actor {
    fn write(self, line: &mut String) {
        let written = match self {
            Self::World => write!(line, "world"),
            Self::Sensor(bed, sensor) => write!(line, "sensor {}.{}", bed + 1, sensor + 1),
            Self::Hub(bed) => write!(line, "hub {}", bed + 1),
            Self::Broker(path) => write!(line, "broker {path}"),
            Self::Clinic => write!(line, "clinic"),
            Self::Replica(replica) => write!(line, "replica {replica}"),
            Self::Person(name) => write!(line, "person ({name})"),
            Self::Attacker(name) => write!(line, "attacker ({name})"),
        };
        // A string takes everything.
        let _ = written;
    }

    const fn code(self) -> (u8, u64, u64) {
        match self {
            Self::World => (0, 0, 0),
            Self::Sensor(bed, sensor) => (1, bed as u64, sensor as u64),
            Self::Hub(bed) => (2, bed as u64, 0),
            Self::Broker(path) => (3, path as u64, 0),
            Self::Clinic => (4, 0, 0),
            Self::Replica(replica) => (5, replica as u64, 0),
            Self::Person(_) => (6, 0, 0),
            Self::Attacker(_) => (7, 0, 0),
        }
    }
}

/// Where lines go.
pub type Lines = Box<dyn FnMut(&str)>;

/// The log of one run.
pub struct Trace {
    digest: Sha256,
    notes: u64,
    lines: Option<Lines>,
    line: String,
}

impl Trace {
    /// With lines for people, or only the digest.
    #[must_use]
    pub fn new(lines: Option<Lines>) -> Self {
        Self { digest: Sha256::new(), notes: 0, lines, line: String::new() }
    }

    /// Something has happened: who, what, numbers that belong to it, and bytes, of which a line shows length and beginning.
    pub fn note(&mut self, at: Time, who: Actor, what: &'static str, of: &[u64], bytes: &[u8]) {
        self.notes += 1;
        let (kind, one, other) = who.code();
        self.digest.update(at.as_nanos().to_be_bytes());
        self.digest.update([kind]);
        self.digest.update(one.to_be_bytes());
        self.digest.update(other.to_be_bytes());
        if let Actor::Person(name) | Actor::Attacker(name) = who {
            self.digest.update(name.as_bytes());
        }
        self.digest.update(what.as_bytes());
        of.iter().for_each(|number| self.digest.update(number.to_be_bytes()));
        self.digest.update((bytes.len() as u64).to_be_bytes());
        self.digest.update(bytes);
        let Some(lines) = &mut self.lines else { return };
        let line = &mut self.line;
        line.clear();
        let micros = at.as_nanos() / 1_000;
        let _ = write!(line, "{:>6}.{:06} ", micros / 1_000_000, micros % 1_000_000);
        let start = line.len();
        who.write(line);
        while line.len() < start + 24 {
            line.push(' ');
        }
        line.push_str(what);
        of.iter().for_each(|number| {
            let _ = write!(line, " {number}");
        });
        if !bytes.is_empty() {
            let _ = write!(line, "  [{} bytes ", bytes.len());
            bytes.iter().take(8).for_each(|byte| {
                let _ = write!(line, "{byte:02x}");
            });
            line.push_str(if bytes.len() > 8 { "..]" } else { "]" });
        }
        lines(line);
    }

    /// Something that people want to read.
    pub fn say(&mut self, text: &str) {
        if let Some(lines) = &mut self.lines {
            lines(text);
        }
    }

    /// How much has happened.
    #[must_use]
    pub const fn notes(&self) -> u64 {
        self.notes
    }

    /// SHA-256 of everything so far.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn lines_are_for_people_and_the_digest_is_of_everything() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let lines = Rc::clone(&seen);
        let mut trace = Trace::new(Some(Box::new(move |line| lines.borrow_mut().push(line.to_owned()))));
        let mut silent = Trace::new(None);
        for trace in [&mut trace, &mut silent] {
            trace.note(Time::from_micros(1_500_000), Actor::Hub(0), "published on path", &[2], &[0xab; 9]);
        }
        let [line] = &seen.borrow()[..] else { panic!("one line") };
        assert!(
            line.starts_with("     1.500000 hub 1") && line.ends_with("path 2  [9 bytes abababababababab..]")
        );
        assert_eq!((trace.digest(), trace.notes()), (silent.digest(), 1));
        silent.note(Time::ZERO, Actor::Clinic, "", &[], &[]);
        assert_ne!(trace.digest(), silent.digest());
    }
}
