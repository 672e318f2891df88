//! What the images have in common: counted regions, fixed randomness, and a way out when something is wrong.
//!
//! An image does not know what is counted: it marks regions, prints one line for each, and ends with status 0 only if
//! every check of its results held, so that a run that went wrong is never measured.
#![no_std]

pub mod aligned;
pub mod fixed_rng;
pub mod link;
pub mod meter;
#[cfg(feature = "schemes")]
pub mod schemes;
pub mod script;

use core::panic::PanicInfo;
use cortex_m_semihosting::debug;

#[panic_handler]
fn panicked(_info: &PanicInfo<'_>) -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
