//! Brokers that stop to answer, made of a few bytes.

use crate::engines::{Listening, publication};
use bodywire_paths::{Broker, Reason, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// MQTT 3.1.1, section 3.2: a connection is accepted.
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// A broker that sends `greeting` to everybody and then reads for ever.
async fn silent(greeting: &'static [u8]) -> Broker {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("the test can be set up");
    let port = listener.local_addr().expect("the test can be set up").port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("the test can be set up");
            tokio::spawn(async move {
                stream.write_all(greeting).await.expect("the test can be set up");
                let mut bytes = [0; 1_024];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    Broker { version: Version::V311, ..Broker::plain("path", "127.0.0.1", port) }
}

#[tokio::test]
async fn a_broker_that_never_greets_is_given_up() {
    let broker = silent(&[]).await;
    assert_eq!(Listening::to(&broker, "hub", None).down().await, Reason::Timeout);
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_given_up() {
    let broker = silent(&ACCEPTED).await;
    let mut hub = Listening::to(&broker, "hub", None);
    hub.up().await;
    assert_eq!(hub.down().await, Reason::Timeout);
}

#[tokio::test]
async fn a_broker_that_acknowledges_nothing_is_given_up_however_busy_we_are() {
    let broker = silent(&ACCEPTED).await;
    let mut hub = Listening::to(&broker, "hub", None);
    hub.up().await;
    let path = hub.path.clone();
    tokio::spawn(async move {
        let preview = bodywire_paths::Publication {
            delivery: bodywire_paths::Delivery::AtMostOnce,
            ..publication("preview", b"x")
        };
        assert!(path.publish(publication("record", b"x")));
        // Busy all the time, so that no keep-alive is due.
        while path.publish(preview.clone()) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    assert_eq!(hub.down().await, Reason::Timeout);
    assert_eq!(hub.path.in_flight(), 0);
}

#[tokio::test]
async fn noise_is_no_broker() {
    let mut broker = silent(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 11\r\n\r\nBad Request").await;
    for version in [Version::V5, Version::V311, Version::Newest] {
        broker.version = version;
        let reason = Listening::to(&broker, "hub", None).down().await;
        assert!(matches!(reason, Reason::Protocol(_)), "{reason}");
    }
}
