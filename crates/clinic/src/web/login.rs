//! The page at `/`, and the one-time link that opens a session.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bodywire_proto::access::Certificate;
use bodywire_store::InvitationKind;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::guard::COOKIE;
use super::sessions::{self, SESSION_LIFETIME_MS, Session};
use super::{Console, assets};
use crate::gate::credential::Credential;

/// A plain page, without a script or a style, because the reader has no session yet.
const USED_LINK_PAGE: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>BodyWire: link not valid</title></head>\n<body><h1>This link is used up or wrong</h1>\n\
<p>A one-time link opens the console once. Read the terminal in which BodyWire runs for a valid link; \
restart it for a new one.</p></body></html>\n";

#[derive(Deserialize)]
pub(super) struct Login {
    once: Option<String>,
}

pub(super) async fn index(
    State(console): State<Console>,
    Query(login): Query<Login>,
    headers: HeaderMap,
) -> Response {
    let Some(once) = login.once else { return assets::file("index.html", &headers) };
    let secrets = [(console.inner.secrets)(), (console.inner.secrets)()];
    let waiting = console.access().redeem(&once, console.now_ms(), secrets);
    let session = match waiting {
        Some(session) => Some(session),
        None => console.invited(&once, secrets).await,
    };
    let Some(session) = session else {
        let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        return (StatusCode::UNAUTHORIZED, html, USED_LINK_PAGE).into_response();
    };
    let seconds = SESSION_LIFETIME_MS / 1000;
    let value = session.cookie_value();
    let cookie = format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}");
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, "/".to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

impl Console {
    /// Opens a session with a link that was made in the database (`bodywire access invite`), with the certificate that is there.
    async fn invited(&self, once: &str, secrets: [[u8; 32]; 2]) -> Option<Session> {
        let (store, token) = self.inner.gate.database().zip(sessions::parse(once))?;
        let failed = |error: &bodywire_store::Error| tracing::error!(%error, "a link could not be looked up");
        let name = Sha256::digest(token).into();
        let row = store.invitation(name).await.inspect_err(failed).ok()??;
        let certificate = Certificate::parse(&row.certificate).ok()?;
        // Used up first: of two who come at once, one opens it.
        let used = store.use_invitation(name, self.now_ms()).await.inspect_err(failed).ok()?;
        let code = row.code;
        let credential = Credential {
            certificate,
            bytes: row.certificate,
            code: Some(Arc::new(move |given: &str| code.is(given))),
            wall: row.kind == InvitationKind::Wall,
        };
        let person = self.inner.gate.name(certificate.person);
        used.then(|| self.access().open(person, Some(Arc::new(credential)), self.now_ms(), secrets))
    }
}
