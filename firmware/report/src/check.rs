//! What the figures must hold.

use crate::figures::{Figures, Row};

/// Counts may differ by this share from the checked-in ones when the compiler is another: 2 %.
const TOLERANCE_PERCENT: u64 = 2;
/// What the paper states for its sensor's side: 0.28 ms at 72 MHz.
pub(crate) const CEILING_CYCLES: u64 = 20_160;
/// What must not be above it: the default suite.
pub(crate) const CEILING_ROW: &str = "polar256/handshake";
/// Schemes whose time must not depend on keys, payloads or responses.
const CONSTANT_TIME_SCHEMES: [&str; 2] = ["polar256/", "polar512/"];
/// Fewer different inputs would show nothing.
const RUNS_MIN: u64 = 20;

/// Something that is not as it must be, and the exit status it leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) status: u8,
    pub(crate) text: String,
}

/// The rows that must be constant time.
pub(crate) fn must_be_constant_time(row: &Row) -> bool {
    CONSTANT_TIME_SCHEMES.iter().any(|scheme| row.operation.starts_with(scheme))
}

/// All runs with different secrets take the same number of instructions and cycles, and none of them executes an
/// instruction whose time depends on its operands.
pub(crate) fn constant_time(figures: &Figures) -> Vec<Complaint> {
    let complain = |row: &Row| {
        let name = &row.operation;
        let text = if row.runs < RUNS_MIN {
            format!("{name}: {} runs are too few to say that it is constant time", row.runs)
        } else if row.operand_dependent > 0 {
            format!("{name}: {} long multiplications or divisions", row.operand_dependent)
        } else if row.varies() {
            let (least, most) = (row.instructions_least, row.instructions);
            let (fewest, cycles) = (row.cycles_least, row.cycles);
            format!("{name}: not constant time, {least} to {most} instructions, {fewest} to {cycles} cycles")
        } else {
            return None;
        };
        Some(Complaint { status: 9, text })
    };
    figures.rows.iter().filter(|row| must_be_constant_time(row)).filter_map(complain).collect()
}

/// The hardened sensor side stays below what the paper states for its own.
pub(crate) fn ceiling(figures: &Figures) -> Option<Complaint> {
    let text = match figures.row(CEILING_ROW) {
        Some(row) if row.cycles <= CEILING_CYCLES => return None,
        Some(row) => {
            format!("{CEILING_ROW}: {} modelled cycles, the ceiling is {CEILING_CYCLES}", row.cycles)
        }
        None => format!("{CEILING_ROW} was not measured"),
    };
    Some(Complaint { status: 8, text })
}

/// Compares with the checked-in figures: instructions exactly when the compiler is the same, everything within
/// [`TOLERANCE_PERCENT`] otherwise.
pub(crate) fn differences(now: &Figures, then: &Figures) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |text: String| complaints.push(Complaint { status: 7, text });
    let same_compiler = now.compiler == then.compiler;
    for old in &then.rows {
        let Some(new) = now.row(&old.operation) else {
            complain(format!("{}: is no longer measured", old.operation));
            continue;
        };
        if same_compiler && old.instructions != new.instructions {
            let (was, is) = (old.instructions, new.instructions);
            complain(format!("{}: {was} emulated instructions became {is}", old.operation));
        }
        for (what, was, is) in [
            ("emulated instructions", old.instructions, new.instructions),
            ("modelled cycles", old.cycles, new.cycles),
            ("bytes of stack", old.stack_bytes, new.stack_bytes),
        ] {
            if !within_tolerance(was, is) {
                complain(format!("{}: {was} {what} became {is}", old.operation));
            }
        }
        if old.air_bits != new.air_bits {
            complain(format!("{}: {} bits became {}", old.operation, old.air_bits, new.air_bits));
        }
    }
    for new in now.rows.iter().filter(|new| then.row(&new.operation).is_none()) {
        complain(format!("{}: is not among the checked-in figures", new.operation));
    }
    for old in &then.sizes {
        let new = now.sizes.iter().find(|new| new.image == old.image);
        if let Some(new) = new.filter(|new| !within_tolerance(old.flash_bytes, new.flash_bytes)) {
            complain(format!("{}: {} bytes of flash became {}", old.image, old.flash_bytes, new.flash_bytes));
        }
    }
    complaints
}

/// Two bytes or cycles are nothing, whatever their share.
const fn within_tolerance(was: u64, is: u64) -> bool {
    let difference = was.abs_diff(is);
    difference <= 2 || difference * 100 <= was * TOLERANCE_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::Region;
    use crate::figures::rows_of;

    fn figures(compiler: &str, runs: &[(u64, u64, u64)]) -> Figures {
        let region = |&(instructions, cycles_mid, operand_dependent): &(u64, u64, u64)| Region {
            name: "polar256/m1".to_owned(),
            instructions,
            cycles_mid,
            operand_dependent,
            ..Region::default()
        };
        let regions: Vec<Region> = runs.iter().map(region).collect();
        Figures {
            about: String::new(),
            compiler: compiler.to_owned(),
            emulator: String::new(),
            rows: rows_of(&regions),
            sizes: Vec::new(),
        }
    }

    #[test]
    fn different_counts_multiplications_and_few_runs_are_not_constant_time() {
        assert!(constant_time(&figures("", &[(9, 9, 0); 20])).is_empty());
        assert!(!constant_time(&figures("", &[(9, 9, 0); 19])).is_empty());
        assert!(!constant_time(&figures("", &[(9, 9, 1); 20])).is_empty());
        let mut runs = [(9, 9, 0); 20];
        runs[7] = (9, 10, 0);
        assert!(constant_time(&figures("", &runs)).iter().all(|complaint| complaint.status == 9));
        assert!(!constant_time(&figures("", &runs)).is_empty());
    }

    #[test]
    fn the_ceiling_is_the_papers_figure() {
        assert_eq!(ceiling(&figures("", &[(1, CEILING_CYCLES, 0)])), None);
        assert!(ceiling(&figures("", &[(1, CEILING_CYCLES + 1, 0)])).is_some_and(|c| c.status == 8));
        assert!(ceiling(&Figures { rows: Vec::new(), ..figures("", &[]) }).is_some());
    }

    #[test]
    fn one_compiler_is_exact_and_another_may_differ_a_little() {
        let old = figures("1.95", &[(10_000, 10_000, 0)]);
        assert!(differences(&old, &old).is_empty());
        let near = [(10_001, 10_200, 0)];
        assert!(!differences(&figures("1.95", &near), &old).is_empty());
        assert!(differences(&figures("1.96", &near), &old).is_empty());
        assert!(!differences(&figures("1.96", &[(10_300, 10_000, 0)]), &old).is_empty());
        assert!(!differences(&figures("1.95", &[]), &old).is_empty());
        assert!(!differences(&old, &figures("1.95", &[])).is_empty());
    }
}
