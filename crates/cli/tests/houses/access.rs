//! Who is who, by command: persons, relations, policies, links, revocations.

use crate::process::{json, run};
use crate::world::{HUB, World};
use bodywire_proto::access::{Certificate, IssuerKey, RevocationList, Role};
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::SigningKey;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// Paths that nobody connects to: commands about a house need none that works.
const PATHS: [&str; 3] = ["cable", "wlan", "mobile"];

struct House {
    world: World,
    config: String,
}

impl House {
    fn new() -> Self {
        let path = |name| format!("[[path]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = 1\n");
        let world = World::over(&PATHS.map(path).concat());
        let config = world.file("clinic.toml");
        Self { world, config }
    }

    fn access(&self, arguments: &[&str]) -> Value {
        json(&[&["access"], arguments, &["--config", &self.config]].concat())
    }

    /// What a command says that fails, and its exit code.
    fn refused(&self, arguments: &[&str]) -> (String, Option<i32>) {
        let output = run(&[&["access"], arguments, &["--config", &self.config]].concat());
        assert!(!output.status.success(), "{arguments:?}");
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
    }

    fn patient(&self) -> String {
        self.world.enroll("1", &[]);
        self.world.admit();
        let hub = HUB.to_string();
        let admitted = json(&["patient", "admit", "--hub", &hub, "--config", &self.config]);
        admitted["patient"].as_u64().unwrap().to_string()
    }

    fn issuer(&self) -> IssuerKey {
        let text = std::fs::read_to_string(self.world.path("clinic/access/issuer.pub")).unwrap();
        let key = HEX.decode(text.strip_suffix('\n').unwrap().as_bytes()).unwrap();
        IssuerKey::from_bytes(&key.try_into().unwrap()).unwrap()
    }

    fn list(&self) -> Vec<u8> {
        std::fs::read(self.world.path("clinic/access/revocations")).unwrap()
    }
}

#[test]
fn persons_are_added_related_and_leave() {
    let house = House::new();
    let added = house.access(&["add", "Dr A. Meyer", "--role", "physician", "--class", "III"]);
    let number = added["person"].as_str().unwrap().to_owned();
    assert_eq!((number.len(), &added["role"]), (32, &"physician".into()));
    house.access(&["add", "N. Kaya", "--role", "nurse", "--class", "II"]);
    house.access(&["add", "J. Doe", "--role", "patient", "--class", "III"]);
    let patient = house.patient();
    let related = house.access(&["relate", "Meyer", &patient, "--as", "treating", "--until", "2099-12-01"]);
    assert_eq!(related["until_ms"].as_u64(), Some(4_099_766_400_000));
    house.access(&["relate", "J. Doe", &patient, "--as", "own"]);
    let shown = house.access(&["list"]);
    assert_eq!(shown.as_array().unwrap().len(), 3);
    assert_eq!(shown[0]["relations"][0]["relation"], "treating");
    assert_eq!(shown[0]["relations"][0]["patient"].as_u64().unwrap().to_string(), patient);

    for (arguments, words) in [
        (&["relate", "Kaya", &patient, "--as", "own"][..], "is a nurse"),
        (&["relate", "J. Doe", &patient, "--as", "treating"], "is a patient"),
        (&["relate", "Kaya", &patient, "--as", "on-call", "--until", "2020-01-01"], "--until"),
        (&["relate", "Kaya", "12", "--as", "on-call"], "bodywire patient list"),
        (&["relate", "Nobody", &patient, "--as", "on-call"], "bodywire access list"),
        (&["unrelate", "Kaya", &patient], "bodywire access list"),
        (&["leave", "Nobody"], "bodywire access list"),
        (&["add", " ", "--role", "nurse", "--class", "II"], "say 1 to 200 characters"),
        (&["add", "Score", "--role", "program", "--class", "III"], "say --class II"),
    ] {
        let (said, code) = house.refused(arguments);
        assert!(said.contains(words) && code == Some(6), "{arguments:?}: {said}");
    }
    house.access(&["unrelate", &number[..6], &patient]);
    house.access(&["leave", &number]);
    let (said, _) = house.refused(&["relate", &number, &patient, "--as", "treating"]);
    assert!(said.contains("bodywire access add"), "{said}");
    let table = run(&["access", "list", "--config", &house.config]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("Dr A. Meyer, left ") && table.contains(&format!("own {patient}")), "{table}");
}

#[test]
fn a_policy_is_shown_and_set() {
    let house = House::new();
    let patient = house.patient();
    let shown = house.access(&["policy", &patient]);
    assert_eq!((&shown["own"], &shown["table"]["nurse"]["treating"]), (&false.into(), &"II".into()));
    let set =
        house.access(&["policy", &patient, "--allow", "nurse,treating=I", "--allow", "nurse,on-call=I"]);
    assert_eq!((&set["own"], &set["table"]["nurse"]["treating"]), (&true.into(), &"I".into()));
    let longer = house.access(&["policy", &patient, "--longest", "4h"]);
    assert_eq!(
        (&longer["longest_ms"], &longer["table"]["nurse"]["on-call"]),
        (&14_400_000.into(), &"I".into())
    );
    assert_eq!(house.access(&["policy", &patient, "--paper"])["table"]["nurse"]["none"], "III");
    assert_eq!(house.access(&["policy", &patient, "--least"])["table"]["nurse"]["none"], "none");
    let (said, code) = house.refused(&["policy", &patient, "--allow", "nurse,treating=none"]);
    assert!(said.contains("a closer relation must not see less") && code == Some(6), "{said}");
    assert_eq!(
        house.access(&["policy", &patient])["table"]["nurse"]["treating"],
        "II",
        "nothing was changed"
    );
    let (said, code) = house.refused(&["policy", &patient, "--allow", "nurse=I"]);
    assert!(said.contains("nurse,treating=I") && code == Some(2), "{said}");
}

#[test]
fn an_invitation_is_a_certificate_whose_key_is_on_no_disk() {
    let house = House::new();
    house.access(&["add", "Dr A. Meyer", "--role", "physician", "--class", "III"]);
    let (said, code) = house.refused(&["invite", "Meyer"]);
    assert!(said.contains("bodywire access init --config FILE") && code == Some(6), "{said}");
    let made = house.access(&["init"]);
    assert_eq!((&made["made"], &house.access(&["init"])["made"]), (&true.into(), &false.into()));
    assert_eq!(made["issuer"].as_str().unwrap(), HEX.encode(&house.issuer().to_bytes()));

    let invited = house.access(&["invite", "Meyer", "--hours", "24"]);
    let link = invited["link"].as_str().unwrap();
    let (token, seed) = link.strip_prefix("/?once=").unwrap().split_once("#k=").unwrap();
    assert_eq!((token.len(), seed.len()), (64, 64), "{link}");
    let code = invited["code"].as_str().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
    let mut files = Vec::new();
    crate::erasure::files_below(&house.world.path("clinic"), &mut files);
    let seed = HEX.decode(seed.as_bytes()).unwrap();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [&seed[..], &HEX.decode(token.as_bytes()).unwrap(), link.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", file.display());
        }
    }
    let rows = house.access(&["list"]);
    assert_eq!(rows[0]["certificates"][0]["serial"], invited["serial"]);

    let (said, _) = house.refused(&["invite", "Meyer", "--wall"]);
    assert!(said.contains("bodywire access add"), "{said}");
    house.access(&["add", "Wall", "--role", "program", "--class", "II"]);
    house.access(&["invite", "Wall", "--wall"]);
    // A credential for exports has the key: its owner alone may read it.
    let export = house.access(&["invite", "Wall", "--export", "--hours", "1"]);
    let file = house.world.path("clinic/clinic/export-credential");
    assert_eq!(export["file"].as_str().unwrap(), file.display().to_string());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let certificate = Certificate::parse(&HEX.decode(lines[2].as_bytes()).unwrap()).unwrap();
    let shown = house.issuer().shown(&certificate);
    assert!(matches!(shown, bodywire_proto::access::facts::Shown::Verified(_)), "{shown:?}");
    let key: [u8; 32] = HEX.decode(lines[3].as_bytes()).unwrap().try_into().unwrap();
    assert_eq!(SigningKey::from_bytes(&key).verifying_key().to_bytes(), certificate.key);
    assert_eq!(
        (certificate.role, format!("{:016x}", certificate.serial)),
        (Role::Program, export["serial"].as_str().unwrap().to_owned())
    );
}

#[test]
fn what_is_revoked_is_in_the_next_list() {
    let house = House::new();
    for (name, role) in [("Dr A. Meyer", "physician"), ("N. Kaya", "nurse")] {
        house.access(&["add", name, "--role", role, "--class", "II"]);
    }
    let (said, code) = house.refused(&["crl"]);
    assert!(said.contains("bodywire access init --config FILE") && code == Some(6), "{said}");
    house.access(&["init"]);
    let first = house.access(&["crl"]);
    assert_eq!((&first["number"], first["serials"].as_array().unwrap().len()), (&1.into(), 0));
    let serial = |who: &str| house.access(&["invite", who])["serial"].as_str().unwrap().to_owned();
    let (a, b, c) = (serial("Meyer"), serial("Meyer"), serial("Kaya"));
    assert_eq!(house.access(&["revoke", &c])["list"]["serials"], serde_json::json!([c]));
    for (whom, words) in [
        ("Kaya", "bodywire access list"),
        (c.as_str(), "bodywire access crl"),
        ("0123", "bodywire access list"),
    ] {
        let (said, code) = house.refused(&["revoke", whom]);
        assert!(said.contains(words) && code == Some(6), "{said}");
    }
    let revoked = house.access(&["revoke", "Meyer"]);
    assert_eq!((&revoked["revoked"], &revoked["list"]["number"]), (&2.into(), &3.into()));
    let bytes = house.list();
    let list = RevocationList::parse(&bytes).unwrap();
    assert!(house.issuer().made(&list));
    for serial in [&a, &b, &c] {
        assert!(list.names(u64::from_str_radix(serial, 16).unwrap()));
    }
    // Whoever leaves has no certificate, either.
    let d = serial("Meyer");
    let left = house.access(&["leave", "Meyer"]);
    assert_eq!((&left["revoked"], &left["list"]["number"]), (&1.into(), &4.into()));
    let after = house.list();
    let after = RevocationList::parse(&after).unwrap();
    assert!(after.names(u64::from_str_radix(&d, 16).unwrap()) && after.supersedes(&list));
    // What a restored database has lost stays revoked.
    for file in ["bodywire.db", "bodywire.db-wal", "bodywire.db-shm"] {
        let _ = std::fs::remove_file(house.world.path(&format!("clinic/clinic/{file}")));
    }
    assert_eq!(house.access(&["crl"])["serials"].as_array().unwrap().len(), 4);
    std::fs::write(house.world.path("clinic/access/revocations"), "nonsense").unwrap();
    let (said, _) = house.refused(&["crl"]);
    assert!(said.contains("move it away"), "{said}");
}

/// Everything at once: a sensor measures, a program is given access by its relation, and takes files away; what was asked is on record.
#[test]
fn a_bed_is_exported_through_the_gate_of_a_clinic_that_runs() {
    let world = World::new();
    world.enroll("1", &[]);
    world.admit();
    let config = world.file("clinic.toml");
    let access = |arguments: &[&str]| json(&[&["access"], arguments, &["--config", &config]].concat());
    access(&["init"]);
    access(&["add", "Research", "--role", "program", "--class", "II"]);
    let hub_number = HUB.to_string();
    let admitted = json(&["patient", "admit", "--hub", &hub_number, "--config", &config]);
    let patient = admitted["patient"].as_u64().unwrap().to_string();
    let clinic = world.clinic();
    let (hub, address) = world.hub();
    drop(world.sensor("1", &address, "8s").finish());
    access(&["invite", "Research", "--export", "--hours", "1"]);

    let out = world.file("bed.csv");
    let arguments =
        ["export", "csv", "--bed", &hub_number, "--last", "5m", "--out", &out, "--config", &config];
    let refused = run(&arguments);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(4) && said.contains("bodywire access relate"), "{said}");
    access(&["relate", "Research", &patient, "--as", "treating"]);
    // A clinic that runs sees it within seconds.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let exported = json(&arguments);
    assert!(exported["samples"].as_u64() > Some(1_000), "{exported}");
    assert!(exported["data"].as_str().unwrap().contains("HTEST"), "{exported}");
    let table = std::fs::read_to_string(&out).unwrap();
    assert!(table.lines().skip(1).all(|row| row.contains("SIMULATED")));
    let bundle = world.file("bed.json");
    json(&["export", "fhir", "--bed", &hub_number, "--last", "5m", "--out", &bundle, "--config", &config]);
    let bundle: Value = serde_json::from_slice(&std::fs::read(bundle).unwrap()).unwrap();
    let exports = bundle["entry"].as_array().unwrap().iter().filter(|entry| {
        entry["resource"]["resourceType"] == "AuditEvent" && entry["resource"]["type"]["code"] == "110106"
    });
    assert_eq!(exports.count(), 2, "the first export and this one");
    // Class III is not for programs, and breaking off the relation closes the bed.
    let above = ["--class", "III", "--sensor", "1"];
    let refused = run(&[
        &arguments[..4],
        &["--last", "5m", "--out", &world.file("b.csv"), "--config", &config],
        &above,
    ]
    .concat());
    assert_eq!(refused.status.code(), Some(4), "{}", String::from_utf8_lossy(&refused.stderr));
    drop(hub.stop());
    drop(clinic.stop());
    let kinds: Vec<_> = ["grant", "read", "refusal"]
        .into_iter()
        .map(|kind| {
            json(&["audit", "list", &world.file("clinic/clinic/ledger"), "--kind", kind])["records"]
                .as_array()
                .map_or(0, Vec::len)
        })
        .collect();
    assert!(kinds.iter().all(|count| *count >= 1), "{kinds:?}");
}
