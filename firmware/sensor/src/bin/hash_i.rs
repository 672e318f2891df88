//! HASH-BASED in the shape of Ibrahim et al. 2016.
#![no_std]
#![no_main]

use bodywire_sensor_images::schemes::{play, values};
use bodywire_sim::schemes::hash_i::{ISensor, SensorState};
use cortex_m_rt::entry;

static SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hash_i.script"));

#[entry]
fn main() -> ! {
    play(SCRIPT, ["hash-i/request", "hash-i/reply check"], |script| {
        let [id, k, p, v] = values(script)?;
        Some(ISensor::new(SensorState { id, k, p, v }))
    })
}
