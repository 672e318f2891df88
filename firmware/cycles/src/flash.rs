//! How long a core at 72 MHz waits for its flash memory: an estimate after the memory of an STM32F1 (ST PM0075 and
//! RM0008, chapter 3: 64-bit lines, two wait states above 48 MHz, a prefetch buffer of two lines).
//!
//! The buffer holds the line that is being executed and the one behind it, which is fetched meanwhile. Straight code
//! waits only where it runs through a line faster than the next arrives; a branch out of the buffer waits for the
//! whole access. A constant that is read from flash takes the wait states, too.

/// Bytes of a line.
const LINE_BYTES: u32 = 8;
/// Cycles that an access takes longer than one.
const WAIT_STATES: u64 = 2;
/// Addresses below this one are flash (the memory map of the images).
pub const FLASH_END: u32 = 0x0040_0000;

/// The prefetch buffer.
#[derive(Debug, Clone, Default)]
pub struct Flash {
    /// The line that is being executed, and whether anything was executed yet.
    line: Option<u32>,
    /// When the line behind it has arrived.
    next_ready: u64,
    /// Cycles that passed, waits among them.
    now: u64,
}

impl Flash {
    /// Accounts for one instruction of `size` bytes at `address` that takes `cycles` by itself, reads
    /// `constants` times from flash, and is reached by a branch or not. `cycles` counts the refill of a branch with
    /// the instruction that branches.
    pub fn execute(&mut self, address: u32, size: u32, cycles: u64, constants: u64) {
        let last = (address + size - 1) / LINE_BYTES;
        for line in address / LINE_BYTES..=last {
            self.enter(line);
        }
        self.now += cycles + constants * WAIT_STATES;
    }

    /// Cycles so far.
    pub const fn cycles(&self) -> u64 {
        self.now
    }

    fn enter(&mut self, line: u32) {
        match self.line {
            Some(current) if current == line => return,
            Some(current) if current + 1 == line => self.now = self.now.max(self.next_ready),
            Some(_) => self.now += WAIT_STATES,
            // The first line is taken as present: what came before the region fetched it.
            None => {}
        }
        self.line = Some(line);
        self.next_ready = self.now + 1 + WAIT_STATES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_wide_code_waits_one_cycle_for_each_line() {
        let mut flash = Flash::default();
        for i in 0..100 {
            flash.execute(4 * i, 4, 1, 0);
        }
        // Two instructions of four bytes run in two cycles, a line takes three.
        assert_eq!(flash.cycles(), 100 + 49);
    }

    #[test]
    fn straight_narrow_code_does_not_wait() {
        let mut flash = Flash::default();
        for i in 0..100 {
            flash.execute(2 * i, 2, 1, 0);
        }
        assert_eq!(flash.cycles(), 100);
    }

    #[test]
    fn a_branch_out_of_the_buffer_and_a_constant_take_the_wait_states() {
        let mut flash = Flash::default();
        flash.execute(0, 2, 3, 0);
        flash.execute(800, 2, 1, 0);
        assert_eq!(flash.cycles(), 3 + 2 + 1);
        flash.execute(802, 2, 2, 1);
        assert_eq!(flash.cycles(), 6 + 2 + 2);
    }

    #[test]
    fn a_loop_inside_a_line_does_not_wait() {
        let mut flash = Flash::default();
        for _ in 0..10 {
            flash.execute(16, 2, 1, 0);
            flash.execute(18, 2, 3, 0);
        }
        assert_eq!(flash.cycles(), 40);
    }
}
