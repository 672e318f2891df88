//! What the sources may name, and where.

use crate::manifests::{HTTP_CRATES, IMPURE_CRATES, PURE, SQL_CRATES};
use crate::names::{EXTERN, Name, Names};
use crate::tree::File;
use proc_macro2::{TokenStream, TokenTree};
use std::str::FromStr;

/// Longest source file, in lines. Beyond it a file holds more than one thing.
pub(crate) const FILE_LINES_MAX: usize = 800;

/// Names for drawers into which anything fits.
const DRAWERS: [&str; 7] = ["util", "utils", "common", "misc", "helper", "helpers", "prelude"];

/// Rooms behind the feature `recordings` of `ecg`, which no sensor and no hub switches on.
const WHOLE_RECORDINGS: [&str; 2] =
    ["crates/ecg/src/evaluate/course.rs", "crates/ecg/src/evaluate/reference.rs"];
/// Crates whose code runs without a heap.
const WITHOUT_HEAP: [&str; 2] = ["proto", "ecg"];

/// Parts of the standard library that reach the world.
const WORLD: [&str; 12] = [
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Words that stand for a clock, a generator or a socket, whichever crate they come from.
const WORLD_WORDS: [&str; 13] = [
    "OsRng",
    "SysRng",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "ThreadRng",
    "UNIX_EPOCH",
    "UdpSocket",
    "UnixStream",
    "from_entropy",
    "from_os_rng",
    "thread_rng",
    "try_from_os_rng",
];

/// MQTT client crates.
const MQTT_CLIENT_CRATES: [&str; 7] =
    ["minimq", "mqttrs", "paho-mqtt", "rumqttc", "rumqttc-v4", "rumqttc-v5", "rust-mqtt"];

/// A source with the names it uses.
pub(crate) struct Source {
    pub(crate) path: String,
    room: String,
    names: Names,
}

impl Source {
    pub(crate) fn of(file: &File) -> Self {
        Self {
            path: file.path.clone(),
            room: file.room().unwrap_or_default().to_owned(),
            names: Names::of(file),
        }
    }

    fn faults<'a>(&'a self, bad: impl Fn(&Name) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
        let bad = self.names.used.iter().filter(move |name| bad(name));
        bad.map(|name| format!("{}:{}: {name}", self.path, name.line))
    }

    /// Where the modules it declares have their files.
    fn folder(&self) -> &str {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        if ["lib.rs", "main.rs", "mod.rs"].contains(&name) {
            folder
        } else {
            self.path.trim_end_matches(".rs")
        }
    }
}

/// The sources that ship: under `src/`, without modules that are declared for tests only.
pub(crate) fn shipped(files: &[File]) -> Vec<Source> {
    let all: Vec<Source> =
        files.iter().filter(|file| file.path.split('/').nth(2) == Some("src")).map(Source::of).collect();
    let for_tests: Vec<String> = all
        .iter()
        .flat_map(|source| source.names.test_modules.iter().map(|name| format!("{}/{name}", source.folder())))
        .collect();
    let is_test = |source: &Source| {
        let rest = |module: &String| source.path.strip_prefix(module.as_str()).map(str::to_owned);
        for_tests.iter().filter_map(rest).any(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    all.into_iter().filter(|source| !is_test(source)).collect()
}

fn in_code(name: &str) -> String {
    name.replace('-', "_")
}

fn comes_from(name: &Name, crates: &[&str]) -> bool {
    name.root().is_some_and(|root| crates.iter().any(|one| in_code(one) == root))
        || matches!(&name.segments[..], [what, one] if what == EXTERN && crates.iter().any(|c| in_code(c) == *one))
}

/// A clock, generator, thread, socket, process or file in a pure crate; files are allowed in `ledger::disk`.
pub(crate) fn world_in_pure_crates(sources: &[Source]) -> Vec<String> {
    let pure = sources.iter().filter(|source| PURE.contains(&source.room.as_str()));
    pure.flat_map(|source| {
        let disk =
            source.path == "crates/ledger/src/disk.rs" || source.path.starts_with("crates/ledger/src/disk/");
        let forbidden = move |path: &&&str| !(disk && ["std::fs", "std::os"].contains(*path));
        source.faults(move |name| {
            name.segments.ends_with(&["Instant".to_owned(), "now".to_owned()])
                || WORLD.iter().filter(forbidden).any(|path| name.reaches(path))
                || WORLD_WORDS.iter().any(|word| name.has(word))
                || comes_from(name, &IMPURE_CRATES)
        })
    })
    .collect()
}

/// The standard library or an allocator in a crate without a heap, or its `no_std` missing.
pub(crate) fn heap(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    let without = |source: &&Source| {
        WITHOUT_HEAP.contains(&source.room.as_str()) && !WHOLE_RECORDINGS.contains(&source.path.as_str())
    };
    for source in sources.iter().filter(without) {
        let is_root = source.path == format!("crates/{}/src/lib.rs", source.room);
        if is_root && !source.names.used.iter().any(|name| name.has("no_std")) {
            faults.push(format!("{}: `#![no_std]` is missing", source.path));
        }
        faults.extend(source.faults(|name| comes_from(name, &["std", "alloc"])));
    }
    faults
}

/// A secret key of the ward's aggregates where ciphertexts only may be.
pub(crate) fn aggregate_secrets(sources: &[Source]) -> Vec<String> {
    let outside = sources.iter().filter(|source| ["hub", "replica"].contains(&source.room.as_str()));
    outside
        .flat_map(|source| {
            source.faults(|name| name.has("SecretKey") || name.reaches("bodywire_aggregate::SecretKey"))
        })
        .collect()
}

/// A decision about access, or the terms of one, made anywhere but in the clinic's gate.
pub(crate) fn decisions(sources: &[Source]) -> Vec<String> {
    let services = ["hub", "clinic", "replica", "cli"];
    let outside = sources.iter().filter(|source| {
        services.contains(&source.room.as_str()) && !source.path.starts_with("crates/clinic/src/gate")
    });
    let access = "bodywire_proto::access";
    let reached = |name: &Name| {
        [format!("{access}::decide"), format!("{access}::Terms")].iter().any(|path| name.reaches(path))
    };
    outside.flat_map(|source| source.faults(reached)).collect()
}

/// SQL outside `store` and the bench of the ledger, where it is a rival.
pub(crate) fn sql(sources: &[Source]) -> Vec<String> {
    let inside =
        |source: &Source| source.room == "store" || source.path.starts_with("crates/bench/src/ledger/");
    let outside = sources.iter().filter(|source| !inside(source));
    outside.flat_map(|source| source.faults(|name| comes_from(name, &SQL_CRATES))).collect()
}

/// HTTP outside `clinic::web`, its tests and examples, `clinic::mirrors`, `replica` and `cli`.
pub(crate) fn http(sources: &[Source]) -> Vec<String> {
    let web = |path: &str| {
        path == "crates/clinic/src/web.rs"
            || [
                "crates/clinic/src/web/",
                "crates/clinic/src/mirrors",
                "crates/clinic/tests/",
                "crates/clinic/examples/",
                "crates/replica/",
                "crates/cli/",
            ]
            .iter()
            .any(|folder| path.starts_with(folder))
    };
    let outside = sources.iter().filter(|source| !web(&source.path));
    outside.flat_map(|source| source.faults(|name| comes_from(name, &HTTP_CRATES))).collect()
}

/// MQTT clients outside the `mqtt` module of `paths`, the tests of `cli` and the benches; the embedded broker outside
/// `cli`.
pub(crate) fn mqtt(sources: &[Source]) -> Vec<String> {
    let rooms = ["crates/paths/src/mqtt.rs", "crates/paths/src/mqtt/", "crates/cli/tests/", "crates/bench/"];
    let mut faults = Vec::new();
    for source in sources {
        if !rooms.iter().any(|room| source.path.starts_with(room)) {
            faults.extend(source.faults(|name| comes_from(name, &MQTT_CLIENT_CRATES)));
        }
        if source.room != "cli" {
            faults.extend(source.faults(|name| comes_from(name, &["mqtt5"])));
        }
    }
    faults
}

/// Files with too many lines.
pub(crate) fn too_long(files: &[File]) -> Vec<String> {
    let long = files.iter().map(|file| (file, file.text.lines().count()));
    long.filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect()
}

/// Folders, files and modules named for nothing in particular.
pub(crate) fn drawers(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let mut parts = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        if parts.any(|part| DRAWERS.contains(&part)) {
            faults.push(file.path.clone());
        }
        if file.path.ends_with(".rs") {
            let declared =
                Names::of(file).modules.into_iter().filter(|name| DRAWERS.iter().any(|d| name.has(d)));
            faults.extend(declared.map(|name| format!("{}:{}: mod {name}", file.path, name.line)));
        }
    }
    faults
}

/// `unsafe`, tests included.
pub(crate) fn unsafe_code(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| has_word(&file.text, "unsafe")).map(|file| file.path.clone()).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    fn any(tokens: TokenStream, word: &str) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == word,
            TokenTree::Group(group) => any(group.stream(), word),
            _ => false,
        })
    }
    TokenStream::from_str(text).is_ok_and(|tokens| any(tokens, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(path: &str, text: &str) -> Vec<Source> {
        vec![Source::of(&File::new(path, text))]
    }

    #[test]
    fn the_world_is_found_in_pure_crates() {
        for text in [
            "use std::time::Instant;",
            "fn f() { let t = std::time::SystemTime::now(); }",
            "use std::time::*;",
            "use std::{io, net::TcpStream};",
            "fn f() { std::thread::spawn(|| ()); }",
            "use std::fs; fn f() { fs::read(\"x\"); }",
            "use rand_core::OsRng;",
            "use rand::rngs::SysRng;",
            "fn f() { rand::rng(); }",
            "use web_time::Duration;",
            "fn f(clock: Clock) { g!(clock::Instant::now()); }",
            "extern crate tokio;",
        ] {
            assert!(!world_in_pure_crates(&sources("crates/ledger/src/log.rs", text)).is_empty(), "{text}");
            assert!(world_in_pure_crates(&sources("crates/hub/src/log.rs", text)).is_empty(), "{text}");
        }
        for text in [
            "use core::time::Duration; fn f(now: Instant) { let rand = 1; } // std::fs",
            "#[cfg(test)] mod tests { use std::fs; }",
        ] {
            assert!(world_in_pure_crates(&sources("crates/ledger/src/log.rs", text)).is_empty(), "{text}");
        }
        assert!(world_in_pure_crates(&sources("crates/ledger/src/disk.rs", "use std::fs::File;")).is_empty());
        assert_eq!(world_in_pure_crates(&sources("crates/ledger/src/disk.rs", "use std::net;")).len(), 1);
    }

    #[test]
    fn tests_do_not_ship() {
        let files = [
            File::new("crates/ecg/src/decide.rs", "#[cfg(test)] mod tests; mod kept;"),
            File::new("crates/ecg/src/decide/tests.rs", "extern crate std;"),
            File::new("crates/ecg/src/decide/tests/more.rs", "extern crate std;"),
            File::new("crates/ecg/src/decide/kept.rs", ""),
            File::new("crates/ecg/tests/all.rs", "use std::fs;"),
        ];
        let paths: Vec<String> = shipped(&files).into_iter().map(|source| source.path).collect();
        assert_eq!(paths, ["crates/ecg/src/decide.rs", "crates/ecg/src/decide/kept.rs"]);
    }

    #[test]
    fn a_heap_is_found() {
        let root = "crates/proto/src/lib.rs";
        assert_eq!(heap(&sources(root, "//! no_std\npub mod a;")).len(), 1);
        for text in
            ["extern crate alloc;", "use std::vec::Vec;", "fn f() { ::alloc::vec![1]; std::mem::drop(1) }"]
        {
            assert!(!heap(&sources(root, &format!("#![no_std]\n{text}"))).is_empty(), "{text}");
        }
        assert!(heap(&sources(root, "#![no_std]\n#[cfg(test)]\nextern crate std;")).is_empty());
        assert!(heap(&sources(root, "#![cfg_attr(not(test), no_std)]")).is_empty());
        assert!(heap(&sources("crates/ledger/src/lib.rs", "use std::vec::Vec;")).is_empty());
    }

    #[test]
    fn a_secret_key_outside_the_clinic_is_found() {
        let text = "use bodywire_aggregate::{PublicKey, SecretKey as K};";
        assert_eq!(aggregate_secrets(&sources("crates/replica/src/eval.rs", text)).len(), 1);
        let text = "use bodywire_aggregate::*;";
        assert_eq!(aggregate_secrets(&sources("crates/hub/src/bedside.rs", text)).len(), 1);
        let text = "use bodywire_aggregate::PublicKey; // not SecretKey";
        assert!(aggregate_secrets(&sources("crates/hub/src/bedside.rs", text)).is_empty());
        let text = "use bodywire_aggregate::SecretKey;";
        assert!(aggregate_secrets(&sources("crates/clinic/src/sum.rs", text)).is_empty());
    }

    #[test]
    fn a_decision_outside_the_gate_is_found() {
        let text = "use bodywire_proto::access::decide; fn f() { decide(&facts); }";
        assert!(!decisions(&sources("crates/clinic/src/web/ward.rs", text)).is_empty());
        assert!(decisions(&sources("crates/clinic/src/gate/ask.rs", text)).is_empty());
        let text = "use bodywire_proto::access::Decision; fn f(d: Decision) {}";
        assert!(decisions(&sources("crates/clinic/src/web/asking.rs", text)).is_empty());
    }

    #[test]
    fn engines_outside_their_rooms_are_found() {
        assert_eq!(sql(&sources("crates/clinic/src/lib.rs", "use sqlx::Row;")).len(), 1);
        assert!(sql(&sources("crates/store/src/lib.rs", "use sqlx::Row;")).is_empty());
        assert!(sql(&sources("crates/bench/src/ledger/appenders.rs", "use sqlx::Row;")).is_empty());
        assert_eq!(sql(&sources("crates/bench/src/link.rs", "use sqlx::Row;")).len(), 1);
        assert_eq!(http(&sources("crates/clinic/src/board.rs", "use axum::Json;")).len(), 1);
        assert_eq!(http(&sources("crates/hub/src/lib.rs", "fn f() { ureq::get(1); }")).len(), 1);
        assert!(http(&sources("crates/clinic/src/web/login.rs", "use axum::Json;")).is_empty());
        assert_eq!(mqtt(&sources("crates/hub/src/service.rs", "use rumqttc::v5;")).len(), 1);
        assert_eq!(mqtt(&sources("crates/hub/src/mqtt.rs", "use rumqttc::v5;")).len(), 1);
        assert_eq!(mqtt(&sources("crates/paths/src/path.rs", "use rumqttc_v5::QoS;")).len(), 1);
        assert!(mqtt(&sources("crates/paths/src/mqtt/v5.rs", "use rumqttc_v5::QoS;")).is_empty());
        assert!(mqtt(&sources("crates/bench/src/main.rs", "use rumqttc::v5;")).is_empty());
        assert!(mqtt(&sources("crates/cli/tests/ward.rs", "use rumqttc::v5;")).is_empty());
        assert_eq!(mqtt(&sources("crates/hub/src/mqtt.rs", "use mqtt5::broker;")).len(), 1);
        assert!(mqtt(&sources("crates/cli/src/broker.rs", "use mqtt5::broker;")).is_empty());
    }

    #[test]
    fn long_files_drawers_and_unsafe_code_are_found() {
        assert_eq!(
            too_long(&[File::new("a.ts", &"x\n".repeat(801)), File::new("b.rs", &"x\n".repeat(800))]).len(),
            1
        );
        for (path, text) in [
            ("crates/util/src/lib.rs", ""),
            ("crates/hub/src/common.rs", ""),
            ("crates/hub/tests/common/mod.rs", ""),
            ("console/src/helpers.ts", ""),
            ("crates/hub/src/lib.rs", "pub mod prelude { }"),
        ] {
            assert_eq!(drawers(&[File::new(path, text)]).len(), 1, "{path}");
        }
        assert!(drawers(&[File::new("crates/hub/src/utility_meter.rs", "mod commons;")]).is_empty());
        assert_eq!(unsafe_code(&[File::new("a.rs", "fn f() { g!(unsafe { h() }) }")]).len(), 1);
        assert!(
            unsafe_code(&[File::new(
                "a.rs",
                "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";"
            )])
            .is_empty()
        );
    }
}
