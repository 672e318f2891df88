//! The machine: its clock, the role's directory and database.

use super::Finding;
use crate::config::files::Loaded;
use crate::house::{ClinicSide, HubSide};
use crate::state::{Holder, State};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// When this program was young: a clock before it is wrong. 2026-11-01.
const YOUNG_MS: u64 = 1_793_491_200_000;
/// Files from further in the future than this were written under another clock.
const FUTURE_MAX: Duration = Duration::from_secs(5 * 60);
/// Where systemd's time service says that it has found the time.
const TIMESYNC: &str = "/run/systemd/timesync";

/// Whether the clock can be right. Prekeys expire by it, and late data are told from fresh by it.
pub(super) fn clock(loaded: &Loaded) -> Vec<Finding> {
    let next = "set it, and keep it right: systemctl enable --now systemd-timesyncd";
    if crate::now_ms() < YOUNG_MS {
        return vec![Finding::problem("clock", "the clock is older than this program", next)];
    }
    if let Some(file) = from_the_future(&loaded.state()) {
        let what = format!("{file} was written in the future: this clock, or the one before, is wrong");
        return vec![Finding::problem("clock", what, next)];
    }
    let timesync = Path::new(TIMESYNC);
    if timesync.is_dir() && !timesync.join("synchronized").exists() {
        return vec![Finding::warning("clock", "the time service has not found the time yet", next)];
    }
    let how =
        if timesync.is_dir() { "kept by the time service" } else { "plausible; who keeps it is not known" };
    vec![Finding::ok("clock", how)]
}

fn from_the_future(directory: &Path) -> Option<String> {
    let limit = SystemTime::now() + FUTURE_MAX;
    let entries = std::fs::read_dir(directory).ok()?;
    entries.flatten().find_map(|entry| {
        let written = entry.metadata().and_then(|data| data.modified()).ok()?;
        (written > limit).then(|| entry.path().display().to_string())
    })
}

/// Whether each role's directory and database can be used.
pub(super) async fn state(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = Vec::new();
    let directory = loaded.state();
    if !directory.exists() {
        let what = format!("{} is not there yet; the role makes it when it starts", directory.display());
        return vec![Finding::ok("state", what)];
    }
    // Looking changes nothing: what is not there yet is not made.
    let is_set_up = |key: &str| directory.join("keys").join(key).exists();
    let not_yet = |id: &str| Finding::ok(id, "not set up yet; the role does it when it starts");
    if loaded.config.hub.is_some() && !is_set_up("hub") {
        findings.push(not_yet("database.hub"));
    } else if let Some(hub) = &loaded.config.hub {
        let opened = match (State::open(&directory, Holder::Hub), loaded.hub_database()) {
            (Ok(state), Ok(server)) => {
                HubSide::open(&state, Some(hub.number), server, Some(loaded)).await.map(|side| side.store)
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        findings.push(database("database.hub", opened).await);
    }
    if loaded.config.clinic.is_some() && !is_set_up("ledger") {
        findings.push(not_yet("database.clinic"));
    } else if loaded.config.clinic.is_some() {
        let opened = match (State::open(&directory, Holder::Clinic), loaded.clinic_database()) {
            (Ok(state), Ok(server)) => ClinicSide::open(&state, server).await.map(|side| side.store),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        findings.push(database("database.clinic", opened).await);
    }
    findings
}

async fn database(id: &str, opened: Result<bodywire_store::Store, crate::exit::Failure>) -> Finding {
    match opened {
        Ok(store) => {
            let finding = match store.sensors().await {
                Ok(rows) => Finding::ok(id, format!("opens, and knows {} sensors", rows.len())),
                Err(error) => {
                    Finding::problem(id, error.to_string(), "restore the directory from its backup")
                }
            };
            store.close().await;
            finding
        }
        Err(error) if error.to_string().contains("another process") => {
            Finding::ok(id, "in use by a role that runs")
        }
        Err(error) => {
            Finding::problem(id, error.to_string(), "mend what it says, and look again: bodywire doctor")
        }
    }
}
