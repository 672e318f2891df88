//! The channels: whatever a broker hands over.

use bodywire_channels::downlink::{CONTENT_BYTES_MAX, OrderReader};
use bodywire_channels::reassemble::Reassembler;
use bodywire_channels::session::{self, HubNumber, Prekey, Started};
use bodywire_channels::state::State;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_channels::{Cipher, MessageId, SessionKeys, Spread, ack};
use core::time::Duration;
use ed25519_dalek::SigningKey;
use std::sync::LazyLock;

/// The hub of all inputs.
pub const HUB: HubNumber = HubNumber(3);
/// When all inputs arrive, milliseconds since 1970.
pub const NOW_MS: u64 = 1_700_000_000_000;

/// A hub and a clinic that have agreed on a session.
pub struct World {
    /// Signs the prekey.
    pub clinic_key: SigningKey,
    /// Signs the start.
    pub hub_key: SigningKey,
    /// The clinic's half.
    pub prekey: Prekey,
    /// The hub's half.
    pub started: Started,
    /// The hub's half of a session in paper M's split mode.
    pub split: Started,
}

/// The same world in each run: its keys come from a seed.
pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut rng = super::proto::seeded(3);
    let (clinic_key, hub_key) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
    let prekey = Prekey::generate(&clinic_key, NOW_MS, &mut rng);
    let clinic = clinic_key.verifying_key();
    let mut start = |spread| {
        session::start(HUB, &hub_key, &clinic, prekey.published(), spread, NOW_MS, &mut rng)
            .unwrap_or_else(|error| panic!("a fresh prekey was refused: {error}"))
    };
    let started = start(Spread::TWO_OF_THREE);
    let split = Spread::split(Cipher::Aes128, 2).unwrap_or_else(|error| panic!("two slices: {error}"));
    let split = start(split);
    World { clinic_key, hub_key, prekey, started, split }
});

/// The keys of the session.
pub fn keys() -> &'static SessionKeys {
    &WORLD.started.keys
}

/// Fragments of both modes: each piece begins with the number of its path.
pub fn fragments(data: &[u8]) -> bool {
    let mut reassembler = Reassembler::default();
    for keys in [keys(), &WORLD.split.keys] {
        assert!(matches!(reassembler.add(HUB.0, keys.clone()), Ok(Some(_))));
    }
    let mut delivered: Vec<(u64, MessageId)> = Vec::new();
    for (at, piece) in super::pieces(data).enumerate() {
        let Some((path, bytes)) = piece.split_first() else { continue };
        let now = Duration::from_secs(at as u64);
        let _ = reassembler.handle(now, usize::from(*path), bytes);
        reassembler.expire(now);
        reassembler.incomplete(now);
        while let Some(message) = reassembler.poll() {
            let name = (message.session.0, message.id);
            assert!(!delivered.contains(&name), "a message was delivered twice");
            delivered.push(name);
        }
    }
    !delivered.is_empty()
}

/// The start of a session, at the clinic.
pub fn start(data: &[u8]) -> bool {
    let hub_key = WORLD.hub_key.verifying_key();
    let prekeys = std::slice::from_ref(&WORLD.prekey);
    session::accept(prekeys, |hub| (hub == HUB).then_some(hub_key), data, NOW_MS).is_ok()
}

/// A prekey, at the hub.
pub fn prekey(data: &[u8]) -> bool {
    let clinic = WORLD.clinic_key.verifying_key();
    let mut rng = super::proto::seeded(4);
    session::start(HUB, &WORLD.hub_key, &clinic, data, Spread::TWO_OF_THREE, NOW_MS, &mut rng).is_ok()
}

/// An order behind the number of its path; none opens twice.
pub fn order(data: &[u8]) -> bool {
    let Some((path, bytes)) = data.split_first() else { return false };
    let mut reader = OrderReader::default();
    let opened = reader.open(keys(), usize::from(*path), bytes);
    assert!(reader.open(keys(), usize::from(*path), bytes).is_err(), "an order opened twice");
    opened.is_ok_and(|content| content.len() <= CONTENT_BYTES_MAX)
}

/// An acknowledgement behind the number of its path.
pub fn ack(data: &[u8]) -> bool {
    let Some((path, bytes)) = data.split_first() else { return false };
    ack::open(keys(), usize::from(*path), bytes)
        .is_ok_and(|status| status.stored.len() + status.incomplete.len() <= ack::IDS_PER_ACK_MAX)
}

/// A shard's name, from a configuration.
pub fn shard(data: &[u8]) -> bool {
    let shard = std::str::from_utf8(data).ok().and_then(|name| Shard::new(name).ok());
    shard.is_some_and(|shard| {
        assert_eq!(shard.fragments_filter().split('/').count(), 5);
        true
    })
}

/// The secret behind the names of the hub.
pub fn rendezvous() -> Rendezvous {
    Rendezvous::new([7; 32])
}

/// The state of a hub's connection, behind the number of its path.
pub fn state(data: &[u8]) -> bool {
    let Some((path, bytes)) = data.split_first() else { return false };
    State::from_bytes(&rendezvous(), usize::from(*path), bytes).is_ok()
}
