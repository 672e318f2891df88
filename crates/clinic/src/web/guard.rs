//! Checks that stand before every handler, and the headers after it.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Console;
use super::sessions::Session;

/// Name of the session cookie.
pub(super) const COOKIE: &str = "bodywire_session";

const CSP: &str =
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// A refusal as JSON: what, why, what to do.
pub(super) fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// Outermost: a page of another site must not reach the console by a DNS name of its own (DNS rebinding), nor open its
/// WebSocket with the browser's cookie.
pub(super) async fn check_origin_and_add_headers(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let host = host_of(request.headers(), request.uri());
    let allowed = host.is_some_and(|host| console.answers_to(host));
    let origin = request.headers().get(header::ORIGIN);
    let mut response = if !allowed {
        refusal(StatusCode::MISDIRECTED_REQUEST, "unknown host: open the address that the terminal printed")
    } else if origin.is_some_and(|origin| !console.is_own_origin(origin)) {
        refusal(StatusCode::FORBIDDEN, "another site asked: open the console itself")
    } else {
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Before everything under `/api/v1/`: a session; for actions also its CSRF token. Handlers find the session in the
/// request's extensions.
pub(super) async fn require_session(
    State(console): State<Console>,
    mut request: Request,
    next: Next,
) -> Response {
    let cookie = cookie_of(request.headers());
    let session = cookie.and_then(|cookie| console.access().session(cookie, console.now_ms()));
    let Some(session) = session else {
        let text = "no session: open the one-time link that the terminal printed";
        return refusal(StatusCode::UNAUTHORIZED, text);
    };
    if !request.method().is_safe() && !has_csrf_token(&session, request.headers()) {
        let text = "CSRF token missing or wrong: send the snapshot's csrf value as x-bodywire-csrf";
        return refusal(StatusCode::FORBIDDEN, text);
    }
    // A display asks for its beds as everybody does; it has nothing else to do.
    let asks = ["/access", "/access/challenge"].iter().any(|end| request.uri().path().ends_with(end));
    if !request.method().is_safe() && session.is_wall() && !asks {
        return refusal(StatusCode::FORBIDDEN, "a display on the wall reads and does nothing");
    }
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// As [`require_session`]; a program shows its token instead.
pub(super) async fn require_session_or_program(
    console: State<Console>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(bearer) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
        return require_session(console, request, next).await;
    };
    let Some(program) = console.access().program(bearer) else {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "this token is not valid: the clinic draws a new one at each start",
        );
    };
    request.extensions_mut().insert(program);
    next.run(request).await
}

/// Unknown routes under the API.
pub(super) async fn nothing_here() -> Response {
    refusal(StatusCode::NOT_FOUND, "no such route: see docs/console-api.md")
}

fn has_csrf_token(session: &Session, headers: &HeaderMap) -> bool {
    let given = headers.get("x-bodywire-csrf").and_then(|value| value.to_str().ok());
    given.is_some_and(|given| session.csrf_matches(given))
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value).next()
}

fn host_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

impl Console {
    fn answers_to(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        is_localhost(&host) || self.inner.hosts.contains(&host)
    }

    fn is_own_origin(&self, origin: &HeaderValue) -> bool {
        let Some((scheme, host)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
            return false;
        };
        matches!(scheme, "http" | "https") && self.answers_to(host)
    }
}

fn is_localhost(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].into_iter().any(|name| {
        let rest = host.strip_prefix(name);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::is_localhost;

    #[test]
    fn only_real_localhost_forms_pass() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"] {
            assert!(is_localhost(host), "{host}");
        }
        for host in [
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "localhost:",
            "localhost:80:80",
            "",
            "::1",
        ] {
            assert!(!is_localhost(host), "{host}");
        }
    }
}
