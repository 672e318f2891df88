//! Sums over encrypted vectors: equal to those of the plain numbers, bound to entries of the log, and refused with a reason.

use crate::ward::{Extras, Running, Writer, hash, key};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use bodywire_aggregate::{Bounds, Encoding, Owner, PublicKey, SecretKey, Stored, TagKey, Vector, VectorRef};
use bodywire_ledger::{Draft, EntryKind, Hash, KeyId, StreamId};
use bodywire_replica::{Config, EVALUATE_BYTES_MAX, MemDisks, Replica, Terms, router};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;
use std::sync::OnceLock;
use tower::ServiceExt as _;

/// The clinic's part: it alone can open what is added here.
struct Clinic {
    secret: SecretKey,
    public: PublicKey,
    tags: TagKey,
    rng: ChaCha20Rng,
}

/// Names a vector for its tag.
fn name(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

impl Clinic {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let owner = Owner::generate(&mut rng);
        let secret = SecretKey::from_owner(&owner).unwrap();
        let public = PublicKey::generate(&secret, &mut rng).unwrap();
        Self { secret, public, tags: owner.tag_key(), rng }
    }

    /// A payload, as the ledger holds it.
    fn payload(&mut self, number: u64, encoding: Encoding, value: u32) -> Vec<u8> {
        let vector = self.public.encrypt(encoding, &[value; 5], 399, &mut self.rng).unwrap();
        self.sealed(number, &vector)
    }

    fn sealed(&self, number: u64, vector: &Vector) -> Vec<u8> {
        let bytes = vector.to_bytes();
        let tag = self.tags.tag(&name(number), &VectorRef::parse(&bytes).unwrap());
        [&[7; 13][..], &bytes, &tag.to_bytes()].concat()
    }
}

fn write(writer: &mut Writer, kind: EntryKind, erasable: u8, payloads: Vec<Vec<u8>>) {
    let first = writer.log.size();
    let draft = |payload| Draft {
        kind,
        flags: 0,
        time_ms: 1,
        stream: StreamId([3; 16]),
        stream_seq: 0,
        key: KeyId([erasable; 16]),
        payload,
    };
    writer.log.append(payloads.into_iter().map(draft).collect()).unwrap();
    writer.frames.push(writer.log.frame(first).unwrap());
    writer.log.publish().unwrap();
}

/// Vectors in the entries 1 to 40, each of the value 10 times its index; entry 0 is none.
fn vectors(clinic: &mut Clinic) -> Writer {
    let mut writer = Writer::new(1);
    writer.write(1);
    for tens in 0..4 {
        let payloads =
            (1..=10).map(|n| tens * 10 + n).map(|n| clinic.payload(n, Encoding::Wide, n as u32 * 9));
        let payloads = payloads.collect();
        write(&mut writer, EntryKind::HomomorphicVector, 1, payloads);
    }
    writer
}

fn path() -> String {
    format!("/{}/evaluate", hash())
}

async fn ask(replica: &Running, terms: &[(u64, u32)]) -> (u16, Vec<u8>) {
    let body = json!({ "terms": terms }).to_string();
    replica.ask(Method::POST, &path(), body.into(), None).await
}

async fn refusal(replica: &Running, terms: &[(u64, u32)]) -> (u16, String) {
    let (status, body) = ask(replica, terms).await;
    (status, String::from_utf8(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_those_of_the_plain_numbers_and_bound_to_their_entries() {
    let mut clinic = Clinic::new(1);
    let writer = vectors(&mut clinic);
    let folder = tempfile::tempdir().unwrap();
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.take(&writer).await;
    let all: Vec<(u64, u32)> = (1..=40).map(|n| (n, 1)).collect();
    let weighted: Vec<(u64, u32)> = (1..=40).filter(|n| n % 3 != 0).map(|n| (n, 1 + n as u32 % 4)).collect();
    let one = vec![(17, 1)];
    for terms in [all, weighted, one] {
        let (status, answer) = ask(&replica, &terms).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let (inputs, result) = answer.split_at(32);
        let mut named = Vec::new();
        for (index, weight) in &terms {
            named.extend(index.to_be_bytes());
            named.extend(weight.to_be_bytes());
            named.extend(writer.log.read(*index).unwrap().0.leaf_hash().0);
        }
        assert_eq!(inputs, Hash::of(&named).0);
        let result = Stored::parse(result).unwrap();
        let names: Vec<_> = terms.iter().map(|(index, weight)| (name(*index), *weight)).collect();
        let named = names.iter().map(|(name, weight)| (&name[..], *weight));
        clinic.tags.verify(&result.vector, result.tag, named).unwrap();
        let opened = clinic.secret.open(&result.vector.to_vector(), clinic.public.id()).unwrap();
        let expected: u64 = terms.iter().map(|(index, weight)| index * 9 * u64::from(*weight)).sum();
        assert_eq!(opened[..6], [expected, expected, expected, expected, expected, 0]);
    }
    let (_, page) = replica.ask(Method::GET, "/metrics", "".into(), None).await;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("bodywire_replica_evaluations_total 3\n"), "{page}");
    assert!(page.contains("bodywire_replica_vectors_added_total 68\n"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_added_is_refused_with_its_entry() {
    let (mut clinic, mut other) = (Clinic::new(1), Clinic::new(2));
    let mut writer = vectors(&mut clinic);
    let series = vec![clinic.payload(41, Encoding::Series, 1)];
    write(&mut writer, EntryKind::HomomorphicVector, 1, series);
    write(&mut writer, EntryKind::HomomorphicVector, 1, vec![other.payload(42, Encoding::Wide, 1)]);
    let mut large = clinic.public.encrypt(Encoding::Wide, &[], 399, &mut clinic.rng).unwrap();
    large.header.bounds = Bounds { largest: u64::from(u32::MAX) / 2, ..large.header.bounds };
    let larges = vec![clinic.sealed(43, &large), clinic.sealed(44, &large), clinic.sealed(45, &large)];
    write(&mut writer, EntryKind::HomomorphicVector, 1, larges);
    let good = clinic.payload(46, Encoding::Wide, 1);
    let mut bent = good.clone();
    bent[13] ^= 1;
    let strange = vec![good[..good.len() - 1].to_vec(), Vec::new(), bent];
    write(&mut writer, EntryKind::HomomorphicVector, 1, strange);
    write(&mut writer, EntryKind::Telemetry, 1, vec![good]);
    let folder = tempfile::tempdir().unwrap();
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    assert_eq!(ask(&replica, &[(1, 1)]).await, (409, b"0\n".to_vec()), "not begun");
    replica.take(&writer).await;
    let size = writer.log.size();
    assert_eq!(ask(&replica, &[(1, 1), (size, 1)]).await, (409, format!("{size}\n").into_bytes()));
    assert_eq!(ask(&replica, &[(u64::MAX, 1)]).await.0, 409);
    for (terms, says) in [
        (vec![(0, 1), (1, 1)], "entry 0 is no encrypted vector"),
        (vec![(1, 1), (46, 1)], "entry 46 is no encrypted vector"),
        (vec![(1, 1), (47, 1)], "entry 47 is no encrypted vector"),
        (vec![(1, 1), (48, 1)], "entry 48: vector is malformed"),
        (vec![(1, 1), (49, 1)], "entry 49 is no encrypted vector"),
        (vec![(1, 1), (41, 1)], "among the entries 1 to 41: a vector of encoding wide does not go with"),
        (vec![(1, 1), (41, 2)], "among the entries 1 to 41: a vector of encoding"),
        (vec![(1, 1), (42, 1)], "encrypted under different keys"),
        (vec![(43, 1), (44, 1), (45, 1)], "a place could reach"),
        (vec![(1, u32::MAX)], "entry 1: a place could reach"),
        (vec![(1, 20_000)], "the noise budget allows"),
    ] {
        let (status, body) = refusal(&replica, &terms).await;
        assert!(status == 422 && body.contains(says) && body.ends_with('\n'), "{terms:?}: {status} {body}");
    }
    for terms in [vec![], vec![(1, 1), (1, 1)], vec![(2, 1), (1, 1)], vec![(1, 0)]] {
        assert_eq!(ask(&replica, &terms).await.0, 400, "{terms:?}");
    }
    let many: Vec<(u64, u32)> = (0..4097).map(|n| (n, 1)).collect();
    assert_eq!(ask(&replica, &many).await.0, 400);
    let huge = vec![b' '; EVALUATE_BYTES_MAX + 1];
    assert_eq!(replica.ask(Method::POST, &path(), huge.into(), None).await.0, 413);
    let unknown = format!("/{}/evaluate", "0".repeat(64));
    assert_eq!(replica.ask(Method::POST, &unknown, "{\"terms\":[[1,1]]}".into(), None).await.0, 404);
    assert_eq!(ask(&replica, &[(1, 1)]).await.0, 200, "it still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_vectors_are_named_and_damaged_ones_not_added() {
    let mut clinic = Clinic::new(1);
    let mut writer = vectors(&mut clinic);
    write(&mut writer, EntryKind::HomomorphicVector, 9, vec![clinic.payload(41, Encoding::Wide, 1)]);
    writer.erase();
    let folder = tempfile::tempdir().unwrap();
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.take(&writer).await;
    assert_eq!(ask(&replica, &[(1, 1), (41, 1)]).await, (410, b"41\n".to_vec()));
    // Entry 0 has the same key.
    assert_eq!(ask(&replica, &[(0, 1), (1, 1)]).await, (410, b"0\n".to_vec()));
    assert_eq!(ask(&replica, &[(1, 1), (40, 1)]).await.0, 200);
    let segment = replica.segment();
    let mut bytes = std::fs::read(&segment).unwrap();
    // In the middle of some vector; its number is not known here.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let all: Vec<(u64, u32)> = (1..=40).map(|n| (n, 1)).collect();
    let (status, body) = refusal(&replica, &all).await;
    assert!(status == 503 && body.contains("ask another replica"), "{status} {body}");
    let mut sound = 0;
    for n in 1..=40 {
        sound += u32::from(ask(&replica, &[(n, 1)]).await.0 == 200);
    }
    assert_eq!(sound, 39);
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_needs_the_token_and_only_so_many_are_served_at_once() {
    let mut clinic = Clinic::new(1);
    let writer = vectors(&mut clinic);
    let folder = tempfile::tempdir().unwrap();
    let extras = Extras { token: Some("opensesame".to_owned()), ..Extras::default() };
    let replica = Running::start(folder.path(), 0, extras).await;
    replica.take(&writer).await;
    let terms: Vec<(u64, u32)> = (1..=40).map(|n| (n, 1)).collect();
    let body = json!({ "terms": terms }).to_string();
    for token in [None, Some("opensesam")] {
        assert_eq!(replica.ask(Method::POST, &path(), body.clone().into(), token).await.0, 401);
    }
    let path = path();
    let asked = (0..12).map(|_| replica.ask(Method::POST, &path, body.clone().into(), Some("opensesame")));
    let answers: Vec<_> = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|(status, _)| [200, 503].contains(status)));
    let results: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert!(!results.is_empty() && results.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A replica in memory with some vectors.
fn in_memory() -> &'static (tokio::runtime::Runtime, Replica<MemDisks>) {
    static REPLICA: OnceLock<(tokio::runtime::Runtime, Replica<MemDisks>)> = OnceLock::new();
    REPLICA.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = Config {
            name: "replica.example".to_owned(),
            witness: SigningKey::from_bytes(&[44; 32]),
            mirror: SigningKey::from_bytes(&[45; 32]),
            logs: vec![key()],
            peers: Vec::new(),
            token: None,
            clock: || 1,
        };
        let replica = Replica::open(config, MemDisks::default()).unwrap();
        let writer = vectors(&mut Clinic::new(1));
        let send = |path: String, body: Vec<u8>| {
            let request = Request::post(path).body(Body::from(body)).unwrap();
            let answer = runtime.block_on(router(replica.clone()).oneshot(request)).unwrap();
            assert_eq!(answer.status().as_u16(), 200);
        };
        send(format!("/{}/begin", hash()), crate::ward::empty().into_bytes());
        send(format!("/{}/add-frames?from=0", hash()), writer.frames.concat());
        (runtime, replica)
    })
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (0u64..45).prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::hash_map("terms|.{0,5}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Bodies that are nearly right, and such as are not.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let terms = prop::collection::vec((0u64..45, prop_oneof![0u32..4, any::<u32>()]), 0..50);
    prop_oneof![
        terms.clone().prop_map(|terms| json!({ "terms": terms }).to_string().into_bytes()),
        terms.prop_map(|mut terms| {
            terms.sort_unstable();
            terms.dedup_by_key(|term| term.0);
            json!({ "terms": terms }).to_string().into_bytes()
        }),
        value().prop_map(|value| json!({ "terms": value }).to_string().into_bytes()),
        value().prop_map(|value| value.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #[test]
    fn any_body_is_answered(body in body()) {
        let (runtime, replica) = in_memory();
        let terms = Terms::parse(&body);
        let request = Request::post(path()).body(Body::from(body)).unwrap();
        let (status, answer) = runtime.block_on(async {
            let answer = router(replica.clone()).oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            (status, to_bytes(answer.into_body(), 1 << 20).await.unwrap())
        });
        match terms {
            Err(_) => prop_assert_eq!(status, 400),
            Ok(terms) => {
                prop_assert!([200, 409, 422].contains(&status), "{}", status);
                let last = terms.as_slice().last().unwrap().0;
                prop_assert_eq!(status == 409, last > 40);
                if status == 200 {
                    prop_assert!(Stored::parse(&answer[32..]).is_ok());
                }
            }
        }
    }
}
