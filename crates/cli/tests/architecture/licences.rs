//! Licences of all packages, against the list in `deny.toml`.

use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A package and what its manifest says of its licence.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) licence: Option<String>,
}

/// Which licences are accepted.
#[derive(Debug)]
pub(crate) struct Rules {
    allowed: BTreeSet<String>,
    /// What single packages may have beside that.
    exceptions: Vec<(String, BTreeSet<String>)>,
}

impl Rules {
    /// Reads `[licenses] allow` and `exceptions` of a `deny.toml`.
    pub(crate) fn parse(text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("deny.toml: {error}"));
        let licences = table.get("licenses");
        let names = |value: &toml::Value| -> BTreeSet<String> {
            let listed = value.get("allow").and_then(toml::Value::as_array).into_iter().flatten();
            listed.filter_map(toml::Value::as_str).map(str::to_owned).collect()
        };
        let allowed = licences.map(names).unwrap_or_default();
        assert!(!allowed.is_empty(), "deny.toml: `allow` is missing below `[licenses]`");
        let listed = licences.and_then(|table| table.get("exceptions")).and_then(toml::Value::as_array);
        let package =
            |value: &toml::Value| value.get("crate").and_then(toml::Value::as_str).map(str::to_owned);
        let exceptions =
            listed.into_iter().flatten().filter_map(|value| Some((package(value)?, names(value))));
        Self { allowed, exceptions: exceptions.collect() }
    }

    fn accept(&self, package: &str, wanted: &LicenseReq) -> bool {
        let name = package.split(' ').next().unwrap_or_default();
        let exceptions = self.exceptions.iter().filter(|(of, _)| of == name).map(|(_, allowed)| allowed);
        std::iter::once(&self.allowed).chain(exceptions).any(|allowed| {
            // A licence's own exception only ever adds a permission, so that the licence without it is enough.
            let plain = wanted.license.id().map(|id| id.name);
            plain.is_some_and(|name| allowed.contains(name)) || allowed.contains(&wanted.to_string())
        })
    }
}

/// Packages with no licence, one that is not an SPDX expression, or none that is accepted.
pub(crate) fn refused(packages: &[Package], rules: &Rules) -> Vec<String> {
    packages
        .iter()
        .filter_map(|Package { name, licence }| {
            let Some(licence) = licence else { return Some(format!("{name}: names no licence")) };
            match Expression::parse_mode(licence, ParseMode::LAX) {
                Err(_) => Some(format!("{name}: `{licence}` is not an SPDX expression")),
                Ok(expression) if expression.evaluate(|wanted| rules.accept(name, wanted)) => None,
                Ok(_) => Some(format!("{name}: {licence}")),
            }
        })
        .collect()
}

/// Every package of the lock file.
pub(crate) fn packages(root: &Path) -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(root)
        .output()
        .unwrap_or_else(|error| panic!("cargo metadata cannot be run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo metadata failed; run `cargo fetch --locked` once while there is a network:\n{said}"
    );
    let metadata: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    let listed = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    listed
        .map(|package| {
            let text = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
            let name = [text("name"), text("version")].map(Option::unwrap_or_default).join(" ");
            Package { name, licence: text("license") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_licence(licence: Option<&str>) -> usize {
        let rules = Rules::parse("[licenses]\nallow = [\"MIT\", \"Apache-2.0\"]\n");
        refused(&[Package { name: "x 1.0.0".to_owned(), licence: licence.map(str::to_owned) }], &rules).len()
    }

    #[test]
    fn licences_off_the_list_are_found() {
        for licence in [None, Some("GPL-3.0-only"), Some("MIT AND LGPL-2.1-or-later"), Some("free for all")] {
            assert_eq!(refused_licence(licence), 1, "{licence:?}");
        }
        for licence in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-2.0-only OR MIT",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT OR ISC) AND MIT",
        ] {
            assert_eq!(refused_licence(Some(licence)), 0, "{licence}");
        }
    }

    #[test]
    fn an_exception_is_for_its_package_only() {
        let rules = Rules::parse(
            "[licenses]\nallow = [\"MIT\"]\nexceptions = [{ allow = [\"ISC\"], crate = \"x\" }]\n",
        );
        let package = |name: &str| Package { name: name.to_owned(), licence: Some("ISC".to_owned()) };
        assert!(refused(&[package("x 1.0.0")], &rules).is_empty());
        assert_eq!(refused(&[package("xy 1.0.0"), package("y 1.0.0")], &rules).len(), 2);
    }
}
