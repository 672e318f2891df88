//! `bodywire report`: every table and figure of the two papers again, measured.
//!
//! A section measures and says what follows (`section`, `figure`); `page` and `files` only write down what they are
//! given, and `against` compares it with an earlier report.

mod aes;
mod against;
mod chart;
pub(crate) mod clock;
mod delay;
mod delivery;
mod detector;
mod ecg;
mod figure;
mod files;
mod homomorphic;
mod interval;
mod ledger;
mod origin;
mod overheads;
mod page;
mod printed;
mod recordings;
mod scale;
mod section;
mod security;
mod sensor_cost;
mod star;

use crate::args::{Output, ReportOptions};
use crate::exit::Failure;
use against::Moved;
use figure::Verdict;
use files::Record;
use indicatif::{ProgressBar, ProgressStyle};
use origin::Origin;
use recordings::Recordings;
use section::Section;
use serde_json::json;
use std::path::PathBuf;
use std::time::SystemTime;

/// What a section is given.
struct Asked {
    seed: u64,
    quick: bool,
    recordings: Recordings,
    /// The ECG of a recording is drawn.
    strips: bool,
    peers: Option<PathBuf>,
    scale: Option<PathBuf>,
    out: PathBuf,
}

impl Asked {
    /// The smaller number when it is to be quick.
    const fn of<T: Copy>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

type Measure = fn(&Asked) -> Result<Section, Failure>;

/// The sections in the order of the page.
const ROOMS: [(&str, Measure); 10] = [
    ("b-delay-loss", star::section),
    ("b-overheads", overheads::section),
    ("b-security", security::section),
    ("b-ecg", ecg::section),
    ("m-aes", aes::section),
    ("m-delivery", delivery::section),
    ("m-delay", delay::section),
    ("m-homomorphic", homomorphic::section),
    ("m-ledger", ledger::section),
    ("scale", scale::section),
];

/// Their names, for `--only`.
pub const SECTIONS: [&str; ROOMS.len()] = {
    let mut names = [""; ROOMS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = ROOMS[at].0;
        at += 1;
    }
    names
};

const PROGRESS: &str = "{bar:24} {pos}/{len} {msg} {elapsed}";

/// Measures what was asked for and writes the report. Fails when a figure moved further than it may.
///
/// # Errors
/// [`Failure::Configuration`] for files that cannot be used, [`Failure::OutsideTolerance`] after `--against`, and what a
/// measurement fails with.
pub fn run(options: &ReportOptions) -> Result<(), Failure> {
    // What cannot be used is said before minutes are spent.
    let earlier = options.against.as_deref().map(Record::read).transpose()?;
    // Shorter runs of what overflows end elsewhere: such figures differ without anything being wrong.
    if let (Some(file), Some(earlier)) = (&options.against, &earlier)
        && earlier.origin.quick != options.quick
    {
        let (was, next) = if earlier.origin.quick {
            ("it is of a quick report", "give --quick, too")
        } else {
            ("it is of a full report", "leave --quick out")
        };
        return Err(Failure::path(file, was, next));
    }
    std::fs::create_dir_all(&options.out).map_err(|error| {
        Failure::path(&options.out, error, "choose a directory that can be made, with --out DIR")
    })?;
    let data = options.data.clone().or_else(|| std::env::var_os("BODYWIRE_ECG_DATA").map(PathBuf::from));
    let recordings = Recordings::find(data.as_deref(), &options.out)?;
    let date = options
        .date
        .clone()
        .unwrap_or_else(|| humantime::format_rfc3339_seconds(SystemTime::now()).to_string());
    let origin = Origin::of(date, options.seed, options.quick, recordings.place());
    let asked = Asked {
        seed: options.seed,
        strips: !options.no_strips,
        quick: options.quick,
        recordings,
        peers: options.peers.clone(),
        scale: options.scale.clone(),
        out: options.out.clone(),
    };
    let wanted = |id: &str| {
        let named = options.only.is_empty() || options.only.iter().any(|only| only == id);
        // There is no section on runs that nobody made.
        named && (id != "scale" || asked.scale.is_some())
    };
    let rooms: Vec<&(&str, Measure)> = ROOMS.iter().filter(|(id, _)| wanted(id)).collect();
    let bar = ProgressBar::new(rooms.len() as u64);
    // The template is a constant that a test holds.
    if let Ok(style) = ProgressStyle::with_template(PROGRESS) {
        bar.set_style(style);
    }
    let mut sections = Vec::new();
    for (id, measure) in rooms {
        bar.set_message(*id);
        bar.tick();
        sections.push(measure(&asked)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let record = Record::of(origin, &sections);
    files::write_all(&options.out, &record, &sections)?;
    files::write(&options.out, files::PAGE_FILE, &page::page(&record.origin, &sections)?)?;
    let moved = earlier.map(|earlier| against::compare(&earlier.figures, &record.figures));
    crate::print(&summary(options, &record, moved.as_deref()));
    let outside: Vec<&Moved> = moved.iter().flatten().filter(|moved| moved.outside).collect();
    if outside.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = outside.iter().map(|moved| format!("{}: {}", moved.name, moved.what)).collect();
    Err(Failure::OutsideTolerance(format!(
        "{} figures moved further than they may: {}; find out why, or make the new report the one to compare with",
        names.len(),
        names.join("; ")
    )))
}

fn summary(options: &ReportOptions, record: &Record, moved: Option<&[Moved]>) -> String {
    let count = |verdict| record.figures.iter().filter(|figure| figure.verdict == verdict).count();
    let page = options.out.join(files::PAGE_FILE).display().to_string();
    match options.output {
        Output::Json => {
            let verdicts: serde_json::Map<_, _> = Verdict::ALL
                .iter()
                .map(|verdict| (verdict.words().to_owned(), json!(count(*verdict))))
                .collect();
            let moved = moved.map(|moved| {
                let one = |m: &Moved| json!({"name": m.name, "what": m.what, "outside": m.outside});
                moved.iter().map(one).collect::<Vec<_>>()
            });
            json!({
                "page": page,
                "figures": record.figures.len(),
                "verdicts": verdicts,
                "moved": moved,
            })
            .to_string()
        }
        Output::Table => {
            let mut lines: Vec<String> = Verdict::ALL
                .iter()
                .map(|verdict| format!("{:<18}{:>5}", verdict.words(), count(*verdict)))
                .collect();
            for each in moved.unwrap_or_default() {
                let mark = if each.outside { "OUTSIDE  " } else { "moved    " };
                lines.push(format!("{mark}{}: {}", each.name, each.what));
            }
            lines.push(page);
            lines.join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_line_is_one_and_sections_have_names_of_their_own() {
        assert!(ProgressStyle::with_template(PROGRESS).is_ok());
        assert!(SECTIONS.iter().enumerate().all(|(i, id)| !SECTIONS[..i].contains(id) && !id.is_empty()));
    }
}
