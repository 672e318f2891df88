//! BodyWire's figures, each beside its peer in one run.
//!
//! ```text
//! cargo run --release -p bodywire-bench -- link            a hub's handshakes a second, beside the schemes compared with
//! cargo run --release -p bodywire-bench -- link-noise      false rejects and false accepts over a PUF's noise
//! cargo run --release -p bodywire-bench -- channels        a message over three paths beside plain AES-256-GCM, one core
//! cargo run --release -p bodywire-bench -- channels-latency  the same through Mosquitto beside a plain publication
//! cargo run --release -p bodywire-bench -- channels-delay  paper M's Table 3 again: 1200 bits, ten runs
//! cargo run --release -p bodywire-bench -- channels-paths  delivery over lossy paths, beside what is predicted
//! cargo run --release -p bodywire-bench -- ledger          durable appends beside plain writes, SQLite and redb
//! cargo run --release -p bodywire-bench -- aggregate       sums over encrypted vital signs beside Paillier and SEAL
//! cargo run --release -p bodywire-bench -- sim             events a second of the simulated star, beside ns-3
//! ```
//!
//! `--output json` prints a list of `{name, unit, ours, peer, peer_value, ratio}`. Nothing here is ever shipped.
#![expect(clippy::expect_used, reason = "a bench that cannot go on has failed")]

mod aggregate;
mod channels;
mod figure;
mod ledger;
mod link;
mod noise;
mod predict;
mod processor;
mod rounds;
mod star;

use clap::{Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "bodywire-bench", about = "BodyWire's figures, each beside its peer in one run")]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

#[derive(Subcommand)]
enum Bench {
    /// Handshakes a second and core at a hub, without a database.
    Link {
        /// Seconds for each row.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
    /// False rejects at 3, 5, 8 and 10 % of noise, beside what is predicted, and false accepts of strangers.
    LinkNoise {
        /// Handshakes for each point.
        #[arg(long, default_value_t = 100_000)]
        handshakes: u32,
    },
    /// Bytes a second of seal, split, reassemble and open, beside plain AES-256-GCM; bytes on the wire.
    Channels {
        /// Seconds for each size.
        #[arg(long, default_value_t = 4.0)]
        seconds: f64,
        /// Only messages of so many bytes, for a profiler.
        #[arg(long)]
        size: Option<usize>,
    },
    /// Messages a second and latency through three Mosquitto processes, beside a plain publication through one.
    ChannelsLatency {
        /// Seconds for each size.
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
        /// Only messages of so many bytes.
        #[arg(long)]
        size: Option<usize>,
    },
    /// Paper M's Table 3 again: 1200 bits, ten runs, beside improved ECC and plain AES-256-GCM.
    ChannelsDelay,
    /// Share of messages that arrive without being sent again, beside the binomial prediction.
    ChannelsPaths {
        /// Messages for each cell.
        #[arg(long, default_value_t = 20_000)]
        messages: u32,
    },
    /// Durable appends of records of 1 KiB in batches of 1, 100 and 1000, beside plain writes, SQLite and redb.
    Ledger {
        /// Seconds for each size of batch.
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
        /// Where a directory is made and removed: on a disk, since in memory nothing has to be waited for.
        #[arg(long, default_value = ".")]
        directory: PathBuf,
    },
    /// Encryption, addition, decryption and tags of homomorphic vectors beside other schemes, and the sums of a ward.
    Aggregate {
        /// Seconds for each row.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// Ciphertexts that are added from memory: far more than caches hold, and not more than noise allows (3,348).
        #[arg(long, default_value_t = 3_000)]
        vectors: usize,
        /// Patients of the ward.
        #[arg(long, default_value_t = 1_000)]
        patients: usize,
        /// Where the ward's vectors are written and removed: 1.6 MB for each patient.
        #[arg(long, default_value = ".")]
        directory: PathBuf,
        /// A Python with the packages of scripts/aggregate-peers.requirements.txt; without it their rows are left out.
        #[arg(long, value_name = "PYTHON")]
        peers: Option<PathBuf>,
    },
    /// Events and messages a second of the simulated star of sensors, one core, beside ns-3 with the same star.
    Sim {
        /// Seconds for each row of ours.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// The program that scripts/cross-check-ns3 builds from crates/bench/peers/ns3-star.cc; without it ours stand alone.
        #[arg(long, value_name = "PATH")]
        peers: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (figures, sound) = match arguments.bench {
        Bench::Link { seconds } => (link::figures(seconds), true),
        Bench::LinkNoise { handshakes } => noise::figures(handshakes),
        Bench::ChannelsLatency { seconds, size } => match channels::latency::figures(seconds, size) {
            Ok(figures) => (figures, true),
            Err(missing) => {
                let _ = writeln!(std::io::stderr(), "{missing}");
                return ExitCode::FAILURE;
            }
        },
        Bench::ChannelsDelay => (channels::delay::figures(), true),
        Bench::ChannelsPaths { messages } => channels::paths::figures(messages),
        Bench::Aggregate { seconds, vectors, patients, directory, peers } => {
            let asked = aggregate::Asked { seconds, vectors, patients, directory, peers };
            match aggregate::figures(&asked) {
                Ok(figures) => figures,
                Err(missing) => {
                    let _ = writeln!(std::io::stderr(), "{missing}");
                    return ExitCode::FAILURE;
                }
            }
        }
        Bench::Sim { seconds, peers } => match star::figures(peers.as_deref(), seconds) {
            Ok(figures) => (figures, true),
            Err(missing) => {
                let _ = writeln!(std::io::stderr(), "{missing}");
                return ExitCode::FAILURE;
            }
        },
        Bench::Ledger { seconds, directory } => (ledger::figures(&directory, seconds), true),
        Bench::Channels { seconds, size } => (channels::throughput::figures(seconds, size), true),
    };
    let text = match arguments.output {
        Output::Table => figure::table(&figures),
        Output::Json => serde_json::to_string_pretty(&figures).expect("figures are plain"),
    };
    // A reader that has gone away has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    if sound { ExitCode::SUCCESS } else { ExitCode::from(7) }
}
