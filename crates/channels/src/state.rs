//! What a hub says of its own connection to a broker, and its last will there.
//!
//! ```text
//! version 1 | online 1 | connection 8 | tag 16        tag = HMAC-SHA-256(state key of the path, the 10 bytes before)[..16]
//! ```
//!
//! The hub publishes "online" when it has connected, and leaves "offline" with the broker as its will. Strangers cannot
//! forge either; the broker can withhold both and repeat old ones. So it is a hint: it hurries what a clinic shows, and
//! decides nothing.

use crate::error::{Error, Refusal};
use crate::topic::Rendezvous;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes of a state.
pub const STATE_BYTES: usize = CLEAR_BYTES + TAG_BYTES;
const CLEAR_BYTES: usize = 10;
const TAG_BYTES: usize = 16;

/// Whether a hub is connected to a broker, by its own or its will's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// It has connected; or else the connection has ended.
    pub online: bool,
    /// Which connection this is about, a random number.
    pub connection: u64,
}

impl State {
    /// The bytes to publish on `path`, retained.
    pub fn to_bytes(self, rendezvous: &Rendezvous, path: usize) -> Result<Vec<u8>, Error> {
        let mut out = vec![VERSION, u8::from(self.online)];
        out.extend_from_slice(&self.connection.to_be_bytes());
        let tag = mac(rendezvous, path, &out)?.finalize().into_bytes();
        out.extend(tag.iter().take(TAG_BYTES));
        Ok(out)
    }

    /// Reads what came in on `path`. Refused: what the hub with this rendezvous has not said.
    pub fn from_bytes(rendezvous: &Rendezvous, path: usize, bytes: &[u8]) -> Result<Self, Refusal> {
        let (clear, tag) = bytes.split_at_checked(CLEAR_BYTES).ok_or(Refusal::Malformed)?;
        let (&[version, online], connection) = clear.split_first_chunk().ok_or(Refusal::Malformed)?;
        if bytes.len() != STATE_BYTES || version != VERSION || online > 1 {
            return Err(Refusal::Malformed);
        }
        let mac = mac(rendezvous, path, clear).map_err(|_| Refusal::BadTag)?;
        mac.verify_truncated_left(tag).map_err(|_| Refusal::BadTag)?;
        let connection = connection.first_chunk().ok_or(Refusal::Malformed)?;
        Ok(Self { online: online == 1, connection: u64::from_be_bytes(*connection) })
    }
}

fn mac(rendezvous: &Rendezvous, path: usize, clear: &[u8]) -> Result<Hmac<Sha256>, Error> {
    let key = rendezvous.state_key(path)?;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key.0).map_err(|_| Error::Crypto("HMAC key"))?;
    mac.update(clear);
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_bound_to_its_hub_its_path_and_every_byte() {
        let hub = Rendezvous::new([1; 32]);
        let state = State { online: true, connection: 77 };
        let bytes = state.to_bytes(&hub, 2).unwrap();
        assert_eq!((bytes.len(), State::from_bytes(&hub, 2, &bytes)), (STATE_BYTES, Ok(state)));
        assert_eq!(State::from_bytes(&hub, 1, &bytes), Err(Refusal::BadTag));
        assert_eq!(State::from_bytes(&Rendezvous::new([2; 32]), 2, &bytes), Err(Refusal::BadTag));
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert!(State::from_bytes(&hub, 2, &changed).is_err(), "byte {i}");
        }
        assert!(State::from_bytes(&hub, 2, &bytes[1..]).is_err() && State::from_bytes(&hub, 2, &[]).is_err());
    }
}
