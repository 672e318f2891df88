//! `bodywire config`.

use super::files::Loaded;
use super::{Config, example, markdown};
use crate::args::{ConfigCheckOptions, ConfigPrintOptions, PrintAs};
use crate::exit::Failure;

/// Says whether a configuration can be used, or everything that is wrong with it.
pub fn check(options: &ConfigCheckOptions) -> Result<(), Failure> {
    let loaded = Loaded::read(&options.file)?;
    crate::print(&format!("{}: ok: {}", options.file.display(), summary(&loaded.config)));
    Ok(())
}

fn summary(config: &Config) -> String {
    let mut parts = Vec::new();
    parts.extend(config.hub.as_ref().map(|hub| format!("hub {} on {}", hub.number.0, hub.listen)));
    parts.extend(config.clinic.as_ref().map(|clinic| format!("clinic with ledger {}", clinic.origin)));
    parts.extend(config.broker.as_ref().map(|broker| format!("{} embedded brokers", broker.listen.len())));
    if !config.paths.is_empty() {
        parts.push(format!("{} of {} paths bring a message back", config.spread.k(), config.spread.n()));
    }
    if parts.is_empty() {
        parts.push("no role is configured".to_owned());
    }
    parts.join(", ")
}

/// Prints a complete example, or the table of keys.
pub fn print(options: &ConfigPrintOptions) -> Result<(), Failure> {
    let text = match options.output {
        PrintAs::Toml => example(options.role),
        PrintAs::Markdown => markdown(),
    };
    crate::print(text.trim_end());
    Ok(())
}
