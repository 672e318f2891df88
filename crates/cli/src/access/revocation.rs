//! The list of certificates that were taken back, made anew every ten minutes: a list that is old says less and less.

use super::issuer::{kept_issuer, name};
use super::person::{find, hex};
use crate::args::{AccessRevokeOptions, Output};
use crate::exit::Failure;
use crate::state::{State, replace_private};
use crate::{now_ms, print};
use bodywire_proto::access::SIGNATURE_BYTES;
use bodywire_proto::access::revocation::{LIST_BYTES_MAX, RevocationList, emit_signed_bytes};
use bodywire_store::Store;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// The list, as hubs and clinics take it.
pub(super) const LIST: &str = "access/revocations";
/// How often a clinic that runs makes a new one. Six fit into the time after which a list is stale.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Makes the next list: one number higher, with the serials of all revoked certificates that are in their time. It replaces
/// the one before, and its bytes are returned.
///
/// # Errors
/// [`Failure::Configuration`] without an issuer, or with a list in place that cannot be continued.
pub(crate) async fn renew(state: &State, store: &Store) -> Result<Vec<u8>, Failure> {
    let issuer = kept_issuer(state)?;
    renew_at(state.root(), &issuer, store, now_ms()).await
}

/// Renews the list of a house until the process ends, at once and then every ten minutes. Without an issuer there is none.
pub(crate) async fn keep_renewed(
    state: &State,
    store: Store,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let issuer = if state.has("access/issuer") { Some(kept_issuer(state)?) } else { None };
    let root = state.root().to_owned();
    if let Some(issuer) = &issuer {
        renew_at(&root, issuer, &store, now_ms()).await?;
    }
    Ok(async move {
        let Some(issuer) = issuer else { return std::future::pending().await };
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = renew_at(&root, &issuer, &store, now_ms()).await {
                tracing::error!(%error, "the revocation list was not renewed");
            }
        }
    })
}

async fn renew_at(root: &Path, issuer: &SigningKey, store: &Store, now_ms: u64) -> Result<Vec<u8>, Failure> {
    let path = root.join(LIST);
    // A command and a clinic may do it at once; two lists with one number must not be.
    let lock_path = root.join("access/issuer");
    let lock = File::open(&lock_path).map_err(Failure::state(&lock_path))?;
    lock.lock().map_err(Failure::state(&lock_path))?;
    let kept = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::state(&path)(error)),
    };
    let (mut number, mut serials) = (1, BTreeSet::new());
    let known = store.certificates(now_ms).await?;
    if let Some(kept) = &kept {
        let list = RevocationList::parse(kept).ok().filter(|list| list.issuer == name(issuer));
        let list = list.ok_or_else(|| {
            let next = "move it away; the next list begins with number 1, and hubs that know a higher one keep theirs";
            Failure::path(&path, "is no revocation list of this house's issuer", next)
        })?;
        number = list.number.saturating_add(1);
        // A serial that the database has never heard of may be one that a restored backup has lost: it stays.
        let ever = store.certificates(0).await?;
        let ever: BTreeSet<u64> = ever.iter().map(|row| row.serial).collect();
        serials.extend(list.serials().filter(|serial| !ever.contains(serial)));
    }
    serials.extend(known.iter().filter(|row| row.revoked_ms.is_some()).map(|row| row.serial));
    let serials: Vec<u64> = serials.into_iter().collect();
    let mut out = vec![0; LIST_BYTES_MAX];
    let len = emit_signed_bytes(name(issuer), number, now_ms, &serials, &mut out)?;
    out.truncate(len);
    let signature: [u8; SIGNATURE_BYTES] = issuer.sign(&out).to_bytes();
    out.extend_from_slice(&signature);
    replace_private(&path, &out)?;
    Ok(out)
}

/// Renews the list when something was revoked and there is an issuer; the new list for a result in JSON.
pub(super) async fn after_a_change(state: &State, store: &Store, changed: bool) -> Result<Value, Failure> {
    if !changed || !state.has("access/issuer") {
        return Ok(Value::Null);
    }
    let bytes = renew(state, store).await?;
    Ok(in_json(&RevocationList::parse(&bytes)?))
}

pub(super) async fn revoke(
    state: &State,
    store: &Store,
    options: &AccessRevokeOptions,
) -> Result<(), Failure> {
    kept_issuer(state)?;
    let now = now_ms();
    let serial = Some(&options.whom).filter(|whom| whom.len() == SERIAL_DIGITS);
    let serial = serial.and_then(|whom| u64::from_str_radix(whom, 16).ok());
    let revoked = match serial {
        Some(serial) if store.revoke_serial(serial, now).await? => 1,
        // Sixteen digits may begin a person's number, too.
        _ => {
            let row = find(store, &options.whom).await.map_err(|failure| match serial {
                None => failure,
                Some(_) => Failure::Configuration {
                    what: format!("serial {}", options.whom),
                    why: "no certificate with it goes on, or it is revoked already".to_owned(),
                    next: "see what is revoked: bodywire access crl --config FILE".to_owned(),
                },
            })?;
            let count = store.revoke_person(row.person, now).await?;
            if count == 0 {
                return Err(Failure::Configuration {
                    what: format!("person {}", hex(row.person)),
                    why: "has no certificate that goes on".to_owned(),
                    next: "see who has: bodywire access list --config FILE".to_owned(),
                });
            }
            count
        }
    };
    let list = after_a_change(state, store, true).await?;
    print(&match options.house.output {
        Output::Json => json!({ "revoked": revoked, "list": list }).to_string(),
        Output::Table => format!("revoked {revoked}  in list {}", list["number"]),
    });
    Ok(())
}

/// Hexadecimal digits of a serial.
const SERIAL_DIGITS: usize = 16;

pub(super) async fn show(state: &State, store: &Store, output: Output) -> Result<(), Failure> {
    let before = std::fs::read(state.root().join(LIST)).ok();
    let age = before.as_deref().and_then(|bytes| RevocationList::parse(bytes).ok()).map(|list| list.made_ms);
    let age = age.map(|made| Duration::from_millis(now_ms().saturating_sub(made)));
    let bytes = renew(state, store).await?;
    let list = RevocationList::parse(&bytes)?;
    print(&match output {
        Output::Json => {
            let mut said = in_json(&list);
            said["file"] = json!(state.root().join(LIST));
            said["before_age_ms"] = json!(age.map(|age| age.as_millis() as u64));
            said.to_string()
        }
        Output::Table => {
            let before = age.map_or("there was none before".to_owned(), |age| {
                format!(
                    "the one before was {} old",
                    humantime::format_duration(Duration::from_secs(age.as_secs()))
                )
            });
            let mut lines = vec![format!("list {}  {} revoked, {before}", list.number, list.len())];
            lines.extend(list.serials().map(|serial| format!("{serial:016x}")));
            lines.join("\n")
        }
    });
    Ok(())
}

fn in_json(list: &RevocationList<'_>) -> Value {
    let serials: Vec<String> = list.serials().map(|serial| format!("{serial:016x}")).collect();
    json!({ "number": list.number, "made_ms": list.made_ms, "serials": serials })
}
