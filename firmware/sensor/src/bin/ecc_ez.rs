//! ECC-BASED in the shape of Zhao 2014.
#![no_std]
#![no_main]

use bodywire_sensor_images::schemes::{credential, play};
use bodywire_sim::schemes::ecc_ez::{EzSensor, SensorState};
use cortex_m_rt::entry;

static SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ecc_ez.script"));

#[entry]
fn main() -> ! {
    play(SCRIPT, ["ecc-ez/request", "ecc-ez/reply check"], |script| {
        let (credential, manager, access_point) = credential(script)?;
        EzSensor::new(SensorState { credential, access_point }, &manager).ok()
    })
}
