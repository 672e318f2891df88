//! The clinic's sender and true replicas, which know each other by HTTP only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_clinic::mirrors::{Frames, MirrorAddress, MirrorView, Mirrors};
use bodywire_ledger::note::Note;
use bodywire_ledger::policy::Policy;
use bodywire_ledger::{
    Checkpoint, Draft, EntryKind, Error, Floor, Hash, KeyId, Log, MemDisk, Origin, StreamId, VerifierKey,
    cosignature, witness,
};
use bodywire_replica::{Config, FileDisks, Replica, log_hash, router, serve};
use ed25519_dalek::SigningKey;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

const ORIGIN: &str = "ward.example/log";

fn secret() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new(ORIGIN, secret().verifying_key()).unwrap()
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Log<MemDisk>>>);

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

impl Writer {
    fn write(&self, entries: usize) -> u64 {
        let draft = Draft {
            kind: EntryKind::Telemetry,
            flags: 0,
            time_ms: 1,
            stream: StreamId([1; 16]),
            stream_seq: 1,
            key: KeyId([9; 16]),
            payload: vec![7; 1024],
        };
        let mut log = self.0.lock().unwrap();
        log.append(vec![draft; entries]).unwrap();
        log.publish().unwrap().size
    }
}

/// A replica that runs at an address until it is stopped.
async fn start(directory: &Path, number: u8, at: SocketAddr) -> (Replica<FileDisks>, SocketAddr, Stop) {
    let config = Config {
        name: format!("{number}.example"),
        witness: SigningKey::from_bytes(&[10 + number; 32]),
        mirror: SigningKey::from_bytes(&[20 + number; 32]),
        logs: vec![key()],
        peers: Vec::new(),
        token: None,
        clock: || 1_700_000_000,
    };
    let replica = Replica::open(config, FileDisks::new(directory.join(number.to_string()))).unwrap();
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(serve(listener, router(replica.clone()), stopped));
    (replica, address, Stop(stop, task))
}

struct Stop(watch::Sender<bool>, tokio::task::JoinHandle<()>);

impl Stop {
    async fn now(self) {
        self.0.send_replace(true);
        self.1.await.unwrap();
    }
}

async fn until(views: &mut watch::Receiver<Vec<MirrorView>>, holds: impl FnMut(&Vec<MirrorView>) -> bool) {
    tokio::time::timeout(Duration::from_secs(60), views.wait_for(holds))
        .await
        .expect("it takes too long")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_replicas_vouch_while_one_is_away_and_it_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(MemDisk::new(), Origin::new(ORIGIN).unwrap(), secret(), Floor::NONE).unwrap().0;
    let writer = Writer(Arc::new(Mutex::new(log)));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (mut running, mut addresses, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..3 {
        let (replica, address, stop) = start(folder.path(), number, any).await;
        let (mirror, witness) = (replica.mirror_key().unwrap(), Some(replica.witness_key().unwrap()));
        keys.push(mirror.clone());
        addresses.push(MirrorAddress { base: format!("http://{address}"), mirror, witness });
        running.push((replica, address, stop));
    }
    let (handle, mut events) = Mirrors::new(ORIGIN, addresses, 2).unwrap().spawn(writer.clone());
    let (mut mirrored, mut views) = (handle.mirrored_size(), handle.views());
    let (mut size, mut gone) = (0, None);
    for round in 0..30 {
        if round == 10 {
            let (replica, address, stop) = running.remove(2);
            stop.now().await;
            drop(replica);
            gone = Some(address);
        }
        size = writer.write(40);
        handle.durable(size);
        let reached =
            tokio::time::timeout(Duration::from_secs(60), mirrored.wait_for(|now| *now >= size)).await;
        assert_eq!(*reached.expect("a quorum takes too long").unwrap(), size);
    }
    until(&mut views, |views| views[..2].iter().all(|view| view.witnessed == size)).await;
    assert!(views.borrow()[2].mirrored < size);
    let third = start(folder.path(), 2, gone.unwrap()).await;
    until(&mut views, |views| views[2].mirrored == size).await;
    running.push(third);
    let signed = writer.checkpoint().await.unwrap();
    let lines: String = views.borrow()[..2].iter().filter_map(|view| view.mirror_line.clone()).collect();
    let whole = cosignature::attach(&signed, &lines).unwrap();
    let policy = Policy::k_of(key(), 2, keys).unwrap();
    assert_eq!(policy.open(whole.as_bytes()).unwrap().size, size);
    assert!(!policy.satisfied(&Note::parse(signed.as_bytes()).unwrap()));
    until(&mut views, |views| views.iter().all(|view| view.witnessed == size)).await;
    for (replica, ..) in &running {
        let status = replica.status(&log_hash(ORIGIN)).await.unwrap();
        assert_eq!((status.size, status.mirrored, status.witnessed), (size, Some(size), Some(size)));
    }
    assert!(events.try_recv().is_err());
}
