//! Runs an image twice: once with the plugin that counts, once without it, timed by the image's own SysTick.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

/// How the machine is emulated. With `-icount shift=0` an instruction takes one nanosecond of its time.
const MACHINE: [&str; 14] = [
    "-M",
    "mps2-an385",
    "-cpu",
    "cortex-m3",
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "none",
    "-semihosting-config",
    "enable=on,target=native",
    "-icount",
    "shift=0",
];
/// The board's SysTick runs at 25 MHz: one tick is 40 ns, 40 instructions.
const INSTRUCTIONS_PER_TICK: u64 = 40;
/// The timer is read outside the region, and both readings are rounded to a tick.
const TICK_TOLERANCE_INSTRUCTIONS: u64 = 80;

/// One counted region of one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) instructions: u64,
    pub(crate) cycles_low: u64,
    pub(crate) cycles_mid: u64,
    pub(crate) cycles_high: u64,
    pub(crate) cycles_flash: u64,
    pub(crate) operand_dependent: u64,
    pub(crate) stack_bytes: u64,
    pub(crate) air_bytes: u64,
}

/// What an image printed.
#[derive(Debug, Default)]
struct Transcript {
    /// Name, stack pointer, ticks, bytes on the air.
    regions: Vec<(String, u64, u64, u64)>,
    notes: BTreeMap<String, u64>,
}

/// What an image did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) regions: Vec<Region>,
    /// Numbers that the image knows without counting.
    pub(crate) notes: BTreeMap<String, u64>,
}

/// QEMU and its plugin.
#[derive(Debug)]
pub(crate) struct Emulator {
    qemu: PathBuf,
    plugin: PathBuf,
    /// QEMU's version line.
    pub(crate) version: String,
}

impl Emulator {
    pub(crate) fn new(qemu: &Path, plugin: &Path) -> Result<Self, String> {
        let output = Command::new(qemu).arg("--version").output();
        let output = output.map_err(|error| format!("{} does not start: {error}", qemu.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or_default().to_owned();
        Ok(Self { qemu: qemu.to_owned(), plugin: plugin.to_owned(), version })
    }

    /// Runs `image` and makes sure that it ended well and that both counts agree.
    pub(crate) fn run(&self, image: &Path) -> Result<Run, String> {
        let counts = env::temp_dir().join(format!("bodywire-cycles-{}.txt", process::id()));
        let plugin = format!("{},out={}", self.plugin.display(), counts.display());
        let counted = self.start(image, &["-plugin", &plugin])?;
        let text = fs::read_to_string(&counts)
            .map_err(|error| format!("the plugin has written nothing for {}: {error}", image.display()))?;
        let _ = fs::remove_file(&counts);
        let timed = self.start(image, &[])?;
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() != counted.regions.len() || timed.regions.len() != counted.regions.len() {
            return Err(format!("{}: the plugin and the image saw different regions", image.display()));
        }
        let regions = lines.iter().zip(&timed.regions).zip(&counted.regions);
        let regions = regions.map(|((line, timed), counted)| region(line, timed, counted)).collect();
        let regions = regions_or_error(image, regions)?;
        Ok(Run { regions, notes: counted.notes })
    }

    fn start(&self, image: &Path, more: &[&str]) -> Result<Transcript, String> {
        let output = Command::new(&self.qemu).args(MACHINE).args(more).arg("-kernel").arg(image).output();
        let output = output.map_err(|error| format!("{} does not start: {error}", self.qemu.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || text.lines().last() != Some("done") {
            let said = text.lines().last().unwrap_or("nothing");
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} ended badly, it said last: {said}\n{errors}", image.display()));
        }
        transcript(&text).ok_or_else(|| format!("{} printed a line that has no meaning", image.display()))
    }
}

fn regions_or_error(image: &Path, regions: Result<Vec<Region>, String>) -> Result<Vec<Region>, String> {
    regions.map_err(|error| format!("{}: {error}", image.display()))
}

/// Reads what an image prints: `region NAME SP TICKS`, `air BYTES`, `note NAME VALUE`, `done`; numbers are hexadecimal.
fn transcript(text: &str) -> Option<Transcript> {
    let number = |word: &str| u64::from_str_radix(word, 16).ok();
    let mut transcript = Transcript::default();
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "region" => {
                let (rest, ticks) = rest.rsplit_once(' ')?;
                let (name, stack_pointer) = rest.rsplit_once(' ')?;
                transcript.regions.push((name.to_owned(), number(stack_pointer)?, number(ticks)?, 0));
            }
            "air" => transcript.regions.last_mut()?.3 = number(rest)?,
            "note" => {
                let (name, value) = rest.rsplit_once(' ')?;
                transcript.notes.insert(name.to_owned(), number(value)?);
            }
            "done" => {}
            _ => return None,
        }
    }
    Some(transcript)
}

/// Joins the plugin's line with what the image printed with and without the plugin.
fn region(
    line: &str,
    timed: &(String, u64, u64, u64),
    counted: &(String, u64, u64, u64),
) -> Result<Region, String> {
    let numbers: Option<Vec<u64>> = line.split(' ').map(|word| word.parse().ok()).collect();
    let [instructions, cycles_low, cycles_mid, cycles_high, cycles_flash, operand_dependent, lowest] =
        numbers.unwrap_or_default()[..]
    else {
        return Err(format!("the plugin wrote a line that has no meaning: {line}"));
    };
    let (name, stack_pointer, _, air_bytes) = counted;
    let by_timer = timed.2 * INSTRUCTIONS_PER_TICK;
    if timed.0 != *name || by_timer.abs_diff(instructions) > TICK_TOLERANCE_INSTRUCTIONS {
        return Err(format!("{name}: the plugin counts {instructions} instructions, the timer {by_timer}"));
    }
    let stack_bytes = if lowest == 0 { 0 } else { stack_pointer.saturating_sub(lowest) };
    Ok(Region {
        name: name.clone(),
        instructions,
        cycles_low,
        cycles_mid,
        cycles_high,
        cycles_flash,
        operand_dependent,
        stack_bytes,
        air_bytes: *air_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_lines_are_read() {
        let text = "note state_bytes 00000010\nregion a/m 1 20000100 00000003\nair 0000001a\ndone\n";
        let transcript = transcript(text).expect("it has a meaning");
        assert_eq!(transcript.regions, [("a/m 1".to_owned(), 0x2000_0100, 3, 26)]);
        assert_eq!(transcript.notes["state_bytes"], 16);
        assert!(super::transcript("nonsense\n").is_none());
    }

    #[test]
    fn both_counts_must_agree() {
        let printed = |ticks| ("x".to_owned(), 0x203f_1000, ticks, 0);
        let line = "400 1 2 3 4 0 541003520";
        let good = region(line, &printed(12), &printed(0)).expect("within two ticks");
        assert_eq!((good.instructions, good.cycles_mid), (400, 2));
        assert!(region(line, &printed(13), &printed(0)).is_err());
        assert!(region("400 1 2", &printed(10), &printed(0)).is_err());
    }
}
