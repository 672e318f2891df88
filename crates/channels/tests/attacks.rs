//! The attacks of a broker, of several, and of whoever reaches them, each tried for real over the public interface.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_channels::ack::{AckWriter, Status};
use bodywire_channels::disperse::disperse;
use bodywire_channels::reassemble::{
    OPEN_BYTES_MAX, OPEN_MESSAGES_MAX, Outcome, Reassembler, SESSIONS_MAX, SESSIONS_PER_HUB_MAX,
};
use bodywire_channels::sender::{Input, Output, Sender, Token};
use bodywire_channels::session::{self, HubNumber, Prekey, START_BYTES, Started};
use bodywire_channels::tapped::open_with_stolen_keys;
use bodywire_channels::{Cipher, Error, MessageId, Priority, Refusal, SessionKeys, Spread};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::time::Duration;

const HUB: HubNumber = HubNumber(3);
const NOW_MS: u64 = 1_700_000_000_000;
const T0: Duration = Duration::ZERO;

/// A hub and a clinic that have agreed on a session, and an attacker who has all that the brokers have.
struct World {
    rng: ChaCha20Rng,
    clinic_key: SigningKey,
    hub_key: SigningKey,
    prekey: Prekey,
    clinic: Reassembler,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let (clinic_key, hub_key) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let prekey = Prekey::generate(&clinic_key, NOW_MS, &mut rng);
        Self { rng, clinic_key, hub_key, prekey, clinic: Reassembler::default() }
    }

    fn start(&mut self, spread: Spread) -> Started {
        let clinic = self.clinic_key.verifying_key();
        let prekey = self.prekey.published();
        session::start(HUB, &self.hub_key, &clinic, prekey, spread, NOW_MS, &mut self.rng).unwrap()
    }

    fn accept(&mut self, start: &[u8]) -> Result<SessionKeys, Refusal> {
        let key = self.hub_key.verifying_key();
        let prekeys = std::slice::from_ref(&self.prekey);
        match session::accept(prekeys, |hub| (hub == HUB).then_some(key), start, NOW_MS) {
            Ok(accepted) => {
                self.clinic.add(HUB.0, accepted.keys.clone())?;
                Ok(accepted.keys)
            }
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }

    /// The keys of a new session on both sides.
    fn session(&mut self) -> SessionKeys {
        let started = self.start(Spread::TWO_OF_THREE);
        self.accept(&started.start).unwrap();
        started.keys
    }

    fn fragments(&mut self, keys: &SessionKeys, id: u64, message: &[u8]) -> Vec<Vec<u8>> {
        disperse(keys, MessageId(id), Priority::Routine, message, &mut self.rng).unwrap()
    }

    fn bring(&mut self, path: usize, fragment: &[u8]) -> Result<Outcome, Refusal> {
        self.clinic.handle(T0, path, fragment)
    }

    /// What the clinic hands out, at last.
    fn delivered(&mut self) -> Vec<Vec<u8>> {
        self.clinic.expire(Duration::from_secs(5));
        std::iter::from_fn(|| self.clinic.poll()).map(|delivered| delivered.message).collect()
    }
}

#[test]
fn forged_fragments_are_refused_and_leave_nothing_behind() {
    let mut w = World::new();
    let keys = w.session();
    let honest = w.fragments(&keys, 0, b"honest");
    for (path, fragment) in honest.iter().enumerate() {
        // The attacker knows the session's name on the path, and everything about the format.
        for trial in 0..200usize {
            let mut forged = fragment.clone();
            let from = 9.min(trial);
            forged[from..].iter_mut().for_each(|byte| *byte = w.rng.next_u32() as u8);
            forged.resize(fragment.len() + trial % 40, 0);
            assert!(w.bring(path, &forged).is_err());
        }
    }
    assert_eq!(w.clinic.waiting_bytes(), 0);
    w.bring(0, &honest[0]).unwrap();
    w.bring(1, &honest[1]).unwrap();
    assert_eq!(w.delivered(), [b"honest"]);
}

#[test]
fn fragments_crossed_between_paths_messages_and_sessions_are_refused() {
    let mut w = World::new();
    let (one, other) = (w.session(), w.session());
    let (a, b) = (w.fragments(&one, 0, b"aaaa"), w.fragments(&one, 1, b"bbbb"));
    let c = w.fragments(&other, 0, b"cccc");
    assert_eq!(w.bring(1, &a[0]), Err(Refusal::UnknownSession), "another path");
    // The name of another path or session in front of a fragment.
    let renamed = |name: &[u8], of: &[u8]| [&name[..9], &of[9..]].concat();
    assert_eq!(w.bring(1, &renamed(&a[1], &a[0])), Err(Refusal::BadTag));
    assert_eq!(w.bring(0, &renamed(&c[0], &a[0])), Err(Refusal::BadTag));
    // The header block of another message of the same session and path.
    let spliced = [&b[0][..25], &a[0][25..]].concat();
    assert_eq!(w.bring(0, &spliced), Err(Refusal::BadTag));
    // One fragment each of two messages are no message.
    w.bring(0, &a[0]).unwrap();
    w.bring(1, &b[1]).unwrap();
    assert!(w.delivered().is_empty());
    w.bring(2, &a[2]).unwrap();
    assert_eq!(w.delivered(), [b"aaaa"]);
}

#[test]
fn replayed_fragments_messages_and_sessions_deliver_nothing_twice() {
    let mut w = World::new();
    let started = w.start(Spread::TWO_OF_THREE);
    w.accept(&started.start).unwrap();
    let recorded = w.fragments(&started.keys, 0, b"once");
    for _ in 0..3 {
        for (path, fragment) in recorded.iter().enumerate() {
            let _ = w.bring(path, fragment);
        }
    }
    assert_eq!(w.delivered(), [b"once"]);
    // The session is gone, and somebody plays all of it again, from its start on.
    for _ in 0..SESSIONS_PER_HUB_MAX {
        w.session();
    }
    assert_eq!(w.accept(&started.start).unwrap_err(), Refusal::Replayed);
    assert_eq!(w.bring(0, &recorded[0]), Err(Refusal::UnknownSession));
    assert!(w.delivered().is_empty());
}

#[test]
fn a_path_that_poisons_every_fragment_costs_nothing_and_is_named() {
    let mut w = World::new();
    let keys = w.session();
    for lying in 0..3 {
        for id in 0..20 {
            let mut fragments = w.fragments(&keys, lying as u64 * 20 + id, b"vital");
            let place = w.rng.next_u32() as usize % fragments[lying].len();
            fragments[lying][place] ^= 1 << (id % 8);
            for (path, fragment) in fragments.iter().enumerate() {
                assert_eq!(w.bring(path, fragment).is_err(), path == lying, "the refusal names the path");
            }
        }
    }
    assert_eq!(w.delivered().len(), 60);
}

/// The same in paper M's own framing: one lying path of three stops every message, and is not named.
#[test]
fn a_path_that_poisons_stops_the_papers_split_mode() {
    let mut w = World::new();
    let started = w.start(Spread::split(Cipher::Aes128, 3).unwrap());
    w.accept(&started.start).unwrap();
    for id in 0..20 {
        let mut fragments = w.fragments(&started.keys, id, b"vital signs of a patient");
        *fragments[0].last_mut().unwrap() ^= 1;
        let outcomes: Vec<_> = (0..3).map(|path| w.bring(path, &fragments[path])).collect();
        assert_eq!(outcomes[..2], [Ok(Outcome::Waiting), Ok(Outcome::Waiting)]);
        assert_eq!(outcomes[2], Err(Refusal::Inconsistent), "the last to come is blamed, whoever lied");
    }
    assert!(w.delivered().is_empty());
}

#[test]
fn sessions_that_nobody_signed_take_no_memory() {
    let mut w = World::new();
    let keys = w.session();
    let fragment = w.fragments(&keys, 0, b"x")[0].clone();
    for _ in 0..20_000 {
        let mut fake = fragment.clone();
        w.rng.fill_bytes(&mut fake[1..9]);
        assert_eq!(w.bring(0, &fake), Err(Refusal::UnknownSession));
    }
    for _ in 0..50 {
        let mut start = vec![0; START_BYTES];
        w.rng.fill_bytes(&mut start);
        start[0] = 1;
        start[1..5].copy_from_slice(&w.prekey.published()[1..5]);
        assert!(w.accept(&start).is_err());
    }
    assert_eq!(w.clinic.waiting_bytes(), 0);
    assert!(w.clinic.find(&keys).is_some(), "the real session is there");
}

/// A hub that was taken over has keys. It fills what is its own, and nobody else's.
#[test]
fn a_captured_hub_fills_its_own_session_only() {
    let mut w = World::new();
    let keys = w.session();
    let long = vec![0x55; 60_000];
    let mut limit = None;
    for id in 0..1_000 {
        let fragments = w.fragments(&keys, id, &long);
        if let Err(refusal) = w.bring(0, &fragments[0]) {
            limit = Some((id, refusal));
            break;
        }
    }
    let (kept, refusal) = limit.unwrap();
    assert_eq!(refusal, Refusal::Limit);
    assert!(w.clinic.waiting_bytes() <= OPEN_BYTES_MAX && kept <= OPEN_MESSAGES_MAX as u64);
    let other = w.session();
    let fragments = w.fragments(&other, 0, b"another session");
    w.bring(0, &fragments[0]).unwrap();
    w.bring(1, &fragments[1]).unwrap();
    assert_eq!(w.delivered(), [b"another session"]);
    // Any number of sessions of one hub are two, and there is an end to those of all hubs.
    for _ in 0..10 {
        w.session();
    }
    for hub in 10..10 + SESSIONS_MAX as u16 + 10 {
        let started = w.start(Spread::TWO_OF_THREE);
        let added = w.clinic.add(hub, started.keys);
        assert!(added.is_ok() || added == Err(Refusal::Limit));
    }
    assert_eq!(w.clinic.add(9, w.prekey_session()), Err(Refusal::Limit));
}

impl World {
    fn prekey_session(&self) -> SessionKeys {
        let mut rng = ChaCha20Rng::seed_from_u64(99);
        let clinic = self.clinic_key.verifying_key();
        let prekey = self.prekey.published();
        let spread = Spread::TWO_OF_THREE;
        session::start(HUB, &self.hub_key, &clinic, prekey, spread, NOW_MS, &mut rng).unwrap().keys
    }
}

/// Drops, repetitions and delays in the hands of a broker that also lies about acknowledgements.
#[test]
fn a_broker_cannot_make_the_hub_forget() {
    let mut w = World::new();
    let started = w.start(Spread::TWO_OF_THREE);
    w.accept(&started.start).unwrap();
    let keys = started.keys.clone();
    let mut sender = Sender::new(started, T0);
    let mut clinic = AckWriter::new(keys.clone());
    let confirm = clinic.seal(&Status::default()).unwrap();
    sender.handle(T0, Input::Ack(0, &confirm[0]), &mut w.rng).unwrap();
    sender.handle(T0, Input::Submit(Token(1), Priority::Routine, b"m"), &mut w.rng).unwrap();
    // An acknowledgement of another session, of another path, changed, or of a message that was never sent.
    let other = w.session();
    let stored = |id| Status { stored: vec![MessageId(id)], ..Status::default() };
    let foreign = AckWriter::new(other).seal(&stored(0)).unwrap();
    let honest = clinic.seal(&stored(0)).unwrap();
    let ahead = clinic.seal(&stored(9)).unwrap();
    let mut changed = honest[0].clone();
    changed[20] ^= 4;
    for ack in [&foreign[0], &honest[1], &changed, &ahead[0], &vec![0; 60]] {
        assert!(matches!(sender.handle(T0, Input::Ack(0, ack), &mut w.rng), Err(Error::Refused(_))));
    }
    // The confirmation, again and again, acknowledges nothing.
    sender.handle(T0, Input::Ack(0, &confirm[0]), &mut w.rng).unwrap();
    let forgotten = |sender: &mut Sender| {
        std::iter::from_fn(|| sender.poll()).any(|output| output == Output::Acknowledged(Token(1)))
    };
    assert!(!forgotten(&mut sender) && sender.in_flight() == 1);
    sender.handle(T0, Input::Ack(0, &honest[0]), &mut w.rng).unwrap();
    assert!(forgotten(&mut sender));
}

#[test]
fn the_end_to_end_keys_and_all_paths_but_the_threshold_open_nothing() {
    let mut w = World::new();
    for (k, n) in [(2, 3), (3, 4), (3, 5), (4, 4)] {
        let started = w.start(Spread::threshold(k, n).unwrap());
        let message = b"a message that is somebody's diagnosis";
        let fragments = w.fragments(&started.keys, 0, message);
        let recorded: Vec<(usize, &[u8])> =
            fragments.iter().enumerate().map(|(path, fragment)| (path, fragment.as_slice())).collect();
        let (k, n) = (usize::from(k), usize::from(n));
        for first in 0..=n - k {
            assert_eq!(open_with_stolen_keys(&started.keys, &recorded[first..first + k - 1]), []);
            let learnt = open_with_stolen_keys(&started.keys, &recorded[first..first + k]);
            assert_eq!(learnt[0].bytes, message);
        }
        // Not even the same path over many messages.
        let many: Vec<Vec<u8>> =
            (1..40).map(|id| w.fragments(&started.keys, id, message)[0].clone()).collect();
        let many: Vec<(usize, &[u8])> = many.iter().map(|fragment| (0, fragment.as_slice())).collect();
        assert_eq!(open_with_stolen_keys(&started.keys, &many), []);
    }
}
