//! Who hears what he should not.

use crate::engines::{engine, mosquitto};
use bodywire_paths::{Login, Overheard, Stranger, overhear, probe};
use std::time::Duration;
use zeroize::Zeroizing;

const WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_open_broker_tells_everybody_everything() {
    let Some(program) = engine("an_open_broker_tells_everybody_everything", "mosquitto") else { return };
    let broker = mosquitto(&program, "allow_anonymous true", &[]);
    let everything = Overheard { connects: true, hears_topic: true, hears_everything: true };
    for stranger in [Stranger::Anonymous, Stranger::SameLogin] {
        let overheard = overhear(&broker.broker(), stranger, WITHIN, "bw/1/0/x/f").await.unwrap();
        assert_eq!(overheard, everything, "{stranger:?}");
    }
}

#[tokio::test]
async fn an_access_list_is_seen_by_what_is_delivered() {
    let test = "an_access_list_is_seen_by_what_is_delivered";
    let (Some(program), Some(maker)) = (engine(test, "mosquitto"), engine(test, "mosquitto_passwd")) else {
        return;
    };
    let passwords = tempfile::NamedTempFile::new().unwrap();
    let made =
        std::process::Command::new(maker).arg("-b").arg(passwords.path()).args(["house", "right"]).output();
    assert!(made.unwrap().status.success());
    let file = std::fs::read(passwords.path()).unwrap();
    // Anonymous clients may connect; only the house may use its topics.
    let running = mosquitto(
        &program,
        "allow_anonymous true\npassword_file {dir}/passwords\nacl_file {dir}/acl",
        &[("passwords", &file), ("acl", b"topic readwrite public/#\nuser house\ntopic readwrite bw/#\n")],
    );
    let mut broker = running.broker();
    broker.login = Some(Login { user: "house".to_owned(), password: Zeroizing::new("right".to_owned()) });
    let seen = probe(&broker, WITHIN, "bw/1/0/x/f").await.unwrap();
    assert!(seen.subscribed && seen.returned);
    let stranger = overhear(&broker, Stranger::Anonymous, WITHIN, "bw/1/0/x/f").await.unwrap();
    assert_eq!(stranger, Overheard { connects: true, hears_topic: false, hears_everything: false });
    let same = overhear(&broker, Stranger::SameLogin, WITHIN, "bw/1/0/x/f").await.unwrap();
    assert!(same.hears_topic);
    // A topic that is not ours: the broker takes the publication and delivers it to nobody.
    let seen = probe(&broker, Duration::from_secs(2), "private/x").await.unwrap();
    assert!(!seen.returned);
}
