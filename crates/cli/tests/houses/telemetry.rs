//! Figures and log lines of the roles: enough to run them, and nothing about whom they serve.

use crate::world::{World, secret};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A page over plain HTTP.
fn page(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text
}

fn address(line: &str) -> String {
    line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

fn figure(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {page}")).parse().unwrap()
}

#[test]
fn figures_and_log_lines_name_nobody() {
    let world = World::new();
    world
        .configure_both("[metrics]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\nlevel = \"trace\"\n");
    world.enroll("4711", &[]);
    world.admit();
    let clinic = world.start_clinic();
    // Its console is open before.
    let at_clinic = address(&clinic.until("metrics at "));
    let hub = world.start_hub();
    let at_hub = address(&hub.until("metrics at "));
    let line = hub.until("listening on ");
    let radio = line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    world.sensor("4711", &radio, "6s").finish();
    assert!(page(&at_hub, "/healthz").ends_with("ok\n"));
    let (of_hub, of_clinic) = (page(&at_hub, "/metrics"), page(&at_clinic, "/metrics"));
    assert!(figure(&of_hub, "bodywire_hub_reports_total") >= 5.0);
    assert!(figure(&of_clinic, "bodywire_clinic_stored_total") >= 5.0);
    for path in 0..3 {
        assert_eq!(figure(&of_hub, &format!("bodywire_hub_path_up{{path=\"{path}\"}}")), 1.0);
        assert!(
            figure(&of_clinic, &format!("bodywire_clinic_path_verified_total{{path=\"{path}\"}}")) >= 5.0
        );
        assert_eq!(figure(&of_clinic, &format!("bodywire_clinic_path_forged_total{{path=\"{path}\"}}")), 0.0);
    }
    let said = [hub.said(), clinic.said(), of_hub, of_clinic].concat();
    hub.stop();
    clinic.stop();
    assert!(said.lines().any(|line| line.starts_with('{') && line.contains("\"level\"")), "{said}");
    // Neither the sensor's number, nor a topic, nor a secret in hexadecimal.
    let hex = |file: &str| secret(&world.path(file)).iter().map(|b| format!("{b:02x}")).collect::<String>();
    for forbidden in ["bw/1/", &hex("hub/keys/hub"), &hex("hub/keys/rendezvous"), &hex("clinic/keys/clinic")]
    {
        assert!(!said.contains(forbidden), "{forbidden} is in what the roles say: {said}");
    }
    // As a word, since a time that something took may hold its digits.
    let mut words = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    assert!(
        words.all(|word| word.trim_matches('.') != "4711"),
        "the sensor is in what the roles say: {said}"
    );
}
