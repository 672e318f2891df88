//! ECC-BASED with an anonymous sensor and forward secrecy.
#![no_std]
#![no_main]

use bodywire_sensor_images::schemes::{credential, play};
use bodywire_sim::schemes::ecc_eh::{EhSensor, SensorState};
use cortex_m_rt::entry;

static SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ecc_eh.script"));

#[entry]
fn main() -> ! {
    play(SCRIPT, ["ecc-eh/request", "ecc-eh/reply check"], |script| {
        let (credential, manager, access_point) = credential(script)?;
        EhSensor::new(SensorState { credential, access_point }, &manager).ok()
    })
}
