//! Reads a table of the document: known keys only, defaults from the table of keys, problems collected with their lines.

use super::keys::{Key, Presence, keys_of, tables_in};
use super::problem::{Problem, closest};
use super::values::Parsed;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text and what has been found wrong with it.
pub(super) struct Findings<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Findings<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, problems: Vec::new() }
    }

    /// The line in which a place of the text lies.
    pub(super) fn line(&self, place: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..place.start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    pub(super) fn add(
        &mut self,
        line: Option<usize>,
        key: &str,
        why: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.problems.push(Problem { line, key: key.to_owned(), why: why.into(), next: next.into() });
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is wrong, in the order of the lines.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        self.problems
    }
}

/// A table that was written, or one that was not.
pub(super) struct Section<'d, 't> {
    /// Its name in the table of keys.
    name: &'static str,
    /// As people know it, such as `path 2`.
    shown: String,
    line: Option<usize>,
    table: Option<&'d DeTable<'t>>,
}

impl<'d, 't> Section<'d, 't> {
    /// The document itself.
    pub(super) fn document(table: &'d DeTable<'t>, findings: &mut Findings<'_>) -> Self {
        let section = Self { name: "", shown: String::new(), line: None, table: Some(table) };
        section.refuse_unknown(findings);
        section
    }

    /// Whether it was written.
    pub(super) const fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// Whether a key of it was written.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The line it begins in.
    pub(super) const fn line(&self) -> Option<usize> {
        self.line
    }

    /// A key as people know it.
    pub(super) fn full(&self, name: &str) -> String {
        if self.shown.is_empty() { name.to_owned() } else { format!("{}.{name}", self.shown) }
    }

    fn entry(
        &self,
        name: &str,
    ) -> Option<(&'d Spanned<std::borrow::Cow<'t, str>>, &'d Spanned<DeValue<'t>>)> {
        self.table?.get_key_value(name)
    }

    /// A table inside this one.
    pub(super) fn table(&self, name: &'static str, findings: &mut Findings<'_>) -> Self {
        let inner = name.rsplit_once('.').map_or(name, |(_, inner)| inner);
        let shown = self.full(inner);
        let nothing = Self { name, shown: shown.clone(), line: None, table: None };
        let Some((key, value)) = self.entry(inner) else { return nothing };
        let line = Some(findings.line(&key.span()));
        let Some(table) = value.get_ref().as_table() else {
            findings.add(line, &shown, "is not a table", format!("write [{name}] and its keys below it"));
            return nothing;
        };
        let section = Self { name, shown, line, table: Some(table) };
        section.refuse_unknown(findings);
        section
    }

    /// The tables of a list inside this one.
    pub(super) fn tables(&self, name: &'static str, findings: &mut Findings<'_>) -> Vec<Self> {
        let Some((key, value)) = self.entry(name) else { return Vec::new() };
        let place = key.span();
        let Some(values) = value.get_ref().as_array() else {
            let line = Some(findings.line(&place));
            findings.add(
                line,
                name,
                "may be written several times",
                format!("write [[{name}]] with two brackets"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (number, value) in (1..).zip(values.iter()) {
            let shown = format!("{name} {number}");
            let line = Some(findings.line(&value.span()));
            match value.get_ref().as_table() {
                Some(table) => {
                    let section = Self { name, shown, line, table: Some(table) };
                    section.refuse_unknown(findings);
                    sections.push(section);
                }
                None => findings.add(line, &shown, "is not a table", format!("write [[{name}]]")),
            }
        }
        sections
    }

    fn refuse_unknown(&self, findings: &mut Findings<'_>) {
        let known: Vec<&str> = keys_of(self.name).map(|key| key.name).chain(tables_in(self.name)).collect();
        for (key, value) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let line = Some(findings.line(&key.span()));
            let shown: String = self.full(name).chars().take(80).collect();
            if is_secret(name) && value.get_ref().is_str() {
                let next = "put it into a file of mode 0600 and write password_file = \"FILE\", or hand it over as a \
                            systemd credential and write password_file = \"credential:NAME\"";
                findings.add(line, &shown, "secrets do not stand in the configuration", next);
                continue;
            }
            let next = match closest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            findings.add(line, &shown, "there is no such key", next);
        }
    }

    /// The value of a key: what is written, or its default. `None` also when it is wrong, which is then a finding.
    pub(super) fn get<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
        findings: &mut Findings<'_>,
    ) -> Option<T> {
        let key = keys_of(self.name).find(|key| key.name == name)?;
        let Some((place, value)) = self.entry(name) else { return self.unwritten(key, parse, findings) };
        match parse(value.get_ref()) {
            Ok(value) => Some(value),
            Err((why, next)) => {
                let line = Some(findings.line(&place.span()));
                findings.add(line, &self.full(name), why, next);
                None
            }
        }
    }

    fn unwritten<T>(
        &self,
        key: &Key,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
        findings: &mut Findings<'_>,
    ) -> Option<T> {
        match key.presence {
            // A default that does not parse is found by a test, not by a user.
            Presence::Default(text) => {
                DeValue::parse(text).ok().and_then(|value| parse(value.get_ref()).ok())
            }
            Presence::Optional(_) => None,
            Presence::Required(example) => {
                let next = format!("write it as in {} = {example}", key.name);
                findings.add(self.line, &self.full(key.name), "is missing", next);
                None
            }
        }
    }
}

/// Names under which people write secrets into configurations.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "private_key"].iter().any(|word| name.contains(word))
        && !name.ends_with("_file")
}
