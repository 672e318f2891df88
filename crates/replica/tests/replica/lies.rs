//! A log that contradicts itself, a replica that has lost its memory, and strangers.

use crate::ward::{Extras, Running, Writer, key, secret};
use bodywire_ledger::witness::Evidence;
use bodywire_ledger::{Checkpoint, Hash, Origin, VerifierKey, witness};
use ed25519_dalek::SigningKey;

#[tokio::test(flavor = "multi_thread")]
async fn rollback_fork_and_equivocation_are_refused_and_the_evidence_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, other) = (Writer::grown(1, 5), Writer::grown(2, 5));
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.begin().await;
    let size = honest.log.size();
    assert_eq!(replica.witnesses(&honest, 0).await.0, 200);
    // Rollback.
    let smaller = Writer::grown(1, 3);
    assert_eq!(replica.witnesses(&smaller, 0).await, (409, format!("{size}\n")));
    assert_eq!(replica.json("evidence").await.as_array().unwrap().len(), 0);
    // Two roots of one size.
    assert_eq!(replica.witnesses(&other, size).await.0, 422);
    // A fork.
    let forked = Writer::grown(2, 7);
    assert_eq!(replica.witnesses(&forked, size).await.0, 422);
    // The same again is known already.
    assert_eq!(replica.witnesses(&forked, size).await.0, 422);
    let replica = replica.restart(Extras::default()).await;
    let evidence = replica.json("evidence").await;
    let mut charges: Vec<_> =
        evidence.as_array().unwrap().iter().map(|e| e["charge"].as_str().unwrap()).collect();
    charges.sort_unstable();
    assert_eq!(charges, ["equivocation", "fork"]);
    let proven = evidence.as_array().unwrap().iter().filter(|piece| {
        let note = |name: &str| piece[name].as_str().unwrap().to_owned();
        Evidence::equivocation(&note("held"), &note("refused"), &key()).unwrap().is_some()
    });
    assert_eq!(proven.count(), 1);
    // The witness goes on where it was.
    assert_eq!(replica.witnesses(&Writer::grown(1, 6), size).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_refuses_a_fork_and_keeps_both_notes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut honest, mut other) = (Writer::new(1), Writer::new(1));
    honest.write(2);
    honest.write(1);
    [5, 6, 7].iter().for_each(|stream| other.write_streams(&[*stream]));
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.begin().await;
    assert_eq!(replica.push(0, &honest.frames[..1]).await.0, 200);
    // Of another history, though it is the first entry of its stream in both.
    assert_eq!(replica.push(2, &other.frames[2..]).await.0, 422);
    let evidence = replica.json("evidence").await;
    assert_eq!(evidence[0]["charge"], "fork");
    assert_eq!(replica.push(2, &honest.frames[1..]).await.0, 200, "the true history goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_shows_the_witness_another_history_is_not_mirrored_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, other) = (Writer::grown(1, 5), Writer::grown(2, 5));
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.begin().await;
    assert_eq!(replica.witnesses(&other, 0).await.0, 200);
    assert_eq!(replica.push(0, &honest.frames).await.0, 422);
    assert_eq!(replica.get("checkpoint").await.0, 404);
    assert_eq!(replica.json("evidence").await[0]["charge"], "equivocation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_shows_the_mirror_another_history_is_not_witnessed() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, other, shorter) = (Writer::grown(1, 5), Writer::grown(2, 5), Writer::grown(2, 4));
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.take(&honest).await;
    assert_eq!(replica.witnesses(&other, 0).await.0, 422);
    assert_eq!(replica.witnesses(&shorter, 0).await.0, 422);
    assert_eq!(replica.json("evidence").await.as_array().unwrap().len(), 2);
    assert_eq!(replica.witnesses(&Writer::grown(1, 4), 0).await.0, 200, "the true one may be behind");
    // Damaged tiles accuse nobody.
    let tile = replica.segment().parent().unwrap().parent().unwrap().join("tile/0/000.p/15");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    let size = Writer::grown(1, 4).log.size();
    assert_eq!(replica.push(honest.log.size(), &[]).await.0, 503);
    assert_eq!(replica.witnesses(&honest, size).await.0, 200);
    assert_eq!(replica.json("evidence").await.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_forgot_what_it_cosigned_is_retired() {
    for (lost, spoilt) in [(true, false), (false, true)] {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::grown(1, 5);
        let replica = Running::start(folder.path(), 0, Extras::default()).await;
        replica.take(&writer).await;
        assert_eq!(replica.witnesses(&writer, 0).await.0, 200);
        let file = replica.record("witnessed");
        if lost {
            std::fs::remove_file(&file).unwrap();
        }
        if spoilt {
            let mut bytes = std::fs::read(&file).unwrap();
            bytes[20] ^= 1;
            std::fs::write(&file, bytes).unwrap();
        }
        let replica = replica.restart(Extras::default()).await;
        assert_eq!(replica.witnesses(&writer, 0).await.0, 503);
        assert_eq!(replica.push(writer.log.size(), &[]).await.0, 503);
        replica.begin().await;
        assert_eq!(replica.witnesses(&writer, 0).await.0, 503, "nothing begins anew");
        assert!(replica.json("status").await["retired"].is_string());
        assert_eq!(replica.get("frame/0").await.0, 200, "what is stored can be read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_nothing_signed() {
    let folder = tempfile::tempdir().unwrap();
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.begin().await;
    let stranger = SigningKey::from_bytes(&[7; 32]);
    let head = |origin: &str, size, key: &SigningKey| {
        Checkpoint { origin: Origin::new(origin).unwrap(), size, root: Hash([1; 32]) }.sign(key).unwrap()
    };
    let ask = |signed: &str| witness::request(0, &[], signed);
    let mine = head("ward.example/log", 1, &stranger);
    assert_eq!(replica.post("/add-checkpoint", ask(&mine)).await.0, 403);
    let elsewhere = head("other.example/log", 1, &stranger);
    assert_eq!(replica.post("/add-checkpoint", ask(&elsewhere)).await.0, 404);
    let wrong_root = head("ward.example/log", 0, &secret());
    assert_eq!(replica.post("/add-checkpoint", ask(&wrong_root)).await.0, 422);
    assert_eq!(replica.post("/add-checkpoint", "old 0\n\nno checkpoint").await.0, 400);
    assert_eq!(replica.post(&format!("/{}/begin", "0".repeat(64)), mine.clone()).await.0, 404);
    // Frames of the right form by another key.
    let origin = Origin::new("ward.example/log").unwrap();
    let other = VerifierKey::new("ward.example/log", stranger.verifying_key()).unwrap();
    assert_ne!(other, key());
    let disk = bodywire_ledger::MemDisk::new();
    let mut log = bodywire_ledger::Log::open(disk, origin, stranger, bodywire_ledger::Floor::NONE).unwrap().0;
    let honest = Writer::grown(1, 1).log;
    let (entry, payload) = honest.read(0).unwrap();
    log.append(vec![bodywire_ledger::Draft {
        kind: entry.kind,
        flags: 0,
        time_ms: 1,
        stream: entry.stream,
        stream_seq: 0,
        key: entry.key,
        payload,
    }])
    .unwrap();
    assert_eq!(replica.push(0, &[log.frame(0).unwrap()]).await.0, 403);
    assert_eq!(replica.json("evidence").await.as_array().unwrap().len(), 0);
}
