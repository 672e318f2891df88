//! The architecture, as tests. Each reads the tree and says what to do when a rule is broken; each rule is shown to fail
//! on a small bad example in the module that holds it.

mod documents;
mod licences;
mod manifests;
mod names;
mod sources;
mod tree;

use manifests::Manifest;
use sources::Source;
use tree::Tree;

/// Fails with what to do and where, unless nothing was found.
fn none(faults: &[String], what_to_do: &str) {
    assert!(faults.is_empty(), "\n\n{what_to_do}\n\n  {}\n", faults.join("\n  "));
}

fn manifests() -> Vec<Manifest> {
    let found: Vec<Manifest> = Tree::of_this_repository().manifests().iter().map(Manifest::of).collect();
    assert!(found.iter().any(|manifest| manifest.room == "proto"), "no manifests were read");
    found
}

/// What ships.
fn shipped() -> Vec<Source> {
    let found = sources::shipped(&Tree::of_this_repository().rust());
    assert!(found.iter().any(|source| source.path == "crates/proto/src/lib.rs"), "no sources were read");
    found
}

/// Every Rust file, tests and examples included.
fn all_sources() -> Vec<Source> {
    Tree::of_this_repository().rust().iter().map(Source::of).collect()
}

#[test]
fn dependencies_point_down_only() {
    let what = "An arrow between crates is not in the picture (tests included). Move the code to the crate that may see \
                both sides, or pass bytes. A new crate needs a place in the picture: add it to ARROWS with its reason.";
    none(&manifests::arrows(&manifests()), what);
}

#[test]
fn pure_crates_depend_on_nothing_that_reaches_the_world() {
    let what = "A pure crate ships a dependency with a clock, generator, thread, socket or runtime of its own. Take time, \
                bytes and randomness as arguments (`rand_core` has the traits), and let a service own the rest.";
    none(&manifests::impure_dependencies(&manifests()), what);
}

#[test]
fn pure_crates_do_not_reach_the_world() {
    let what = "A pure crate names a clock, generator, thread, socket, process or file. Make it an argument or an output. \
                Files belong into `ledger::disk` only.";
    none(&sources::world_in_pure_crates(&shipped()), what);
}

#[test]
fn proto_and_ecg_have_no_heap() {
    let what = "`proto` and `ecg` run on a microcontroller: keep `#![no_std]`, use `core`, borrow from the caller or take a \
                fixed array; `std` is for their tests only.";
    none(&sources::heap(&shipped()), what);
}

#[test]
fn hub_and_replica_cannot_name_the_aggregate_secret_key() {
    let what = "`hub` and `replica` must not be able to decrypt aggregates: use the public or evaluation key, import by name \
                and not by glob, and leave decryption to the clinic.";
    none(&sources::aggregate_secrets(&shipped()), what);
}

#[test]
fn access_is_decided_in_the_gate_only() {
    let what =
        "Who may see what is decided by `proto::access::decide`, called by the clinic's gate. Ask the gate.";
    none(&sources::decisions(&shipped()), what);
}

#[test]
fn sql_http_and_the_broker_are_dependencies_of_their_rooms_only() {
    let what = "An engine is a dependency of the wrong crate. SQL belongs into `store`, HTTP into `clinic`, `replica` \
                and `cli`, the embedded broker into `cli`.";
    none(&manifests::misplaced_engines(&manifests()), what);
}

#[test]
fn sql_stays_in_store() {
    none(
        &sources::sql(&all_sources()),
        "SQL outside `store`. Add a function with a typed result to `store` and call it.",
    );
}

#[test]
fn http_stays_in_the_console_and_the_command_line() {
    let what = "HTTP outside `clinic::web`, `clinic::mirrors`, `replica` and `cli`. Return a value and let one of these turn it into a response.";
    none(&sources::http(&all_sources()), what);
}

#[test]
fn mqtt_stays_in_paths() {
    let what = "An MQTT client outside `paths::mqtt`, or the embedded broker outside `cli`. Hand bytes and topics to a \
                `bodywire_paths::Path`.";
    none(&sources::mqtt(&all_sources()), what);
}

#[test]
fn no_file_is_longer_than_eight_hundred_lines() {
    let source = |path: &str| [".rs", ".ts", ".tsx"].iter().any(|end| path.ends_with(end));
    let what = "A source file holds more than one thing. Split it by what its parts are for; tests may leave it first.";
    none(&sources::too_long(&Tree::of_this_repository().texts(source)), what);
}

#[test]
fn there_is_no_drawer_for_odds_and_ends() {
    let ours =
        |path: &str| ["crates/", "console/", "fuzz/", "firmware/"].iter().any(|root| path.starts_with(root));
    let what = "A folder, file or module is named for nothing in particular. Name it for what it holds, or move what it \
                holds to where it is used.";
    none(&sources::drawers(&Tree::of_this_repository().texts(ours)), what);
}

#[test]
fn there_is_no_unsafe_code() {
    let rust =
        |path: &str| (path.starts_with("crates/") || path.starts_with("fuzz/")) && path.ends_with(".rs");
    let what = "`unsafe` in our own code. Use a crate that has done it well, or do without.";
    none(&sources::unsafe_code(&Tree::of_this_repository().texts(rust)), what);
}

#[test]
fn plain_cargo_run_is_the_one_command_and_plain_cargo_test_leaves_out_the_benches_only() {
    let roots = Tree::of_this_repository().texts(|path| path == "Cargo.toml");
    let root: toml::Table = roots[0].text.parse().unwrap();
    let listed = root["workspace"]["default-members"].as_array().unwrap();
    let mut defaults: Vec<_> = listed.iter().filter_map(|member| member.as_str()).collect();
    let rooms: Vec<_> = manifests().into_iter().map(|manifest| format!("crates/{}", manifest.room)).collect();
    defaults.push("crates/bench");
    defaults.sort_unstable();
    let mut rooms: Vec<_> = rooms.iter().map(String::as_str).collect();
    rooms.sort_unstable();
    assert_eq!(defaults, rooms);
}

#[test]
fn manifests_inherit_what_is_the_same_for_all() {
    let what = "A manifest differs from the others where it should not.";
    none(&manifests::fields(&manifests()), what);
}

#[test]
fn external_crates_come_from_the_list() {
    let what = "An external crate is declared past the list. Put it into `[workspace.dependencies]` of the root manifest, \
                with its reason, and inherit it.";
    none(&manifests::bypassed_list(&manifests()), what);
}

#[test]
fn each_dependency_has_its_reason() {
    let roots = Tree::of_this_repository().texts(|path| path == "Cargo.toml");
    let faults: Vec<String> = roots.iter().flat_map(manifests::without_reason).collect();
    none(
        &faults,
        "A dependency has no reason. Write one comment line directly above it: what for, and why this one.",
    );
}

#[test]
fn licences_are_on_the_list() {
    let tree = Tree::of_this_repository();
    let rules = licences::Rules::parse(&tree.text("deny.toml").unwrap_or_default());
    let packages = licences::packages(tree.root());
    assert!(packages.len() > 20, "cargo metadata named {} packages only", packages.len());
    let what = "A package's licence is not on the list in deny.toml. Choose another crate; a permissive licence that is \
                missing may be added to the list, a copyleft one may not.";
    none(&licences::refused(&packages, &rules), what);
}

#[test]
fn the_map_of_the_papers_is_true() {
    let tree = Tree::of_this_repository();
    let maps = tree.texts(|path| path == documents::PAPER_MAP);
    let Some(map) = maps.first() else {
        let strict = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!strict, "{} is missing: write it, or add it to version control", documents::PAPER_MAP);
        eprintln!("left out: the_map_of_the_papers_is_true, because there is no {}", documents::PAPER_MAP);
        return;
    };
    let what = "A row of the map names what does not exist, or has neither code and a test nor a reason in its last column.";
    none(&documents::untrue_rows(map, |path| tree.has(path)), what);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let what = "An absolute path of one machine stands in the tree. Write it from the root of the repository, or take it as \
                an argument.";
    none(&documents::machine_paths(&Tree::of_this_repository().texts(|_| true)), what);
}

#[test]
fn relative_links_lead_somewhere() {
    let tree = Tree::of_this_repository();
    let documents = tree.texts(|path| path.ends_with(".md"));
    assert!(!documents.is_empty(), "no documents were read");
    let dead = documents.iter().flat_map(|file| documents::dead_links(file, |path| tree.has(path)));
    none(&dead.collect::<Vec<_>>(), "A link leads nowhere. Correct it, or write the page it promises.");
}
