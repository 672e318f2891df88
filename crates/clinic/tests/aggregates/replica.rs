//! Small servers that add up the vectors of a copy of the ledger, as replicas do or not.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bodywire_aggregate::vector::HEADER_BYTES;
use bodywire_aggregate::{Stored, Sum};
use bodywire_clinic::evaluators::{Input, inputs_hash};
use bodywire_ledger::Hash;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(crate) const LOG: &str = "c0ffee";

/// How a replica behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Character {
    Honest,
    /// Leaves the last vector out, and says that it did not.
    Drops,
    /// Takes every weight for 1.
    Unweighted,
    /// Adds 1 to a coefficient.
    Bends,
    /// Says that no place holds more than 1.
    Belittles,
    /// Answers something else than what it says.
    Misnames,
    Garbage,
    /// Never answers.
    Silent,
    /// A status and a body.
    Says(u16, &'static str),
}

/// The entries that replicas have: leaf hash, and `vector | tag`.
#[derive(Default)]
pub(crate) struct Copy(Mutex<BTreeMap<u64, (Hash, Vec<u8>)>>);

impl Copy {
    pub(crate) fn put(&self, index: u64, leaf: Hash, bytes: Vec<u8>) {
        self.0.lock().unwrap().insert(index, (leaf, bytes));
    }

    fn sum(&self, terms: &[(u64, u32)]) -> Vec<u8> {
        let (vectors, mut sum) = (self.0.lock().unwrap(), Sum::new());
        for (index, weight) in terms {
            sum.add(&Stored::parse(&vectors[index].1).unwrap(), *weight).unwrap();
        }
        sum.to_bytes().unwrap()
    }

    fn inputs(&self, terms: &[(u64, u32)]) -> [u8; 32] {
        let vectors = self.0.lock().unwrap();
        let input = |&(index, weight): &(u64, u32)| Input { index, weight, leaf: vectors[&index].0 };
        inputs_hash(&terms.iter().map(input).collect::<Vec<_>>())
    }
}

type Its = State<(Arc<Copy>, Character)>;

async fn evaluate(State((copy, character)): Its, Path(log): Path<String>, body: String) -> Response {
    assert_eq!(log, LOG);
    let question: serde_json::Value = serde_json::from_str(&body).unwrap();
    let mut terms: Vec<(u64, u32)> = serde_json::from_value(question["terms"].clone()).unwrap();
    assert!(terms.is_sorted());
    let mut inputs = copy.inputs(&terms);
    match character {
        Character::Drops => drop(terms.pop()),
        Character::Unweighted => terms.iter_mut().for_each(|term| term.1 = 1),
        Character::Misnames => inputs[31] ^= 1,
        Character::Garbage => return "hello".into_response(),
        Character::Silent => return std::future::pending().await,
        Character::Says(status, body) => {
            return (StatusCode::from_u16(status).unwrap(), body).into_response();
        }
        Character::Honest | Character::Bends | Character::Belittles => {}
    }
    let mut result = copy.sum(&terms);
    match character {
        Character::Bends => {
            let place: &mut [u8; 8] = (&mut result[HEADER_BYTES + 800..][..8]).try_into().unwrap();
            *place = (u64::from_le_bytes(*place) + 1).to_le_bytes();
        }
        Character::Belittles => result[24..32].copy_from_slice(&1u64.to_be_bytes()),
        _ => {}
    }
    [&inputs[..], &result].concat().into_response()
}

/// Starts a replica; its base address.
pub(crate) async fn start(copy: &Arc<Copy>, character: Character) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let routes = Router::new().route("/{log}/evaluate", post(evaluate));
    let routes = routes.with_state((Arc::clone(copy), character));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    base
}
