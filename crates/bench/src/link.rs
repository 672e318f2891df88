//! What a handshake costs a hub, beside the schemes that paper B compares with and the figure it prints.

use crate::figure::Figure;
use crate::rounds::monotonic;
use bodywire_proto::handshake::Profile;
use bodywire_sim::measure::handshake::{Pair, RIVALS, rival};
use bodywire_sim::puf::NOISE_TYPICAL;
use std::time::Duration;

/// Paper B, 4.2.2 (6): 2.91 ms at the control node, mostly the database.
const PAPER_HUB_MS: f64 = 2.91;

/// Handshakes a second of one profile, counting only the hub's time.
fn profile_rate(profile: Profile, seconds: f64) -> f64 {
    let mut pair = Pair::new(profile, NOISE_TYPICAL, false, 1).expect("a profile can be enrolled");
    let (mut at_hub, mut done) = (Duration::ZERO, 0u32);
    while at_hub.as_secs_f64() < seconds {
        let ended = pair.run(monotonic).expect("attempts are left");
        at_hub += ended.at_hub;
        done += u32::from(ended.hub);
    }
    f64::from(done) / at_hub.as_secs_f64()
}

/// Handshakes a second of a scheme, counting only the hub's time, parsing and emitting included.
fn scheme_rate(name: &str, seconds: f64) -> f64 {
    let mut scheme = rival(name, 1).expect("a scheme can be enrolled");
    let (mut at_hub, mut done) = (Duration::ZERO, 0u32);
    while at_hub.as_secs_f64() < seconds {
        at_hub += scheme.run(monotonic).expect("an honest run is accepted").at_hub;
        done += 1;
    }
    f64::from(done) / at_hub.as_secs_f64()
}

/// Every profile beside every scheme.
pub(crate) fn figures(seconds: f64) -> Vec<Figure> {
    let about = |name: &str| match name {
        "hash-l" => "hash-l (Li et al. 2017)",
        "hash-i" => "hash-i (Ibrahim-shaped)",
        "ecc-ez" => "ecc-ez (Zhao-shaped)",
        _ => "ecc-eh (hardened)",
    };
    let mut peers: Vec<(String, f64)> =
        RIVALS.iter().map(|name| (about(name).to_owned(), scheme_rate(name, seconds))).collect();
    peers.push(("paper B, printed: 2.91 ms with its database".to_owned(), 1_000.0 / PAPER_HUB_MS));
    let ours: Vec<(Profile, f64)> =
        Profile::ALL.iter().map(|profile| (*profile, profile_rate(*profile, seconds))).collect();
    let row = |(profile, rate): &(Profile, f64), (peer, value): &(String, f64)| {
        let name = format!("hub, {}, 3 % noise", profile.name());
        Figure::new(name, "handshakes/s", *rate, peer.clone(), *value)
    };
    ours.iter().flat_map(|ours| peers.iter().map(|peer| row(ours, peer))).collect()
}
