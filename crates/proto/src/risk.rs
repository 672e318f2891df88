//! Risk classes of sensors (paper B, section 3.3).

/// How much harm the misuse of a sensor can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskClass {
    /// Reading only, little told by it: thermometer, respiration belt.
    I = 1,
    /// Reading only, but the hub must see it to detect an emergency: ECG, oxygen saturation.
    II = 2,
    /// Implants and pumps, which can be changed from outside: the hub never reads their payload.
    III = 3,
}

impl RiskClass {
    /// The class of a code on the wire; `None` for anything but 1, 2 and 3.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::I),
            2 => Some(Self::II),
            3 => Some(Self::III),
            _ => None,
        }
    }

    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl core::fmt::Display for RiskClass {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::I => "I",
            Self::II => "II",
            Self::III => "III",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RiskClass;

    #[test]
    fn codes_round_trip_and_order_by_risk() {
        for class in [RiskClass::I, RiskClass::II, RiskClass::III] {
            assert_eq!(RiskClass::from_code(class.code()), Some(class));
        }
        assert!([0, 4, 255].into_iter().all(|code| RiskClass::from_code(code).is_none()));
        assert!(RiskClass::I < RiskClass::II && RiskClass::II < RiskClass::III);
    }
}
