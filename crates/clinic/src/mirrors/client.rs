//! Requests to one replica, and what its answers mean.

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// Bytes of an answer that are read: some signature lines, or a number.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Letters of a refusal that are kept: the longest of a replica has about 200.
const WHY_LETTERS_MAX: usize = 300;
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

/// What a replica that was asked to compute something has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Computed {
    /// 200, with the result.
    Done(Vec<u8>),
    /// 410: the payload of this entry was erased.
    Erased(u64),
    /// 400, 401, 403, 404, 413, 422: it does not do this, and says why.
    Refused(String),
    /// No answer, not now, or (409, 412) it has not got the entries yet.
    Away,
    /// No answer that a replica gives.
    Nonsense,
}

/// A bearer token as requests carry it.
#[derive(Clone)]
pub(crate) struct Bearer(HeaderValue);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Bearer {
    /// Nothing for a token that no request can carry.
    pub(crate) fn new(token: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

/// The base of addresses, if it is one.
pub(crate) fn base(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('/');
    let uri: Uri = text.parse().ok()?;
    (uri.scheme_str() == Some("http") && uri.authority().is_some() && uri.query().is_none()).then_some(text)
}

fn number(text: &str) -> Option<u64> {
    text.strip_suffix('\n')?.parse().ok()
}

/// A client of one replica; it keeps its connection.
pub(crate) struct Client {
    base: String,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
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
    pub(super) async fn get(&self, path: &str, token: Option<&Bearer>, patience: Duration) -> Option<String> {
        let mut request = Request::builder().method(Method::GET).uri(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.0.clone());
        }
        let request = request.body(Full::new(Bytes::new())).ok()?;
        match tokio::time::timeout(patience, self.ask(request)).await {
            Ok(Answer::Done(text)) => Some(text),
            _ => None,
        }
    }

    /// Posts a question and waits for a result of at most `limit` bytes.
    pub(crate) async fn compute(
        &self,
        path: &str,
        question: impl Into<Bytes>,
        token: Option<&Bearer>,
        limit: usize,
        patience: Duration,
    ) -> Computed {
        let mut request = Request::builder().method(Method::POST).uri(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.0.clone());
        }
        let Ok(request) = request.body(Full::new(question.into())) else { return Computed::Nonsense };
        let asked = async {
            let Ok(answer) = self.pool.request(request).await else { return Computed::Away };
            let status = answer.status();
            let limit = if status == StatusCode::OK { limit } else { ANSWER_BYTES_MAX };
            match Limited::new(answer.into_body(), limit).collect().await {
                Ok(body) => computed(status, body.to_bytes().to_vec()),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => Computed::Nonsense,
                Err(_) => Computed::Away,
            }
        };
        tokio::time::timeout(patience, asked).await.unwrap_or(Computed::Away)
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

/// What an answer to a question means.
fn computed(status: StatusCode, body: Vec<u8>) -> Computed {
    if status == StatusCode::OK {
        return Computed::Done(body);
    }
    let text = String::from_utf8_lossy(&body);
    match status {
        StatusCode::GONE => number(&text).map_or(Computed::Nonsense, Computed::Erased),
        StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => {
            // For people, from a stranger: one short line.
            let why = text.trim().chars().filter(|letter| !letter.is_control());
            Computed::Refused(why.take(WHY_LETTERS_MAX).collect())
        }
        StatusCode::CONFLICT
        | StatusCode::PRECONDITION_FAILED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => Computed::Away,
        status if status.is_server_error() => Computed::Away,
        _ => Computed::Nonsense,
    }
}
