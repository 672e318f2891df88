//! A message as long as an encrypted vector with its headers, from the sender's hand to the receiver's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_channels::ack::{AckWriter, Status};
use bodywire_channels::fragment::MESSAGE_BYTES_MAX;
use bodywire_channels::reassemble::Reassembler;
use bodywire_channels::sender::{Input, Output, Sender, Token};
use bodywire_channels::session::{self, HubNumber, Prekey};
use bodywire_channels::{Cipher, Error, Priority, Spread};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::time::Duration;

const HUB: HubNumber = HubNumber(3);
const NOW_MS: u64 = 1_700_000_000_000;
const T0: Duration = Duration::ZERO;
const LONG: usize = 70 * 1024;
/// What the end-to-end layer adds.
const TAG_BYTES: usize = 16;
/// What a path carries at most (`PACKET_BYTES_MAX` of `bodywire-paths`), less a topic.
const PACKET_BYTES: usize = 127 * 1024;

/// Two ends of a session over paths of which `down` are down, and what arrives of messages so long.
fn arrives(spread: Spread, down: &[usize], lengths: &[usize]) {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (clinic_key, hub_key) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
    let prekey = Prekey::generate(&clinic_key, NOW_MS, &mut rng);
    let clinic_is = clinic_key.verifying_key();
    let started =
        session::start(HUB, &hub_key, &clinic_is, prekey.published(), spread, NOW_MS, &mut rng).unwrap();
    let hub_is = hub_key.verifying_key();
    let accepted =
        session::accept(std::slice::from_ref(&prekey), |_| Some(hub_is), &started.start, NOW_MS).unwrap();
    let mut clinic = Reassembler::default();
    let session = clinic.add(HUB.0, accepted.keys.clone()).unwrap().unwrap();
    let mut acks = AckWriter::new(accepted.keys);
    let mut sender = Sender::new(started, T0);
    let confirmed = acks.seal(&Status::default()).unwrap();
    sender.handle(T0, Input::Ack(0, &confirmed[0]), &mut rng).unwrap();
    for path in (0..spread.n()).filter(|path| !down.contains(path)) {
        sender.handle(T0, Input::PathUp(path), &mut rng).unwrap();
    }
    for (token, len) in (0..).zip(lengths) {
        let mut message = vec![0; *len];
        rng.fill_bytes(&mut message);
        sender.handle(T0, Input::Submit(Token(token), Priority::Routine, &message), &mut rng).unwrap();
        while let Some(output) = sender.poll() {
            let Output::Fragment { path, payload, .. } = output else { continue };
            assert!(payload.len() < PACKET_BYTES, "{} bytes on path {path}", payload.len());
            clinic.handle(T0, path, &payload).unwrap();
        }
        let delivered = clinic.poll().unwrap();
        assert_eq!(delivered.message, message, "{len} bytes over {spread:?}");
        let (received, stored) = (clinic.received(session), vec![delivered.id]);
        let stored = acks.seal(&Status { received, stored, ..Status::default() }).unwrap();
        sender.handle(T0, Input::Ack(0, &stored[0]), &mut rng).unwrap();
        assert_eq!(sender.poll(), Some(Output::Acknowledged(Token(token))));
        assert_eq!((sender.in_flight(), clinic.waiting_bytes()), (0, 0));
    }
    let over = vec![0; MESSAGE_BYTES_MAX - TAG_BYTES + 1];
    let refused = sender.handle(T0, Input::Submit(Token(99), Priority::Routine, &over), &mut rng);
    assert!(matches!(refused, Err(Error::Limit { limit: "MESSAGE_BYTES_MAX", .. })), "{refused:?}");
}

#[test]
fn over_any_threshold_of_the_paths() {
    let lengths = [LONG, 65_519, 65_520, 65_521, 65_536, MESSAGE_BYTES_MAX - TAG_BYTES, 1];
    arrives(Spread::TWO_OF_THREE, &[1], &lengths);
    arrives(Spread::threshold(2, 2).unwrap(), &[], &lengths);
    arrives(Spread::threshold(3, 5).unwrap(), &[0, 4], &lengths);
    arrives(Spread::threshold(5, 8).unwrap(), &[0, 3, 6], &lengths);
}

#[test]
fn over_all_the_paths_of_the_split_mode() {
    let lengths = [LONG, 65_521, 65_536, MESSAGE_BYTES_MAX - TAG_BYTES, 1];
    arrives(Spread::split(Cipher::Aes256, 1).unwrap(), &[], &lengths);
    arrives(Spread::split(Cipher::Aes128, 3).unwrap(), &[], &lengths);
    arrives(Spread::split(Cipher::Aes192, 8).unwrap(), &[], &lengths);
}
