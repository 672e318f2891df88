//! The table of keys as a complete example, and as documentation.

use super::keys::{Key, Presence, Role, TABLES, Table, keys_of};

/// Width of a comment.
const COLUMNS: usize = 110;
/// Names of the paths in the example. Any two of three are needed.
const EXAMPLE_PATHS: [(&str, &str); 3] =
    [("cable", "broker-a.example"), ("wlan", "broker-b.example"), ("mobile", "broker-c.example")];

/// A complete configuration of a role: every key with what it is for. What may be left out is commented out.
pub fn example(role: Role) -> String {
    let mut lines = vec![
        "# Configuration of BodyWire. A line that begins with #, directly before a name, is a key that may be left out;"
            .to_owned(),
        "# remove the # to write it. Names of files are relative to the directory of this file.".to_owned(),
    ];
    for table in TABLES.iter().filter(|table| (!table.optional || table.repeats) && is_for(table, role)) {
        lines.push(String::new());
        comment(&mut lines, table.about);
        let mark = if table.optional { "#" } else { "" };
        let header = if table.repeats { format!("[[{}]]", table.name) } else { format!("[{}]", table.name) };
        lines.push(format!("{mark}{header}"));
        keys_of(table.name)
            .filter(|key| key.is_for(role))
            .for_each(|key| entry(&mut lines, key, "", table.optional));
        let inner = TABLES.iter().filter(|inner| inner.optional && is_for(inner, role));
        for (inner, name) in
            inner.filter_map(|inner| Some((inner, inner.name.strip_prefix(table.name)?.strip_prefix('.')?)))
        {
            comment(&mut lines, inner.about);
            keys_of(inner.name).for_each(|key| entry(&mut lines, key, &format!("{name}."), true));
        }
        if table.name == "path" {
            EXAMPLE_PATHS.iter().skip(1).for_each(|path| further_path(&mut lines, path));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn is_for(table: &Table, role: Role) -> bool {
    keys_of(table.name).any(|key| key.is_for(role))
}

/// A key with its value. Inside a table that may be left out, every key may.
fn entry(lines: &mut Vec<String>, key: &Key, prefix: &str, optional: bool) {
    comment(lines, key.about);
    let written = format!("{prefix}{} = {}", key.name, key.presence.shown());
    let left_out = optional || matches!(key.presence, Presence::Optional(_));
    lines.push(if left_out { format!("#{written}") } else { written });
}

fn further_path(lines: &mut Vec<String>, (name, host): &(&str, &str)) {
    lines.push(String::new());
    lines.push("[[path]]".to_owned());
    for key in keys_of("path").filter(|key| matches!(key.presence, Presence::Required(_))) {
        lines.push(match key.name {
            "name" => format!("name = \"{name}\""),
            "host" => format!("host = \"{host}\""),
            other => format!("{other} = {}", key.presence.shown()),
        });
    }
}

fn comment(lines: &mut Vec<String>, text: &str) {
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > COLUMNS {
            lines.push(std::mem::replace(&mut line, "#".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
}

/// The table of keys for `docs/configuration.md`.
pub fn markdown() -> String {
    let mut lines = Vec::new();
    for table in &TABLES {
        let header = if table.repeats { format!("[[{}]]", table.name) } else { format!("[{}]", table.name) };
        lines.extend([format!("### `{header}`"), String::new(), table.about.to_owned(), String::new()]);
        lines.push("| key | default | read by | meaning |".to_owned());
        lines.push("|---|---|---|---|".to_owned());
        for key in keys_of(table.name) {
            let default = match key.presence {
                Presence::Default(text) => format!("`{text}`"),
                Presence::Optional(text) => format!("none; as in `{text}`"),
                Presence::Required(text) => format!("required; as in `{text}`"),
            };
            let readers = [
                (Role::Hub, "hub"),
                (Role::Clinic, "clinic"),
                (Role::Broker, "broker"),
                (Role::Replica, "replica"),
            ];
            let readers: Vec<&str> =
                readers.iter().filter(|(role, _)| key.is_for(*role)).map(|(_, name)| *name).collect();
            lines.push(format!("| `{}` | {default} | {} | {} |", key.name, readers.join(", "), key.about));
        }
        lines.push(String::new());
    }
    lines.join("\n")
}
