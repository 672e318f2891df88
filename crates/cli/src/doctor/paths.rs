//! The brokers: whether each path works, who else hears it, and whether the paths are as many as they seem.

use super::Finding;
use bodywire_channels::Spread;
use bodywire_paths::{Broker, Overheard, Probe, ProbeError, Stranger, Version, overhear, probe};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// What one look at a broker may take.
pub(super) const WITHIN: Duration = Duration::from_secs(10);
/// A certificate that ends sooner than this should be renewed now.
const CERTIFICATE_DAYS_MIN: u64 = 14;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A topic like a session's, which nobody uses.
fn topic() -> String {
    format!("bw/1/doctor/{:024x}/f", rand::random::<u64>())
}

/// Looks at all paths at once.
pub(super) async fn look(brokers: &[Broker]) -> Vec<Finding> {
    let looks: Vec<_> =
        brokers.iter().cloned().enumerate().map(|(n, broker)| tokio::spawn(look_at(n, broker))).collect();
    let mut findings = Vec::new();
    for look in looks {
        findings.extend(look.await.unwrap_or_default());
    }
    findings
}

async fn look_at(number: usize, broker: Broker) -> Vec<Finding> {
    let id = |what: &str| format!("path.{number}.{what}");
    let seen = match probe(&broker, WITHIN, &topic()).await {
        Ok(seen) => seen,
        Err(error) => return vec![unreachable(id("reach"), &broker, &error)],
    };
    let mut findings = vec![reach(id("reach"), &broker, &seen), tls(id("tls"), &broker, &seen)];
    findings.push(if seen.returned && seen.round_trip.is_some() {
        Finding::ok(id("qos1"), "a publication with QoS 1 was acknowledged and came back")
    } else {
        let next = "let this login publish and read below bw/1/ (see the access list below)";
        Finding::problem(id("qos1"), "a publication with QoS 1 did not come back", next)
    });
    let anonymous = overhear(&broker, Stranger::Anonymous, WITHIN, &topic()).await.unwrap_or_default();
    let same = overhear(&broker, Stranger::SameLogin, WITHIN, &topic()).await.unwrap_or_default();
    findings.push(strangers(id("strangers"), anonymous, same));
    findings
}

fn unreachable(id: String, broker: &Broker, error: &ProbeError) -> Finding {
    let what = format!("{} at {}:{}: {error}", broker.name, broker.host, broker.port);
    let next =
        format!("see that the broker runs: mosquitto_pub -h {} -p {} -t x -n", broker.host, broker.port);
    Finding::problem(id, what, next)
}

fn reach(id: String, broker: &Broker, seen: &Probe) -> Finding {
    let version = if seen.version == Version::V311 { "3.1.1" } else { "5" };
    let trip = seen
        .round_trip
        .map_or_else(String::new, |trip| format!(", round trip {:.1} ms", trip.as_secs_f64() * 1e3));
    Finding::ok(id, format!("{} speaks MQTT {version}{trip}", broker.name))
}

fn tls(id: String, broker: &Broker, seen: &Probe) -> Finding {
    let Some(facts) = &seen.tls else {
        let here = broker.host == "localhost" || broker.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if here {
            return Finding::ok(id, "no TLS, on this machine only");
        }
        let next = "write tls = { ca = \"ca.pem\" } below the [[path]], and turn TLS on at the broker";
        return Finding::warning(
            id,
            "no TLS: the network sees when and how much is sent, and may cut in",
            next,
        );
    };
    let what = format!("{} with {}", facts.version, facts.cipher_suite);
    let left = facts.valid_until.map(|until| until.duration_since(SystemTime::now()).unwrap_or_default());
    match left.map(|left| left.as_secs() / DAY.as_secs()) {
        Some(days) if days < CERTIFICATE_DAYS_MIN => {
            Finding::problem(id, format!("{what}; the broker's certificate ends in {days} days"), "renew it")
        }
        Some(days) => Finding::ok(id, format!("{what}; the broker's certificate is good for {days} days")),
        None => Finding::ok(id, what),
    }
}

fn strangers(id: String, anonymous: Overheard, same: Overheard) -> Finding {
    let next = "give hub and clinic logins of their own and the access list below";
    if anonymous.hears_topic || anonymous.hears_everything {
        return Finding::warning(id, "anybody may listen, without a login or certificate", next);
    }
    if same.hears_everything {
        return Finding::warning(id, "this login hears everything (#), also what is other hubs'", next);
    }
    Finding::ok(id, "nobody without this login hears it, and this login not everything")
}

/// Whether the paths are really several: two that end at one place, or leave by one, fail and are read together.
pub(super) async fn apart(brokers: &[Broker], spread: Spread) -> Vec<Finding> {
    let mut places: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, broker) in brokers.iter().enumerate() {
        let found = tokio::net::lookup_host((broker.host.as_str(), broker.port)).await;
        for address in found.into_iter().flatten() {
            places.entry(address.ip()).or_default().push(number);
        }
        let same = brokers
            .iter()
            .take(number)
            .position(|other| (&other.host, other.port) == (&broker.host, broker.port));
        if let Some(other) = same {
            let what = format!(
                "paths {other} and {number} are one broker, which then reads {} of {}",
                2,
                spread.n()
            );
            findings.push(Finding::problem("paths.disjoint", what, "name another broker for one of them"));
        }
    }
    for (address, numbers) in places.iter().filter(|(_, numbers)| numbers.len() > 1) {
        let what = format!("paths {numbers:?} end at {address}: whoever has that machine has all of them");
        let next = "spread the brokers over machines of different owners; nodes of one cluster count as one";
        findings.push(Finding::warning("paths.disjoint", what, next));
    }
    if brokers.len() > 1 && brokers.iter().all(|broker| broker.bind.is_none()) {
        let what = "no path has a way out of the house of its own: they may fail together";
        let next = "where there are two networks, write bind = \"wlan0\" or an address below a [[path]]";
        findings.push(Finding::warning("paths.bind", what, next));
    }
    if findings.is_empty() && !brokers.is_empty() {
        findings.push(Finding::ok("paths.disjoint", "no two paths end at one address or leave by one way"));
    }
    findings
}
