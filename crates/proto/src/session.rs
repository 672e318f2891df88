//! What a completed handshake gives: the two ends of a protected way for payloads, whatever the profile.

use crate::error::Error;
#[cfg(feature = "paper")]
use crate::paper::{DataKey, DataReader, DataWriter};
use crate::record::{self, Direction, PAYLOAD_BYTES_MAX, RecordKey, RecordReader, RecordWriter};
use crate::wire::{Frame, SensorId, TYPE_RECORD};

/// Keys of one session, one for each direction.
#[derive(Debug, Clone)]
pub struct TrafficKeys {
    /// Sensor to hub.
    pub up: RecordKey,
    /// Hub to sensor.
    pub down: RecordKey,
}

/// What both sides have after a run.
#[derive(Debug, Clone)]
pub enum Session {
    /// Keys for protected records.
    Hardened(TrafficKeys),
    /// The paper's data encryption. Not for patients.
    #[cfg(feature = "paper")]
    Paper(DataKey),
}

impl Session {
    /// The sensor's end of the way up.
    pub fn writer(&self, sensor: SensorId) -> Writer {
        match self {
            Self::Hardened(keys) => Writer::Record(RecordWriter::new(keys.up.clone(), Direction::Up, sensor)),
            #[cfg(feature = "paper")]
            Self::Paper(key) => Writer::Paper(DataWriter::new(key.clone(), sensor)),
        }
    }

    /// The hub's end of the way up.
    pub fn reader(&self, sensor: SensorId) -> Reader {
        match self {
            Self::Hardened(keys) => Reader::Record(RecordReader::new(keys.up.clone(), Direction::Up, sensor)),
            #[cfg(feature = "paper")]
            Self::Paper(key) => Reader::Paper(DataReader::new(key.clone(), sensor)),
        }
    }

    /// The hub's end of the way down, for receipts. The paper's profile has none.
    pub fn down_writer(&self, sensor: SensorId) -> Option<RecordWriter> {
        match self {
            Self::Hardened(keys) => Some(RecordWriter::new(keys.down.clone(), Direction::Down, sensor)),
            #[cfg(feature = "paper")]
            Self::Paper(_) => None,
        }
    }

    /// The sensor's end of the way down.
    pub fn down_reader(&self, sensor: SensorId) -> Option<RecordReader> {
        match self {
            Self::Hardened(keys) => Some(RecordReader::new(keys.down.clone(), Direction::Down, sensor)),
            #[cfg(feature = "paper")]
            Self::Paper(_) => None,
        }
    }
}

/// Protects payloads on their way to the hub.
#[derive(Debug)]
pub enum Writer {
    /// Records of the hardened profile.
    Record(RecordWriter),
    /// Data frames of the paper's profile.
    #[cfg(feature = "paper")]
    Paper(DataWriter),
}

impl Writer {
    /// Longest payload of one frame, in bytes.
    pub const fn payload_bytes_max(&self) -> usize {
        match self {
            Self::Record(_) => PAYLOAD_BYTES_MAX,
            #[cfg(feature = "paper")]
            Self::Paper(_) => crate::paper::DATA_BYTES_MAX,
        }
    }

    /// Seals `payload`, at most [`Self::payload_bytes_max`] bytes, into the next frame.
    pub fn seal(&mut self, payload: &[u8]) -> Result<Frame, Error> {
        match self {
            Self::Record(writer) => writer.seal(payload),
            #[cfg(feature = "paper")]
            Self::Paper(writer) => writer.seal(payload),
        }
    }
}

/// Opens what a [`Writer`] sealed.
#[derive(Debug)]
pub enum Reader {
    /// Records of the hardened profile.
    Record(RecordReader),
    /// Data frames of the paper's profile.
    #[cfg(feature = "paper")]
    Paper(DataReader),
}

impl Reader {
    /// True when a frame that begins with this byte carries a payload and not a handshake message.
    pub const fn is_payload(first: u8) -> bool {
        #[cfg(feature = "paper")]
        if first == crate::paper::wire::TYPE_DATA {
            return true;
        }
        first == TYPE_RECORD
    }

    /// One more than the highest counter that was opened; `None` in the paper's profile, which has no counters.
    pub const fn next(&self) -> Option<u32> {
        match self {
            Self::Record(reader) => Some(reader.next()),
            #[cfg(feature = "paper")]
            Self::Paper(_) => None,
        }
    }

    /// Opens `frame` into `buffer`.
    pub fn open<'b>(
        &mut self,
        frame: &[u8],
        buffer: &'b mut [u8; PAYLOAD_BYTES_MAX],
    ) -> Result<record::Opened<'b>, Error> {
        match self {
            Self::Record(reader) => reader.open(frame, buffer),
            #[cfg(feature = "paper")]
            Self::Paper(reader) => reader.open(frame, buffer),
        }
    }
}
