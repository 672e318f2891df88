//! Both ends of a session of the channels: a hub that spreads messages over paths and a clinic that joins them.

use super::{failed, wrong};
use crate::Error;
use bodywire_channels::disperse::disperse;
use bodywire_channels::reassemble::Reassembler;
use bodywire_channels::session::{self, HubNumber, Prekey};
use bodywire_channels::tapped::{Learnt, open_with_stolen_keys};
use bodywire_channels::topic::Shard;
use bodywire_channels::{Cipher, MessageId, Mode, Priority, Refusal, SessionKeys, Spread};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::time::Duration;

/// How far apart messages are for the reassembler: what lacks a fragment is forgotten in time, as in a running clinic.
const BETWEEN_MESSAGES: Duration = Duration::from_secs(1);
/// When the session begins, in milliseconds since 1970.
const NOW_MS: u64 = 1_000;
const HUB: HubNumber = HubNumber(1);
const WHAT: &str = "a session of the channels";

/// The hub's end of a session.
pub struct HubEnd {
    keys: SessionKeys,
    next_id: u64,
    rng: ChaCha20Rng,
}

impl HubEnd {
    /// All fragments of the next message, of this priority.
    ///
    /// # Errors
    /// [`Error::Measured`] when the message is too long.
    pub fn split(&mut self, priority: Priority, message: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        disperse(&self.keys, id, priority, message, &mut self.rng).map_err(failed(WHAT))
    }

    /// What somebody learns who has these fragments of one message and has stolen all keys.
    pub fn stolen(&self, recorded: &[(usize, &[u8])]) -> Vec<Learnt> {
        open_with_stolen_keys(&self.keys, recorded)
    }

    /// Where the fragments of each path go.
    pub fn topics(&self) -> Vec<String> {
        let Ok(shard) = Shard::new("0") else { return Vec::new() };
        (0..self.keys.spread().n()).filter_map(|path| shard.fragments(&self.keys, path)).collect()
    }
}

/// The clinic's end.
pub struct ClinicEnd {
    reassembler: Reassembler,
    now: Duration,
}

impl ClinicEnd {
    /// Takes a fragment; the message when it is complete.
    ///
    /// # Errors
    /// [`Error::Measured`] when the fragment is refused.
    pub fn join(&mut self, path: usize, fragment: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.reassembler.handle(self.now, path, fragment).map_err(|refusal| refused(&refusal))?;
        Ok(self.reassembler.poll().map(|delivered| delivered.message))
    }

    /// Lets time pass, and forgets what has waited too long for its other fragments.
    pub fn wait(&mut self) {
        self.now += BETWEEN_MESSAGES;
        self.reassembler.expire(self.now);
    }
}

/// Both ends of one session.
pub struct Ends {
    /// Who sends.
    pub hub: HubEnd,
    /// Who receives.
    pub clinic: ClinicEnd,
}

impl Ends {
    /// A fresh session with this spread, by the real key agreement.
    ///
    /// # Errors
    /// [`Error::Measured`] when the two ends do not agree.
    pub fn new(spread: Spread, seed: u64) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (clinic_key, hub_key) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let prekey = Prekey::generate(&clinic_key, NOW_MS, &mut rng);
        let (published, clinic) = (prekey.published(), clinic_key.verifying_key());
        let started = session::start(HUB, &hub_key, &clinic, published, spread, NOW_MS, &mut rng)
            .map_err(failed(WHAT))?;
        let accepted = session::accept(&[prekey], |_| Some(hub_key.verifying_key()), &started.start, NOW_MS)
            .map_err(failed(WHAT))?;
        let mut reassembler = Reassembler::default();
        reassembler.add(HUB.0, accepted.keys).map_err(|refusal| refused(&refusal))?;
        Ok(Self {
            hub: HubEnd { keys: started.keys, next_id: 0, rng },
            clinic: ClinicEnd { reassembler, now: Duration::ZERO },
        })
    }

    /// A message there and back. Every path delivers: what comes too late costs its opening all the same.
    ///
    /// # Errors
    /// [`Error::Measured`] when it does not come back.
    pub fn round_trip(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let fragments = self.hub.split(Priority::Routine, message)?;
        let mut back = None;
        for (path, fragment) in fragments.iter().enumerate() {
            back = self.clinic.join(path, fragment)?.or(back);
        }
        back.ok_or_else(|| wrong(WHAT, "all fragments did not bring the message back"))
    }

    /// Bytes of all fragments as MQTT 5 publications with QoS 1 (OASIS MQTT 5.0, 3.3).
    ///
    /// # Errors
    /// [`Error::Measured`] when the message is too long.
    pub fn wire_bytes(&mut self, message: &[u8]) -> Result<usize, Error> {
        let fragments = self.hub.split(Priority::Routine, message)?;
        let topics = self.hub.topics();
        let sizes = fragments.iter().zip(topics);
        Ok(sizes.map(|(bytes, topic)| publication_bytes(topic.len(), bytes.len())).sum())
    }
}

fn refused(refusal: &Refusal) -> Error {
    wrong(WHAT, &format!("refused: {refusal:?}"))
}

/// What a way to spread messages is called in the tables.
pub fn named(spread: Spread) -> String {
    let (k, n) = (spread.k(), spread.n());
    match spread.mode() {
        Mode::Threshold => format!("{k} of {n}"),
        Mode::Split(Cipher::Aes128) => format!("{k} of {n} slices, AES-128"),
        Mode::Split(Cipher::Aes192) => format!("{k} of {n} slices, AES-192"),
        Mode::Split(Cipher::Aes256) => format!("{k} of {n} slices, AES-256"),
    }
}

/// One byte of type and flags, the remaining length in base 128, topic and its length, packet identifier, an empty
/// property list, the payload.
pub const fn publication_bytes(topic: usize, payload: usize) -> usize {
    let remaining = 2 + topic + 2 + 1 + payload;
    let length_bytes = match remaining {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    };
    1 + length_bytes + remaining
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_whole_from_every_path() {
        let mut ends = Ends::new(Spread::TWO_OF_THREE, 1).unwrap();
        assert_eq!(ends.round_trip(b"vital signs").unwrap(), b"vital signs");
        let fragments = ends.hub.split(Priority::Routine, b"again").unwrap();
        assert_eq!(ends.clinic.join(2, &fragments[2]).unwrap(), None);
        assert_eq!(ends.clinic.join(0, &fragments[0]).unwrap().as_deref(), Some(&b"again"[..]));
    }

    #[test]
    fn a_publication_is_counted_as_mqtt_5_writes_it() {
        // Topic "a", payload "b": 32 07 00 01 61 00 01 00 62 would be eight bytes after the type.
        assert_eq!(publication_bytes(1, 1), 9);
        assert_eq!(publication_bytes(1, 127) - publication_bytes(1, 121), 7);
    }
}
