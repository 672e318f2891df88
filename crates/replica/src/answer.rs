//! What a replica refuses, and the status it says so with. The texts name no other log and nothing of the machine.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bodywire_ledger::Error;
use bodywire_ledger::witness::SIZE_CONTENT_TYPE;

/// Seconds after which a client that found no place may come again.
const RETRY_AFTER_S: &str = "1";

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The bytes are not what they must be.
    #[error("{0}")]
    Malformed(String),
    /// The token is missing or wrong.
    #[error("a bearer token is needed")]
    Token,
    /// The log has not signed it.
    #[error("not signed by the key of this log")]
    Unsigned,
    /// No such log, or nothing of that name in it.
    #[error("there is no such thing here")]
    Unknown,
    /// The client was too slow.
    #[error("the request took too long")]
    Slow,
    /// Another size; here is the right one.
    #[error("{0}")]
    Size(u64),
    /// Stored up to this size and not cosigned: payloads are gone, and the entry that says why is still to come.
    #[error("{0}")]
    Pending(u64),
    /// The log has not been begun here.
    #[error("send the log's signed checkpoint of size 0 to its begin first")]
    NotBegun,
    /// More bytes than are allowed.
    #[error("too many bytes; send less at once")]
    TooLarge,
    /// It contradicts what is here.
    #[error("it contradicts what the log has signed before")]
    Inconsistent,
    /// Vectors that cannot be added.
    #[error("{0}")]
    Uncomputable(String),
    /// The payload of this entry was erased.
    #[error("{0}")]
    Erased(u64),
    /// Too many others at the same time.
    #[error("too many requests at once")]
    Busy,
    /// The copy is damaged, is being repaired, or what was cosigned was lost.
    #[error("{0}")]
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

impl Refused {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Unsigned => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Size(_) => StatusCode::CONFLICT,
            Self::Pending(_) => StatusCode::ACCEPTED,
            Self::NotBegun => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Inconsistent | Self::Uncomputable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Erased(_) => StatusCode::GONE,
            Self::Busy | Self::Unfit(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, text) = (self.status(), format!("{self}\n"));
        match self {
            Self::Token => (status, [(header::WWW_AUTHENTICATE, "Bearer")], text).into_response(),
            Self::Size(_) | Self::Pending(_) => {
                (status, [(header::CONTENT_TYPE, SIZE_CONTENT_TYPE)], text).into_response()
            }
            Self::Busy => (status, [(header::RETRY_AFTER, RETRY_AFTER_S)], text).into_response(),
            _ => (status, text).into_response(),
        }
    }
}
