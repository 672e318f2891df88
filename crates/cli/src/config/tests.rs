use super::keys::{KEYS, Role, TABLES, keys_of};
use super::*;
use std::path::Path;

const HUB: &str =
    "[hub.clinic]\nverify_key = \"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"\n";

/// The example with everything in it that may be left out.
fn everything() -> String {
    let is_left_out = |line: &str| {
        line.starts_with('#') && !line.starts_with("# ") && (line.contains(" = ") || line.starts_with("#[["))
    };
    let example = example(Role::All);
    let lines = example.lines().map(|line| if is_left_out(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn problems(text: &str) -> Vec<Problem> {
    Config::parse(text).err().unwrap_or_else(|| panic!("accepted:\n{text}"))
}

#[test]
fn the_printed_examples_are_complete_and_parse() {
    for role in [Role::Hub, Role::Clinic, Role::Broker, Role::Replica, Role::All] {
        let text = example(role);
        let config = Config::parse(&text).unwrap_or_else(|problems| panic!("{role:?}: {problems:?}"));
        let all = role == Role::All;
        assert_eq!(
            (config.hub.is_some(), config.clinic.is_some(), config.broker.is_some()),
            (all || role == Role::Hub, all || role == Role::Clinic, all || role == Role::Broker)
        );
        assert_eq!(config.replica.is_some(), all || role == Role::Replica);
        let pathless = matches!(role, Role::Broker | Role::Replica);
        assert_eq!(config.paths.len(), if pathless { 0 } else { 3 });
        for key in KEYS.iter().filter(|key| key.is_for(role)) {
            assert!(text.contains(&format!("{} = {}", key.name, key.presence.shown())), "{role:?} {key:?}");
        }
    }
    let config = Config::parse(&everything()).unwrap();
    assert!(config.paths[0].tls.as_ref().is_some_and(|tls| tls.client.is_some()));
    assert!(config.paths[0].login.is_some() && config.metrics.is_some());
    assert!(config.broker.unwrap().tls.is_some());
}

#[test]
fn the_parser_reads_every_key_of_the_table() {
    let text = everything();
    let mut read = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        // A date is no value of any key.
        let spoilt: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(i, line)| if i == at { format!("{name} = 1979-05-27") } else { line.to_owned() })
            .collect();
        let found = problems(&spoilt.join("\n"));
        assert!(found.iter().any(|problem| problem.line == Some(at + 1)), "{line}: {found:?}");
        read += 1;
    }
    // Two more paths have three keys each.
    assert_eq!(read, KEYS.len() + 6);
}

#[test]
fn every_key_has_a_table_and_says_what_it_is_for() {
    for key in &KEYS {
        assert!(TABLES.iter().any(|table| table.name == key.table), "{key:?}");
        assert!(key.about.ends_with('.') && !key.about.contains('|'), "{key:?}");
        assert_eq!(keys_of(key.table).filter(|other| other.name == key.name).count(), 1, "{key:?}");
    }
}

#[test]
fn the_documentation_is_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        text.contains(&markdown()),
        "docs/configuration.md is behind: replace its tables by `bodywire config print --output markdown`"
    );
}

#[test]
fn nothing_written_is_a_configuration_without_roles() {
    let config = Config::parse("").unwrap();
    assert_eq!((config.state.to_str(), config.paths.len()), (Some("bodywire-state"), 0));
    assert_eq!(config.spread, bodywire_channels::Spread::TWO_OF_THREE);
    assert_eq!((config.hub, config.clinic, config.metrics), (None, None, None));
}

#[test]
fn every_slip_is_named_with_its_line_and_what_was_meant() {
    let text =
        format!("{HUB}[hub]\nlisten = \"here\"\nnumbr = 2\n\n[stat]\n[[path]]\nname = \"a\"\nprot = 1\n");
    let found: Vec<String> = problems(&text).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "line 4, hub.listen: is no IPv4 address with a port; write it as in \"127.0.0.1:5710\"",
            "line 5, hub.numbr: there is no such key; did you mean `number`?",
            "line 7, stat: there is no such key; did you mean `state`?",
            "line 8, path 1.host: is missing; write it as in host = \"broker-a.example\"",
            "line 8, path 1.port: is missing; write it as in port = 8883",
            "line 10, path 1.prot: there is no such key; did you mean `port`?",
            "threshold.k: misuse: a threshold needs 2 <= k <= n <= 8; write a k of 2 or more, and as many paths or more",
        ]
    );
    let broken = problems("[hub]\nlisten = \n");
    assert!(broken[0].line == Some(2) && broken[0].why.contains("TOML"), "{broken:?}");
}

#[test]
fn secrets_are_refused_inline_and_not_repeated() {
    let path = "[[path]]\nname = \"a\"\nhost = \"h\"\nport = 1\n";
    for section in [format!("{HUB}[hub]\n"), "[clinic]\norigin = \"a\"\n".to_owned()] {
        for url in ["postgres://u:hunter2@h/d", "postgres://u@h/d?password=hunter2", "mysql://u:hunter2@h/d"]
        {
            let text = format!("{:?}", problems(&format!("{section}database = \"{url}\"\n")));
            assert!(!text.contains("hunter2") && text.contains(".database"), "{text}");
        }
    }
    let pem = "tls = { ca = \"-----BEGIN CERTIFICATE-----\" }\n";
    for line in ["password = \"hunter2\"\n", "secret = \"hunter2\"\n", pem] {
        let found = problems(&format!("{path}{line}"));
        let text = format!("{found:?}");
        assert!(text.contains("file of mode 0600") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn values_that_make_no_sense_are_refused_with_the_next_step() {
    let path = |name: &str| format!("[[path]]\nname = \"{name}\"\nhost = \"h\"\nport = 1\n");
    let three = [path("a"), path("b"), path("c")].concat();
    for (text, key, says) in [
        (format!("{three}[threshold]\nn = 4\n"), "threshold.n", "there are 3 paths"),
        (format!("{three}[threshold]\nk = 4\n"), "threshold.k", "there are 3 paths"),
        (format!("{three}[threshold]\nk = 2\nmode = \"split\"\n"), "threshold.k", "all 3 paths"),
        (format!("{three}[threshold]\nmode = \"splt\"\n"), "threshold.mode", "did you mean \"split\"?"),
        (format!("{}{}", path("a"), path("a")), "path 2.name", "name of its own"),
        (path("a") + "user = \"x\"\n", "path 1.user", "write `password_file`, too"),
        (path("a") + "tls = { ca = \"x\", key = \"y\" }\n", "path 1.tls.key", "write `cert`, too"),
        (path("a") + "version = 5\n", "path 1.version", "write it in quotes"),
        (path("a") + "bind = \"no/such\"\n", "path 1.bind", "wlan0"),
        (path("a") + "password_file = \"credential:../x\"\n", "path 1.password_file", "credential:NAME"),
        (path("a").replace("\"h\"", "\"mqtt://h\""), "path 1.host", "without mqtt://"),
        (path("a").replace("port = 1", "port = 0"), "path 1.port", "1 to 65535"),
        (path("a").replace("[[path]]", "[path]"), "path", "two brackets"),
        ("path = 3\n".to_owned(), "path", "two brackets"),
        ("hub = 3\n".to_owned(), "hub", "write [hub]"),
        ("[hub]\n".to_owned(), "hub.clinic.verify_key", "is missing"),
        (
            format!("[hub.clinic]\nverify_key = \"01{}\"\n", "00".repeat(31)),
            "hub.clinic.verify_key",
            "clinic card",
        ),
        ("[hub.clinic]\nverify_key = \"00\"\n".to_owned(), "hub.clinic.verify_key", "64 hexadecimal"),
        ("[clinic]\norigin = \"two words\"\n".to_owned(), "clinic.origin", "ledger"),
        ("[clinic]\norigin = \"a\"\nshard = \"a/b\"\n".to_owned(), "clinic.shard", "letters"),
        ("[clinic]\norigin = \"a\"\nhubs = 1\n".to_owned(), "clinic.hubs", "brackets"),
        ("[clinic]\norigin = \"a\"\ndatabase = \"ward.db\"\n".to_owned(), "clinic.database", "postgres://"),
        (
            "[clinic]\norigin = \"a\"\ndatabase_password_file = \"p\"\n".to_owned(),
            "clinic.database_password_file",
            "write `database`, too",
        ),
        ("[broker]\nlisten = []\n".to_owned(), "broker.listen", "127.0.0.1:1883"),
        ("[broker]\nlisten = \"127.0.0.1:1\"\n".to_owned(), "broker.listen", "brackets"),
        ("[replica]\nname = \"a\"\nlogs = []\n".to_owned(), "replica.logs", "key.vkey"),
        ("[replica]\nname = \"a\"\nlogs = [\"a+b+c\"]\n".to_owned(), "replica.logs", "key.vkey"),
        ("[replica]\nname = \"a b\"\n".to_owned(), "replica.name", "replica-1.example"),
        ("[replica]\nname = \"a\"\npeers = [\"a:1\"]\n".to_owned(), "replica.peers", "http://"),
        ("[log]\nlevel = \"loud\"\n".to_owned(), "log.level", "write one of error"),
        ("[state]\ndir = \"\"\n".to_owned(), "state.dir", "is empty"),
        (" ".repeat(CONFIG_BYTES_MAX + 1), "configuration", "longer than"),
    ] {
        let found = problems(&text);
        let named = found.iter().any(|p| p.key == key && format!("{}; {}", p.why, p.next).contains(says));
        assert!(named, "{key} {says}: {found:?}");
    }
}
