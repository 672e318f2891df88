//! What a replica refuses, and the status it says so with. The texts name no other log and nothing of the machine.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bodywire_ledger::Error;
use bodywire_ledger::witness::SIZE_CONTENT_TYPE;

/// Seconds after which a client that found no place may come again.
const RETRY_AFTER_S: &str = "1";

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The bytes are not what they must be.
    Malformed(String),
    /// The token is missing or wrong.
    Token,
    /// The log has not signed it.
    Unsigned,
    /// No such log, or nothing of that name in it.
    Unknown,
    /// The client was too slow.
    Slow,
    /// Another size; here is the right one.
    Size(u64),
    /// Stored up to this size and not cosigned: payloads are gone, and the entry that says why is still to come.
    Pending(u64),
    /// The log has not been begun here.
    NotBegun,
    /// More bytes than are allowed.
    TooLarge,
    /// It contradicts what is here.
    Inconsistent,
    /// Vectors that cannot be added.
    Uncomputable(String),
    /// The payload of this entry was erased.
    Erased(u64),
    /// Too many others at the same time.
    Busy,
    /// The copy is damaged, is being repaired, or what was cosigned was lost.
    Unfit(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Malformed { .. } => Self::Malformed(error.to_string()),
            Error::BadSignature { .. } | Error::WrongKey { .. } => Self::Unsigned,
            Error::Forked { .. } | Error::ProofRejected { .. } => Self::Inconsistent,
            Error::Limit { .. } => Self::TooLarge,
            Error::NoSuchEntry { .. } | Error::Unpublished => Self::Unknown,
            // Which file is damaged is in the status, for whoever may read that.
            _ => Self::Unfit("the copy is damaged here; see its status, and ask another replica".to_owned()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let plain = |status, text: String| (status, format!("{text}\n")).into_response();
        let say = |status, text: &str| plain(status, text.to_owned());
        match self {
            Self::Malformed(why) => plain(StatusCode::BAD_REQUEST, why),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, "Bearer")],
                "a bearer token is needed\n",
            )
                .into_response(),
            Self::Unsigned => say(StatusCode::FORBIDDEN, "not signed by the key of this log"),
            Self::Unknown => say(StatusCode::NOT_FOUND, "there is no such thing here"),
            Self::Slow => say(StatusCode::REQUEST_TIMEOUT, "the request took too long"),
            Self::Size(size) => {
                (StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE_CONTENT_TYPE)], format!("{size}\n"))
                    .into_response()
            }
            Self::Pending(size) => {
                (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, SIZE_CONTENT_TYPE)], format!("{size}\n"))
                    .into_response()
            }
            Self::NotBegun => say(
                StatusCode::PRECONDITION_FAILED,
                "send the log's signed checkpoint of size 0 to its begin first",
            ),
            Self::TooLarge => say(StatusCode::PAYLOAD_TOO_LARGE, "too many bytes; send less at once"),
            Self::Inconsistent => {
                say(StatusCode::UNPROCESSABLE_ENTITY, "it contradicts what the log has signed before")
            }
            Self::Uncomputable(why) => plain(StatusCode::UNPROCESSABLE_ENTITY, why),
            Self::Erased(index) => plain(StatusCode::GONE, index.to_string()),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::RETRY_AFTER, RETRY_AFTER_S)],
                "too many requests at once\n",
            )
                .into_response(),
            Self::Unfit(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }
}
