//! The built console, embedded.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;

use super::guard;

/// Built by `npm run build` in `console/`, committed, compared in checks by `npm run verify-dist`.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
struct Dist;

pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    file(uri.path().trim_start_matches('/'), &headers)
}

/// One file, compressed beforehand when the browser takes gzip.
pub(super) fn file(name: &str, request: &HeaderMap) -> Response {
    let Some((mime, asset)) = mime(name).zip(Dist::get(name)) else {
        return guard::refusal(StatusCode::NOT_FOUND, "no such page: open / instead");
    };
    let etag = format!("\"{}\"", HEXLOWER.encode(&asset.metadata.sha256_hash()));
    let same = request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let caching = [(header::ETAG, etag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if same {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let plain = [(header::CONTENT_TYPE, mime), (header::VARY, "accept-encoding")];
    let gzip = Dist::get(&format!("{name}.gz")).filter(|_| takes_gzip(request));
    match gzip {
        Some(gzip) => {
            (caching, plain, [(header::CONTENT_ENCODING, "gzip")], gzip.data.into_owned()).into_response()
        }
        None => (caching, plain, asset.data.into_owned()).into_response(),
    }
}

fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.split(',').any(|coding| coding.trim() == "gzip"))
}

fn mime(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}
