//! The test vectors of `docs/wire.md`: one message in both modes, with fixed keys and randomness.

use crate::ack::{AckWriter, Status};
use crate::disperse::{combine, disperse};
use crate::downlink::OrderWriter;
use crate::keys::{Secret, SessionKeys};
use crate::state::State;
use crate::topic::{Rendezvous, Shard};
use crate::{Cipher, MessageId, Priority, Spread, fragment};
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};

/// A generator of one byte, over and over: what it gives is written down in a line.
struct Constant(u8);

impl TryRng for Constant {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Constant {}

const MESSAGE: &[u8] = b"heart rate 72";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keys(spread: Spread) -> SessionKeys {
    SessionKeys::new(&Secret([0x11; 32]), spread).unwrap()
}

/// Name and value of each line of the vectors.
fn vectors() -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut line = |name: &str, bytes: &[u8]| out.push((name.to_owned(), hex(bytes)));
    for (mode, spread) in
        [("threshold", Spread::TWO_OF_THREE), ("split", Spread::split(Cipher::Aes128, 2).unwrap())]
    {
        let keys = keys(spread);
        let fragments =
            disperse(&keys, MessageId(5), Priority::Routine, MESSAGE, &mut Constant(0x22)).unwrap();
        for (path, bytes) in fragments.iter().enumerate() {
            line(&format!("{mode} fragment {path}"), bytes);
        }
        let opened: Vec<_> = fragments
            .iter()
            .enumerate()
            .take(spread.k())
            .map(|(path, bytes)| fragment::open(&keys, path, bytes).unwrap())
            .collect();
        assert_eq!(combine(&keys, &opened).unwrap(), MESSAGE);
    }
    let stored = vec![MessageId(5)];
    let status =
        Status { received: [3, 3, 2, 0, 0, 0, 0, 0], stored, incomplete: vec![(MessageId(6), 0b101)] };
    let acks = AckWriter::new(keys(Spread::TWO_OF_THREE)).seal(&status).unwrap();
    line("acknowledgement on path 1", &acks[1]);
    let orders = OrderWriter::new(keys(Spread::TWO_OF_THREE)).seal(b"lights out").unwrap();
    line("order on path 2", &orders[2]);
    let hub = Rendezvous::new([0x33; 32]);
    let state = State { online: true, connection: 0x0123_4567_89ab_cdef };
    line("state on path 0", &state.to_bytes(&hub, 0).unwrap());
    let shard = Shard::new("0").unwrap();
    out.push((
        "topic of fragments on path 0".into(),
        shard.fragments(&keys(Spread::TWO_OF_THREE), 0).unwrap(),
    ));
    out.push(("topic of states on path 0".into(), hub.state_topic(&shard, 0).unwrap()));
    out
}

#[test]
fn the_documented_vectors_are_those_of_the_code() {
    let documented = include_str!("../../../docs/wire.md").replace("\n    ", "");
    let missing = |(_, value): &(String, String)| !documented.contains(value.as_str());
    let missing: Vec<_> = vectors().into_iter().filter(missing).collect();
    assert!(missing.is_empty(), "docs/wire.md does not have {missing:#?}");
}
