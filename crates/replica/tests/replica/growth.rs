//! Honest writers: what they send is stored, cosigned and served, through restarts and broken requests.

use crate::ward::{Extras, NOW_S, Running, Writer, hash, key};
use axum::http::Method;
use bodywire_ledger::note::Note;
use bodywire_ledger::tile::{TileKind, TilePath, parse_bundle, verify_all};
use bodywire_ledger::{Checkpoint, cosignature};
use tokio::io::AsyncWriteExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_grow_with_their_log_and_through_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::grown(1, 3);
    let mut replicas = Vec::new();
    for number in 0..3 {
        let directory = folder.path().join(number.to_string());
        replicas.push(Running::start(&directory, number, Extras::default()).await);
    }
    for replica in &replicas {
        replica.take(&writer).await;
    }
    for round in 0..9 {
        let (from, sent) = (writer.log.size(), writer.frames.len());
        (0..4).for_each(|n| writer.write(30 + n));
        for replica in &replicas {
            let (status, line) = replica.push(from, &writer.frames[sent..]).await;
            assert_eq!(status, 200, "{line}");
            replica.verify_mirror(&writer.signed(), &line);
            let old = if round == 0 { 0 } else { from };
            let (status, line) = replica.witnesses(&writer, old).await;
            assert_eq!(status, 200, "{line}");
        }
        // Each is stopped and started in turn.
        let one = replicas.remove(0);
        replicas.push(one.restart(Extras::default()).await);
    }
    for replica in &replicas {
        let (_, checkpoint) = replica.get("checkpoint").await;
        let note = Note::parse(&checkpoint).unwrap();
        assert_eq!(Checkpoint::open(&checkpoint, &key()).unwrap(), writer.log.checkpoint());
        assert_eq!(replica.mirror().verify(&note).unwrap(), NOW_S);
        assert_eq!(replica.witness().verify(&note).unwrap(), NOW_S);
        let path = format!("/witness/{}/checkpoint", hash());
        let (status, witnessed) = replica.ask(Method::GET, &path, "".into(), None).await;
        assert_eq!(status, 200);
        let witnessed = Note::parse(&witnessed).unwrap();
        assert_eq!(replica.witness().verify(&witnessed).unwrap(), NOW_S);
        assert!(replica.mirror().verify(&witnessed).is_err(), "the two stay apart");
        let status = replica.json("status").await;
        assert_eq!((status["size"].as_u64(), &status["state"]), (Some(writer.log.size()), &"serving".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_tiles_can_check_the_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(1);
    (0..6).for_each(|_| writer.write(100));
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.take(&writer).await;
    let mut entries = Vec::new();
    for (index, width) in [(0, 256), (1, 256), (2, 88)] {
        let path = TilePath { kind: TileKind::Entries, index, width };
        let (status, bundle) = replica.get(&path.to_string()).await;
        assert_eq!(status, 200);
        entries.extend(parse_bundle(&bundle).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    for (kind, index, width) in [(0, 0, 256), (0, 1, 256), (0, 2, 88), (1, 0, 2)] {
        let path = TilePath { kind: TileKind::Hashes(kind), index, width };
        let (status, tile) = replica.get(&path.to_string()).await;
        assert_eq!(status, 200);
        verify_all(&entries, [(path, tile.as_slice())]).unwrap();
    }
    let first = writer.log.frame(100).unwrap();
    assert_eq!(replica.get("frame/100").await, (200, first));
    for nothing in ["frame/101", "frame/600", "tile/0/003", "tile/9/000", "tile/entries/000.p/0", "nothing"] {
        assert_eq!(replica.get(nothing).await.0, 404, "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_and_a_repetition_name_the_size_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 6);
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    assert_eq!(replica.push(0, &writer.frames).await.0, 412, "not begun");
    replica.begin().await;
    replica.begin().await;
    assert_eq!(replica.push(1, &writer.frames[1..]).await, (409, "0\n".to_owned()));
    assert_eq!(replica.push(0, &writer.frames[1..]).await.0, 400);
    assert_eq!(replica.push(0, &writer.frames[..2]).await.0, 200);
    let size = 1 + 2;
    assert_eq!(replica.push(0, &writer.frames).await, (409, format!("{size}\n")));
    // Good frames before a bad one stay.
    let mixed = [writer.frames[2].clone(), writer.frames[4].clone()];
    assert_eq!(replica.push(size, &mixed).await.0, 400);
    assert_eq!(replica.push(size, &writer.frames[2..]).await, (409, "6\n".to_owned()));
    assert_eq!(replica.push(6, &writer.frames[3..]).await.0, 200);
    // With nothing to send, the cosignature that was missed.
    let (status, line) = replica.push(writer.log.size(), &[]).await;
    assert_eq!(status, 200);
    replica.verify_mirror(&writer.signed(), &line);
    assert!(cosignature::attach(&writer.signed(), &line).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_off_leaves_whole_frames_only() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 8);
    let all = writer.frames.concat();
    for cut in (0..all.len()).step_by(all.len() / 12) {
        let replica = Running::start(&folder.path().join(cut.to_string()), 0, Extras::default()).await;
        replica.begin().await;
        let mut socket = tokio::net::TcpStream::connect(replica.address).await.unwrap();
        let head = format!(
            "POST /{}/add-frames?from=0 HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
            hash(),
            all.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&all[..cut]).await.unwrap();
        socket.shutdown().await.unwrap();
        drop(socket);
        let replica = replica.restart(Extras::default()).await;
        let (status, size) = replica.push(u64::MAX, &[]).await;
        assert_eq!(status, 409);
        let size: u64 = size.trim().parse().unwrap();
        let mut at = 0;
        let rest: Vec<Vec<u8>> = writer
            .frames
            .iter()
            .enumerate()
            .filter(|(n, _)| {
                let here = at >= size;
                at += 1 + *n as u64 % 7;
                here
            })
            .map(|(_, frame)| frame.clone())
            .collect();
        let (status, line) = replica.push(size, &rest).await;
        assert_eq!(status, 200, "{line}");
        replica.verify_mirror(&writer.signed(), &line);
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_payload_is_gone_here_before_the_erasure_is_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::grown(1, 4);
    let replica = Running::start(&folder.path().join("old"), 0, Extras::default()).await;
    replica.take(&writer).await;
    let (size, before) = (writer.log.size(), replica.get("frame/3").await.1);
    assert!(before.windows(100).any(|bytes| bytes == [1; 100]));
    writer.erase();
    let (status, line) = replica.push(size, &writer.frames[4..]).await;
    assert_eq!(status, 200, "{line}");
    replica.verify_mirror(&writer.signed(), &line);
    let segment = std::fs::read(replica.segment()).unwrap();
    assert!(!segment.windows(100).any(|bytes| bytes == [1; 100]), "it is gone from the disk");
    assert_eq!(replica.get("frame/3").await, (200, writer.log.frame(3).unwrap()));
    // A new copy gets the old frames without them, and is cosigned when it has the entry that says why.
    let new = Running::start(&folder.path().join("new"), 1, Extras::default()).await;
    new.begin().await;
    let firsts = [0, 1, 3, 6, size];
    let frames: Vec<Vec<u8>> = firsts.iter().map(|first| writer.log.frame(*first).unwrap()).collect();
    assert_eq!(new.push(0, &frames[..3]).await, (202, "6\n".to_owned()));
    assert_eq!(new.get("checkpoint").await.0, 404);
    let (status, line) = new.push(6, &frames[3..]).await;
    assert_eq!(status, 200, "{line}");
    new.verify_mirror(&writer.signed(), &line);
}
