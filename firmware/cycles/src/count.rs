//! Sums over the instructions of a region.

use crate::decode::Class;
use crate::flash::{FLASH_END, Flash};
use crate::model::{Cycles, Executed};
use std::fmt;

/// Addresses from here on are the stack: the upper half of the images' 4 MiB of memory. Static data are at its beginning.
const STACK_FROM: u32 = 0x2020_0000;
/// First address behind the stack.
const STACK_END: u32 = 0x2040_0000;

/// One translated instruction.
#[derive(Debug, Clone)]
pub struct Instruction {
    /// Where it stands.
    pub address: u32,
    /// Two or four bytes.
    pub size: u32,
    /// What it is.
    pub class: Class,
    /// How often it was executed inside regions.
    pub executed: u64,
    /// The cycles that took, without wait states.
    pub cycles: u64,
}

/// What was executed between two markers.
///
/// As text: `instructions low mid high flash operand_dependent lowest_store`, decimal, separated by spaces.
#[derive(Debug, Clone, Default)]
pub struct Region {
    /// Instructions.
    pub instructions: u64,
    /// Cycles without wait states.
    pub cycles: Cycles,
    /// The estimate for 72 MHz and flash.
    pub flash: Flash,
    /// Instructions whose time depends on their operands.
    pub operand_dependent: u64,
    /// The lowest address of the stack that was written, or 0.
    pub lowest_store: u32,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cycles { low, mid, high } = self.cycles;
        let (flash, lowest) = (self.flash.cycles(), self.lowest_store);
        write!(f, "{} {low} {mid} {high} {flash} {} {lowest}", self.instructions, self.operand_dependent)
    }
}

/// The instruction that was begun last; it is accounted for when the next begins, for only then it is known what it did.
#[derive(Debug, Clone, Copy)]
struct Pending {
    at: usize,
    follows_single_access: bool,
    accesses: u64,
    constants: u64,
    splits: u64,
}

/// Follows a program and sums up its regions.
#[derive(Debug, Default)]
pub struct Counter {
    instructions: Vec<Instruction>,
    open: Option<Region>,
    pending: Option<Pending>,
    regions: Vec<Region>,
}

impl Counter {
    /// A counter that has seen nothing.
    pub const fn new() -> Self {
        Self { instructions: Vec::new(), open: None, pending: None, regions: Vec::new() }
    }

    /// Remembers a translated instruction; the number names it from now on.
    pub fn translated(&mut self, address: u32, size: u32, class: Class) -> usize {
        self.instructions.push(Instruction { address, size, class, executed: 0, cycles: 0 });
        self.instructions.len() - 1
    }

    /// The instruction `at` begins.
    pub fn executes(&mut self, at: usize) {
        let Some(instruction) = self.instructions.get_mut(at) else { return };
        let (address, class) = (instruction.address, instruction.class);
        if class == Class::Begin {
            (self.open, self.pending) = (Some(Region::default()), None);
            return;
        }
        if self.open.is_none() {
            return;
        }
        if class != Class::End {
            instruction.executed += 1;
        }
        let follows_single_access = self.settle(address);
        if class == Class::End {
            self.regions.extend(self.open.take());
        } else {
            self.pending = Some(Pending { at, follows_single_access, accesses: 0, constants: 0, splits: 0 });
        }
    }

    /// The instruction that was begun last reads or writes `bytes` of memory.
    pub fn accesses(&mut self, address: u32, bytes: u32, writes: bool) {
        let (Some(region), Some(pending)) = (&mut self.open, &mut self.pending) else { return };
        pending.accesses += 1;
        pending.splits += extra_transfers(address, bytes);
        if !writes && address < FLASH_END {
            pending.constants += 1;
        }
        if writes && (STACK_FROM..STACK_END).contains(&address) {
            region.lowest_store = match region.lowest_store {
                0 => address,
                lowest => lowest.min(address),
            };
        }
    }

    /// Adds the pending instruction, now that the next one at `next` begins. True when it was a single access.
    fn settle(&mut self, next: u32) -> bool {
        let (Some(region), Some(pending)) = (&mut self.open, self.pending.take()) else { return false };
        let Some(instruction) = self.instructions.get_mut(pending.at) else { return false };
        let accessed_memory = pending.accesses > 0;
        let cycles = Executed {
            class: instruction.class,
            follows_single_access: pending.follows_single_access,
            accessed_memory,
            branched: next != instruction.address + instruction.size,
            splits: pending.splits,
        }
        .cycles();
        instruction.cycles += cycles.mid;
        region.instructions += 1;
        region.operand_dependent += u64::from(instruction.class.depends_on_operands());
        region.cycles.add(cycles);
        region.flash.execute(instruction.address, instruction.size, cycles.mid, pending.constants);
        accessed_memory && instruction.class.is_single_access()
    }

    /// The regions that were closed, in their order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Everything that was translated.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }
}

/// Transfers on the bus beyond one: an access that is not aligned is split into aligned ones (ARM DDI 0337 r2p1,
/// on unaligned accesses: a word at an odd address is a byte, a halfword and a byte).
const fn extra_transfers(address: u32, bytes: u32) -> u64 {
    match (bytes, address % 4) {
        (4, 1 | 3) => 2,
        (4, 2) | (2, 3) => 1,
        (2, 1) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sev; push {r4, lr}; ldr; ldr; umull; pop {r4, pc}` and a `dsb` elsewhere.
    fn counted() -> Counter {
        let mut counter = Counter::new();
        let program = [
            (0x100, 2, Class::Begin),
            (0x102, 2, Class::Multiple(2)),
            (0x104, 2, Class::Load),
            (0x106, 2, Class::Load),
            (0x108, 4, Class::LongMultiply),
            (0x10c, 2, Class::Multiple(2)),
            (0x200, 4, Class::End),
        ];
        for (address, size, class) in program {
            let at = counter.translated(address, size, class);
            counter.executes(at);
            match address {
                0x102 => (0..2).for_each(|i| counter.accesses(0x203f_0000 + 4 * i, 4, true)),
                0x104 => counter.accesses(0x0000_0800, 4, false),
                0x106 => counter.accesses(0x2000_0000, 4, false),
                0x10c => counter.accesses(0x203f_0000, 4, false),
                _ => {}
            }
        }
        counter
    }

    #[test]
    fn a_region_is_what_lies_between_the_markers() {
        let counter = counted();
        let [region] = counter.regions() else { panic!("one region") };
        assert_eq!(region.instructions, 5);
        // 3 (push) + 2 + 1 (loads) + 5 (umull) + 3 + 2 (pop and its branch)
        assert_eq!(region.cycles, Cycles { low: 3 + 2 + 1 + 3 + 4, mid: 16, high: 3 + 2 + 2 + 5 + 6 });
        assert_eq!((region.operand_dependent, region.lowest_store), (1, 0x203f_0000));
        // One constant from flash takes two cycles more.
        assert_eq!(region.flash.cycles(), 16 + 2);
    }

    #[test]
    fn an_access_that_is_not_aligned_is_split() {
        let words: Vec<u64> = (0..4).map(|offset| extra_transfers(0x2000_0000 + offset, 4)).collect();
        let halfwords: Vec<u64> = (0..4).map(|offset| extra_transfers(0x2000_0000 + offset, 2)).collect();
        assert_eq!((&words[..], &halfwords[..]), (&[0, 2, 1, 2][..], &[0, 1, 0, 1][..]));
        assert_eq!(extra_transfers(0x2000_0003, 1), 0);
    }

    #[test]
    fn nothing_outside_a_region_counts() {
        let mut counter = counted();
        let at = counter.translated(0x300, 2, Class::Simple);
        counter.executes(at);
        counter.accesses(0x2030_0000, 4, true);
        assert_eq!(counter.regions().len(), 1);
        assert_eq!(counter.instructions()[at].executed, 0);
        assert_eq!(counter.regions()[0].to_string(), "5 13 16 18 18 1 540999680");
    }
}
