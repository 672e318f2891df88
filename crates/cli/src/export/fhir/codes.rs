//! Which codes stand for which signal: LOINC, IEEE 11073-10101 (MDC), UCUM; one table.
//!
//! Each code has a mark: [`Mark::Hl7`] codes stand in a value set, profile or example that HL7 publishes with FHIR R4 or
//! US Core; [`Mark::Listed`] ones in nomenclature tables of other projects that agree with each other, since the
//! standard's own list (RTMMS) needs an account; [`Mark::Single`] in one such table only.

use bodywire_proto::observation::Signal;

/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// ISO/IEEE 11073-10101; a code is partition times 65536 plus the number in it.
pub const MDC: &str = "urn:iso:std:iso:11073:10101";
/// UCUM.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// Against what a code was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// In a list that HL7 publishes.
    Hl7,
    /// In several lists of other projects.
    Listed,
    /// In one list of another project.
    Single,
}

/// A code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its system.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// What it says.
    pub display: &'static str,
    /// Against what it was checked.
    pub mark: Mark,
}

/// The codes of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The signal.
    pub signal: Signal,
    /// Its codes, the one that the profile wants first.
    pub codes: &'static [Code],
    /// Category of observations (`observation-category`).
    pub category: (&'static str, &'static str),
    /// The profile of FHIR R4.
    pub profile: Option<&'static str>,
    /// The unit in UCUM. [`Signal::unit`] has `[U]/h` for a pump, which UCUM does not know.
    pub ucum: &'static str,
    /// The unit for people.
    pub unit: &'static str,
}

const fn loinc(code: &'static str, display: &'static str, mark: Mark) -> Code {
    Code { system: LOINC, code, display, mark }
}

const fn mdc(code: &'static str, display: &'static str, mark: Mark) -> Code {
    Code { system: MDC, code, display, mark }
}

const VITAL_SIGNS: (&str, &str) = ("vital-signs", "Vital Signs");

/// The table.
pub const TABLE: [Row; 6] = [
    Row {
        signal: Signal::Ecg,
        // Which lead it is, the sensor does not say.
        codes: &[mdc("131328", "MDC_ECG_ELEC_POTL", Mark::Hl7), loinc("11524-6", "EKG study", Mark::Hl7)],
        category: ("procedure", "Procedure"),
        profile: None,
        ucum: "mV",
        unit: "mV",
    },
    Row {
        signal: Signal::SpO2,
        codes: &[
            loinc("2708-6", "Oxygen saturation in Arterial blood", Mark::Hl7),
            loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", Mark::Hl7),
            mdc("150456", "MDC_PULS_OXIM_SAT_O2", Mark::Hl7),
        ],
        category: VITAL_SIGNS,
        profile: Some("http://hl7.org/fhir/StructureDefinition/oxygensat"),
        ucum: "%",
        unit: "%",
    },
    Row {
        signal: Signal::Respiration,
        codes: &[
            loinc("9279-1", "Respiratory rate", Mark::Hl7),
            mdc("151562", "MDC_RESP_RATE", Mark::Listed),
        ],
        category: VITAL_SIGNS,
        profile: Some("http://hl7.org/fhir/StructureDefinition/resprate"),
        ucum: "/min",
        unit: "breaths/minute",
    },
    Row {
        signal: Signal::Temperature,
        codes: &[
            loinc("8310-5", "Body temperature", Mark::Hl7),
            mdc("150364", "MDC_TEMP_BODY", Mark::Listed),
        ],
        category: VITAL_SIGNS,
        profile: Some("http://hl7.org/fhir/StructureDefinition/bodytemp"),
        ucum: "Cel",
        unit: "Cel",
    },
    Row {
        signal: Signal::InsulinRate,
        // LOINC has none that is checked.
        codes: &[mdc("8418288", "MDC_INS_BASAL", Mark::Single)],
        category: ("therapy", "Therapy"),
        profile: None,
        ucum: "[iU]/h",
        unit: "IU/h",
    },
    Row {
        signal: Signal::HeartRate,
        codes: &[loinc("8867-4", "Heart rate", Mark::Hl7), mdc("147842", "MDC_ECG_HEART_RATE", Mark::Listed)],
        category: VITAL_SIGNS,
        profile: Some("http://hl7.org/fhir/StructureDefinition/heartrate"),
        ucum: "/min",
        unit: "beats/minute",
    },
];

/// The row of a signal.
pub fn row(signal: Signal) -> &'static Row {
    let [ecg, saturation, respiration, temperature, insulin, heart_rate] = &TABLE;
    match signal {
        Signal::Ecg => ecg,
        Signal::SpO2 => saturation,
        Signal::Respiration => respiration,
        Signal::Temperature => temperature,
        Signal::InsulinRate => insulin,
        Signal::HeartRate => heart_rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(signal: Signal, system: &str) -> Vec<&'static str> {
        assert_eq!(row(signal).signal, signal);
        row(signal).codes.iter().filter(|c| c.system == system).map(|c| c.code).collect()
    }

    /// The partition and the number of an MDC code, as nomenclature tables list them.
    fn mdc_parts(signal: Signal) -> (u32, u32) {
        let code: u32 = codes(signal, MDC)[0].parse().unwrap();
        (code >> 16, code & 0xffff)
    }

    #[test]
    fn ecg() {
        assert_eq!(codes(Signal::Ecg, LOINC), ["11524-6"]);
        assert_eq!(mdc_parts(Signal::Ecg), (2, 256));
    }

    #[test]
    fn oxygen_saturation() {
        assert_eq!(codes(Signal::SpO2, LOINC), ["2708-6", "59408-5"]);
        assert_eq!(mdc_parts(Signal::SpO2), (2, 19_384));
    }

    #[test]
    fn respiration() {
        assert_eq!(codes(Signal::Respiration, LOINC), ["9279-1"]);
        assert_eq!(mdc_parts(Signal::Respiration), (2, 20_490));
    }

    #[test]
    fn temperature() {
        assert_eq!(codes(Signal::Temperature, LOINC), ["8310-5"]);
        assert_eq!(mdc_parts(Signal::Temperature), (2, 19_292));
    }

    #[test]
    fn insulin() {
        assert!(codes(Signal::InsulinRate, LOINC).is_empty());
        assert_eq!(mdc_parts(Signal::InsulinRate), (128, 29_680));
    }

    #[test]
    fn heart_rate() {
        assert_eq!(codes(Signal::HeartRate, LOINC), ["8867-4"]);
        assert_eq!(mdc_parts(Signal::HeartRate), (2, 16_770));
    }

    #[test]
    fn check_digits_of_loinc() {
        for code in TABLE.iter().flat_map(|row| row.codes).filter(|code| code.system == LOINC) {
            let (number, check) = code.code.split_once('-').unwrap();
            // Luhn's algorithm, as LOINC's users' guide has it.
            let sum: u32 = number
                .bytes()
                .rev()
                .enumerate()
                .map(|(place, digit)| {
                    let digit = u32::from(digit - b'0');
                    if place % 2 == 0 { 2 * digit / 10 + 2 * digit % 10 } else { digit }
                })
                .sum();
            assert_eq!((10 - sum % 10) % 10, check.parse::<u32>().unwrap(), "{}", code.code);
        }
    }
}
