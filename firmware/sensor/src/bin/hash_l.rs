//! HASH-BASED after Li et al. 2017.
#![no_std]
#![no_main]

use bodywire_sensor_images::schemes::{play, values};
use bodywire_sim::schemes::hash_l::{LSensor, SensorState};
use cortex_m_rt::entry;

static SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hash_l.script"));

#[entry]
fn main() -> ! {
    play(SCRIPT, ["hash-l/request", "hash-l/reply check"], |script| {
        let [id, a, b] = values(script)?;
        Some(LSensor::new(SensorState { id, a, b }))
    })
}
