//! What the documents must say: links that lead somewhere, a map of the papers that is true, no paths of one machine.

use crate::tree::File;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Where the map of the papers is.
pub(crate) const PAPER_MAP: &str = "docs/paper-map.md";

/// Beginnings of absolute paths that only one machine has.
const MACHINE_FOLDERS: [&str; 4] =
    [concat!("/", "home/"), concat!("/", "root/"), concat!("/", "work/"), concat!("/", "Users/")];

/// Ends of names that make a backticked word a path though it has no slash.
const FILE_ENDINGS: [&str; 8] = [".rs", ".md", ".toml", ".ts", ".tsx", ".mjs", ".sql", ".yml"];

/// Lines with an absolute path of a machine.
pub(crate) fn machine_paths(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            if MACHINE_FOLDERS.iter().any(|folder| has_path(line, folder)) {
                let shown: String = line.trim().chars().take(100).collect();
                faults.push(format!("{}:{}: {shown}", file.path, number + 1));
            }
        }
    }
    faults
}

/// Whether `folder` stands in `line` where a path can begin, and not inside an address or a relative path.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._~-})]>".contains(c))
    })
}

/// Relative links of a document that lead nowhere.
pub(crate) fn dead_links(file: &File, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (event, place) in Parser::new_ext(&file.text, Options::ENABLE_TABLES).into_offset_iter() {
        let (Event::Start(Tag::Link { dest_url, .. }) | Event::Start(Tag::Image { dest_url, .. })) = event
        else {
            continue;
        };
        let target = dest_url.split(['#', '?']).next().unwrap_or_default();
        let is_address = target.split('/').next().is_some_and(|scheme| scheme.contains(':'));
        if target.is_empty() || is_address {
            continue;
        }
        if !resolve(&file.path, target).is_some_and(|path| exists(&path)) {
            let line = file.text[..place.start].matches('\n').count() + 1;
            faults.push(format!("{}:{line}: {dest_url}", file.path));
        }
    }
    faults
}

/// A link's target from the root; nothing when it leaves the tree or is absolute.
fn resolve(from: &str, target: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if target.starts_with('/') {
        return None;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// A row of a table: the text of each cell, and the words in backticks in each.
#[derive(Debug, Default)]
struct Row {
    cells: Vec<Cell>,
}

#[derive(Debug, Default)]
struct Cell {
    text: String,
    code: Vec<String>,
}

impl Cell {
    /// The words in backticks that are paths, without what follows the file's name.
    fn paths(&self) -> Vec<&str> {
        let bare = |word: &'_ String| -> usize {
            let ends = [word.find("::"), word.find('#'), word.find(':')];
            ends.into_iter().flatten().min().unwrap_or(word.len())
        };
        let words = self.code.iter().map(|word| word[..bare(word)].trim());
        words
            .filter(|word| word.contains('/') || FILE_ENDINGS.iter().any(|end| word.ends_with(end)))
            .collect()
    }
}

fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut in_head = false;
    let mut in_table = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => in_table = true,
            Event::End(TagEnd::Table) => in_table = false,
            Event::Start(Tag::TableHead) => in_head = true,
            Event::End(TagEnd::TableHead) => in_head = false,
            Event::Start(Tag::TableRow) => rows.push(Row::default()),
            Event::Start(Tag::TableCell) if !in_head => {
                if let Some(row) = rows.last_mut() {
                    row.cells.push(Cell::default());
                }
            }
            Event::Text(part) | Event::Code(part) if in_table && !in_head && part.trim().is_empty() => {}
            Event::Text(part) if in_table && !in_head => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.cells.last_mut()) {
                    cell.text.push_str(&part);
                }
            }
            Event::Code(part) if in_table && !in_head => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.cells.last_mut()) {
                    cell.text.push_str(&part);
                    cell.code.push(part.into_string());
                }
            }
            _ => {}
        }
    }
    rows
}

/// Rows of the map (part | where | code | test | state or exception) that name what does not exist, or that have neither
/// code and a test nor a reason in the last column.
pub(crate) fn untrue_rows(map: &File, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let rows = rows(&map.text);
    if rows.is_empty() {
        return vec![format!("{}: it has no table", map.path)];
    }
    let mut faults = Vec::new();
    for row in &rows {
        let [part, _, code, test, state] = &row.cells[..] else {
            faults.push(format!("{}: a row does not have five columns", map.path));
            continue;
        };
        let mut fault = |what: String| faults.push(format!("{}: \"{}\": {what}", map.path, part.text.trim()));
        for path in code.paths().into_iter().chain(test.paths()) {
            if !exists(path) {
                fault(format!("there is no `{path}`"));
            }
        }
        let complete = !code.paths().is_empty() && !test.paths().is_empty();
        if !complete && state.text.trim().len() < "no test".len() {
            fault("it has no code or no test, and no reason".to_owned());
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = MACHINE_FOLDERS[0];

    #[test]
    fn paths_of_a_machine_are_found_and_addresses_are_not() {
        let faults = |text: String| machine_paths(&[File::new("a.md", &text)]).len();
        assert_eq!(faults(format!("see {FOLDER}me/x\nand `{FOLDER}`\nfile://{FOLDER}x")), 3);
        assert_eq!(faults(format!("https://example.org{FOLDER}x and ..{FOLDER}x and ~{FOLDER}")), 0);
    }

    #[test]
    fn dead_links_are_found() {
        let text = "[a](there.md#part) [b](gone.md) ![c](../pic.png) [d](https://x.org/y) [e](#here) `[f](code.md)`\n\n\
                    [g][ref] <mailto:a@b.org> [h](../../out.md)\n\n[ref]: sub/gone.md\n";
        let faults =
            dead_links(&File::new("docs/a.md", text), |path| ["docs/there.md", "pic.png"].contains(&path));
        assert_eq!(faults, ["docs/a.md:1: gone.md", "docs/a.md:3: sub/gone.md", "docs/a.md:3: ../../out.md"]);
    }

    #[test]
    fn untrue_rows_of_the_map_are_found() {
        let faults = |row: &str| {
            let text =
                format!("# Map\n\n| part | where | code | test | state |\n|---|---|---|---|---|\n{row}\n");
            untrue_rows(&File::new(PAPER_MAP, &text), |path| ["crates/a.rs", "crates/b.rs"].contains(&path))
        };
        let good = "| PUF | B 3.1 | `crates/a.rs::Puf`, `Puf` | `crates/b.rs:12` | done |";
        assert_eq!(faults(good), Vec::<String>::new());
        assert_eq!(faults("| PUF | B 3.1 | `crates/gone.rs` | `crates/b.rs` | done |").len(), 1);
        assert_eq!(faults("| PUF | B 3.1 | `crates/a.rs` | `gone.rs::test` | done |").len(), 1);
        assert_eq!(faults("| PUF | B 3.1 | `crates/a.rs` | | |").len(), 1);
        assert_eq!(faults("| XOR | M 3 | | | exception: it protects nothing |"), Vec::<String>::new());
        assert_eq!(faults("| PUF | `crates/a.rs` | |").len(), 1);
        assert_eq!(untrue_rows(&File::new(PAPER_MAP, "no table"), |_| true).len(), 1);
    }
}
