//! What an asker is to the patient. Whoever keeps the ward's lists says so; nothing in a request does.

/// Relation of a holder of a certificate to a patient. From [`Self::None`] to [`Self::Treating`] each is closer than the
/// one before, and never gets less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Relation {
    /// None that is known.
    None = 0,
    /// Asked for an opinion, or, for a reviewer, given the case.
    Consulting = 1,
    /// On call for the patient's ward.
    OnCall = 2,
    /// On the list of those who treat the patient.
    Treating = 3,
    /// The patient's own certificate of role [`super::Role::Patient`]. To any other role it is as [`Self::None`]: who works
    /// in the house and lies in its bed reads their own data as a patient.
    Own = 4,
}

impl Relation {
    /// All relations.
    pub const ALL: [Self; 5] = [Self::None, Self::Consulting, Self::OnCall, Self::Treating, Self::Own];
    /// Those of the staff, each closer than the one before.
    pub const CLOSER: [Self; 4] = [Self::None, Self::Consulting, Self::OnCall, Self::Treating];

    /// The relation of a code on record.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|relation| *relation as u8 == code)
    }

    /// One of those who have to do with the patient's treatment or with its review.
    pub const fn is_of_staff(self) -> bool {
        matches!(self, Self::Consulting | Self::OnCall | Self::Treating)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_order_by_closeness() {
        for relation in Relation::ALL {
            assert_eq!(Relation::from_code(relation as u8), Some(relation));
        }
        assert_eq!(Relation::from_code(5), None);
        assert!(Relation::CLOSER.is_sorted_by_key(|relation| *relation as u8));
        assert!(Relation::CLOSER.iter().filter(|relation| relation.is_of_staff()).count() == 3);
        assert!(!Relation::Own.is_of_staff());
    }
}
