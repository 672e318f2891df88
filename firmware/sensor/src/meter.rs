//! Counted regions.
//!
//! `SEV` opens one and `DSB` closes it; both do nothing else here, and the plugin counts what is executed between
//! them. The SysTick timer counts the same a second time, without the plugin: under `-icount shift=0` each instruction
//! takes one nanosecond, and the timer of this board runs at 25 MHz, one tick for 40 instructions.

use core::hint::black_box;
use cortex_m::asm;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::register::msp;
use cortex_m_semihosting::debug;
use cortex_m_semihosting::hio::{HostStream, hstdout};

/// The timer counts down from here: 24 bits, 671 million instructions.
const RELOAD: u32 = 0x00ff_ffff;

/// Marks the regions and prints what it knows of them.
///
/// Lines: `region NAME STACK_POINTER TICKS`, `air BYTES`, `note NAME VALUE`, `failed NAME`, `done`.
pub struct Meter {
    host: HostStream,
}

impl Meter {
    /// Starts the timer. An image has one meter.
    pub fn start() -> Self {
        let (Some(peripherals), Ok(host)) = (cortex_m::Peripherals::take(), hstdout()) else { leave(false) };
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_counter();
        Self { host }
    }

    /// Counts `operation` on `state`.
    #[inline(never)]
    pub fn region<S>(&mut self, name: &str, state: &mut S, operation: fn(&mut S)) {
        let operation = black_box(operation);
        let state = black_box(state);
        let stack_pointer = msp::read();
        let before = SYST::get_current();
        asm::sev();
        operation(state);
        asm::dsb();
        let after = SYST::get_current();
        self.text("region ");
        self.text(name);
        self.number(stack_pointer);
        self.number(before.wrapping_sub(after) & RELOAD);
        self.text("\n");
    }

    /// Prints how many bytes on the air belong to the last region.
    pub fn air(&mut self, bytes: usize) {
        self.text("air");
        self.number(bytes as u32);
        self.text("\n");
    }

    /// Prints a number that is known without counting.
    pub fn note(&mut self, name: &str, value: usize) {
        self.text("note ");
        self.text(name);
        self.number(value as u32);
        self.text("\n");
    }

    /// Ends the run when `holds` is false.
    pub fn check(&mut self, holds: bool, name: &str) {
        if !holds {
            self.text("failed ");
            self.text(name);
            self.text("\n");
            leave(false);
        }
    }

    /// Says that all was played, and ends the run.
    pub fn done(mut self) -> ! {
        self.text("done\n");
        leave(true)
    }

    fn text(&mut self, text: &str) {
        if self.host.write_all(text.as_bytes()).is_err() {
            leave(false);
        }
    }

    /// Prints a space and eight hexadecimal digits: no division and no formatting code, which would count as size.
    fn number(&mut self, value: u32) {
        let mut digits = *b" 00000000";
        for (i, digit) in digits.iter_mut().skip(1).enumerate() {
            let nibble = (value >> (28 - 4 * i)) as u8 & 15;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        }
        if self.host.write_all(&digits).is_err() {
            leave(false);
        }
    }
}

/// Ends the run; QEMU's exit status says whether it went well.
pub fn leave(well: bool) -> ! {
    loop {
        debug::exit(if well { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}
