//! A writer in memory, replicas on loopback, and a client that knows only HTTP.

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode};
use bodywire_ledger::note::Note;
use bodywire_ledger::{
    Checkpoint, CosignerKey, Draft, EntryKind, FileDisk, Floor, Hash, KeyId, Log, MemDisk, Origin, StreamId,
    VerifierKey, cosignature, witness,
};
use bodywire_replica::{Config, FileDisks, Replica, log_hash, router, serve};
use ed25519_dalek::SigningKey;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const ORIGIN: &str = "ward.example/log";
pub(crate) const NOW_S: u64 = 1_700_000_000;

pub(crate) fn secret() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(crate) fn key() -> VerifierKey {
    VerifierKey::new(ORIGIN, secret().verifying_key()).unwrap()
}

pub(crate) fn hash() -> String {
    log_hash(ORIGIN)
}

pub(crate) fn empty() -> String {
    let origin = Origin::new(ORIGIN).unwrap();
    Checkpoint { origin, size: 0, root: Hash::empty_root() }.sign(&secret()).unwrap()
}

/// The log's writer. Another `salt`: another history under the same key.
pub(crate) struct Writer {
    pub(crate) log: Log<MemDisk>,
    pub(crate) frames: Vec<Vec<u8>>,
    salt: u8,
}

impl Writer {
    pub(crate) fn new(salt: u8) -> Self {
        let origin = Origin::new(ORIGIN).unwrap();
        let log = Log::open(MemDisk::new(), origin, secret(), Floor::NONE).unwrap().0;
        Self { log, frames: Vec::new(), salt }
    }

    /// Appends a frame of some entries and publishes.
    pub(crate) fn write(&mut self, entries: usize) {
        let streams: Vec<u8> = (0..entries).map(|n| (n % 3) as u8).collect();
        self.write_streams(&streams);
    }

    /// The same, one entry of each of these streams.
    pub(crate) fn write_streams(&mut self, streams: &[u8]) {
        let first = self.log.size();
        let draft = |(n, stream): (usize, &u8)| Draft {
            kind: EntryKind::Telemetry,
            flags: 0,
            time_ms: 1,
            stream: StreamId([*stream; 16]),
            stream_seq: first + n as u64,
            key: KeyId([9; 16]),
            payload: vec![self.salt; 100],
        };
        self.log.append(streams.iter().enumerate().map(draft).collect()).unwrap();
        self.frames.push(self.log.frame(first).unwrap());
        self.log.publish().unwrap();
    }

    /// Erases the key of all payloads so far: says so in the log, and removes them.
    pub(crate) fn erase(&mut self) {
        let first = self.log.size();
        let (stream, key) = (StreamId([99; 16]), KeyId([9; 16]));
        let kind = EntryKind::KeyErased;
        let draft = Draft { kind, flags: 0, time_ms: 1, stream, stream_seq: 0, key, payload: Vec::new() };
        self.log.append(vec![draft]).unwrap();
        self.frames.push(self.log.frame(first).unwrap());
        self.log.erase(&[key]).unwrap();
        self.log.publish().unwrap();
    }

    pub(crate) fn grown(salt: u8, frames: usize) -> Self {
        let mut writer = Self::new(salt);
        (0..frames).for_each(|n| writer.write(1 + n % 7));
        writer
    }

    pub(crate) fn signed(&self) -> String {
        self.log.signed_checkpoint().unwrap()
    }

    /// What is asked of a witness that has cosigned `old` entries.
    pub(crate) fn request(&self, old: u64) -> String {
        witness::request_of(self.log.disk(), &key(), old).unwrap()
    }
}

/// A replica that runs.
pub(crate) struct Running {
    pub(crate) replica: Replica<FileDisks>,
    pub(crate) base: String,
    pub(crate) address: SocketAddr,
    number: u8,
    directory: PathBuf,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Clone, Default)]
pub(crate) struct Extras {
    pub(crate) peers: Vec<String>,
    pub(crate) token: Option<String>,
}

fn config(number: u8, extras: Extras) -> Config {
    Config {
        name: format!("replica-{number}.example"),
        witness: SigningKey::from_bytes(&[10 + number; 32]),
        mirror: SigningKey::from_bytes(&[20 + number; 32]),
        logs: vec![key()],
        peers: extras.peers,
        token: extras.token,
        clock: || NOW_S,
    }
}

impl Running {
    pub(crate) async fn start(directory: &Path, number: u8, extras: Extras) -> Self {
        let replica = Replica::open(config(number, extras), FileDisks::new(directory.to_owned())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, router(replica.clone()), stopped));
        let directory = directory.to_owned();
        Self { replica, base: format!("http://{address}"), address, number, directory, stop, task }
    }

    /// Stops and starts again with the same directory and keys.
    pub(crate) async fn restart(self, extras: Extras) -> Self {
        let (directory, number) = (self.directory.clone(), self.number);
        self.stop().await;
        Self::start(&directory, number, extras).await
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        let replica = self.replica;
        drop(replica);
        // The connections' tasks hold the last clones for a moment.
        let place = self.directory.join(hash()).join("records");
        for _ in 0..200 {
            if FileDisk::open(&place).is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the replica still has its directory");
    }

    pub(crate) fn witness(&self) -> CosignerKey {
        self.replica.witness_key().unwrap()
    }

    pub(crate) fn mirror(&self) -> CosignerKey {
        self.replica.mirror_key().unwrap()
    }

    pub(crate) fn segment(&self) -> PathBuf {
        self.directory.join(hash()).join("log/segment/00000000000000000000.seg")
    }

    pub(crate) fn record(&self, name: &str) -> PathBuf {
        self.directory.join(hash()).join("records").join(name)
    }

    pub(crate) async fn begin(&self) {
        assert_eq!(self.post(&format!("/{}/begin", hash()), empty()).await.0, 200);
    }

    /// Sends frames; status and answer.
    pub(crate) async fn push(&self, from: u64, frames: &[Vec<u8>]) -> (u16, String) {
        self.post(&format!("/{}/add-frames?from={from}", hash()), frames.concat()).await
    }

    /// Begins the copy and sends everything; the mirror's cosignature is verified.
    pub(crate) async fn take(&self, writer: &Writer) {
        self.begin().await;
        let (status, line) = self.push(0, &writer.frames).await;
        assert_eq!(status, 200, "{line}");
        self.verify_mirror(&writer.signed(), &line);
    }

    pub(crate) fn verify_mirror(&self, signed: &str, line: &str) {
        let whole = cosignature::attach(signed, line).unwrap();
        assert_eq!(self.mirror().verify(&Note::parse(whole.as_bytes()).unwrap()).unwrap(), NOW_S);
    }

    pub(crate) async fn witnesses(&self, writer: &Writer, old: u64) -> (u16, String) {
        self.post("/add-checkpoint", writer.request(old)).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> (u16, String) {
        let (status, bytes) = self.ask(Method::POST, path, body.into(), None).await;
        (status, String::from_utf8(bytes).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.ask(Method::GET, &format!("/{}/{path}", hash()), Bytes::new(), None).await
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        let (status, bytes) = self.get(path).await;
        assert_eq!(status, 200);
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        token: Option<&str>,
    ) -> (u16, Vec<u8>) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let status: StatusCode = answer.status();
        (status.as_u16(), answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }
}
