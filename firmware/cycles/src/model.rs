//! Cycles of one instruction on a Cortex-M3 with memory that never makes it wait (ARM DDI 0337 r2p1, table 3-1).
//!
//! The manual gives ranges where the time depends on what the core cannot tell beforehand: one to three cycles to
//! refill the pipeline after a taken branch, and long multiplications and divisions that end early. So there are three
//! sums. `mid` is the one that agrees with published measurements of real cores (see the README); the operands of
//! cryptography are of full size, so it takes the longest multiplication.

use crate::decode::Class;

/// A sum of cycles under three readings of the manual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cycles {
    /// One cycle of refill, shortest multiplications, single loads and stores overlap.
    pub low: u64,
    /// Two cycles of refill, longest multiplications, single loads and stores overlap.
    pub mid: u64,
    /// Three cycles of refill, longest multiplications, nothing overlaps.
    pub high: u64,
}

impl Cycles {
    const fn same(cycles: u64) -> Self {
        Self { low: cycles, mid: cycles, high: cycles }
    }

    /// Adds another sum to this one.
    pub fn add(&mut self, other: Self) {
        self.low += other.low;
        self.mid += other.mid;
        self.high += other.high;
    }
}

/// What happened when an instruction was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    /// What it is.
    pub class: Class,
    /// The instruction before it was a load or store of one register.
    pub follows_single_access: bool,
    /// It touched memory. A load that did not was skipped by its condition.
    pub accessed_memory: bool,
    /// The next instruction was not the one behind it.
    pub branched: bool,
    /// Transfers on the bus beyond one for each access, because it was not aligned.
    pub splits: u64,
}

impl Executed {
    /// The time it took.
    pub fn cycles(self) -> Cycles {
        let mut cycles = self.without_branch();
        cycles.add(Cycles::same(self.splits));
        if self.branched {
            cycles.add(Cycles { low: 1, mid: 2, high: 3 });
        }
        cycles
    }

    fn without_branch(self) -> Cycles {
        if self.class.accesses_memory() && !self.accessed_memory {
            return Cycles::same(1);
        }
        match self.class {
            Class::Simple | Class::Store | Class::Begin | Class::End => Cycles::same(1),
            Class::Load | Class::StoreIndexed if self.follows_single_access => {
                Cycles { low: 1, mid: 1, high: 2 }
            }
            Class::Load | Class::StoreIndexed | Class::TableBranch | Class::MultiplyAdd => Cycles::same(2),
            Class::Multiple(registers) => Cycles::same(1 + u64::from(registers)),
            Class::LongMultiply => Cycles { low: 3, mid: 5, high: 5 },
            Class::LongMultiplyAdd => Cycles { low: 4, mid: 7, high: 7 },
            Class::Divide => Cycles { low: 2, mid: 12, high: 12 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executed(class: Class) -> Executed {
        Executed { class, follows_single_access: false, accessed_memory: true, branched: false, splits: 0 }
    }

    fn triple(e: Executed) -> (u64, u64, u64) {
        let Cycles { low, mid, high } = e.cycles();
        (low, mid, high)
    }

    #[test]
    fn single_loads_overlap_with_the_access_before() {
        assert_eq!(triple(executed(Class::Load)), (2, 2, 2));
        assert_eq!(triple(Executed { follows_single_access: true, ..executed(Class::Load) }), (1, 1, 2));
        assert_eq!(triple(executed(Class::Store)), (1, 1, 1));
        assert_eq!(triple(executed(Class::StoreIndexed)), (2, 2, 2));
    }

    #[test]
    fn an_access_that_is_split_takes_a_cycle_more_for_each_part() {
        assert_eq!(triple(Executed { splits: 2, ..executed(Class::Load) }), (4, 4, 4));
    }

    #[test]
    fn several_registers_take_a_cycle_each_and_one_more() {
        assert_eq!(triple(executed(Class::Multiple(9))), (10, 10, 10));
        let popped_pc = Executed { branched: true, ..executed(Class::Multiple(5)) };
        assert_eq!(triple(popped_pc), (7, 8, 9));
    }

    #[test]
    fn a_taken_branch_refills_the_pipeline() {
        assert_eq!(triple(executed(Class::Simple)), (1, 1, 1));
        assert_eq!(triple(Executed { branched: true, ..executed(Class::Simple) }), (2, 3, 4));
        assert_eq!(triple(Executed { branched: true, ..executed(Class::TableBranch) }), (3, 4, 5));
    }

    #[test]
    fn what_its_condition_skips_takes_one_cycle() {
        let skipped = Executed { accessed_memory: false, ..executed(Class::Multiple(8)) };
        assert_eq!(triple(skipped), (1, 1, 1));
    }

    #[test]
    fn multiplications_and_divisions_have_the_manuals_ranges() {
        assert_eq!(triple(executed(Class::MultiplyAdd)), (2, 2, 2));
        assert_eq!(triple(executed(Class::LongMultiply)), (3, 5, 5));
        assert_eq!(triple(executed(Class::LongMultiplyAdd)), (4, 7, 7));
        assert_eq!(triple(executed(Class::Divide)), (2, 12, 12));
        assert!(Class::Divide.depends_on_operands() && !Class::MultiplyAdd.depends_on_operands());
    }
}
