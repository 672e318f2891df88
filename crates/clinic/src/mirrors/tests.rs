//! Replicas of every character; the honest ones are the ledger's own mirror and witness behind a few lines of HTTP.

use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bodywire_ledger::witness::{self, Request, Seen};
use bodywire_ledger::{
    Checkpoint, Draft, EntryKind, Floor, Hash, KeyId, Log, MemDisk, Mirror, Origin, StreamId, VerifierKey,
    cosignature,
};
use ed25519_dalek::SigningKey;
use std::sync::Mutex;
use std::time::Duration;

const ORIGIN: &str = "ward.example/log";

fn secret() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new(ORIGIN, secret().verifying_key()).unwrap()
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Log<MemDisk>>>);

impl Writer {
    fn new() -> Self {
        let origin = Origin::new(ORIGIN).unwrap();
        Self(Arc::new(Mutex::new(Log::open(MemDisk::new(), origin, secret(), Floor::NONE).unwrap().0)))
    }

    fn write(&self, payload: u8) -> u64 {
        let draft = Draft {
            kind: EntryKind::Telemetry,
            flags: 0,
            time_ms: 1,
            stream: StreamId([1; 16]),
            stream_seq: 1,
            key: KeyId([9; 16]),
            payload: vec![payload; 50],
        };
        let mut log = self.0.lock().unwrap();
        log.append(vec![draft; 3]).unwrap();
        log.publish().unwrap().size
    }
}

impl Frames for Writer {
    async fn empty(&self) -> Result<String, Error> {
        let origin = Origin::new(ORIGIN)?;
        Checkpoint { origin, size: 0, root: Hash::empty_root() }.sign(&secret())
    }

    async fn frame(&self, first: u64) -> Result<Vec<u8>, Error> {
        self.0.lock().unwrap().frame(first)
    }

    async fn checkpoint(&self) -> Result<String, Error> {
        self.0.lock().unwrap().signed_checkpoint()
    }

    async fn witness_request(&self, old: u64) -> Result<String, Error> {
        witness::request_of(self.0.lock().unwrap().disk(), &key(), old)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Character {
    Honest,
    Away,
    Nonsense,
    Foreign,
    Forked,
    Ahead,
    Circling,
}

struct Fake {
    character: Mutex<Character>,
    secrets: [SigningKey; 2],
    mirror: Mutex<Option<Mirror<MemDisk>>>,
    seen: Mutex<Seen>,
    asked: Mutex<u32>,
}

impl Fake {
    async fn start(number: u8, character: Character) -> (Arc<Self>, MirrorAddress) {
        let secrets =
            [SigningKey::from_bytes(&[10 + number; 32]), SigningKey::from_bytes(&[50 + number; 32])];
        let [mirror, witness] = ["m", "w"].map(|role| format!("{number}.example/{role}"));
        let keys = (
            CosignerKey::new(&mirror, secrets[0].verifying_key()).unwrap(),
            CosignerKey::new(&witness, secrets[1].verifying_key()).unwrap(),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let fake = Arc::new(Self {
            character: Mutex::new(character),
            secrets,
            mirror: Mutex::default(),
            seen: Mutex::default(),
            asked: Mutex::default(),
        });
        let routes = Router::new()
            .route("/{log}/begin", post(begin))
            .route("/{log}/add-frames", post(add))
            .route("/add-checkpoint", post(see))
            .with_state((Arc::clone(&fake), mirror, witness));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (fake, MirrorAddress { base, mirror: keys.0, witness: Some(keys.1) })
    }

    fn is(&self, character: Character) {
        *self.character.lock().unwrap() = character;
    }
}

type Its = State<(Arc<Fake>, String, String)>;

async fn begin(State((fake, ..)): Its, empty: String) {
    let mirror = Mirror::open(MemDisk::new(), key(), &empty, Floor::NONE).unwrap().0;
    fake.mirror.lock().unwrap().get_or_insert(mirror);
}

async fn add(
    State((fake, name, _)): Its,
    Path(log): Path<String>,
    RawQuery(from): RawQuery,
    body: Bytes,
) -> Response {
    assert_eq!(log, Hash::of(ORIGIN.as_bytes()).to_string());
    *fake.asked.lock().unwrap() += 1;
    let secret = match *fake.character.lock().unwrap() {
        Character::Honest => &fake.secrets[0],
        Character::Away => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Character::Nonsense => return (StatusCode::OK, vec![b'a'; 100_000]).into_response(),
        Character::Foreign => &fake.secrets[1],
        Character::Forked => return StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Character::Ahead => return (StatusCode::CONFLICT, "1000000\n").into_response(),
        Character::Circling => return (StatusCode::CONFLICT, "0\n").into_response(),
    };
    let mut mirror = fake.mirror.lock().unwrap();
    let Some(mirror) = mirror.as_mut() else { return StatusCode::PRECONDITION_FAILED.into_response() };
    if from != Some(format!("from={}", mirror.size())) {
        return (StatusCode::CONFLICT, format!("{}\n", mirror.size())).into_response();
    }
    let mut rest = &body[..];
    while !rest.is_empty() {
        rest = &rest[mirror.append(rest).unwrap()..];
    }
    let signed = mirror.signed_checkpoint().unwrap();
    let (text, _) = signed.split_once("\n\n").unwrap();
    cosignature::cosign(&format!("{text}\n"), 1, &name, secret).unwrap().into_response()
}

async fn see(State((fake, _, name)): Its, body: Bytes) -> Response {
    let request = Request::parse(&body).unwrap();
    let mut seen = fake.seen.lock().unwrap();
    match seen.advance(&request, &key()) {
        Ok(next) => {
            *seen = next;
            let (text, _) = seen.signed().unwrap().split_once("\n\n").unwrap();
            cosignature::cosign(&format!("{text}\n"), 1, &name, &fake.secrets[1]).unwrap().into_response()
        }
        Err(_) => (StatusCode::CONFLICT, format!("{}\n", seen.size())).into_response(),
    }
}

async fn reaches(of: &mut watch::Receiver<u64>, size: u64) {
    let reached = tokio::time::timeout(Duration::from_secs(20), of.wait_for(|now| *now >= size)).await;
    assert_eq!(*reached.expect("it takes too long").unwrap(), size);
}

async fn becomes(of: &mut watch::Receiver<Vec<MirrorView>>, mirror: usize, state: MirrorState) {
    let wanted = |views: &Vec<MirrorView>| views[mirror].state == state;
    tokio::time::timeout(Duration::from_secs(20), of.wait_for(wanted))
        .await
        .expect("it takes too long")
        .unwrap();
}

async fn spawned(
    characters: &[Character],
    k: usize,
) -> (Writer, Vec<Arc<Fake>>, MirrorsHandle, mpsc::Receiver<MirrorEvent>) {
    let writer = Writer::new();
    let (mut fakes, mut addresses) = (Vec::new(), Vec::new());
    for (number, character) in (0..).zip(characters) {
        let (fake, address) = Fake::start(number, *character).await;
        fakes.push(fake);
        addresses.push(address);
    }
    let (handle, events) = Mirrors::new(ORIGIN, addresses, k).unwrap().spawn(writer.clone());
    (writer, fakes, handle, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_is_reached_while_one_is_away_and_it_catches_up() {
    let (writer, fakes, handle, _events) =
        spawned(&[Character::Honest, Character::Away, Character::Honest], 2).await;
    let (mut mirrored, mut witnessed) = (handle.mirrored_size(), handle.witnessed());
    let mut views = handle.views();
    for n in 0..20 {
        let size = writer.write(n);
        handle.durable(size);
        reaches(&mut mirrored, size).await;
    }
    becomes(&mut views, 1, MirrorState::Away).await;
    reaches(&mut witnessed, 60).await;
    fakes[1].is(Character::Honest);
    becomes(&mut views, 1, MirrorState::Up).await;
    let all = |views: &Vec<MirrorView>| views.iter().all(|view| view.mirrored == 60);
    tokio::time::timeout(Duration::from_secs(20), views.wait_for(all)).await.unwrap().unwrap();
    let line = views.borrow()[1].mirror_line.clone().unwrap();
    assert!(line.contains("1.example/m"));
}

#[tokio::test(flavor = "multi_thread")]
async fn liars_are_named_dropped_for_a_while_and_count_for_nothing() {
    let characters = [Character::Nonsense, Character::Foreign, Character::Circling, Character::Honest];
    let (writer, fakes, handle, _events) = spawned(&characters, 2).await;
    handle.durable(writer.write(1));
    let mut views = handle.views();
    for liar in 0..3 {
        becomes(&mut views, liar, MirrorState::Lying).await;
    }
    becomes(&mut views, 3, MirrorState::Up).await;
    let asked: Vec<u32> = fakes.iter().map(|fake| *fake.asked.lock().unwrap()).collect();
    handle.durable(writer.write(2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again: Vec<u32> = fakes.iter().map(|fake| *fake.asked.lock().unwrap()).collect();
    assert_eq!(asked[..3], again[..3], "they are left alone");
    assert_eq!(*handle.mirrored_size().borrow(), 0);
    assert_eq!(views.borrow()[3].mirrored, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_and_lost_entries_are_told() {
    let (writer, _fakes, handle, mut events) = spawned(&[Character::Forked, Character::Ahead], 1).await;
    handle.durable(writer.write(1));
    let mut told = [events.recv().await.unwrap(), events.recv().await.unwrap()];
    told.sort_by_key(|event| matches!(event, MirrorEvent::Ahead { .. }));
    assert_eq!(told, [MirrorEvent::Forked { mirror: 0 }, MirrorEvent::Ahead { mirror: 1, size: 1_000_000 }]);
    let mut views = handle.views();
    for mirror in 0..2 {
        becomes(&mut views, mirror, MirrorState::Refused).await;
    }
}

#[test]
fn a_quorum_must_be_possible_and_every_key_its_own() {
    let key = |seed: u8| CosignerKey::new("a", SigningKey::from_bytes(&[seed; 32]).verifying_key()).unwrap();
    let address = |seed: u8| MirrorAddress {
        base: "http://a:1".to_owned(),
        mirror: key(seed),
        witness: Some(key(seed + 1)),
    };
    let two = Mirrors::new(ORIGIN, vec![address(1), address(3)], 2).unwrap();
    let two = two.with_token("opensesame").unwrap();
    assert_eq!(two.evaluators().count(), 2);
    assert!(!format!("{two:?}").contains("opensesame"));
    assert!(matches!(two.with_token("two\nlines"), Err(MirrorsError::Token)));
    assert!(matches!(Mirrors::new(ORIGIN, vec![address(1), address(2)], 2), Err(MirrorsError::Key(_))));
    assert!(matches!(Mirrors::new(ORIGIN, vec![], 0), Err(MirrorsError::Quorum { .. })));
    assert!(matches!(Mirrors::new(ORIGIN, vec![address(1)], 2), Err(MirrorsError::Quorum { .. })));
    for base in ["a:1", "https://a:1", "http://a:1/?x", ""] {
        let address = MirrorAddress { base: base.to_owned(), ..address(1) };
        assert!(matches!(Mirrors::new(ORIGIN, vec![address], 1), Err(MirrorsError::Address(_))), "{base}");
    }
    assert_eq!(kth_largest([3, 9, 5].into_iter(), 2), 5);
}
