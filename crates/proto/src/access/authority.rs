//! The authority table: which role with which relation may see which class. One for each patient; least privilege is a
//! value of it.
//!
//! ```text
//! version 1 | nurse 5 | physician 5 | consultant 5 | emergency responder 5 | patient 5 | reviewer 5 | program 5 | longest grant 4
//! ```
//!
//! Each role has one byte for each relation (none, consulting, on call, treating, own): the highest class, 0 for nothing.

use super::{Relation, Role};
use crate::error::Error;
use crate::risk::RiskClass;
use crate::wire::{Reader, Writer};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Length of a policy.
pub const POLICY_BYTES: usize = 1 + Role::ALL.len() * Relation::ALL.len() + 4;
/// Longest that a policy may let a grant last, in milliseconds: twelve hours, a long shift. Who comes back is asked again.
pub const GRANT_MAX_MS: u32 = 12 * 60 * 60 * 1000;
/// Shortest that a policy may make its longest grant, in milliseconds: a minute. A mistyped policy must not end an access in an
/// emergency before anything is on the screen.
pub const GRANT_MIN_MS: u32 = 60 * 1000;

/// The highest class that a role sees with each relation, in the order of [`Relation::ALL`].
pub type Row = [Option<RiskClass>; Relation::ALL.len()];

const NOTHING: Option<RiskClass> = None;
const I: Option<RiskClass> = Some(RiskClass::I);
const II: Option<RiskClass> = Some(RiskClass::II);
const III: Option<RiskClass> = Some(RiskClass::III);

/// What a patient's policy lets whom see, and for how long. Its rows have been checked: a closer relation never sees less,
/// only the patient has something by being the patient, a reviewer or program nothing without a case, and a program never
/// class III.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    rows: [Row; Role::ALL.len()],
    grant_max_ms: u32,
}

impl Policy {
    /// The house's default, by least privilege. Class III is for physicians who treat and for consultants; nobody without a
    /// relation sees anything, and break-glass is for when that is wrong.
    pub const LEAST: Self = Self {
        rows: [
            [NOTHING, I, II, II, NOTHING],
            [NOTHING, II, II, III, NOTHING],
            [NOTHING, III, III, III, NOTHING],
            [NOTHING, NOTHING, II, II, NOTHING],
            [NOTHING, NOTHING, NOTHING, NOTHING, III],
            [NOTHING, II, II, II, NOTHING],
            [NOTHING, I, I, II, NOTHING],
        ],
        grant_max_ms: GRANT_MAX_MS,
    };

    /// Algorithm 3 of paper B as it is printed: whoever is certified sees class I and II, and class III when the sensor
    /// agrees, whatever the relation. The paper speaks of an authority table and of departments, but prints none. For
    /// comparison, not for patients.
    pub const PAPER: Self = Self {
        rows: [
            [III, III, III, III, NOTHING],
            [III, III, III, III, NOTHING],
            [III, III, III, III, NOTHING],
            [III, III, III, III, NOTHING],
            [NOTHING; 5],
            [NOTHING; 5],
            [NOTHING; 5],
        ],
        grant_max_ms: GRANT_MAX_MS,
    };

    /// A policy of these rows, in the order of [`Role::ALL`], whose grants last at most `grant_max_ms` milliseconds.
    ///
    /// # Errors
    /// [`Error::Misuse`] for rows that break a rule of the table, and for a longest grant outside [`GRANT_MIN_MS`] to
    /// [`GRANT_MAX_MS`].
    pub fn new(rows: [Row; Role::ALL.len()], grant_max_ms: u32) -> Result<Self, Error> {
        Self::checked(rows, grant_max_ms).map_err(Error::Misuse)
    }

    fn checked(rows: [Row; Role::ALL.len()], grant_max_ms: u32) -> Result<Self, &'static str> {
        if !(GRANT_MIN_MS..=GRANT_MAX_MS).contains(&grant_max_ms) {
            return Err("a longest grant outside GRANT_MIN_MS to GRANT_MAX_MS");
        }
        for (role, row) in Role::ALL.into_iter().zip(rows) {
            check(role, row)?;
        }
        Ok(Self { rows, grant_max_ms })
    }

    /// The highest class for a role with a relation; `None` is nothing.
    pub fn highest(&self, role: Role, relation: Relation) -> Option<RiskClass> {
        let (_, row) = Role::ALL.into_iter().zip(self.rows).find(|(of, _)| *of == role)?;
        let (_, class) = Relation::ALL.into_iter().zip(row).find(|(with, _)| *with == relation)?;
        class
    }

    /// How long a grant lasts at most, in milliseconds.
    pub const fn grant_max_ms(&self) -> u32 {
        self.grant_max_ms
    }

    /// Its bytes.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<[u8; POLICY_BYTES], Error> {
        let mut out = [0; POLICY_BYTES];
        let mut w = Writer::new(&mut out);
        w.put(&[VERSION])?;
        for row in self.rows {
            w.put(&row.map(|class| class.map_or(0, RiskClass::code)))?;
        }
        w.put(&self.grant_max_ms.to_be_bytes())?;
        Ok(out)
    }

    /// Reads a policy that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no policy, and for one that [`Self::new`] refuses.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("policy", bytes);
        if r.u8()? != VERSION {
            return Err(Error::malformed("policy", "unknown version"));
        }
        let mut rows = [[None; Relation::ALL.len()]; Role::ALL.len()];
        for class in rows.iter_mut().flatten() {
            *class = match r.u8()? {
                0 => None,
                code => Some(RiskClass::from_code(code).ok_or(Error::malformed("policy", "unknown class"))?),
            };
        }
        let grant_max_ms = r.u32()?;
        r.finish()?;
        Self::checked(rows, grant_max_ms).map_err(|why| Error::malformed("policy", why))
    }
}

fn check(role: Role, row: Row) -> Result<(), &'static str> {
    let [none, consulting, on_call, treating, own] = row;
    let staff = [none, consulting, on_call, treating];
    if !staff.is_sorted() {
        return Err("a closer relation must not see less");
    }
    if role == Role::Patient && treating.is_some() {
        return Err("a patient sees their own data only");
    }
    if role != Role::Patient && own.is_some() {
        return Err("own data is for the role of the patient");
    }
    if matches!(role, Role::Reviewer | Role::Program) && none.is_some() {
        return Err("a reviewer or program needs a case");
    }
    if role == Role::Program && treating == III {
        return Err("a program never sees class III");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_tables_here_keep_their_own_rules() {
        for policy in [Policy::LEAST, Policy::PAPER] {
            assert_eq!(Policy::new(policy.rows, policy.grant_max_ms), Ok(policy));
            assert_eq!(Policy::parse(&policy.to_bytes().unwrap()), Ok(policy));
        }
        for role in Role::ALL {
            assert_eq!(Policy::LEAST.highest(role, Relation::None), None, "{role:?}");
        }
        assert_eq!(Policy::LEAST.highest(Role::Nurse, Relation::Treating), II);
        assert_eq!(Policy::LEAST.highest(Role::Physician, Relation::Treating), III);
        assert_eq!(Policy::LEAST.highest(Role::Physician, Relation::OnCall), II);
        assert_eq!(Policy::LEAST.highest(Role::Patient, Relation::Own), III);
        assert_eq!(Policy::PAPER.highest(Role::Nurse, Relation::None), III);
    }

    #[test]
    fn a_table_that_breaks_a_rule_is_refused() {
        let with = |role: usize, row: Row| {
            let mut rows = Policy::LEAST.rows;
            rows[role] = row;
            Policy::new(rows, GRANT_MIN_MS).is_ok()
        };
        assert!(with(0, [NOTHING; 5]) && with(0, [I, II, III, III, NOTHING]));
        assert!(!with(0, [NOTHING, II, I, II, NOTHING]), "on call sees less than consulting");
        assert!(!with(1, [I, I, I, NOTHING, NOTHING]), "treating sees nothing");
        assert!(!with(1, [NOTHING, I, I, I, I]), "a physician as a patient");
        assert!(!with(4, [NOTHING, NOTHING, NOTHING, I, III]), "a patient as a physician");
        assert!(!with(5, [I, I, I, I, NOTHING]), "a reviewer without a case");
        assert!(!with(6, [NOTHING, I, I, III, NOTHING]), "a program and class III");
        assert!(Policy::new(Policy::LEAST.rows, GRANT_MIN_MS - 1).is_err());
        assert!(Policy::new(Policy::LEAST.rows, GRANT_MAX_MS + 1).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again_byte_for_byte(
            rows in proptest::collection::vec(prop_oneof![9 => Just(0u8), 1 => 1u8..5], 35), max in GRANT_MIN_MS - 1..GRANT_MAX_MS + 9,
        ) {
            let bytes = [&[VERSION][..], &rows, &max.to_be_bytes()].concat();
            if let Ok(policy) = Policy::parse(&bytes) {
                prop_assert_eq!(&policy.to_bytes().unwrap()[..], &bytes[..]);
            }
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(Policy::parse(&bytes).is_err() || bytes.len() == POLICY_BYTES);
        }
    }

    #[test]
    fn its_layout_is_what_is_written_down() {
        let bytes = Policy::LEAST.to_bytes().unwrap();
        let hex: std::string::String = bytes.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = "01000102020000020203000003030300000002020000000000030002020200000101020002932e00";
}
