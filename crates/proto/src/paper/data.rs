//! Data encryption with a time variable, parity bits and a frame check sequence (paper B, sections 3.2.2 and 3.2.3,
//! Fig. 3 and Fig. 6). A keystream XORed on, and two linear checks: whoever knows a plaintext can write another.

use super::Seed;
use super::parity::{bits_with_parity, insert_parity, remove_parity};
use super::wire::TYPE_DATA;
use crate::error::{Error, Misbehaviour};
use crate::record::{Opened, PAYLOAD_BYTES_MAX};
use crate::wire::{self, FRAME_BYTES_MAX, Frame, Reader, SensorId};
use crc::{CRC_16_IBM_3740, Crc};

/// CRC-16/CCITT-FALSE, which the catalogue calls IBM-3740: the frame check sequence of IEEE 802.15.4 and .6 in kind.
const FCS: Crc<u16, crc::NoTable> = Crc::<u16, crc::NoTable>::new(&CRC_16_IBM_3740);
const HEADER_BYTES: usize = 9;
const FCS_BYTES: usize = 2;
const BODY_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES - FCS_BYTES;
/// Longest payload of one frame: what is left when every byte takes nine bits.
pub const DATA_BYTES_MAX: usize = 8 * BODY_BYTES_MAX / 9;

/// What data is encrypted under after a run: its seed, which also made the challenge.
#[derive(Debug, Clone)]
pub struct DataKey(pub(super) Seed);

impl DataKey {
    /// The key of data under a seed; for attackers who have one.
    pub const fn new(seed: Seed) -> Self {
        Self(seed)
    }

    /// One data frame at the time variable `t`. Two frames with the same `t` are a two-time pad.
    pub fn seal(&self, sensor: SensorId, t: u32, payload: &[u8]) -> Result<Frame, Error> {
        let mut body = [0u8; BODY_BYTES_MAX];
        let bits = insert_parity(payload, &mut body)?;
        let body = body.get_mut(..bits.div_ceil(8)).unwrap_or(&mut []);
        self.apply_keystream(sensor, t, body);
        let fcs = FCS.checksum(body).to_be_bytes();
        let bits = (bits as u16).to_be_bytes();
        wire::emit_long(&[&[TYPE_DATA], &sensor.0.to_be_bytes(), &t.to_be_bytes(), &bits, body, &fcs])
    }

    /// Opens a data frame into `out`: its time variable and how many bytes it carries.
    pub fn open(&self, sensor: SensorId, frame: &[u8], out: &mut [u8]) -> Result<(u32, usize), Error> {
        let mut r = Reader::new("data frame", frame);
        r.expect_type(TYPE_DATA)?;
        if SensorId(r.u16()?) != sensor {
            return Err(Error::PeerMisbehaved(Misbehaviour::WrongSensor));
        }
        let (t, bits) = (r.u32()?, usize::from(r.u16()?));
        let sealed = r.take(bits.div_ceil(8))?;
        let fcs = r.u16()?;
        r.finish()?;
        if FCS.checksum(sealed) != fcs {
            return Err(Error::malformed("data frame", "wrong frame check sequence"));
        }
        let mut body = [0u8; BODY_BYTES_MAX];
        let body = body.get_mut(..sealed.len()).ok_or(Error::malformed("data frame", "too long"))?;
        body.copy_from_slice(sealed);
        self.apply_keystream(sensor, t, body);
        remove_parity(bits, body, out).map(|bytes| (t, bytes))
    }

    fn apply_keystream(&self, sensor: SensorId, t: u32, body: &mut [u8]) {
        let mut stream = [0u8; BODY_BYTES_MAX];
        let stream = stream.get_mut(..body.len()).unwrap_or(&mut []);
        self.0.keystream(sensor, t, stream);
        body.iter_mut().zip(stream.iter()).for_each(|(byte, key)| *byte ^= key);
    }
}

/// The sensor's end. Its time variable counts frames, which is the kindest reading of the paper.
#[derive(Debug)]
pub struct DataWriter {
    key: DataKey,
    sensor: SensorId,
    t: u32,
}

impl DataWriter {
    /// A writer for a fresh seed.
    pub const fn new(key: DataKey, sensor: SensorId) -> Self {
        Self { key, sensor, t: 0 }
    }

    /// Seals `payload`, at most [`DATA_BYTES_MAX`] bytes, into the next frame.
    pub fn seal(&mut self, payload: &[u8]) -> Result<Frame, Error> {
        if payload.len() > DATA_BYTES_MAX {
            return Err(Error::Limit { limit: "DATA_BYTES_MAX", value: DATA_BYTES_MAX as u64 });
        }
        let next = self.t.checked_add(1).ok_or(Error::Limit { limit: "time variable", value: u64::MAX })?;
        let frame = self.key.seal(self.sensor, self.t, payload)?;
        self.t = next;
        Ok(frame)
    }
}

/// The hub's end. The paper has no rule against a frame that comes twice, and neither has this.
#[derive(Debug)]
pub struct DataReader {
    key: DataKey,
    sensor: SensorId,
}

impl DataReader {
    /// A reader for a fresh seed.
    pub const fn new(key: DataKey, sensor: SensorId) -> Self {
        Self { key, sensor }
    }

    /// Opens `frame` into `buffer`.
    pub fn open<'b>(
        &mut self,
        frame: &[u8],
        buffer: &'b mut [u8; PAYLOAD_BYTES_MAX],
    ) -> Result<Opened<'b>, Error> {
        let (counter, len) = self.key.open(self.sensor, frame, buffer)?;
        Ok(Opened { counter, payload: buffer.get(..len).unwrap_or(&[]) })
    }
}

const _: () = assert!(bits_with_parity(DATA_BYTES_MAX).div_ceil(8) <= BODY_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SENSOR: SensorId = SensorId(1);

    fn key() -> DataKey {
        DataKey::new(Seed::vary(&core::array::from_fn(|i| i as u8), 3))
    }

    #[test]
    fn reference_vectors_of_the_frame_check_sequence() {
        assert_eq!(FCS.checksum(b"123456789"), 0x29b1);
        let mut coded = [0u8; 17];
        insert_parity(b"HR=072 SpO2=98 ", &mut coded).unwrap();
        assert_eq!(FCS.checksum(&coded), 0x739b);
    }

    #[test]
    fn the_longest_payload_fits_one_frame() {
        let mut writer = DataWriter::new(key(), SENSOR);
        let frame = writer.seal(&[0x5a; DATA_BYTES_MAX]).unwrap();
        assert!(frame.as_bytes().len() <= FRAME_BYTES_MAX);
        let mut buffer = [0u8; PAYLOAD_BYTES_MAX];
        let mut reader = DataReader::new(key(), SENSOR);
        assert_eq!(reader.open(frame.as_bytes(), &mut buffer).unwrap().payload, [0x5a; DATA_BYTES_MAX]);
        assert!(writer.seal(&[0; DATA_BYTES_MAX + 1]).is_err());
        assert!(reader.open(&frame.as_bytes()[..40], &mut buffer).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_open_or_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = bytes.first_mut() { *first = TYPE_DATA; }
            let mut buffer = [0u8; PAYLOAD_BYTES_MAX];
            let _ = DataReader::new(key(), SENSOR).open(&bytes, &mut buffer);
        }
    }
}
