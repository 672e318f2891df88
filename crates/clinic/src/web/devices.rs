//! The provisioning view: which hubs and sensors there are, how good their PUFs were, what they have left. Says nothing of
//! patients.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bodywire_proto::access::Bed;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Console;
use super::asking::no_credential;
use super::guard::refusal;
use super::sessions::Session;

pub(super) async fn list(State(console): State<Console>, Extension(session): Extension<Session>) -> Response {
    if !session.credential.as_deref().is_some_and(|credential| console.in_force(credential)) {
        return no_credential();
    }
    match console.devices().await {
        Some(beds) => Json(json!({ "beds": beds })).into_response(),
        None => refusal(StatusCode::SERVICE_UNAVAILABLE, "the database is away: try again in a few seconds"),
    }
}

impl Console {
    async fn devices(&self) -> Option<Vec<Value>> {
        let store = self.inner.gate.database()?;
        let failed = |error: &bodywire_store::Error| tracing::error!(%error, "the devices could not be read");
        let hubs = store.hubs().await.inspect_err(failed).ok()?;
        let rows = store.sensors().await.inspect_err(failed).ok()?;
        let mut beds = Vec::new();
        for hub in hubs {
            let shown = self.inner.board.at(hub.hub.0).snapshot().sensors;
            let mut sensors = Vec::new();
            for row in rows.iter().filter(|row| row.hub == hub.hub) {
                let on_board = shown.iter().find(|view| view.sensor == row.sensor.0);
                // Pairs are the hub's; only a demonstration keeps them in the same database.
                let pool =
                    store.pairs().pool(row.hub, row.sensor).await.ok().filter(|pool| pool.enrolled > 0);
                sensors.push(json!({
                    "sensor": row.sensor.0,
                    "name": format!("{}-{}", row.kind.name(), row.sensor.0),
                    "kind": row.kind.name(),
                    "class": row.class.to_string(),
                    "profile": row.profile.name(),
                    "enrolled_ms": row.enrolled_ms,
                    "revoked_ms": row.revoked_ms,
                    "reliability": row.quality.reliability,
                    "uniformity": row.quality.uniformity,
                    "uniqueness": row.quality.uniqueness,
                    "pairs_enrolled": pool.map(|pool| pool.enrolled),
                    "pairs_left": pool.map(|pool| pool.left),
                    "authenticated_at_ms": on_board.and_then(|view| view.authenticated_at_ms),
                    "consent": self.inner.gate.consent_name(Bed(row.hub.0), row.sensor),
                }));
            }
            let print = data_encoding::HEXLOWER.encode(&Sha256::digest(hub.verify_key)[..8]);
            let label = self.inner.gate.with_directory(|directory| {
                directory.beds.get(&Bed(hub.hub.0)).map(|place| place.label.clone())
            });
            beds.push(json!({ "bed": hub.hub.0, "label": label, "hub_key": print, "sensors": sensors }));
        }
        Some(beds)
    }
}
