//! Where and how a report was made, so that somebody else can make it again.

use serde::{Deserialize, Serialize};

/// Where and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Of the program.
    pub(crate) version: String,
    /// That it was built from, if the build said so.
    pub(crate) commit: Option<String>,
    /// When.
    pub(crate) date: String,
    /// Of everything that is drawn by chance.
    pub(crate) seed: u64,
    /// Fewer runs of everything.
    pub(crate) quick: bool,
    /// What the system calls the processor.
    pub(crate) processor: String,
    /// As many threads as run at once.
    pub(crate) cores: usize,
    /// Directory with recordings, if there is one.
    pub(crate) recordings: Option<String>,
}

impl Origin {
    /// Of this program on this machine.
    pub(crate) fn of(date: String, seed: u64, quick: bool, recordings: Option<String>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("BODYWIRE_COMMIT").map(str::to_owned),
            date,
            seed,
            quick,
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            recordings,
        }
    }
}

/// The model as Linux tells it, else the architecture.
fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named =
        told.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()));
    named.filter(|name| !name.is_empty()).unwrap_or(std::env::consts::ARCH).to_owned()
}
