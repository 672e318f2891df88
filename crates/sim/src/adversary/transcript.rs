//! What happened during an attack, step by step.

use std::fmt::Write;

/// Bytes of a message that a transcript shows from its beginning and from its end.
const SHOWN_BYTES: usize = 12;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who acts: `sensor`, `hub`, `responder` or `attacker`.
    pub who: &'static str,
    /// What is done.
    pub what: String,
    /// The bytes it is done with, in hexadecimal; the middle of long ones is left out. Empty without bytes.
    pub bytes: String,
}

/// The steps of an attack.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    steps: Vec<Step>,
    muted: bool,
}

impl Transcript {
    /// One that forgets everything, for searches that try thousands of messages.
    pub(crate) fn muted() -> Self {
        Self { steps: Vec::new(), muted: true }
    }

    /// Adds a step with the bytes of a message.
    pub(crate) fn bytes(&mut self, who: &'static str, what: impl Into<String>, bytes: &[u8]) {
        if !self.muted {
            self.steps.push(Step { who, what: what.into(), bytes: abbreviated(bytes) });
        }
    }

    /// Adds a step without bytes.
    pub(crate) fn note(&mut self, who: &'static str, what: impl Into<String>) {
        self.bytes(who, what, &[]);
    }

    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// Hexadecimal, with the middle of long messages left out.
fn abbreviated(bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    if bytes.len() <= 2 * SHOWN_BYTES {
        return hex(bytes);
    }
    let (head, tail) = (&bytes[..SHOWN_BYTES], &bytes[bytes.len() - SHOWN_BYTES..]);
    format!("{}...{}", hex(head), hex(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_abbreviated_and_muted_ones_forgotten() {
        assert_eq!(abbreviated(&[0xab, 1]), "ab01");
        assert_eq!(abbreviated(&[7; 24]).len(), 48);
        assert_eq!(abbreviated(&[7; 25]), format!("{0}...{0}", "07".repeat(12)));
        let mut log = Transcript::default();
        log.bytes("sensor", "sends", &[1]);
        assert_eq!(log.into_steps().len(), 1);
        let mut log = Transcript::muted();
        log.note("hub", "accepts");
        assert!(log.into_steps().is_empty());
    }
}
