//! What the manifests must say: arrows between crates, purity, inherited fields, and a reason for each dependency.

use crate::tree::File;
use toml::{Table, Value};

/// The crates of the picture and what each may depend on, tests included.
pub(crate) const ARROWS: [(&str, &[&str]); 13] = [
    ("proto", &[]),
    ("ecg", &[]),
    ("aggregate", &[]),
    ("ledger", &[]),
    ("paths", &[]),
    ("channels", &["proto"]),
    ("store", &["proto"]),
    ("hub", SERVICE),
    ("clinic", SERVICE),
    ("replica", SERVICE),
    (
        "sim",
        &["proto", "ecg", "aggregate", "ledger", "paths", "channels", "store", "hub", "clinic", "replica"],
    ),
    ("cli", EVERYTHING),
    // Never shipped, so that nothing may depend on it.
    ("bench", EVERYTHING_AND_CLI),
];
const SERVICE: &[&str] = &["proto", "ecg", "aggregate", "ledger", "paths", "channels", "store"];
const EVERYTHING: &[&str] =
    &["proto", "ecg", "aggregate", "ledger", "paths", "channels", "store", "hub", "clinic", "replica", "sim"];
const EVERYTHING_AND_CLI: &[&str] = &[
    "proto",
    "ecg",
    "aggregate",
    "ledger",
    "paths",
    "channels",
    "store",
    "hub",
    "clinic",
    "replica",
    "sim",
    "cli",
];

/// Crates without a clock, generator, thread, socket or file of their own.
pub(crate) const PURE: [&str; 5] = ["proto", "ecg", "channels", "aggregate", "ledger"];

/// Crates that bring a clock, a generator, a thread, a socket, a runtime or a store with them.
pub(crate) const IMPURE_CRATES: [&str; 36] = [
    "async-std",
    "axum",
    "chrono",
    "crossbeam",
    "fastrand",
    "futures-executor",
    "getrandom",
    "hyper",
    "instant",
    "jiff",
    "mio",
    "mqtt5",
    "notify",
    "paho-mqtt",
    "quanta",
    "rand",
    "rayon",
    "redb",
    "reqwest",
    "rumqttc",
    "rumqttc-v4",
    "rumqttc-v5",
    "rumqttd",
    "rusqlite",
    "sled",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "threadpool",
    "time",
    "tokio",
    "tokio-rustls",
    "ureq",
    "uuid",
    "web-time",
];
/// Crates that speak SQL.
pub(crate) const SQL_CRATES: [&str; 6] =
    ["diesel", "postgres", "rusqlite", "sea-orm", "sqlx", "tokio-postgres"];
/// Crates that speak HTTP.
pub(crate) const HTTP_CRATES: [&str; 9] =
    ["actix-web", "axum", "axum-server", "hyper", "hyper-util", "reqwest", "rocket", "ureq", "warp"];

const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "repository"];
const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// One line of a dependency section.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// Its name in the registry.
    pub(crate) package: String,
    /// Shipped, and not for tests or builds only.
    pub(crate) shipped: bool,
    from_workspace: bool,
}

impl Dependency {
    /// The folder of a crate of this workspace.
    fn room(&self) -> Option<&str> {
        self.package.strip_prefix("bodywire-")
    }
}

/// A crate's manifest.
pub(crate) struct Manifest {
    path: String,
    /// The crate's folder.
    pub(crate) room: String,
    table: Table,
}

impl Manifest {
    pub(crate) fn of(file: &File) -> Self {
        let table = file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path));
        Self { path: file.path.clone(), room: file.room().unwrap_or_default().to_owned(), table }
    }

    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.table.get("target").and_then(Value::as_table).into_iter().flatten();
        let per_target = targets.filter_map(|(_, value)| value.as_table());
        let mut found = Vec::new();
        for table in std::iter::once(&self.table).chain(per_target) {
            for section in SECTIONS {
                let listed = table.get(section).and_then(Value::as_table).into_iter().flatten();
                found.extend(listed.map(|(key, value)| dependency(key, value, section == "dependencies")));
            }
        }
        found
    }
}

fn dependency(key: &str, value: &Value, shipped: bool) -> Dependency {
    let package = value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
    let from_workspace = value.get("workspace").and_then(Value::as_bool) == Some(true);
    Dependency { package, shipped, from_workspace }
}

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(name, _)| *name == room).map(|(_, below)| *below)
}

/// Arrows that are not in the picture, and crates that are not.
pub(crate) fn arrows(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        let Some(below) = allowed(&manifest.room) else {
            faults.push(format!("{}: no crate `{}` in the picture", manifest.path, manifest.room));
            continue;
        };
        for to in manifest.dependencies().iter().filter_map(Dependency::room) {
            if !below.contains(&to) {
                faults.push(format!("{}: `{}` may not depend on `{to}`", manifest.path, manifest.room));
            }
        }
    }
    faults
}

/// Dependencies of pure crates that bring a clock, generator, thread, socket or runtime.
pub(crate) fn impure_dependencies(manifests: &[Manifest]) -> Vec<String> {
    let pure = manifests.iter().filter(|manifest| PURE.contains(&manifest.room.as_str()));
    pure.flat_map(|manifest| {
        let listed = manifest.dependencies().into_iter().filter(|dependency| dependency.shipped);
        let bad = listed.filter(|dependency| IMPURE_CRATES.contains(&dependency.package.as_str()));
        bad.map(|dependency| format!("{}: `{}`", manifest.path, dependency.package)).collect::<Vec<_>>()
    })
    .collect()
}

/// Crates that speak SQL, HTTP or MQTT where they may not.
pub(crate) fn misplaced_engines(manifests: &[Manifest]) -> Vec<String> {
    let rules: [(&[&str], &[&str]); 5] = [
        // In the benches as a rival only.
        (&SQL_CRATES, &["store", "bench"]),
        (&HTTP_CRATES, &["clinic", "replica", "cli"]),
        (&["mqtt5"], &["cli"]),
        (&["rumqttc-v4", "rumqttc-v5"], &["paths"]),
        // For tests and benches; see the list of external crates.
        (&["rumqttc"], &["cli", "bench"]),
    ];
    let mut faults = Vec::new();
    for manifest in manifests {
        for dependency in manifest.dependencies() {
            let name = dependency.package.as_str();
            for (crates, rooms) in rules {
                if crates.contains(&name) && !rooms.contains(&manifest.room.as_str()) {
                    faults.push(format!("{}: `{name}` belongs into {}", manifest.path, rooms.join(" or ")));
                }
            }
        }
    }
    faults
}

/// Fields that are not inherited, lints that are not switched on, and crates that could be published by mistake.
pub(crate) fn fields(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        let mut fault = |what: String| faults.push(format!("{}: {what}", manifest.path));
        let empty = Table::new();
        let package = manifest.table.get("package").and_then(Value::as_table).unwrap_or(&empty);
        let is_true = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
        for field in INHERITED {
            if !is_true(package.get(field).and_then(|value| value.get("workspace"))) {
                fault(format!("write `{field}.workspace = true`"));
            }
        }
        if package.get("publish").and_then(Value::as_bool) != Some(false) {
            fault("write `publish = false`".to_owned());
        }
        if package.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
            fault("write a `description`".to_owned());
        }
        if package.get("name").and_then(Value::as_str) != Some(&format!("bodywire-{}", manifest.room)) {
            fault(format!("the name must be `bodywire-{}`", manifest.room));
        }
        if !is_true(manifest.table.get("lints").and_then(|lints| lints.get("workspace"))) {
            fault("write `[lints]` and `workspace = true` below it".to_owned());
        }
    }
    faults
}

/// External crates that are not taken from the root's list.
pub(crate) fn bypassed_list(manifests: &[Manifest]) -> Vec<String> {
    let each = manifests.iter().flat_map(|manifest| {
        manifest.dependencies().into_iter().map(move |dependency| (&manifest.path, dependency))
    });
    each.filter(|(_, dependency)| dependency.room().is_none() && !dependency.from_workspace)
        .map(|(path, dependency)| format!("{path}: write `{}.workspace = true`", dependency.package))
        .collect()
}

/// Lines of `[workspace.dependencies]` without a comment directly above.
pub(crate) fn without_reason(root: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut listed, mut open, mut above) = (false, 0i32, "");
    for (number, line) in root.text.lines().enumerate() {
        let line = line.trim();
        let is_header = open == 0 && line.starts_with('[');
        let is_table = is_header && line.starts_with("[workspace.dependencies.");
        let is_key = listed && !is_header && open == 0 && line.contains('=') && !line.starts_with('#');
        if (is_table || is_key) && !above.starts_with('#') {
            faults.push(format!("{}:{}: {line}", root.path, number + 1));
        }
        if is_header {
            listed = line == "[workspace.dependencies]";
        } else if !line.starts_with('#') {
            open +=
                line.chars().map(|c| i32::from("[{".contains(c)) - i32::from("]}".contains(c))).sum::<i32>();
        }
        above = line;
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(room: &str, text: &str) -> Vec<Manifest> {
        vec![Manifest::of(&File::new(&format!("crates/{room}/Cargo.toml"), text))]
    }

    fn one_dependency(room: &str, section: &str, name: &str) -> Vec<Manifest> {
        manifest(room, &format!("[{section}]\n{name}.workspace = true\n"))
    }

    #[test]
    fn the_picture_has_no_circle() {
        for (at, (_, below)) in ARROWS.iter().enumerate() {
            let earlier: Vec<&str> = ARROWS[..at].iter().map(|(name, _)| *name).collect();
            assert!(below.iter().all(|name| earlier.contains(name)));
        }
    }

    #[test]
    fn other_arrows_are_found() {
        for (room, section, to) in [
            ("proto", "dependencies", "ecg"),
            ("channels", "dependencies", "ledger"),
            ("hub", "dependencies", "clinic"),
            ("clinic", "dev-dependencies", "sim"),
            ("replica", "build-dependencies", "hub"),
            ("cli", "dependencies", "bench"),
            ("ecg", "target.'cfg(unix)'.dependencies", "proto"),
        ] {
            assert_eq!(
                arrows(&one_dependency(room, section, &format!("bodywire-{to}"))).len(),
                1,
                "{room} {to}"
            );
        }
        let renamed = "[dependencies]\nx = { package = \"bodywire-hub\", path = \"../hub\" }";
        assert_eq!(arrows(&manifest("clinic", renamed)).len(), 1);
        assert_eq!(arrows(&manifest("tools", "")).len(), 1);
        assert_eq!(arrows(&one_dependency("store", "dependencies", "bodywire-ghost")).len(), 1);
        assert!(arrows(&one_dependency("hub", "dependencies", "bodywire-store")).is_empty());
    }

    #[test]
    fn impure_dependencies_are_found() {
        assert_eq!(impure_dependencies(&one_dependency("ledger", "dependencies", "tokio")).len(), 1);
        assert_eq!(impure_dependencies(&one_dependency("ecg", "dependencies", "getrandom")).len(), 1);
        assert!(impure_dependencies(&one_dependency("ledger", "dev-dependencies", "tempfile")).is_empty());
        assert!(impure_dependencies(&one_dependency("hub", "dependencies", "tokio")).is_empty());
    }

    #[test]
    fn misplaced_engines_are_found() {
        for (room, name) in
            [("hub", "sqlx"), ("sim", "axum"), ("hub", "mqtt5"), ("hub", "rumqttc-v5"), ("sim", "rusqlite")]
        {
            assert_eq!(misplaced_engines(&one_dependency(room, "dev-dependencies", name)).len(), 1);
        }
        assert!(misplaced_engines(&one_dependency("store", "dependencies", "sqlx")).is_empty());
        assert!(misplaced_engines(&one_dependency("bench", "dependencies", "sqlx")).is_empty());
    }

    #[test]
    fn missing_fields_are_found() {
        let inherited: String = INHERITED.map(|field| format!("{field}.workspace = true\n")).concat();
        let good = format!(
            "[package]\nname = \"bodywire-hub\"\ndescription = \"x\"\npublish = false\n{inherited}[lints]\nworkspace = true"
        );
        assert_eq!(fields(&manifest("hub", &good)), Vec::<String>::new());
        for (at, line) in good.lines().enumerate().filter(|(_, line)| line.contains('=')) {
            let others = good.lines().enumerate().filter(|(other, _)| *other != at).map(|(_, line)| line);
            let less = others.collect::<Vec<_>>().join("\n");
            assert_eq!(fields(&manifest("hub", &less)).len(), 1, "without {line}");
        }
        assert_eq!(fields(&manifest("sim", &good)).len(), 1);
    }

    #[test]
    fn dependencies_past_the_list_are_found() {
        assert_eq!(bypassed_list(&manifest("hub", "[dependencies]\nx = \"1\"")).len(), 1);
        assert_eq!(bypassed_list(&manifest("hub", "[dev-dependencies]\nx = { version = \"1\" }")).len(), 1);
        let good = "[dependencies]\nx = { workspace = true, features = [\"y\"] }\nbodywire-proto = { path = \"../proto\" }";
        assert!(bypassed_list(&manifest("hub", good)).is_empty());
    }

    #[test]
    fn dependencies_without_a_reason_are_found() {
        let faults = |text: &str| without_reason(&File::new("Cargo.toml", text)).len();
        assert_eq!(faults("[workspace.dependencies]\na = \"1\"\n"), 1);
        assert_eq!(faults("[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n[x]\nc = 1\n"), 1);
        assert_eq!(faults("[workspace.dependencies]\n# Why.\n\na = \"1\"\n"), 1);
        assert_eq!(faults("[workspace.dependencies.a]\nversion = \"1\"\n"), 1);
        assert_eq!(
            faults(
                "[workspace.dependencies]\n# Why.\na = { version = \"1\", features = [\n  \"b=c\",\n] }\n"
            ),
            0
        );
    }
}
