//! Reports: what a hub tells the clinic, as the plaintext of one end-to-end message.
//!
//! ```text
//! version 1 | kind 1 | sensor 2 | number 8 | hub_time_ms 8 | offset_ms 8 | backlog 4 | body
//! ```
//!
//! `number` counts the hub's reports without a gap, so that the clinic stores each once. `offset_ms` is the hub's clock
//! minus the sensor's when the oldest part arrived, signed. Bodies: parts, each behind a 16-bit length ([`Kind::Observations`],
//! [`Kind::Sealed`]), a consent ([`Kind::Consent`]), an [`Alarm`], a [`Session`], a [`crate::window::Window`] and the vector of its
//! readings ([`Kind::Vector`]), or a refusal ([`Kind::Declined`]).

use crate::error::Error;
use crate::observation::Batch;
use crate::risk::RiskClass;
use crate::wire::{Reader, SensorId, Writer};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes before the body.
pub const REPORT_HEADER_BYTES: usize = 32;
/// Longest report: an encrypted vector of 64 KiB fits with its headers. A second of ECG is below 2 KiB.
pub const REPORT_BYTES_MAX: usize = 72 * 1024;
/// The sensor number in reports that belong to no single sensor. No sensor is enrolled under it.
pub const OF_THE_BED: SensorId = SensorId(0);

/// What a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Batches ([`crate::observation::Batch`]) that the hub has read.
    Observations = 1,
    /// Class III payloads ([`crate::consent`]) that the hub has not read.
    Sealed = 2,
    /// A class III sensor's consent.
    Consent = 3,
    /// The verdict of the emergency detector has changed.
    Alarm = 4,
    /// A sensor and the hub have authenticated each other.
    Session = 5,
    /// An encrypted vector of a window's readings, of the bed and no single sensor ([`OF_THE_BED`]). Who carries it cannot read it.
    Vector = 6,
    /// A class III sensor or its hub does not give the key that it was asked for ([`crate::ask::Refused`]).
    Declined = 7,
}

impl Kind {
    /// The kind of a code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        const ALL: [Kind; 7] = [
            Kind::Observations,
            Kind::Sealed,
            Kind::Consent,
            Kind::Alarm,
            Kind::Session,
            Kind::Vector,
            Kind::Declined,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// What every report begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportHeader {
    /// What the body holds.
    pub kind: Kind,
    /// Whose data it is.
    pub sensor: SensorId,
    /// The hub's running number.
    pub number: u64,
    /// The hub's clock when the report was made, milliseconds since 1970.
    pub hub_time_ms: u64,
    /// The hub's clock minus the sensor's clock, in milliseconds.
    pub offset_ms: i64,
    /// Reports that waited in the hub's spool when this one was made.
    pub backlog: u32,
}

/// A report with a checked header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    /// Its header.
    pub header: ReportHeader,
    body: &'a [u8],
}

impl<'a> Report<'a> {
    /// Reads a report; the body is checked by the function that reads it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > REPORT_BYTES_MAX {
            return Err(Error::Limit { limit: "REPORT_BYTES_MAX", value: REPORT_BYTES_MAX as u64 });
        }
        let mut r = Reader::new("report", bytes);
        if r.u8()? != VERSION {
            return Err(Error::malformed("report", "unknown version"));
        }
        let kind = Kind::from_code(r.u8()?).ok_or(Error::malformed("report", "unknown kind"))?;
        let header = ReportHeader {
            kind,
            sensor: SensorId(r.u16()?),
            number: r.u64()?,
            hub_time_ms: r.u64()?,
            offset_ms: i64::from_be_bytes(r.array()?),
            backlog: r.u32()?,
        };
        Ok(Self { header, body: r.rest() })
    }

    /// The parts of an observations or sealed report.
    pub fn parts(&self) -> Parts<'a> {
        Parts { rest: Reader::new("report part", self.body) }
    }

    /// The body of a report that is one piece.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// The parts of a body, one after the other.
pub struct Parts<'a> {
    rest: Reader<'a>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<&'a [u8], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.rest.u16().and_then(|len| self.rest.take(usize::from(len)));
        if part.is_err() {
            self.rest = Reader::new("report part", &[]);
        }
        Some(part)
    }
}

/// The bytes of a report's header.
pub fn emit_header(header: &ReportHeader) -> Result<[u8; REPORT_HEADER_BYTES], Error> {
    let mut out = [0u8; REPORT_HEADER_BYTES];
    Writer::new(&mut out)
        .put(&[VERSION, header.kind as u8])?
        .put(&header.sensor.0.to_be_bytes())?
        .put(&header.number.to_be_bytes())?
        .put(&header.hub_time_ms.to_be_bytes())?
        .put(&header.offset_ms.to_be_bytes())?
        .put(&header.backlog.to_be_bytes())?;
    Ok(out)
}

/// How bad an alarm is (the priorities of IEC 60601-1-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// The equipment needs somebody, not the patient: lead off, poor signal.
    Technical = 0,
    /// Be aware.
    Low = 1,
    /// Respond promptly.
    Medium = 2,
    /// Respond at once.
    High = 3,
}

/// Why the detector decided as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Condition {
    /// The shape of the beats is no longer the patient's (paper B, Algorithm 2).
    PatternLost = 1,
    /// No beat for more than four seconds.
    Asystole = 2,
    /// Ventricular fibrillation or flutter.
    VentricularFibrillation = 3,
    /// A run of wide, fast beats.
    VentricularTachycardia = 4,
    /// Heart rate below the patient's limit.
    Bradycardia = 5,
    /// Heart rate above the patient's limit.
    Tachycardia = 6,
    /// A pause of more than three seconds.
    Pause = 7,
    /// An electrode is off, or the line is flat at the rail.
    LeadOff = 8,
    /// The signal is too poor to decide.
    PoorSignal = 9,
}

impl Condition {
    /// All conditions.
    pub const ALL: [Self; 9] = [
        Self::PatternLost,
        Self::Asystole,
        Self::VentricularFibrillation,
        Self::VentricularTachycardia,
        Self::Bradycardia,
        Self::Tachycardia,
        Self::Pause,
        Self::LeadOff,
        Self::PoorSignal,
    ];

    /// The priority under which the clinic raises it.
    pub const fn priority(self) -> Priority {
        match self {
            Self::PatternLost
            | Self::Asystole
            | Self::VentricularFibrillation
            | Self::VentricularTachycardia => Priority::High,
            Self::Bradycardia | Self::Tachycardia | Self::Pause => Priority::Medium,
            Self::LeadOff | Self::PoorSignal => Priority::Technical,
        }
    }

    /// The text of the alarm line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::PatternLost => "ECG PATTERN LOST",
            Self::Asystole => "ASYSTOLE",
            Self::VentricularFibrillation => "VENTRICULAR FIBRILLATION",
            Self::VentricularTachycardia => "VENTRICULAR TACHYCARDIA",
            Self::Bradycardia => "HEART RATE LOW",
            Self::Tachycardia => "HEART RATE HIGH",
            Self::Pause => "PAUSE",
            Self::LeadOff => "ECG LEAD OFF",
            Self::PoorSignal => "ECG SIGNAL POOR",
        }
    }
}

/// A verdict of the emergency detector that begins or ends, with its evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// What was found.
    pub condition: Condition,
    /// True when it begins, false when it is over.
    pub present: bool,
    /// Number of the ECG sample at which it began.
    pub onset_index: u64,
    /// Number of the ECG sample at which it was decided.
    pub decided_index: u64,
    /// Correlation of the last beat with the patient's template, -1 to 1; `None` when there was no beat to compare.
    pub correlation: Option<f32>,
    /// The patient's threshold.
    pub threshold: f32,
}

/// Length of an alarm body.
pub const ALARM_BYTES: usize = 1 + 1 + 8 + 8 + 4 + 4;

impl Alarm {
    /// The body of the report.
    pub fn to_bytes(&self) -> Result<[u8; ALARM_BYTES], Error> {
        let mut out = [0u8; ALARM_BYTES];
        Writer::new(&mut out)
            .put(&[self.condition as u8, u8::from(self.present)])?
            .put(&self.onset_index.to_be_bytes())?
            .put(&self.decided_index.to_be_bytes())?
            .put(&self.correlation.unwrap_or(f32::NAN).to_be_bytes())?
            .put(&self.threshold.to_be_bytes())?;
        Ok(out)
    }

    /// In the strip: a sample that was lost on the way, and that the decision did without.
    pub const LOST: i16 = i16::MIN;

    /// Reads the body back, and the strip of ECG behind it if there is one: what led to the decision, band-passed, in a batch
    /// of its own. Numbers that are not finite become `None`, or are refused where they must be there.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Option<Batch<'_>>), Error> {
        let mut r = Reader::new("alarm", bytes);
        let code = r.u8()?;
        let condition = Condition::ALL.into_iter().find(|c| *c as u8 == code);
        let condition = condition.ok_or(Error::malformed("alarm", "unknown condition"))?;
        let present = match r.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Error::malformed("alarm", "bad flag")),
        };
        let (onset_index, decided_index) = (r.u64()?, r.u64()?);
        let correlation = Some(f32::from_be_bytes(r.array()?)).filter(|c| c.is_finite());
        let threshold = f32::from_be_bytes(r.array()?);
        if !threshold.is_finite() {
            return Err(Error::malformed("alarm", "the threshold is not a number"));
        }
        let rest = r.rest();
        let strip = if rest.is_empty() { None } else { Some(Batch::parse(rest)?) };
        Ok((Self { condition, present, onset_index, decided_index, correlation, threshold }, strip))
    }
}

/// A completed mutual authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Epoch of the key that was in use.
    pub epoch: u32,
    /// The sensor's risk class.
    pub class: RiskClass,
    /// Bits the run took on the air, both ways, repetitions included.
    pub bits: u32,
    /// Bits in which the PUF's reading differed from the enrolled response.
    pub noise_bits: u16,
}

/// Length of a session body.
pub const SESSION_BYTES: usize = 4 + 1 + 4 + 2;

impl Session {
    /// The body of the report.
    pub fn to_bytes(&self) -> Result<[u8; SESSION_BYTES], Error> {
        let mut out = [0u8; SESSION_BYTES];
        Writer::new(&mut out)
            .put(&self.epoch.to_be_bytes())?
            .put(&[self.class.code()])?
            .put(&self.bits.to_be_bytes())?
            .put(&self.noise_bits.to_be_bytes())?;
        Ok(out)
    }

    /// Reads the body back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("session", bytes);
        let epoch = r.u32()?;
        let class = RiskClass::from_code(r.u8()?).ok_or(Error::malformed("session", "unknown risk class"))?;
        let session = Self { epoch, class, bits: r.u32()?, noise_bits: r.u16()? };
        r.finish()?;
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{self, BatchHeader, Scale, Signal};
    use crate::window::Window;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn header(kind: Kind) -> ReportHeader {
        ReportHeader { kind, sensor: SensorId(2), number: 9, hub_time_ms: 1_000, offset_ms: -40, backlog: 3 }
    }

    #[test]
    fn header_and_parts_round_trip() {
        let mut bytes = emit_header(&header(Kind::Observations)).unwrap().to_vec();
        for part in [&b"abc"[..], b"", b"de"] {
            bytes.extend((part.len() as u16).to_be_bytes());
            bytes.extend(part);
        }
        let report = Report::parse(&bytes).unwrap();
        assert_eq!(report.header, header(Kind::Observations));
        assert_eq!(report.parts().collect::<Result<Vec<_>, _>>().unwrap(), [&b"abc"[..], b"", b"de"]);
        bytes.pop();
        let cut = Report::parse(&bytes).unwrap();
        assert!(cut.parts().last().unwrap().is_err());
    }

    #[test]
    fn a_vector_of_64_kib_fits_into_a_report() {
        let window = Window { start_ms: 1, length_ms: 3_600_000, simulated: false };
        let header = ReportHeader { sensor: OF_THE_BED, ..header(Kind::Vector) };
        let vector = std::vec![7; 64 * 1024];
        let mut bytes = [&emit_header(&header).unwrap()[..], &window.to_bytes(), &vector].concat();
        let report = Report::parse(&bytes).unwrap();
        assert_eq!(report.header, header);
        assert_eq!(Window::parse(report.body()), Ok((window, &vector[..])));
        bytes.resize(REPORT_BYTES_MAX, 0);
        assert!(Report::parse(&bytes).is_ok());
        bytes.push(0);
        assert!(Report::parse(&bytes).is_err());
    }

    #[test]
    fn alarms_and_sessions_round_trip() {
        let mut alarm = Alarm {
            condition: Condition::VentricularFibrillation,
            present: true,
            onset_index: 5,
            decided_index: 9,
            correlation: Some(0.25),
            threshold: 0.8,
        };
        assert_eq!(Alarm::parse(&alarm.to_bytes().unwrap()), Ok((alarm, None)));
        alarm.correlation = None;
        assert_eq!(Alarm::parse(&alarm.to_bytes().unwrap()), Ok((alarm, None)));
        let strip = BatchHeader {
            signal: Signal::Ecg,
            simulated: true,
            rate_millihertz: 180_000,
            scale: Scale { gain_milli: 1_000_000, baseline: 0 },
            first_index: 1,
            time_us: 7,
        };
        let mut body = alarm.to_bytes().unwrap().to_vec();
        body.resize(ALARM_BYTES + 64, 0);
        let (len, _) = observation::emit(&strip, &[5, -900, 30_000], &mut body[ALARM_BYTES..]).unwrap();
        body.truncate(ALARM_BYTES + len);
        let (read, batch) = Alarm::parse(&body).unwrap();
        assert_eq!((read, batch.unwrap().header), (alarm, strip));
        assert_eq!(batch.unwrap().samples().collect::<Vec<_>>(), [5, -900, 30_000]);
        body.pop();
        assert!(Alarm::parse(&body).is_err(), "a strip that is cut");
        alarm.threshold = f32::NAN;
        assert!(Alarm::parse(&alarm.to_bytes().unwrap()).is_err());
        let session = Session { epoch: 3, class: RiskClass::III, bits: 968, noise_bits: 7 };
        assert_eq!(Session::parse(&session.to_bytes().unwrap()), Ok(session));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(report) = Report::parse(&bytes) {
                let taken: usize = report.parts().map(|part| part.map_or(0, |p| p.len() + 2)).sum();
                prop_assert!(taken <= bytes.len());
            }
            let _ = Alarm::parse(&bytes);
            let _ = Session::parse(&bytes);
            let _ = Window::parse(&bytes);
        }
    }
}
