//! Protected records, after a handshake: Ascon-AEAD128 (NIST SP 800-232) with a counter.
//!
//! ```text
//! 0x45 | sensor 2 | counter 4 | ciphertext | tag 16          header (7 bytes) is associated data
//! nonce = direction 1 | zero 11 | counter 4
//! ```

use crate::error::{Error, Misbehaviour};
use crate::prf::wipe;
use crate::wire::{FRAME_BYTES_MAX, Frame, Reader, SensorId, TYPE_RECORD};
use ascon_aead::AsconAead128;
use ascon_aead::aead::{AeadInOut, KeyInit};
use subtle::ConstantTimeEq;

/// Bytes of an Ascon-AEAD128 key.
pub const RECORD_KEY_BYTES: usize = 16;
/// Bytes before the ciphertext.
pub const HEADER_BYTES: usize = 7;
/// Bytes after the ciphertext.
pub const TAG_BYTES: usize = 16;
/// Longest payload: what is left of one radio frame.
pub const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES - TAG_BYTES;
/// A new handshake is due before this many records, far below the 2^54 blocks that SP 800-232 allows under one key
/// and below the counter's wrap.
pub const RECORDS_MAX: u32 = 1 << 31;
/// Records that may arrive out of order; more than a radio ever holds back.
pub const REPLAY_WINDOW: u32 = 64;

/// Which way a record goes; part of the nonce, so that neither side can be fed its own records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Sensor to hub.
    Up = 0,
    /// Hub to sensor.
    Down = 1,
}

/// Key of one direction of one session. On a word's boundary, to be moved by words.
#[derive(Clone)]
#[repr(align(4))]
pub struct RecordKey([u8; RECORD_KEY_BYTES]);

impl Drop for RecordKey {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl RecordKey {
    /// Takes over 16 secret bytes.
    pub const fn new(bytes: [u8; RECORD_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    fn cipher(&self) -> AsconAead128 {
        AsconAead128::new((&self.0).into())
    }
}

impl PartialEq for RecordKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RecordKey {}

impl core::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RecordKey(..)")
    }
}

fn nonce(direction: Direction, counter: u32) -> [u8; 16] {
    let [c0, c1, c2, c3] = counter.to_be_bytes();
    [direction as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, c0, c1, c2, c3]
}

/// Seals the payloads of one direction.
#[derive(Debug)]
pub struct RecordWriter {
    key: RecordKey,
    direction: Direction,
    sensor: SensorId,
    counter: u32,
}

impl RecordWriter {
    /// A writer for a fresh key.
    pub const fn new(key: RecordKey, direction: Direction, sensor: SensorId) -> Self {
        Self { key, direction, sensor, counter: 0 }
    }

    /// Seals `payload` (at most [`PAYLOAD_BYTES_MAX`] bytes) into the next frame.
    pub fn seal(&mut self, payload: &[u8]) -> Result<Frame, Error> {
        if self.counter >= RECORDS_MAX {
            return Err(Error::Limit { limit: "RECORDS_MAX", value: u64::from(RECORDS_MAX) });
        }
        let [i0, i1] = self.sensor.0.to_be_bytes();
        let [c0, c1, c2, c3] = self.counter.to_be_bytes();
        let header = [TYPE_RECORD, i0, i1, c0, c1, c2, c3];
        let too_long = Error::Limit { limit: "PAYLOAD_BYTES_MAX", value: PAYLOAD_BYTES_MAX as u64 };
        let mut body = [0u8; PAYLOAD_BYTES_MAX];
        let body = body.get_mut(..payload.len()).ok_or(too_long)?;
        body.copy_from_slice(payload);
        let tag = self
            .key
            .cipher()
            .encrypt_inout_detached(&nonce(self.direction, self.counter).into(), &header, (&mut *body).into())
            .map_err(|_| Error::Misuse("the cipher refused a record"))?;
        self.counter += 1;
        let mut bytes = [0u8; FRAME_BYTES_MAX];
        let mut writer = crate::wire::Writer::new(&mut bytes);
        writer.put(&header)?.put(body)?.put(&tag)?;
        let len = writer.len();
        Frame::new(bytes.get(..len).unwrap_or(&[]))
    }
}

/// Opens the records of one direction, each once.
#[derive(Debug)]
pub struct RecordReader {
    key: RecordKey,
    direction: Direction,
    sensor: SensorId,
    /// One more than the highest counter seen.
    next: u32,
    /// Bit `i` is set when counter `next - 1 - i` was seen.
    seen: u64,
}

/// An opened record.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'b> {
    /// Its counter; a jump of more than one is a gap.
    pub counter: u32,
    /// What the peer sealed.
    pub payload: &'b [u8],
}

impl RecordReader {
    /// A reader for a fresh key.
    pub const fn new(key: RecordKey, direction: Direction, sensor: SensorId) -> Self {
        Self { key, direction, sensor, next: 0, seen: 0 }
    }

    /// Opens `frame` into `buffer`. A frame that was seen, is older than the window, is another sensor's or does not
    /// open is refused, and changes nothing.
    pub fn open<'b>(
        &mut self,
        frame: &[u8],
        buffer: &'b mut [u8; PAYLOAD_BYTES_MAX],
    ) -> Result<Opened<'b>, Error> {
        let mut r = Reader::new("record", frame);
        r.expect_type(TYPE_RECORD)?;
        if SensorId(r.u16()?) != self.sensor {
            return Err(Error::PeerMisbehaved(Misbehaviour::WrongSensor));
        }
        let counter = r.u32()?;
        let (body, tag) =
            r.rest().split_last_chunk::<TAG_BYTES>().ok_or(Error::malformed("record", "too short"))?;
        if !self.is_new(counter) {
            return Err(Error::PeerMisbehaved(Misbehaviour::Replayed));
        }
        let header = frame.get(..HEADER_BYTES).unwrap_or(&[]);
        let buffer = buffer.get_mut(..body.len()).ok_or(Error::malformed("record", "too long"))?;
        buffer.copy_from_slice(body);
        self.key
            .cipher()
            .decrypt_inout_detached(
                &nonce(self.direction, counter).into(),
                header,
                (&mut *buffer).into(),
                &(*tag).into(),
            )
            .map_err(|_| Error::PeerMisbehaved(Misbehaviour::BadRecord))?;
        self.mark(counter);
        Ok(Opened { counter, payload: buffer })
    }

    /// One more than the highest counter that was opened.
    pub const fn next(&self) -> u32 {
        self.next
    }

    fn is_new(&self, counter: u32) -> bool {
        if counter >= RECORDS_MAX {
            return false;
        }
        match self.next.checked_sub(1).and_then(|newest| newest.checked_sub(counter)) {
            None => true,
            Some(age) if age < REPLAY_WINDOW => self.seen >> age & 1 == 0,
            Some(_) => false,
        }
    }

    fn mark(&mut self, counter: u32) {
        if counter >= self.next {
            let ahead = counter - self.next + 1;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.next = counter + 1;
        } else {
            self.seen |= 1 << (self.next - 1 - counter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn pair() -> (RecordWriter, RecordReader) {
        let key = RecordKey::new([3; RECORD_KEY_BYTES]);
        (
            RecordWriter::new(key.clone(), Direction::Up, SensorId(7)),
            RecordReader::new(key, Direction::Up, SensorId(7)),
        )
    }

    fn open(reader: &mut RecordReader, frame: &[u8]) -> Result<(u32, Vec<u8>), Error> {
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        reader.open(frame, &mut buffer).map(|opened| (opened.counter, opened.payload.to_vec()))
    }

    /// NIST's known-answer file for Ascon-AEAD128 (LWC_AEAD_KAT_128_128.txt), count 1.
    #[test]
    fn official_vectors() {
        let key: [u8; 16] = core::array::from_fn(|i| i as u8);
        let nonce: [u8; 16] = core::array::from_fn(|i| 0x10 + i as u8);
        let cipher = RecordKey::new(key).cipher();
        let mut empty = [0u8; 0];
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &[], (&mut empty[..]).into()).unwrap();
        let hex: std::string::String = tag.iter().map(|b| std::format!("{b:02X}")).collect();
        assert_eq!(hex, "4F9C278211BEC9316BF68F46EE8B2EC6");
    }

    #[test]
    fn each_record_opens_once_in_any_order_inside_the_window() {
        let (mut writer, mut reader) = pair();
        let frames: Vec<_> = (0..100u8).map(|i| writer.seal(&[i; 3]).unwrap()).collect();
        for i in [0usize, 2, 1, 63, 5, 99, 98, 40] {
            assert_eq!(open(&mut reader, frames[i].as_bytes()), Ok((i as u32, std::vec![i as u8; 3])));
            assert_eq!(
                open(&mut reader, frames[i].as_bytes()),
                Err(Error::PeerMisbehaved(Misbehaviour::Replayed))
            );
        }
        assert_eq!(
            open(&mut reader, frames[35].as_bytes()),
            Err(Error::PeerMisbehaved(Misbehaviour::Replayed))
        );
    }

    #[test]
    fn the_other_direction_sensor_and_key_do_not_open() {
        let (mut writer, _) = pair();
        let frame = writer.seal(b"x").unwrap();
        let key = RecordKey::new([3; 16]);
        let mut reflected = RecordReader::new(key.clone(), Direction::Down, SensorId(7));
        assert_eq!(
            open(&mut reflected, frame.as_bytes()),
            Err(Error::PeerMisbehaved(Misbehaviour::BadRecord))
        );
        let mut other = RecordReader::new(key, Direction::Up, SensorId(8));
        assert_eq!(open(&mut other, frame.as_bytes()), Err(Error::PeerMisbehaved(Misbehaviour::WrongSensor)));
    }

    #[test]
    fn the_counter_stops_before_it_wraps_and_long_payloads_are_refused() {
        let (mut writer, _) = pair();
        assert!(matches!(
            writer.seal(&[0; PAYLOAD_BYTES_MAX + 1]),
            Err(Error::Limit { limit: "PAYLOAD_BYTES_MAX", .. })
        ));
        assert_eq!(writer.seal(&[0; PAYLOAD_BYTES_MAX]).unwrap().as_bytes().len(), FRAME_BYTES_MAX);
        writer.counter = RECORDS_MAX;
        assert!(matches!(writer.seal(b"x"), Err(Error::Limit { limit: "RECORDS_MAX", .. })));
    }

    proptest! {
        #[test]
        fn a_changed_frame_never_opens(payload in proptest::collection::vec(any::<u8>(), 0..64),
                                       at in 0usize..200, by in 1u8..) {
            let (mut writer, mut reader) = pair();
            let mut bytes = writer.seal(&payload).unwrap().as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] ^= by;
            prop_assert!(open(&mut reader, &bytes).is_err());
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (_, mut reader) = pair();
            prop_assert!(open(&mut reader, &bytes).is_err());
        }
    }
}
