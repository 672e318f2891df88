//! The channels: whatever a broker hands over.

use bodywire_channels::disperse::MessageId;
use bodywire_channels::reassemble::{Outcome, Reassembler};
use bodywire_channels::session::{self, HubNumber, Prekey, Started};
use bodywire_channels::topic::Shard;
use bodywire_channels::{SessionKeys, Threshold, ack};
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
}

/// The same world in each run: its keys come from a seed.
pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut rng = super::proto::seeded(3);
    let (clinic_key, hub_key) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
    let prekey = Prekey::generate(&clinic_key, NOW_MS, &mut rng);
    let clinic = clinic_key.verifying_key();
    let threshold = Threshold::TWO_OF_THREE;
    let started = session::start(HUB, &hub_key, &clinic, prekey.published(), threshold, NOW_MS, &mut rng);
    let started = started.unwrap_or_else(|error| panic!("a fresh prekey was refused: {error}"));
    World { clinic_key, hub_key, prekey, started }
});

/// The keys of the session.
pub fn keys() -> &'static SessionKeys {
    &WORLD.started.keys
}

/// Fragments: each piece begins with the number of its path.
pub fn fragments(data: &[u8]) -> bool {
    let mut reassembler = Reassembler::default();
    let added = reassembler.add(HUB.0, keys().clone());
    assert!(matches!(added, Ok(Some(_))));
    let mut delivered: Vec<MessageId> = Vec::new();
    for (at, piece) in super::pieces(data).enumerate() {
        let Some((path, bytes)) = piece.split_first() else { continue };
        let now = Duration::from_secs(at as u64);
        if let Ok(Outcome::Delivered(message)) = reassembler.handle(now, usize::from(*path), bytes) {
            assert!(!delivered.contains(&message.id), "a message was delivered twice");
            delivered.push(message.id);
        }
        reassembler.expire(now);
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
    session::start(HUB, &WORLD.hub_key, &clinic, data, Threshold::TWO_OF_THREE, NOW_MS, &mut rng).is_ok()
}

/// An acknowledgement behind the number of its path.
pub fn ack(data: &[u8]) -> bool {
    let Some((path, bytes)) = data.split_first() else { return false };
    ack::open(keys(), usize::from(*path), bytes).is_ok_and(|ids| ids.len() <= ack::IDS_PER_ACK_MAX)
}

/// A shard's name, from a configuration.
pub fn shard(data: &[u8]) -> bool {
    let shard = std::str::from_utf8(data).ok().and_then(|name| Shard::new(name).ok());
    shard.is_some_and(|shard| {
        assert_eq!(shard.fragments_filter().split('/').count(), 5);
        true
    })
}
