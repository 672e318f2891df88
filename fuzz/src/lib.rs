//! Bodies of the fuzz targets: one for each parser that takes bytes from outside.
//!
//! A body panics when a rule is broken, and otherwise says whether the bytes were accepted. The fuzzer calls it through
//! a shim in `fuzz_targets/`; `cargo test -p bodywire-cli --test corpus` includes this file and replays `corpus/`.

pub mod aggregate;
pub mod channels;
pub mod cli;
pub mod clinic;
pub mod ecg;
pub mod ledger;
pub mod proto;
pub mod replica;

/// One target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also that of its shim and of its folder in `corpus/`.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]) -> bool,
}

/// Every target.
pub const TARGETS: [Target; 41] = [
    Target { name: "proto_frames", run: proto::frames },
    Target { name: "proto_sensor_handshake", run: proto::sensor_handshake },
    Target { name: "proto_hub_handshake", run: proto::hub_handshake },
    Target { name: "proto_paper_data", run: proto::paper_data },
    Target { name: "proto_record", run: proto::record },
    Target { name: "proto_batch", run: proto::batch },
    Target { name: "proto_report", run: proto::report },
    Target { name: "proto_ask", run: proto::ask },
    Target { name: "proto_consent", run: proto::consent },
    Target { name: "proto_sealed", run: proto::sealed },
    Target { name: "proto_stored", run: proto::stored },
    Target { name: "proto_access", run: proto::access },
    Target { name: "channels_fragments", run: channels::fragments },
    Target { name: "channels_start", run: channels::start },
    Target { name: "channels_prekey", run: channels::prekey },
    Target { name: "channels_ack", run: channels::ack },
    Target { name: "channels_order", run: channels::order },
    Target { name: "channels_shard", run: channels::shard },
    Target { name: "channels_state", run: channels::state },
    Target { name: "cli_config", run: cli::config },
    Target { name: "cli_card", run: cli::card },
    Target { name: "ecg_header", run: ecg::header },
    Target { name: "ecg_recording", run: ecg::recording },
    Target { name: "ecg_annotations", run: ecg::annotations },
    Target { name: "ecg_monitor", run: ecg::monitor },
    Target { name: "ledger_entry", run: ledger::entry },
    Target { name: "ledger_note", run: ledger::note },
    Target { name: "ledger_checkpoint", run: ledger::checkpoint },
    Target { name: "ledger_frame", run: ledger::frame },
    Target { name: "ledger_tiles", run: ledger::tiles },
    Target { name: "ledger_proof", run: ledger::proof },
    Target { name: "ledger_head", run: ledger::head },
    Target { name: "ledger_snapshot", run: ledger::snapshot },
    Target { name: "ledger_names", run: ledger::names },
    Target { name: "ledger_witness", run: ledger::witness },
    Target { name: "ledger_cosignature", run: ledger::cosignature },
    Target { name: "replica_request", run: replica::request },
    Target { name: "replica_terms", run: replica::terms },
    Target { name: "aggregate_vector", run: aggregate::vector },
    Target { name: "aggregate_keys", run: aggregate::keys },
    Target { name: "aggregate_query", run: clinic::query },
];

/// The pieces of an input that stands for several messages, each behind a 16-bit length; the last may be cut off.
pub fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        data = rest;
        Some(piece)
    })
}
