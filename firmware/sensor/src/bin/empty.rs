//! Nothing but what all images have: its size is subtracted from theirs, and its region is what marking one costs.
#![no_std]
#![no_main]

use bodywire_sensor_images::meter::Meter;
use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    let mut meter = Meter::start();
    meter.region("nothing", &mut (), |()| ());
    meter.done()
}
