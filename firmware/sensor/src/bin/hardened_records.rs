//! The hardened profile: handshakes of both suites, and the records behind them.
#![no_std]
#![no_main]

use bodywire_sensor_images::link::{self, play};
use bodywire_sensor_images::meter::Meter;
use cortex_m_rt::entry;

static SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hardened.script"));

#[entry]
fn main() -> ! {
    play(Meter::start(), SCRIPT, link::records)
}
