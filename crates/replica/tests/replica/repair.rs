//! Damage: found, not served, and repaired from a peer who is not believed.

use crate::ward::{Extras, Running, Writer, hash};
use axum::Router;
use axum::routing::get;
use bodywire_replica::PeerState;

/// Flips a bit in the payload of the frame that begins at entry 1.
fn flip(replica: &Running, writer: &Writer) {
    let file = replica.segment();
    let mut bytes = std::fs::read(&file).unwrap();
    let at = writer.frames[0].len() + 200;
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_and_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 6);
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.take(&writer).await;
    flip(&replica, &writer);
    assert_eq!(replica.get("frame/1").await.0, 503);
    assert_eq!(replica.get("frame/0").await.0, 200);
    replica.replica.look_once().await;
    let status = replica.json("status").await;
    assert_eq!(status["damaged"].as_array().unwrap().len(), 1, "{status}");
    // After a restart it does not open at all, and says so.
    let replica = replica.restart(Extras::default()).await;
    assert_eq!(replica.json("status").await["state"], "damaged");
    assert_eq!(replica.get("frame/0").await.0, 503);
    assert_eq!(replica.push(writer.log.size(), &[]).await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_tile_is_not_served_once_it_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(1);
    writer.write(300);
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.take(&writer).await;
    let base = replica.segment().parent().unwrap().parent().unwrap().to_owned();
    for (path, before) in [("tile/entries/000", 503), ("tile/0/000", 200)] {
        let file = base.join(path);
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[100] ^= 4;
        std::fs::write(&file, bad).unwrap();
        assert_eq!(replica.get(path).await.0, before, "{path}");
        replica.replica.look_once().await;
        assert_eq!(replica.get(path).await.0, 503, "{path}");
        std::fs::write(&file, good).unwrap();
        replica.replica.look_once().await;
        assert_eq!(replica.get(path).await.0, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_repaired_from_a_peer_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 6);
    let peer = Running::start(&folder.path().join("peer"), 1, Extras::default()).await;
    peer.take(&writer).await;
    let extras = Extras { peers: vec!["http://127.0.0.1:9".to_owned(), peer.base.clone()], token: None };
    let mut replica = Running::start(&folder.path().join("own"), 0, extras.clone()).await;
    replica.take(&writer).await;
    for restarted in [false, true] {
        flip(&replica, &writer);
        if restarted {
            replica = replica.restart(extras.clone()).await;
            assert_eq!(replica.json("status").await["state"], "damaged");
        }
        replica.replica.look_once().await;
        let status = replica.json("status").await;
        assert_eq!((&status["state"], status["size"].as_u64()), (&"serving".into(), Some(writer.log.size())));
        assert_eq!(status["damaged"].as_array().unwrap().len(), 0, "{status}");
        assert_eq!(status["peers"], serde_json::json!(["away", "up"]));
        assert_eq!(replica.get("frame/1").await, (200, writer.frames[1].clone()));
    }
    // A copy that is gone altogether comes back whole.
    std::fs::remove_dir_all(replica.segment().parent().unwrap()).unwrap();
    let replica = replica.restart(extras).await;
    replica.replica.look_once().await;
    assert_eq!(replica.get("frame/1").await, (200, writer.frames[1].clone()));
    assert_eq!(replica.push(writer.log.size(), &[]).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_repair_is_refused_and_the_peer_named() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 6);
    // One peer flips a bit; one sends a frame that the log has signed, in the wrong place; one has another history.
    let mut flipped = writer.frames[1].clone();
    flipped[150] ^= 1;
    let mut other = Writer::new(2);
    other.write(1);
    other.write(2);
    let lies = [flipped, writer.frames[2].clone(), other.frames[1].clone()];
    let mut peers = Vec::new();
    for lie in lies {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        peers.push(format!("http://{}", listener.local_addr().unwrap()));
        let path = format!("/{}/frame/{{first}}", hash());
        let routes = Router::new().route(&path, get(move || std::future::ready(lie)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }
    let replica =
        Running::start(&folder.path().join("own"), 0, Extras { peers: peers.clone(), token: None }).await;
    replica.take(&writer).await;
    flip(&replica, &writer);
    let damaged = std::fs::read(replica.segment()).unwrap();
    replica.replica.look_once().await;
    assert_eq!(std::fs::read(replica.segment()).unwrap(), damaged, "nothing was saved");
    let status = replica.replica.status(&hash()).await.unwrap();
    assert_eq!(status.peers, [PeerState::Lying, PeerState::Lying, PeerState::Lying]);
    assert_eq!(replica.get("frame/1").await.0, 503);
    // With an honest one behind them it is repaired all the same.
    let peer = Running::start(&folder.path().join("peer"), 1, Extras::default()).await;
    peer.take(&writer).await;
    peers.push(peer.base.clone());
    let replica = replica.restart(Extras { peers, token: None }).await;
    replica.replica.look_once().await;
    assert_eq!(replica.get("frame/1").await, (200, writer.frames[1].clone()));
    let status = replica.replica.status(&hash()).await.unwrap();
    assert_eq!(status.peers[3], PeerState::Up);
    assert_eq!(&status.peers[..3], [PeerState::Lying, PeerState::Lying, PeerState::Lying]);
}
