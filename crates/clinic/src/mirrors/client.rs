//! Requests to one replica, and what its answers mean.

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// Bytes of an answer that are read: some signature lines, or a number.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// How long a replica may take, beside the time for the bytes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Slowest uplink that is waited for, in bytes a second.
const BYTES_PER_SECOND_MIN: u64 = 256 << 10;

/// What a replica has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200, with signature lines or nothing.
    Done(String),
    /// 202: it has taken all and is at this size, and cannot vouch for it yet.
    Taken(u64),
    /// 409: it is at this size.
    Size(u64),
    /// 412: it must be begun.
    NotBegun,
    /// 422: it holds something else.
    Inconsistent,
    /// 400, 401, 403, 404: it does not want this.
    Refused,
    /// No answer, or not now.
    Away,
    /// No answer that a replica gives.
    Nonsense,
}

/// The base of addresses, if it is one.
pub(super) fn base(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('/');
    let uri: Uri = text.parse().ok()?;
    (uri.scheme_str() == Some("http") && uri.authority().is_some() && uri.query().is_none()).then_some(text)
}

fn number(text: &str) -> Option<u64> {
    text.strip_suffix('\n')?.parse().ok()
}

/// A client of one replica; it keeps its connection.
pub(super) struct Client {
    base: String,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        let pool = Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build_http();
        Self { base: base(address).unwrap_or_default().to_owned(), pool }
    }

    /// Posts a body and waits for the answer.
    pub(super) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        let body = body.into();
        let time = TIMEOUT + Duration::from_secs(body.len() as u64 / BYTES_PER_SECOND_MIN);
        let request = Request::builder().method(Method::POST).uri(format!("{}{path}", self.base));
        let Ok(request) = request.body(Full::new(body)) else { return Answer::Nonsense };
        tokio::time::timeout(time, self.ask(request)).await.unwrap_or(Answer::Away)
    }

    /// Reads a published file; `None` without an answer, or without one that is text.
    pub(super) async fn get(&self, path: &str, patience: Duration) -> Option<String> {
        let request = Request::builder().method(Method::GET).uri(format!("{}{path}", self.base));
        let request = request.body(Full::new(Bytes::new())).ok()?;
        match tokio::time::timeout(patience, self.ask(request)).await {
            Ok(Answer::Done(text)) => Some(text),
            _ => None,
        }
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Answer {
        let Ok(answer) = self.pool.request(request).await else { return Answer::Away };
        let status = answer.status();
        let text = match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().to_vec()).ok(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => None,
            Err(_) => return Answer::Away,
        };
        let Some(text) = text else { return Answer::Nonsense };
        match status {
            StatusCode::OK => Answer::Done(text),
            StatusCode::ACCEPTED => number(&text).map_or(Answer::Nonsense, Answer::Taken),
            StatusCode::CONFLICT => number(&text).map_or(Answer::Nonsense, Answer::Size),
            StatusCode::PRECONDITION_FAILED => Answer::NotBegun,
            StatusCode::UNPROCESSABLE_ENTITY => Answer::Inconsistent,
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND => Answer::Refused,
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
                Answer::Away
            }
            status if status.is_server_error() => Answer::Away,
            _ => Answer::Nonsense,
        }
    }
}
