//! `evaluate`: weighted sums of the encrypted vectors in the copy (paper M, section 3.2, Eval). Nothing here can open one.
//!
//! The answer names what was added by a hash over the entries, so that a result cannot be passed off as that of another
//! question. Whether it is right is for the clinic to find out, which has the key of the tags.

use crate::answer::Refused;
use crate::book::Book;
use crate::disks::Disks;
use crate::held::Held;
use crate::http;
use crate::service::Replica;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bodywire_aggregate::vector::STORED_BYTES;
use bodywire_aggregate::{Stored, Sum};
use bodywire_ledger::{Checkpoint, EntryKind, Error, Hash};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Terms of one request. 256 MiB are read and hashed for them, about a second; a longer question is asked in parts.
pub const TERMS_MAX: usize = 4096;
/// Sums that are worked out at the same time, over all logs: each keeps one processor busy.
pub const EVALUATIONS_MAX: usize = 2;
/// Bytes of a request. A term has 34 characters at most; the rest is room for white space.
pub const EVALUATE_BYTES_MAX: usize = 64 * TERMS_MAX;
/// Payloads in memory at once, 2 MiB. Between two groups others have their turn at the log.
const GROUP: usize = 32;
/// What the payload of such an entry begins with: the time window of the vector, as the clinic writes it. A replica has no
/// use for it, and does not depend on the crate that reads it.
const WINDOW_BYTES: usize = 13;

/// Which vectors are added, each with its weight; the entries ascend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms(Vec<(u64, u32)>);

/// Why bytes are no terms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Not the JSON that is expected.
    #[error("the body is not {{\"terms\": [[index, weight], ...]}}: {0}")]
    Json(String),
    /// A sum of nothing.
    #[error("there are no terms: name at least one entry")]
    Empty,
    /// Too many.
    #[error("{0} terms are too many: ask for at most {TERMS_MAX} at once")]
    TooMany(usize),
    /// An entry twice, or out of order. The noise of a vector is not independent of itself, so that the bounds of the sum would
    /// not hold with a repetition.
    #[error(
        "entry {0} does not come after the one before it: name each once, in ascending order, with its weight"
    )]
    Order(u64),
    /// A weight of zero.
    #[error("the weight of entry {0} is zero: leave it out")]
    ZeroWeight(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    terms: Vec<(u64, u32)>,
}

impl Terms {
    /// Reads the body of a request: `{"terms": [[index, weight], ...]}`.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn parse(body: &[u8]) -> Result<Self, TermsError> {
        // Serde would take the fields without their names, too.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(TermsError::Json("it is no object".to_owned()));
        }
        let question: Question =
            serde_json::from_slice(body).map_err(|error| TermsError::Json(error.to_string()))?;
        let terms = question.terms;
        if terms.is_empty() {
            return Err(TermsError::Empty);
        }
        if terms.len() > TERMS_MAX {
            return Err(TermsError::TooMany(terms.len()));
        }
        let mut before = None;
        for &(index, weight) in &terms {
            if before.is_some_and(|before| before >= index) {
                return Err(TermsError::Order(index));
            }
            if weight == 0 {
                return Err(TermsError::ZeroWeight(index));
            }
            before = Some(index);
        }
        Ok(Self(terms))
    }

    /// Index and weight of each.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u32)] {
        &self.0
    }
}

/// The route: `POST /LOG/evaluate`.
pub(crate) async fn route<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
    body: Body,
) -> Result<Response, Refused> {
    let held = http::held(&replica, &log)?;
    let body = http::whole(body, EVALUATE_BYTES_MAX).await?;
    let terms = Terms::parse(&body).map_err(|error| Refused::Malformed(error.to_string()))?;
    let size = cosigned(&held)?;
    // They ascend, so that the last is the largest.
    if terms.0.last().is_none_or(|(index, _)| *index >= size) {
        return Err(Refused::Size(size));
    }
    let _place = replica.inner.evaluations.try_acquire().map_err(|_| Refused::Busy)?;
    let answer = evaluate(&held, &terms).await?;
    replica.inner.counters.evaluations.fetch_add(1, Relaxed);
    replica.inner.counters.vectors_added.fetch_add(terms.0.len() as u64, Relaxed);
    Ok(([(header::CONTENT_TYPE, http::BYTES), (header::CACHE_CONTROL, http::NEVER)], answer).into_response())
}

/// Entries under the checkpoint that the mirror has cosigned last: what readers are shown.
fn cosigned<S: Disks>(held: &Held<S>) -> Result<u64, Refused> {
    let Some(signed) = held.shown().checkpoint else { return Ok(0) };
    Ok(Checkpoint::open(signed.as_bytes(), &held.key)?.size)
}

/// `inputs 32 | vector | tag 8`.
async fn evaluate<S: Disks>(held: &Arc<Held<S>>, terms: &Terms) -> Result<Vec<u8>, Refused> {
    let mut work = Work::default();
    for group in terms.0.chunks(GROUP) {
        let group = group.to_vec();
        let inputs = held.with(move |book| read(book, &group)).await?;
        // Beside the book's lock: others need not wait for an addition.
        let added = tokio::task::spawn_blocking(move || work.add(&inputs).map(|()| work)).await;
        work = added.unwrap_or_else(|_| Err(Refused::Unfit("this replica has a defect".to_owned())))?;
    }
    work.answer()
}

/// A vector from the copy.
struct Input {
    index: u64,
    weight: u32,
    leaf: Hash,
    payload: Vec<u8>,
}

impl Input {
    fn stored(&self) -> Result<Stored<'_>, Refused> {
        let vector = self.payload.get(WINDOW_BYTES..).unwrap_or_default();
        Stored::parse(vector).map_err(|error| about(self.index, &error))
    }
}

fn about(index: u64, error: &bodywire_aggregate::Error) -> Refused {
    Refused::Uncomputable(format!("entry {index}: {error}"))
}

/// Reads a group; checksums and payload hashes are compared meanwhile.
fn read<S: Disks>(book: &mut Book<S>, group: &[(u64, u32)]) -> Result<Vec<Input>, Refused> {
    let mirror = book.copy.mirror()?;
    let one = |&(index, weight): &(u64, u32)| {
        let (entry, payload) = mirror.read(index).map_err(|error| match error {
            Error::Erased { index } => Refused::Erased(index),
            error => error.into(),
        })?;
        // The length here, so that no group is larger than vectors are.
        if entry.kind != EntryKind::HomomorphicVector || payload.len() != WINDOW_BYTES + STORED_BYTES {
            return Err(Refused::Uncomputable(format!("entry {index} is no encrypted vector: leave it out")));
        }
        Ok(Input { index, weight, leaf: entry.leaf_hash(), payload })
    };
    group.iter().map(one).collect()
}

/// A sum under way, and the names of what is in it.
#[derive(Default)]
struct Work {
    sum: Sum,
    /// `index 8 | weight 4 | leaf hash 32` of each term.
    terms: Vec<u8>,
}

impl Work {
    fn add(&mut self, inputs: &[Input]) -> Result<(), Refused> {
        let mut once = Vec::with_capacity(inputs.len());
        for input in inputs {
            let stored = input.stored()?;
            if input.weight == 1 {
                once.push(stored);
            } else {
                self.sum.add(&stored, input.weight).map_err(|error| about(input.index, &error))?;
            }
            self.terms.extend_from_slice(&input.index.to_be_bytes());
            self.terms.extend_from_slice(&input.weight.to_be_bytes());
            self.terms.extend_from_slice(&input.leaf.0);
        }
        self.sum.add_all(&once).map_err(|error| {
            let [first, last] = [inputs.first(), inputs.last()].map(|input| input.map_or(0, |one| one.index));
            Refused::Uncomputable(format!("among the entries {first} to {last}: {error}"))
        })
    }

    fn answer(self) -> Result<Vec<u8>, Refused> {
        let inputs = Hash::of(&self.terms);
        let sum = self.sum.to_bytes().map_err(|error| Refused::Malformed(error.to_string()))?;
        Ok([&inputs.0[..], &sum].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_ascend_and_have_weights() {
        let read = |text: &str| Terms::parse(text.as_bytes());
        let good = read(" {\"terms\": [[0, 1], [7, 4294967295], [18446744073709551615, 2]]}\n").unwrap();
        assert_eq!(good.as_slice(), [(0, 1), (7, u32::MAX), (u64::MAX, 2)]);
        assert_eq!(read("{\"terms\":[]}"), Err(TermsError::Empty));
        assert_eq!(read("{\"terms\":[[3,1],[3,1]]}"), Err(TermsError::Order(3)));
        assert_eq!(read("{\"terms\":[[3,1],[2,1]]}"), Err(TermsError::Order(2)));
        assert_eq!(read("{\"terms\":[[3,0]]}"), Err(TermsError::ZeroWeight(3)));
        for text in [
            "",
            "{}",
            "[[[1,1]]]",
            "{\"terms\":null}",
            "{\"terms\":[[1]]}",
            "{\"terms\":[[1,1,1]]}",
            "{\"terms\":[[1,1.0]]}",
            "{\"terms\":[[-1,1]]}",
            "{\"terms\":[[1,4294967296]]}",
            "{\"terms\":[[18446744073709551616,1]]}",
            "{\"terms\":[[\"1\",1]]}",
            "{\"terms\":[[1,1]],\"more\":1}",
            "{\"terms\":[[1,1]],\"terms\":[[2,1]]}",
            "{\"terms\":[[1,1]]} x",
        ] {
            assert!(matches!(read(text), Err(TermsError::Json(_))), "{text}");
        }
    }

    #[test]
    fn the_longest_request_that_is_allowed_fits() {
        let request = |terms: usize| {
            let first = u64::MAX - terms as u64;
            let terms: Vec<_> = (first..u64::MAX).map(|index| (index, u32::MAX)).collect();
            serde_json::json!({ "terms": terms }).to_string()
        };
        let longest = request(TERMS_MAX);
        assert!(longest.len() < EVALUATE_BYTES_MAX && Terms::parse(longest.as_bytes()).is_ok());
        let refused = Terms::parse(request(TERMS_MAX + 1).as_bytes());
        assert_eq!(refused, Err(TermsError::TooMany(TERMS_MAX + 1)));
    }
}
