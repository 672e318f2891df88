use super::session::CLINIC_SILENT;
use super::*;
use crate::spool::Outgoing;
use bodywire_channels::Spread;
use bodywire_channels::session::Prekey;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_paths::Broker;
use bodywire_proto::wire::HubId;
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW_MS: u64 = 1_700_000_000_000;

fn at(seconds: u64) -> Moment {
    Moment { now: Duration::from_secs(seconds), unix_ms: NOW_MS + 1_000 * seconds }
}

fn machine(directory: &std::path::Path, rng: &mut ChaCha20Rng) -> Machine {
    let config = Config {
        hub: HubId(1),
        signing_key: SigningKey::from_bytes(&[2; 32]),
        clinic: SigningKey::from_bytes(&[3; 32]).verifying_key(),
        rendezvous: Rendezvous::new([4; 32]),
        shard: Shard::new("0").unwrap(),
        paths: (0..3).map(|path| Broker::plain(format!("path {path}"), "localhost", 1_883)).collect(),
        spread: Spread::TWO_OF_THREE,
        sensors: Vec::new(),
        report_age: crate::bedside::REPORT_AGE,
        aggregation: None,
        issuer: None,
    };
    let spool = Spool::open(&directory.join("spool.redb")).unwrap();
    Machine::new(config, spool, rng).unwrap()
}

fn session(machine: &Machine) -> Option<[u8; 8]> {
    machine.sender.as_ref()?.keys().pseudonym(0)
}

#[test]
fn a_broker_that_offers_an_old_prekey_again_ends_no_session() {
    let directory = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut machine = machine(directory.path(), rng);
    let clinic = SigningKey::from_bytes(&[3; 32]);
    let mut prekey = |at| Prekey::generate(&clinic, at, rng).published().to_vec();
    let (old, new) = (prekey(NOW_MS - 1_000), prekey(NOW_MS));
    let mut offer = |machine: &mut Machine, seconds, prekey: &[u8]| {
        machine.message(at(seconds), 0, ("bw/1/0/x/p", prekey.to_vec()), rng).unwrap();
    };
    offer(&mut machine, 0, &old);
    let first = session(&machine).unwrap();
    offer(&mut machine, 0, &new);
    let second = session(&machine).unwrap();
    assert_ne!(first, second);
    offer(&mut machine, 1, &old);
    offer(&mut machine, 1, &new);
    assert_eq!(session(&machine), Some(second), "the session goes on");
    // The clinic has been silent for long while a report waits: perhaps its clock was set back.
    machine.spool.push(&[Outgoing { report: b"report".to_vec(), urgent: false }]).unwrap();
    offer(&mut machine, 2, &old);
    assert_eq!(session(&machine), Some(second), "not yet");
    let later = CLINIC_SILENT.as_secs() + 1;
    offer(&mut machine, later, &old);
    assert_ne!(session(&machine), Some(second));
    let mut forged = machine.prekey.clone().unwrap();
    // A time far in the future, which nobody has signed.
    forged[6] ^= 0x40;
    let before = session(&machine);
    offer(&mut machine, later, &forged);
    assert_eq!((session(&machine), machine.counters.refused.load(Ordering::Relaxed)), (before, 1));
}

#[test]
fn what_a_peer_sends_is_counted_and_never_stops_the_hub() {
    let directory = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut machine = machine(directory.path(), rng);
    let bytes = b"\x41 nobody knows this sensor".to_vec();
    machine.frame(at(0), &Heard { from: RadioAddress(9), bytes }, rng).unwrap();
    machine.message(at(0), 0, ("bw/1/0/x/a", vec![1; 40]), rng).unwrap();
    machine.message(at(0), 1, ("bw/1/0/x/p", vec![1; 40]), rng).unwrap();
    machine.path_down(at(0), 2, rng).unwrap();
    assert_eq!(machine.counters.refused.load(Ordering::Relaxed), 3);
    assert!(machine.poll().is_none(), "nobody gets an answer");
}

#[test]
fn a_path_that_comes_up_is_listened_to_before_it_is_told_anything() {
    let directory = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut machine = machine(directory.path(), rng);
    machine.path_up(at(0), 1, rng).unwrap();
    assert!(matches!(machine.poll(), Some(Action::Subscribe(1, topic)) if topic.ends_with("/p")));
    assert!(matches!(machine.poll(), Some(Action::Publish(1, state)) if state.retain));
    assert!(machine.poll().is_none(), "without a prekey there is no session");
}
