//! The page at `/`, and the one-time link that opens a session.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::access::SESSION_LIFETIME_MS;
use super::guard::COOKIE;
use super::{Console, assets};

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
    let session = console.access().redeem(&once, console.now_ms(), secrets);
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
