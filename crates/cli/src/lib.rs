//! The command `bodywire`.
//!
//! [`args`] is what can be typed, [`config`] what can be written, [`exit`] what comes back; [`demo`] runs a ward in one
//! process; [`sensor`], [`hub`], [`clinic`], [`replica`] and [`brokers`] run its parts in processes of their own, over a [`radio`], with a
//! [`puf`] of any kind; [`ledger`] checks a ledger
//! directory as an auditor would; [`access`] says who may see what; [`aggregate`] asks for sums over encrypted vital signs; [`backup`] saves a database and puts it back; [`ecg`] runs the detector over recordings; [`attacks`] shows what each attack does to each scheme; [`sim`] plays a ward in simulated time.
//! directory as an auditor would; [`access`] says who may see what; [`aggregate`] asks for sums over encrypted vital signs; [`backup`] saves a database and puts it back; [`ecg`] runs the detector over recordings; [`attacks`] shows what each attack does to each scheme;
//! [`report`] measures every table and figure of the papers again.

pub mod access;
pub mod aggregate;
pub mod args;
pub mod attacks;
pub mod backup;
mod broker;
pub mod brokers;
pub mod card;
pub mod clinic;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod ecg;
pub mod exit;
pub mod export;
mod house;
pub mod hub;
mod issuer_key;
pub mod ledger;
pub mod logging;
mod metrics;
pub mod patient;
pub mod puf;
pub mod radio;
mod recording;
pub mod replica;
pub mod report;
pub mod sensor;
mod shards;
pub mod sim;
mod state;

/// Milliseconds since 1970 by this machine's clock.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// Names with numbers, as a JSON object or in lines.
fn rows(rows: &[(&str, u64)], output: args::Output) -> String {
    match output {
        args::Output::Json => {
            serde_json::json!(rows.iter().copied().collect::<std::collections::BTreeMap<_, _>>()).to_string()
        }
        args::Output::Table => {
            let line = |(name, value): &(&str, u64)| format!("{name:<16} {value:>10}");
            rows.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Tells systemd, if it has started this process, that the role does its work.
fn ready() {
    // Without systemd there is nobody to tell, and that is no error.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// Prints a result. A reader that has gone away has seen enough.
fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Runs a command that waits for others.
fn block_on(work: impl Future<Output = Result<(), exit::Failure>>) -> Result<(), exit::Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| exit::Failure::Failed(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(work)
}

/// Returns when somebody wants the process to end.
async fn asked_to_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
