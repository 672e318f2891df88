//! The record of a bed as a clinic gives it out, line by line, made into a recording.

use super::clinic::Clinic;
use super::fhir::ConsentRecord;
use super::{AlarmMark, Recording};
use crate::exit::Failure;
use crate::now_ms;
use bodywire_proto::RiskClass;
use bodywire_proto::observation::{BATCH_HEADER_BYTES, Batch, BatchHeader, Scale, Signal, emit};
use bodywire_proto::report::Condition;
use bodywire_proto::wire::SensorId;
use serde_json::Value;

/// Bytes that one sample takes in a batch at most.
const SAMPLE_BYTES_MAX: usize = 3;

/// What was read.
pub(super) struct Record {
    pub(super) recording: Recording,
    pub(super) consents: Vec<ConsentRecord>,
    /// The highest class that was given.
    pub(super) class: String,
    /// The bed's number.
    pub(super) bed: u16,
    /// The house whose ledger it is.
    pub(super) house: String,
    /// Since when the patient has lain in the bed, milliseconds since 1970.
    pub(super) admitted_ms: Option<u64>,
    /// The ledger's entry of this read.
    pub(super) read: Option<u64>,
}

impl Record {
    /// Reads it all.
    ///
    /// # Errors
    /// [`Failure::Failed`] when the clinic broke off: a part is not taken for the whole.
    pub(super) async fn read(
        clinic: &Clinic,
        bed: u16,
        (from_ms, to_ms): (u64, u64),
        class: RiskClass,
    ) -> Result<Self, Failure> {
        let path = format!("/api/v1/beds/{bed}/record?from_ms={from_ms}&to_ms={to_ms}&class={class}");
        let (mut record, mut ended) = (None::<Self>, false);
        clinic
            .lines(&path, |line| {
                if let Some(why) = line["error"].as_str() {
                    return Err(Failure::Failed(format!("{why}; nothing was written")));
                }
                match &mut record {
                    None => record = Some(Self::begin(&line["begin"], bed, from_ms, to_ms)?),
                    Some(record) => ended |= record.take(&line).ok_or_else(|| clinic.stranger())??,
                }
                Ok(())
            })
            .await?;
        // A consent says nothing of the sensor's data; what it has opened does.
        if let Some(Self { recording, consents, .. }) = &mut record {
            for consent in consents {
                consent.simulated =
                    recording.series.iter().any(|of| of.sensor == consent.sensor && of.simulated);
            }
        }
        let broken = "the clinic broke off in the middle; nothing was written: ask again";
        record.filter(|_| ended).ok_or_else(|| Failure::Failed(broken.to_owned()))
    }

    fn begin(line: &Value, bed: u16, from_ms: u64, to_ms: u64) -> Result<Self, Failure> {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            recording: Recording::new(text("subject"), text("label"), from_ms, to_ms)?,
            consents: Vec::new(),
            class: text("class"),
            bed,
            house: text("house"),
            admitted_ms: line["admitted_ms"].as_u64(),
            read: None,
        })
    }

    /// Takes one line; true for the last, nothing for one that no clinic says.
    fn take(&mut self, line: &Value) -> Option<Result<bool, Failure>> {
        if let Some(end) = line.get("end") {
            self.read = end["read"].as_u64();
            return Some(Ok(true));
        }
        if let Some(alarm) = line.get("alarm") {
            let code = alarm["condition"].as_u64()?;
            let condition = Condition::ALL.into_iter().find(|one| u64::from(*one as u8) == code)?;
            let (at_ms, present) = (alarm["at_ms"].as_u64()?, alarm["present"].as_bool()?);
            let mark = AlarmMark { at_ms, condition, present };
            return Some(self.recording.push_alarm(mark).map(|()| false).map_err(Failure::from));
        }
        if let Some(consent) = line.get("consent") {
            self.consents.push(self.consent(consent)?);
            return Some(Ok(false));
        }
        let header = header(line)?;
        let samples = line["samples"].as_array()?.iter().map(|sample| i16::try_from(sample.as_i64()?).ok());
        let samples: Vec<i16> = samples.collect::<Option<_>>()?;
        let mut bytes = vec![0; BATCH_HEADER_BYTES + SAMPLE_BYTES_MAX * samples.len()];
        let (len, taken) = emit(&header, &samples, &mut bytes).ok()?;
        let batch = Batch::parse(bytes.get(..len)?).ok().filter(|_| taken == samples.len())?;
        let sensor = SensorId(u16::try_from(line["sensor"].as_u64()?).ok()?);
        let pushed = self.recording.push(sensor, &batch, line["start_ms"].as_u64()?);
        Some(pushed.map(|_| false).map_err(Failure::from))
    }

    fn consent(&self, line: &Value) -> Option<ConsentRecord> {
        let until_ms = line["until_ms"].as_u64()?;
        Some(ConsentRecord {
            subject: self.recording.subject.clone(),
            bed: self.recording.bed.clone(),
            sensor: SensorId(u16::try_from(line["sensor"].as_u64()?).ok()?),
            session: u32::try_from(line["session"].as_u64()?).ok()?,
            given_ms: line["given_ms"].as_u64()?,
            until_ms,
            active: until_ms > now_ms(),
            house: self.house.clone(),
            simulated: false,
        })
    }
}

fn header(line: &Value) -> Option<BatchHeader> {
    let name = line["signal"].as_str()?;
    Some(BatchHeader {
        signal: Signal::ALL.into_iter().find(|signal| signal.name() == name)?,
        simulated: line["simulated"].as_bool()?,
        rate_millihertz: u32::try_from(line["rate_millihertz"].as_u64()?).ok()?,
        scale: Scale {
            gain_milli: u32::try_from(line["gain_milli"].as_u64()?).ok()?,
            baseline: i16::try_from(line["baseline"].as_i64()?).ok()?,
        },
        first_index: line["first_index"].as_u64()?,
        time_us: 0,
    })
}
