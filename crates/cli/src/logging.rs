//! What goes to standard error: log lines, and the few lines that everybody has to see. As text, or as JSON with one object
//! a line.

use crate::config::{Log, LogFormat};
use serde_json::json;
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;

/// The variable that overrules the configuration.
const VARIABLE: &str = "BODYWIRE_LOG";

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Begins to log as the configuration says; without one, errors as text. Only the first call counts.
pub fn start(log: Option<Log>) {
    let level = log.map_or("error", |log| log.level.name());
    let format = *FORMAT.get_or_init(|| log.map_or(LogFormat::Text, |log| log.format));
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start is a test in one process; the first goes on.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

/// A line that everybody has to see, whatever is logged.
pub fn say(text: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => {
            let now = humantime::format_rfc3339_micros(std::time::SystemTime::now()).to_string();
            let line = json!({
                "timestamp": now, "level": "INFO", "fields": { "message": text }, "target": "bodywire",
            });
            eprintln!("{line}");
        }
        _ => eprintln!("{text}"),
    }
}
