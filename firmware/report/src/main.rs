//! Runs the firmware images under QEMU and says what they cost: emulated instructions, exact, and cycles, modelled.
//!
//! Exit status: 0 all is well, 2 wrong arguments, 6 an image failed its own checks or the two counts disagree, 7 a figure
//! is outside its tolerance, 8 the hardened sensor side is above its ceiling, 9 what must be constant time is not.

mod check;
mod emulate;
mod figures;
mod image;
mod table;

use figures::Figures;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

const HELP: &str = "usage: bodywire-figures --qemu PROGRAM --plugin FILE --images DIRECTORY --figures FILE
                        [--output table|json] [--accept]";

/// What to run and what to do with the result.
struct Arguments {
    qemu: PathBuf,
    plugin: PathBuf,
    images: PathBuf,
    figures: PathBuf,
    json: bool,
    accept: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (mut qemu, mut plugin, mut images, mut figures) = (None, None, None, None);
        let (mut json, mut accept) = (false, false);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--qemu" => qemu = words.next(),
                "--plugin" => plugin = words.next(),
                "--images" => images = words.next(),
                "--figures" => figures = words.next(),
                "--accept" => accept = true,
                "--output" => match words.next()?.as_str() {
                    "json" => json = true,
                    "table" => json = false,
                    _ => return None,
                },
                _ => return None,
            }
        }
        Some(Self {
            qemu: qemu?.into(),
            plugin: plugin?.into(),
            images: images?.into(),
            figures: figures?.into(),
            json,
            accept,
        })
    }
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    match run(&arguments) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(6)
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    let emulator = emulate::Emulator::new(&arguments.qemu, &arguments.plugin)?;
    let figures = Figures::collect(&emulator, &arguments.images)?;
    if arguments.json {
        println!("{}", figures.to_json()?);
    } else {
        print!("{}", table::render(&figures));
    }
    let mut complaints = check::constant_time(&figures);
    complaints.extend(check::ceiling(&figures));
    if arguments.accept {
        let file = &arguments.figures;
        let text = figures.to_json()? + "\n";
        fs::write(file, text).map_err(|error| format!("{} could not be written: {error}", file.display()))?;
        eprintln!("accepted: {}", file.display());
    } else {
        complaints.extend(check::differences(&figures, &Figures::read(&arguments.figures)?));
    }
    for complaint in &complaints {
        eprintln!("{}", complaint.text);
    }
    Ok(complaints.iter().map(|complaint| complaint.status).max().unwrap_or(0))
}
