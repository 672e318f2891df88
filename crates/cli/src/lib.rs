//! The command `bodywire`.
//!
//! [`args`] is what can be typed, [`exit`] what comes back; [`demo`] runs a ward in one process; [`sensor`] and [`hub`]
//! run its parts in processes of their own, over a [`radio`], with a [`puf`] of any kind; [`ledger`] checks a ledger
//! directory as an auditor would; [`attacks`] shows what each attack does to each scheme.

pub mod args;
pub mod attacks;
pub mod config;
pub mod demo;
pub mod exit;
mod house;
pub mod hub;
pub mod ledger;
pub mod puf;
pub mod radio;
mod recording;
pub mod sensor;
mod state;

/// Milliseconds since 1970 by this machine's clock.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_millis() as u64)
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
