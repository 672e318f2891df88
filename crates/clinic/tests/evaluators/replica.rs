//! Small servers that add vectors up as a replica does, and such as lie in some way.

use crate::ward::{LOG, Ward};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bodywire_aggregate::vector::{HEADER_BYTES, STORED_BYTES};
use bodywire_aggregate::{Stored, Sum};
use serde::Deserialize;
use std::sync::Arc;

/// How a replica behaves.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Character {
    Honest,
    /// Leaves the last vector out, and says that it did not.
    Drops,
    /// Leaves it out, and says so.
    DropsOpenly,
    /// Adds the first vector twice.
    Repeats,
    /// Takes every weight for 1.
    Unweighted,
    /// Adds 1 to a coefficient.
    Bends,
    /// Says that no place holds more than 1.
    Belittles,
    /// Adds 1 to the tag.
    Retags,
    /// Answers the sum of an earlier question, under the name of this one.
    Older,
    /// Honest but for the name of the inputs.
    Misnames,
    Garbage,
    /// As long as a result, but none.
    Noise,
    /// Bytes without an end.
    Huge,
    /// Never answers.
    Silent,
    /// Sends the half of it and stays there.
    Stops,
    /// A status and a body.
    Says(u16, &'static str),
}

#[derive(Deserialize)]
struct Question {
    terms: Vec<(u64, u32)>,
}

fn sum(ward: &Ward, terms: &[(u64, u32)]) -> Vec<u8> {
    let mut sum = Sum::new();
    for (index, weight) in terms {
        sum.add(&Stored::parse(&ward.vectors[*index as usize]).unwrap(), *weight).unwrap();
    }
    sum.to_bytes().unwrap()
}

fn add_one(bytes: &mut [u8], at: usize, little: bool) {
    let place: &mut [u8; 8] = (&mut bytes[at..at + 8]).try_into().unwrap();
    *place = if little {
        (u64::from_le_bytes(*place) + 1).to_le_bytes()
    } else {
        (u64::from_be_bytes(*place) + 1).to_be_bytes()
    };
}

type Its = State<(Arc<Ward>, Character)>;

async fn evaluate(
    State((ward, character)): Its,
    Path(log): Path<String>,
    head: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(log, LOG);
    if head.get("authorization").is_none_or(|token| token != "Bearer opensesame") {
        return (StatusCode::UNAUTHORIZED, "a bearer token is needed\n").into_response();
    }
    let Question { mut terms } = serde_json::from_slice(&body).unwrap();
    let mut inputs = ward.inputs(&terms);
    let mut result = sum(&ward, &terms);
    match character {
        Character::Honest => {}
        Character::Drops | Character::DropsOpenly => {
            terms.pop();
            result = sum(&ward, &terms);
            if character == Character::DropsOpenly {
                inputs = ward.inputs(&terms);
            }
        }
        Character::Repeats => {
            terms.push(terms[0]);
            result = sum(&ward, &terms);
        }
        Character::Unweighted => {
            terms.iter_mut().for_each(|term| term.1 = 1);
            result = sum(&ward, &terms);
        }
        Character::Bends => add_one(&mut result, HEADER_BYTES + 800, true),
        Character::Belittles => result[24..32].copy_from_slice(&1u64.to_be_bytes()),
        Character::Retags => add_one(&mut result, STORED_BYTES - 8, false),
        Character::Older => result = sum(&ward, &[(0, 1), (1, 1)]),
        Character::Misnames => inputs[31] ^= 1,
        Character::Garbage => return "hello".into_response(),
        Character::Noise => result.fill(0xff),
        Character::Huge => {
            let chunk = Bytes::from(vec![7; 1 << 16]);
            let endless = futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(chunk));
            return Body::from_stream(endless).into_response();
        }
        Character::Silent => return std::future::pending().await,
        Character::Stops => {
            use futures_util::StreamExt as _;
            let half = Bytes::copy_from_slice(&result[..result.len() / 2]);
            let begun =
                futures_util::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(half)));
            return Body::from_stream(begun.chain(futures_util::stream::pending())).into_response();
        }
        Character::Says(status, body) => {
            return (StatusCode::from_u16(status).unwrap(), body).into_response();
        }
    }
    [&inputs[..], &result].concat().into_response()
}

/// Starts a replica; its base address.
pub(crate) async fn start(ward: &Arc<Ward>, character: Character) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let routes =
        Router::new().route("/{log}/evaluate", post(evaluate)).with_state((Arc::clone(ward), character));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    base
}
