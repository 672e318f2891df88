//! The clinic's replicas: whether each shows the ledger under the ledger's own signature.

use super::Finding;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::state::{Holder, State};
use bodywire_clinic::Acknowledge;
use bodywire_clinic::mirrors::{MirrorAddress, Mirrors};
use bodywire_ledger::VerifierKey;
use ed25519_dalek::SigningKey;

/// Asks every replica for the head of the ledger. Looking changes nothing: without a ledger key there is nothing to ask for.
pub(super) async fn look(loaded: &Loaded) -> Result<Vec<Finding>, Failure> {
    let (Some(clinic), false) = (&loaded.config.clinic, loaded.config.mirrors.is_empty()) else {
        return Ok(Vec::new());
    };
    let directory = loaded.state();
    if !directory.join("keys/ledger").exists() {
        return Ok(vec![Finding::ok(
            "replicas",
            "the ledger has no key yet; the clinic draws it at its start",
        )]);
    }
    let mut findings = Vec::new();
    if clinic.acknowledge == Acknowledge::Local {
        let next = "write acknowledge = \"mirrored\", and a hub forgets nothing before two machines have it";
        findings.push(Finding::warning(
            "replicas",
            "reports are acknowledged before a replica has them",
            next,
        ));
    }
    let state = State::open(&directory, Holder::Clinic)?;
    let key = SigningKey::from_bytes(&state.secret("keys/ledger")?).verifying_key();
    // With shards there is a ledger for each; the first one stands for all.
    let origin = match clinic.shards.as_ref().and_then(|shards| shards.first()) {
        Some(shard) => format!("{}/{}", clinic.origin, shard.name()),
        None => clinic.origin.to_string(),
    };
    let key = VerifierKey::new(&origin, key)?;
    for (number, mirror) in (1..).zip(&loaded.config.mirrors) {
        let id = format!("replica.{number}");
        let address = MirrorAddress {
            base: mirror.url.clone(),
            mirror: mirror.key.clone(),
            witness: mirror.witness.clone(),
        };
        let asked = Mirrors::new(&origin, vec![address], 1);
        let head = match &asked {
            Ok(one) => one.head(&key).await,
            Err(_) => None,
        };
        findings.push(match head {
            Some(head) => {
                Finding::ok(id, format!("shows {} entries under the ledger's signature", head.size))
            }
            None => {
                let what = format!(
                    "{} does not show this ledger: it is away, was not begun, or wants a token",
                    mirror.url
                );
                let next = format!("start it with logs = [\"{key}\"]");
                Finding::warning(id, what, next)
            }
        });
    }
    Ok(findings)
}
