//! Sums over encrypted vectors by several replicas, and who of them lies.
//!
//! All are asked the same. What a majority says proves nothing, since replicas may agree on a lie; a result counts when its tag
//! says that it is the sum of the named vectors ([`bodywire_aggregate::tag`]), and then it counts even when one replica alone
//! has given it. The bytes are in `docs/replication.md`.

use crate::mirrors::MIRRORS_MAX;
use crate::mirrors::client::{self, Bearer, Client, Computed};
use bodywire_aggregate::Stored;
use bodywire_aggregate::vector::STORED_BYTES;
use bodywire_ledger::Hash;
use std::time::Duration;

/// Terms of one question: more are refused by replicas. A longer one is asked in parts.
pub const TERMS_MAX: usize = 4096;
/// How long an answer is waited for: a sum of [`TERMS_MAX`] takes about a second, and its 64 KiB not longer on a slow line.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer: the hash of the inputs, the vector, the tag.
const ANSWER_BYTES: usize = 32 + STORED_BYTES;

/// Why replicas cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluatorsError {
    /// None, or too many.
    #[error("{0} replicas cannot be asked: name 1 to {MIRRORS_MAX}")]
    Count(usize),
    /// Not an address.
    #[error("the replica {0} is no address: write it as in http://replica-1.example:9580")]
    Address(String),
    /// A token that no request can carry. It is not in the text.
    #[error("the token for reading from replicas has letters that no request can carry: use visible ASCII")]
    Token,
}

/// How a replica is known to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It has added other entries, other weights, or other contents of these entries.
    WrongInputs,
    /// What it has sent is no result.
    NotAResult,
    /// Its tag does not support it: it differs from the sum of the inputs that it names.
    Differs,
}

/// What one replica has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A result in its form, `vector | tag`, for the right inputs. It may be a lie all the same: see [`judge`].
    Answered(Vec<u8>),
    /// No answer in time, no room now, damage, or it has not got the entries yet. Ask again later.
    Away,
    /// The payload of this entry was erased there. If it was here, too, leave it out.
    Erased(u64),
    /// It does not add these up, and this is why.
    Refused(String),
    /// It lies.
    Lying(Lie),
}

/// What all replicas have answered, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// One of each.
    pub replies: Vec<Reply>,
}

/// What is known after the tags were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The result that its tag supports, `vector | tag`; none without one.
    pub result: Option<Vec<u8>>,
    /// Replicas that have answered with it.
    pub agreed: usize,
    /// Replicas that lie, by number, and how it is known.
    pub liars: Vec<(usize, Lie)>,
}

/// A term and the leaf hash of its entry, as the caller's own copy of the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Number of the entry.
    pub index: u64,
    /// Its weight.
    pub weight: u32,
    /// Its leaf hash (RFC 6962).
    pub leaf: Hash,
}

/// The hash that names what was added: SHA-256 over `index 8 | weight 4 | leaf hash 32` of each term, big-endian.
#[must_use]
pub fn inputs_hash(inputs: &[Input]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(44 * inputs.len());
    for input in inputs {
        bytes.extend_from_slice(&input.index.to_be_bytes());
        bytes.extend_from_slice(&input.weight.to_be_bytes());
        bytes.extend_from_slice(&input.leaf.0);
    }
    Hash::of(&bytes).0
}

/// The replicas that are asked.
pub struct Evaluators {
    clients: Vec<Client>,
    token: Option<Bearer>,
    patience: Duration,
}

impl Evaluators {
    /// Replicas by their base addresses (`http://host:port`), and the token that reading from them needs.
    ///
    /// # Errors
    /// [`EvaluatorsError`].
    pub fn new<'a>(
        bases: impl IntoIterator<Item = &'a str>,
        token: Option<&str>,
    ) -> Result<Self, EvaluatorsError> {
        let one = |base: &str| match client::base(base) {
            Some(base) => Ok(Client::new(base)),
            None => Err(EvaluatorsError::Address(base.to_owned())),
        };
        let clients = bases.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        if !(1..=MIRRORS_MAX).contains(&clients.len()) {
            return Err(EvaluatorsError::Count(clients.len()));
        }
        let token = match token {
            Some(token) => Some(Bearer::new(token).ok_or(EvaluatorsError::Token)?),
            None => None,
        };
        Ok(Self { clients, token, patience: PATIENCE })
    }

    /// Replicas that were looked at before.
    pub(crate) fn of<'a>(bases: impl Iterator<Item = &'a str>, token: Option<Bearer>) -> Self {
        Self { clients: bases.map(Client::new).collect(), token, patience: PATIENCE }
    }

    /// Waits so long for an answer instead of [`PATIENCE`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.clients.len()
    }

    /// Asks all at once for the weighted sum of these vectors. `log` is SHA-256 of the log's name in hexadecimal; the `terms` are
    /// `(index, weight)`, ascending, at most [`TERMS_MAX`]; `expected_inputs` is [`inputs_hash`] of them.
    pub async fn evaluate(&self, log: &str, terms: &[(u64, u32)], expected_inputs: [u8; 32]) -> Evaluation {
        let path = format!("/{log}/evaluate");
        let question = serde_json::json!({ "terms": terms }).to_string();
        let asked = self.clients.iter().map(|client| {
            let (path, question, token) = (&path, question.clone(), self.token.as_ref());
            async move {
                let answer = client.compute(path, question, token, ANSWER_BYTES, self.patience).await;
                read(answer, terms, expected_inputs)
            }
        });
        Evaluation { replies: futures_util::future::join_all(asked).await }
    }
}

impl std::fmt::Debug for Evaluators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Evaluators({})", self.clients.len())
    }
}

/// What an answer is, as far as it shows without the key of the tags.
fn read(answer: Computed, terms: &[(u64, u32)], expected_inputs: [u8; 32]) -> Reply {
    match answer {
        Computed::Erased(index) if terms.iter().any(|term| term.0 == index) => Reply::Erased(index),
        Computed::Erased(_) | Computed::Nonsense => Reply::Lying(Lie::NotAResult),
        Computed::Refused(why) => Reply::Refused(why),
        Computed::Away => Reply::Away,
        Computed::Done(bytes) => match bytes.split_first_chunk() {
            Some((_, result)) if Stored::parse(result).is_err() => Reply::Lying(Lie::NotAResult),
            Some((inputs, _)) if *inputs != expected_inputs => Reply::Lying(Lie::WrongInputs),
            Some((_, result)) => Reply::Answered(result.to_vec()),
            None => Reply::Lying(Lie::NotAResult),
        },
    }
}

/// Decides between results: each different one is verified once. A result that `verify` does not support is a lie, and never
/// returned, even when all replicas agree on it.
///
/// `verify` must check the tag ([`bodywire_aggregate::TagKey::verify`]) and that the header is the one the inputs give
/// ([`bodywire_aggregate::evaluate::combine`]): the tag says nothing of the header. Then only one result can be supported. If
/// it supports several all the same, none is returned.
#[must_use]
pub fn judge(evaluation: &Evaluation, verify: impl Fn(&Stored<'_>) -> bool) -> Judged {
    // Each different result, and who has given it.
    let mut results: Vec<(&[u8], Vec<usize>)> = Vec::new();
    let mut liars = Vec::new();
    for (replica, reply) in evaluation.replies.iter().enumerate() {
        match reply {
            Reply::Answered(bytes) => match results.iter_mut().find(|(result, _)| result == bytes) {
                Some((_, givers)) => givers.push(replica),
                None => results.push((bytes, vec![replica])),
            },
            Reply::Lying(lie) => liars.push((replica, *lie)),
            Reply::Away | Reply::Erased(_) | Reply::Refused(_) => {}
        }
    }
    let (supported, others): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|(bytes, _)| Stored::parse(bytes).is_ok_and(|result| verify(&result)));
    liars.extend(others.into_iter().flat_map(|(_, givers)| givers).map(|replica| (replica, Lie::Differs)));
    liars.sort_unstable_by_key(|(replica, _)| *replica);
    match supported.as_slice() {
        [(result, givers)] => Judged { result: Some(result.to_vec()), agreed: givers.len(), liars },
        _ => Judged { result: None, agreed: 0, liars },
    }
}
