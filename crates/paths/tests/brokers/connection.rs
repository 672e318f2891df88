//! What a path does on a broker that means well.

use crate::engines::{Listening, engine, mosquitto, publication};
use bodywire_paths::{Bind, Delivery, Event, Login, Reason, Refusal, Version, Will};
use std::net::{IpAddr, Ipv4Addr};
use zeroize::Zeroizing;

const OPEN: &str = "allow_anonymous true";

fn will() -> Will {
    Will { topic: "state".to_owned(), payload: b"gone".to_vec(), retain: false }
}

#[tokio::test]
async fn both_versions_carry_messages_in_order() {
    let Some(program) = engine("both_versions_carry_messages_in_order", "mosquitto") else { return };
    let running = mosquitto(&program, OPEN, &[]);
    for version in [Version::V5, Version::V311] {
        let mut broker = running.broker();
        broker.version = version;
        let mut hub = Listening::to(&broker, "hub", None);
        let mut clinic = Listening::to(&broker, "clinic", None);
        assert_eq!((hub.up().await, clinic.up().await), (version, version));
        clinic.listen("f/#").await;
        let long = vec![7; 100_000];
        for number in 0..100_u8 {
            assert!(hub.path.publish(publication("f/1", &[number])));
        }
        for number in 0..100_u8 {
            assert_eq!(clinic.message().await, ("f/1".to_owned(), vec![number]));
        }
        // Once or not at all may overtake what has to be acknowledged, so it comes by itself.
        let delivery = Delivery::AtMostOnce;
        assert!(hub.path.publish(bodywire_paths::Publication { delivery, ..publication("f/2", &long) }));
        assert_eq!(clinic.message().await, ("f/2".to_owned(), long));
        while hub.path.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_path_stays_up() {
    let Some(program) = engine("what_is_too_large_is_refused_and_the_path_stays_up", "mosquitto") else {
        return;
    };
    let running = mosquitto(&program, "allow_anonymous true\nmax_packet_size 1000", &[]);
    let mut hub = Listening::to(&running.broker(), "hub", None);
    hub.up().await;
    // Larger than this broker takes, and than any broker is asked to take.
    for bytes in [1_001, 200_000] {
        assert!(!hub.path.publish(publication("f", &vec![0; bytes])));
    }
    assert!(!hub.path.publish(publication("no/#", b"a filter is no topic")));
    assert_eq!(hub.path.in_flight(), 0);
    hub.listen("f").await;
    assert!(hub.path.publish(publication("f", b"still here")));
    assert_eq!(hub.message().await.1, b"still here");
}

#[tokio::test]
async fn a_broker_that_restarts_is_found_again_and_nothing_old_is_sent() {
    let test = "a_broker_that_restarts_is_found_again_and_nothing_old_is_sent";
    let Some(program) = engine(test, "mosquitto") else { return };
    let mut running = mosquitto(&program, OPEN, &[]);
    let mut hub = Listening::to(&running.broker(), "hub", None);
    hub.up().await;
    running.kill();
    assert!(matches!(hub.down().await, Reason::Closed | Reason::Dismissed(_)));
    assert!(!hub.path.publish(publication("f", b"old")), "a path that is down takes nothing");
    assert!(!hub.path.subscribe("f"));
    assert!(matches!(hub.down().await, Reason::Unreachable(_)), "a new reason is told");
    running.start_again(&program);
    assert_eq!(hub.up().await, Version::V5);
    hub.listen("f").await;
    assert!(hub.path.publish(publication("f", b"new")));
    assert_eq!(hub.message().await.1, b"new");
}

#[tokio::test]
async fn the_will_is_published_for_a_cut_and_not_for_a_goodbye() {
    let Some(program) = engine("the_will_is_published_for_a_cut_and_not_for_a_goodbye", "mosquitto") else {
        return;
    };
    let running = mosquitto(&program, OPEN, &[]);
    for version in [Version::V5, Version::V311] {
        let mut broker = running.broker();
        broker.version = version;
        let mut clinic = Listening::to(&broker, "clinic", None);
        clinic.up().await;
        clinic.listen("state").await;
        let mut polite = Listening::to(&broker, "polite", Some(will()));
        polite.up().await;
        polite.path.disconnect();
        polite.path.ended().await;
        assert_eq!(clinic.quiet().await, None);
        let mut hub = Listening::to(&broker, "hub", Some(will()));
        hub.up().await;
        // Nobody listens any more: the connection ends as it would if the process had died.
        drop(hub);
        assert_eq!(clinic.message().await, ("state".to_owned(), b"gone".to_vec()));
    }
}

#[tokio::test]
async fn a_retained_publication_waits_for_those_who_come_later() {
    let test = "a_retained_publication_waits_for_those_who_come_later";
    let Some(program) = engine(test, "mosquitto") else { return };
    let running = mosquitto(&program, OPEN, &[]);
    let mut clinic = Listening::to(&running.broker(), "clinic", None);
    clinic.up().await;
    assert!(clinic.path.publish(bodywire_paths::Publication { retain: true, ..publication("p", b"prekey") }));
    clinic.path.disconnect();
    clinic.path.ended().await;
    let mut hub = Listening::to(&running.broker(), "hub", None);
    hub.up().await;
    assert!(hub.path.subscribe("p"));
    assert_eq!(hub.message().await, ("p".to_owned(), b"prekey".to_vec()));
}

#[tokio::test]
async fn a_path_leaves_from_the_address_it_is_told() {
    let Some(program) = engine("a_path_leaves_from_the_address_it_is_told", "mosquitto") else { return };
    let running = mosquitto(&program, OPEN, &[]);
    let mut broker = running.broker();
    broker.bind = Some(Bind::Address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))));
    let mut hub = Listening::to(&broker, "hub", None);
    hub.up().await;
    assert!(running.log().contains("from 127.0.0.2:"), "{}", running.log());
    // An address that is nobody's here, and an interface that does not exist.
    let foreign = Bind::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    for bind in [foreign, Bind::Interface("nothing7".to_owned())] {
        broker.bind = Some(bind);
        let reason = Listening::to(&broker, "hub", None).down().await;
        assert!(matches!(reason, Reason::Bind { .. }), "{reason}");
    }
}

#[tokio::test]
async fn a_login_opens_what_is_closed_to_others() {
    let Some(program) = engine("a_login_opens_what_is_closed_to_others", "mosquitto") else { return };
    let Some(maker) = engine("a_login_opens_what_is_closed_to_others", "mosquitto_passwd") else { return };
    let passwords = tempfile::NamedTempFile::new().unwrap();
    let made =
        std::process::Command::new(maker).arg("-b").arg(passwords.path()).args(["house", "right"]).output();
    assert!(made.unwrap().status.success());
    let file = std::fs::read(passwords.path()).unwrap();
    let lines = "allow_anonymous false\npassword_file {dir}/passwords";
    let running = mosquitto(&program, lines, &[("passwords", &file)]);
    let login = |password: &str| {
        Some(Login { user: "house".to_owned(), password: Zeroizing::new(password.to_owned()) })
    };
    for version in [Version::Newest, Version::V311] {
        let mut broker = running.broker();
        broker.version = version;
        broker.login = login("right");
        Listening::to(&broker, "hub", None).up().await;
        for wrong in [login("wrong"), None] {
            broker.login = wrong;
            let reason = Listening::to(&broker, "hub", None).down().await;
            let refused = matches!(reason, Reason::Refused(Refusal::NotAuthorized | Refusal::Login));
            assert!(refused, "{reason}");
        }
    }
}

#[tokio::test]
async fn a_host_without_an_address_is_said_once() {
    let mut broker = bodywire_paths::Broker::plain("path", "nowhere.invalid", 1883);
    let mut hub = Listening::to(&broker, "hub", None);
    assert!(matches!(hub.down().await, Reason::NoAddress(_)));
    assert_eq!(hub.quiet().await, None, "the same reason is not repeated");
    hub.path.disconnect();
    hub.path.ended().await;
    broker.host = "127.0.0.1".to_owned();
    broker.port = crate::engines::free_port();
    let mut hub = Listening::to(&broker, "hub", None);
    assert!(matches!(hub.next().await, Event::Down(Reason::Unreachable(_))));
}
