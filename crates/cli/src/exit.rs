//! What comes back: one line that says what, why and the next step, and an exit code.

use crate::config::Problem;
use std::path::{Path, PathBuf};

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// Why the command failed, by exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// 1: something went wrong that is none of the others.
    #[error("{0}")]
    Failed(String),
    /// 3: a ledger, proof or signature does not verify.
    #[error("{0}")]
    NotVerified(String),
    /// 4: it was asked for what it must not do.
    #[error("{0}")]
    Denied(String),
    /// 5: nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// 6: a file, directory, port or recording that was named cannot be used.
    #[error("{what}: {why}; {next}")]
    Configuration {
        /// What cannot be used.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        next: String,
    },
    /// 6: a configuration with everything that is wrong with it.
    #[error("{file} cannot be used:{}", listed(problems))]
    Problems {
        /// The file.
        file: String,
        /// What is wrong, in the order of its lines.
        problems: Vec<Problem>,
    },
    /// 7: what was measured is outside its limits.
    #[error("{0}")]
    OutsideTolerance(String),
}

impl Failure {
    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::NotVerified(_) => 3,
            Self::Denied(_) => 4,
            Self::Unreachable(_) => 5,
            Self::Configuration { .. } | Self::Problems { .. } => 6,
            Self::OutsideTolerance(_) => 7,
        }
    }

    /// A path that cannot be used.
    pub(crate) fn path(path: &Path, why: impl std::fmt::Display, next: &str) -> Self {
        Self::Configuration { what: path.display().to_string(), why: why.to_string(), next: next.to_owned() }
    }

    /// A file or directory of the demo's state that cannot be read or written.
    pub(crate) fn state(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::path(&path, error, "choose a writable directory with --state DIR")
    }
}

macro_rules! failed {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        }
    )*};
}

failed!(
    crate::export::Error,
    bodywire_channels::Error,
    bodywire_proto::Error,
    bodywire_sim::Error,
    bodywire_store::Error,
    tokio::task::JoinError,
);

impl From<bodywire_hub::Error> for Failure {
    fn from(error: bodywire_hub::Error) -> Self {
        match error {
            bodywire_hub::Error::PoorPuf { .. } => Self::OutsideTolerance(error.to_string()),
            bodywire_hub::Error::SpoolTaken(path) => Self::Configuration {
                what: path,
                why: "a hub that runs has it".to_owned(),
                next: "stop the hub first".to_owned(),
            },
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<bodywire_replica::Error> for Failure {
    fn from(error: bodywire_replica::Error) -> Self {
        match error {
            bodywire_replica::Error::Ledger(error) => error.into(),
            other => Self::Configuration {
                what: "replica".to_owned(),
                why: other.to_string(),
                next: "see docs/replication.md".to_owned(),
            },
        }
    }
}

impl From<bodywire_ledger::Error> for Failure {
    fn from(error: bodywire_ledger::Error) -> Self {
        use bodywire_ledger::Error as E;
        match error {
            E::Damaged { .. } | E::Forked { .. } | E::BadSignature { .. } | E::ProofRejected { .. } => {
                Self::NotVerified(error.to_string())
            }
            E::Locked { path } => Self::Configuration {
                what: path,
                why: "another process has this ledger".to_owned(),
                next: "stop it, or use another directory with --state DIR".to_owned(),
            },
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<bodywire_clinic::Error> for Failure {
    fn from(error: bodywire_clinic::Error) -> Self {
        match error {
            bodywire_clinic::Error::Ledger(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}
