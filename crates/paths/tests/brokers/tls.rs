//! TLS: who is believed, and who is not.

use crate::certificates::Authority;
use crate::engines::{Listening, Running, engine, mosquitto, publication};
use bodywire_paths::{Broker, Error, Path, Reason, Tls, TlsFault, Version, probe};
use std::time::{Duration, SystemTime};

/// A Mosquitto that wants a client certificate.
fn strict(program: &std::path::Path, authority: &Authority, name: &str) -> Running {
    let (certificate, key) = authority.server(name);
    let lines = "allow_anonymous true\ncafile {dir}/ca.pem\ncertfile {dir}/server.pem\nkeyfile {dir}/server.key\n\
                 require_certificate true";
    let files: [(&str, &[u8]); 3] = [
        ("ca.pem", authority.pem.as_bytes()),
        ("server.pem", certificate.as_bytes()),
        ("server.key", key.as_bytes()),
    ];
    mosquitto(program, lines, &files)
}

fn over_tls(running: &Running, tls: Tls) -> Broker {
    Broker { tls: Some(tls), ..running.broker() }
}

#[tokio::test]
async fn a_client_certificate_opens_the_path() {
    let Some(program) = engine("a_client_certificate_opens_the_path", "mosquitto") else { return };
    let authority = Authority::new();
    let running = strict(&program, &authority, "127.0.0.1");
    let broker = over_tls(&running, authority.trusted(Some(authority.client())));
    for version in [Version::Newest, Version::V311] {
        let broker = Broker { version, ..broker.clone() };
        let mut hub = Listening::to(&broker, "hub", None);
        hub.up().await;
        hub.listen("f").await;
        let long = vec![9; 60_000];
        assert!(hub.path.publish(publication("f", &long)));
        assert_eq!(hub.message().await.1, long);
    }
    let seen = probe(&broker, Duration::from_secs(10), "probe").await.unwrap();
    let tls = seen.tls.unwrap();
    assert!(seen.returned && tls.version.starts_with("TLSv1_"), "{tls:?}");
    assert!(tls.cipher_suite.starts_with("TLS"), "{tls:?}");
    assert!(tls.valid_until.unwrap() > SystemTime::now());
}

#[tokio::test]
async fn a_broker_of_another_authority_is_not_believed() {
    let Some(program) = engine("a_broker_of_another_authority_is_not_believed", "mosquitto") else { return };
    let (authority, another) = (Authority::new(), Authority::new());
    let running = strict(&program, &authority, "127.0.0.1");
    let broker = over_tls(&running, another.trusted(Some(authority.client())));
    let reason = Listening::to(&broker, "hub", None).down().await;
    assert_eq!(reason, Reason::Tls(TlsFault::UnknownAuthority));
}

#[tokio::test]
async fn a_broker_of_another_name_is_not_believed() {
    let Some(program) = engine("a_broker_of_another_name_is_not_believed", "mosquitto") else { return };
    let authority = Authority::new();
    let running = strict(&program, &authority, "broker.invalid");
    let broker = over_tls(&running, authority.trusted(Some(authority.client())));
    assert_eq!(Listening::to(&broker, "hub", None).down().await, Reason::Tls(TlsFault::WrongName));
}

#[tokio::test]
async fn without_the_right_certificate_the_broker_lets_nobody_in() {
    let test = "without_the_right_certificate_the_broker_lets_nobody_in";
    let Some(program) = engine(test, "mosquitto") else { return };
    let (authority, another) = (Authority::new(), Authority::new());
    let running = strict(&program, &authority, "127.0.0.1");
    for client in [None, Some(another.client())] {
        let broker = over_tls(&running, authority.trusted(client));
        let reason = Listening::to(&broker, "hub", None).down().await;
        // The broker's last word can be lost when it hangs up while we are still greeting it.
        let told = matches!(reason, Reason::Tls(TlsFault::ClientCertificate(_)) | Reason::TurnedAway);
        assert!(told, "{reason}");
        assert!(reason.next_step().contains("certificate"), "{}", reason.next_step());
    }
    // Nor does plain TCP.
    assert_eq!(Listening::to(&running.broker(), "hub", None).down().await, Reason::TurnedAway);
}

#[tokio::test]
async fn tls_towards_a_plain_broker_is_said() {
    let Some(program) = engine("tls_towards_a_plain_broker_is_said", "mosquitto") else { return };
    let running = mosquitto(&program, "allow_anonymous true", &[]);
    let broker = over_tls(&running, Authority::new().trusted(None));
    let reason = Listening::to(&broker, "hub", None).down().await;
    assert!(matches!(reason, Reason::TurnedAway | Reason::Tls(TlsFault::NotSpoken)), "{reason}");
}

#[tokio::test]
async fn unusable_files_are_the_operators_fault() {
    let (authority, another) = (Authority::new(), Authority::new());
    let connect = |tls: Tls| {
        let broker = Broker { tls: Some(tls), ..Broker::plain("ward", "127.0.0.1", 1) };
        let (events, _) = tokio::sync::mpsc::channel(1);
        Path::connect(0, &broker, "hub", None, events).err()
    };
    let no_authority = connect(Tls { authorities: b"nothing".to_vec(), client: None });
    assert!(matches!(no_authority, Some(Error::Authorities { .. })), "{no_authority:?}");
    let mut client = authority.client();
    client.key = another.client().key;
    let wrong_key = connect(authority.trusted(Some(client.clone())));
    assert!(matches!(wrong_key, Some(Error::ClientCertificate { .. })), "{wrong_key:?}");
    *client.key = b"-----BEGIN PRIVATE KEY-----\nsecret".to_vec();
    let torn = connect(authority.trusted(Some(client))).unwrap().to_string();
    assert!(torn.contains("ward") && !torn.contains("secret"), "{torn}");
}
