//! `/metrics` in the text format of Prometheus, and `/healthz`. Counters and states only: no label names a patient, a sensor,
//! a hub or a key; paths are numbered as in the configuration.

use crate::exit::Failure;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;

/// One figure, or one for each path.
pub(crate) struct Metric {
    name: &'static str,
    help: &'static str,
    /// Counts up for ever; or else it is a state that goes up and down.
    counts: bool,
    /// By path, or without one.
    values: Vec<(Option<usize>, u64)>,
}

impl Metric {
    /// A figure that only grows.
    pub(crate) fn count(name: &'static str, help: &'static str, value: &AtomicU64) -> Self {
        Self { name, help, counts: true, values: vec![(None, value.load(Ordering::Relaxed))] }
    }

    /// A figure that goes up and down.
    pub(crate) fn state(name: &'static str, help: &'static str, value: &AtomicU64) -> Self {
        Self { counts: false, ..Self::count(name, help, value) }
    }

    /// The same figure of each path, in their order.
    pub(crate) fn by_path<'a>(self, values: impl Iterator<Item = &'a AtomicU64>) -> Self {
        let values = values.map(|value| value.load(Ordering::Relaxed)).enumerate();
        Self { values: values.map(|(path, value)| (Some(path), value)).collect(), ..self }
    }

    /// A figure of each path that only grows.
    pub(crate) fn path_count<'a>(
        name: &'static str,
        help: &'static str,
        values: impl Iterator<Item = &'a AtomicU64>,
    ) -> Self {
        Self { name, help, counts: true, values: Vec::new() }.by_path(values)
    }

    /// A figure of each path that goes up and down.
    pub(crate) fn path_state<'a>(
        name: &'static str,
        help: &'static str,
        values: impl Iterator<Item = &'a AtomicU64>,
    ) -> Self {
        Self { counts: false, ..Self::path_count(name, help, values) }
    }
}

/// Where the figures come from, asked at each reading.
pub(crate) type Source = Arc<dyn Fn() -> Vec<Metric> + Send + Sync>;

struct Figures(Source);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures(..)")
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Metric { name, help, counts, values } in (self.0)() {
            let kind = if counts { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for (path, value) in values {
                let labels: Vec<(&str, String)> =
                    path.iter().map(|path| ("path", path.to_string())).collect();
                let one = metric.encode_family(&labels)?;
                if counts {
                    ConstCounter::new(value).encode(one)?;
                } else {
                    ConstGauge::new(value.cast_signed()).encode(one)?;
                }
            }
        }
        Ok(())
    }
}

/// Serves the figures at this address until the process ends; says where.
pub(crate) async fn serve(listen: SocketAddr, source: Source) -> Result<SocketAddr, Failure> {
    let refused = |error: std::io::Error| Failure::Configuration {
        what: format!("metrics.listen {listen}"),
        why: error.to_string(),
        next: "choose another address or port".to_owned(),
    };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let routes = Router::new()
        .route("/metrics", get(move || std::future::ready(page(&source))))
        .route("/healthz", get(|| std::future::ready("ok\n")));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the metrics have stopped");
        }
    });
    Ok(address)
}

fn page(source: &Source) -> axum::response::Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(Arc::clone(source))));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What a gate has done.
pub(crate) fn of_gate(figures: &bodywire_clinic::gate::Figures) -> Vec<Metric> {
    vec![
        Metric::count("bodywire_access_granted", "Requests for access that were granted", &figures.granted),
        Metric::count("bodywire_access_refused", "Requests for access that were refused", &figures.refused),
        Metric::count("bodywire_break_glass", "Accesses by breaking the glass", &figures.overrides),
        Metric::count("bodywire_access_consents", "Consents of class III sensors", &figures.consents),
        Metric::state("bodywire_access_grants", "Grants in force", &figures.grants),
        Metric::state("bodywire_break_glass_open", "Glass that is broken now", &figures.open),
        Metric::state(
            "bodywire_access_journal",
            "Records of access that the ledger has not taken yet",
            &figures.journal,
        ),
    ]
}

/// What a hub has done.
pub(crate) fn of_hub(counters: &bodywire_hub::Counters) -> Vec<Metric> {
    let paths = || counters.paths.iter();
    vec![
        Metric::count("bodywire_hub_reports", "Reports made", &counters.reports),
        Metric::count(
            "bodywire_hub_acknowledged",
            "Reports that the clinic has stored",
            &counters.acknowledged,
        ),
        Metric::state("bodywire_hub_spool_reports", "Reports that wait in the spool", &counters.pending),
        Metric::state("bodywire_hub_spool_bytes", "Bytes of them", &counters.spool_bytes),
        Metric::count(
            "bodywire_hub_dropped",
            "Reports dropped because the spool was full",
            &counters.dropped,
        ),
        Metric::count("bodywire_hub_resent_fragments", "Fragments sent again", &counters.resent),
        Metric::count("bodywire_hub_fragment_bytes", "Bytes of fragments sent", &counters.fragment_bytes),
        Metric::count("bodywire_hub_authentications", "Completed authentications", &counters.authentications),
        Metric::count("bodywire_hub_ecg_samples", "Samples of ECGs that have come", &counters.ecg_samples),
        Metric::count(
            "bodywire_hub_ecg_samples_missing",
            "Samples of ECGs that have not come, though later ones have",
            &counters.ecg_samples_missing,
        ),
        Metric::count("bodywire_hub_refused", "Frames and messages refused", &counters.refused),
        Metric::path_state("bodywire_hub_path_up", "1 when the broker is connected", paths().map(|p| &p.up)),
        Metric::path_state(
            "bodywire_hub_path_degraded",
            "1 when the clinic misses a tenth of what the path was given",
            paths().map(|p| &p.degraded),
        ),
        Metric::path_count(
            "bodywire_hub_path_fragments",
            "Publications given to the path",
            paths().map(|p| &p.fragments),
        ),
        Metric::path_count(
            "bodywire_hub_path_refused",
            "Publications that the path did not take",
            paths().map(|p| &p.refused),
        ),
    ]
}

/// What a clinic has done.
pub(crate) fn of_clinic(counters: &bodywire_clinic::Counters) -> Vec<Metric> {
    let paths = || counters.paths.iter();
    vec![
        Metric::count("bodywire_clinic_stored", "Reports stored", &counters.stored),
        Metric::count("bodywire_clinic_vectors", "Encrypted vectors stored", &counters.vectors),
        Metric::count("bodywire_clinic_repeated", "Reports that came again", &counters.repeated),
        Metric::count("bodywire_clinic_late", "Reports that came late", &counters.late),
        Metric::count(
            "bodywire_clinic_out_of_order",
            "Reports that came after a later one",
            &counters.out_of_order,
        ),
        Metric::count("bodywire_clinic_malformed", "Messages that were no reports", &counters.malformed),
        Metric::count("bodywire_clinic_alarms", "Physiological alarms raised", &counters.alarms),
        Metric::count("bodywire_clinic_high_alarms", "Those of high priority", &counters.high_alarms),
        Metric::state("bodywire_clinic_sessions", "Open sessions of hubs", &counters.sessions),
        Metric::state(
            "bodywire_clinic_waiting_bytes",
            "Bytes of incomplete messages",
            &counters.waiting_bytes,
        ),
        Metric::state("bodywire_clinic_ledger_entries", "Entries of the ledger", &counters.entries),
        Metric::state(
            "bodywire_clinic_mirrored_entries",
            "Entries that a quorum of replicas has durably",
            &counters.mirrored,
        ),
        Metric::state(
            "bodywire_clinic_witnessed_entries",
            "Entries that a quorum of witnesses has cosigned",
            &counters.witnessed,
        ),
        Metric::state(
            "bodywire_clinic_replicas_up",
            "Replicas that take what they are sent",
            &counters.replicas_up,
        ),
        Metric::state(
            "bodywire_clinic_unsettled",
            "Reports that are stored and wait for replicas",
            &counters.unsettled,
        ),
        Metric::path_state(
            "bodywire_clinic_path_up",
            "1 when the broker is connected",
            paths().map(|p| &p.up),
        ),
        Metric::path_state(
            "bodywire_clinic_path_degraded",
            "1 when the path loses or forges fragments, or a hub is not connected to it",
            paths().map(|p| &p.degraded),
        ),
        Metric::path_count(
            "bodywire_clinic_path_verified",
            "Fragments that verified",
            paths().map(|p| &p.verified),
        ),
        Metric::path_count(
            "bodywire_clinic_path_forged",
            "Fragments forged or damaged",
            paths().map(|p| &p.forged),
        ),
        Metric::path_count(
            "bodywire_clinic_path_refused",
            "Other messages refused",
            paths().map(|p| &p.refused),
        ),
    ]
}

/// What a replica has done.
pub(crate) fn of_replica(counters: &bodywire_replica::Counters) -> Vec<Metric> {
    vec![
        Metric::count("bodywire_replica_frames", "Frames stored", &counters.frames),
        Metric::count("bodywire_replica_frame_bytes", "Bytes of them", &counters.frame_bytes),
        Metric::count("bodywire_replica_mirrored", "Cosignatures of the mirror", &counters.mirrored),
        Metric::count("bodywire_replica_witnessed", "Cosignatures of the witness", &counters.witnessed),
        Metric::count("bodywire_replica_refused", "Requests refused", &counters.refused),
        Metric::count("bodywire_replica_looks", "Looks at all bytes of a log", &counters.looks),
        Metric::count("bodywire_replica_damaged", "Looks that found damage", &counters.damaged),
        Metric::count("bodywire_replica_repaired", "Frames fetched from peers", &counters.repaired),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_paths_by_number_and_nobody_at_all() {
        let counters = bodywire_hub::Counters {
            paths: vec![Default::default(), Default::default()],
            ..Default::default()
        };
        counters.reports.store(7, Ordering::Relaxed);
        counters.paths[1].up.store(1, Ordering::Relaxed);
        let counters = Arc::new(counters);
        let source: Source = Arc::new(move || of_hub(&counters));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Figures(source)));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "bodywire_hub_reports_total 7",
            "bodywire_hub_path_up{path=\"0\"} 0",
            "bodywire_hub_path_up{path=\"1\"} 1",
            "# TYPE bodywire_hub_spool_bytes gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        let labels = text.lines().filter_map(|line| line.split_once('{'));
        assert!(labels.into_iter().all(|(_, rest)| rest.starts_with("path=\"")));
    }
}
