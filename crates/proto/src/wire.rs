//! Bytes on the sensor link: frames and the four handshake messages. Integers are big-endian.
//!
//! ```text
//! m1 Hello      S -> H   0x41 | suite 1 | sensor 2 | epoch 4 | attempt 2 | nonceS 8 | tag 8        26 bytes
//! m2 Challenge  H -> S   0x42 | challenge 8 | nonceH 8 | tag 12                                    29 bytes
//! m3 Proof      S -> H   0x43 | sealed helper 32 or 64 | confirmS 16                               49 or 81 bytes
//! m4 Confirm    H -> S   0x44 | confirmH 16                                                        17 bytes
//! ```

use crate::error::Error;
use crate::puf::CHALLENGE_BYTES;

/// Longest frame, in bytes: the payload of one body-area radio frame (IEEE 802.15.6, 255 octets).
pub const FRAME_BYTES_MAX: usize = 255;

/// First byte of m1.
pub const TYPE_HELLO: u8 = 0x41;
/// First byte of m2.
pub const TYPE_CHALLENGE: u8 = 0x42;
/// First byte of m3.
pub const TYPE_PROOF: u8 = 0x43;
/// First byte of m4.
pub const TYPE_CONFIRM: u8 = 0x44;
/// First byte of a protected record.
pub const TYPE_RECORD: u8 = 0x45;

/// Primitives and code of a sensor, chosen when it is enrolled. All use BLAKE2s-256 and Ascon-AEAD128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// Responses of 256 bits, for PUFs with at most 5 % of noise.
    Polar256 = 1,
    /// Responses of 512 bits, for PUFs with at most 10 % of noise.
    Polar512 = 2,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Polar256, Self::Polar512];

    /// The byte on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The suite with this byte.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }

    /// Bytes of a response, of a word of the code and of the helper.
    pub const fn response_bytes(self) -> usize {
        match self {
            Self::Polar256 => 32,
            Self::Polar512 => 64,
        }
    }

    /// Bits on the air for one complete handshake.
    pub const fn handshake_bits(self) -> u32 {
        let proof = Proof::OVERHEAD_BYTES + self.response_bytes();
        8 * (Hello::BYTES + ChallengeMessage::BYTES + proof + Confirm::BYTES) as u32
    }
}

/// Number of a sensor at its hub, 1 to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorId(pub u16);

/// Number of a hub, bound into every handshake with its sensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubId(pub u16);

/// Eight random bytes that make a run fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 8]);

/// One frame on the link, at most [`FRAME_BYTES_MAX`] bytes.
#[derive(Clone)]
pub struct Frame {
    bytes: [u8; FRAME_BYTES_MAX],
    len: usize,
}

impl Frame {
    /// A frame with these bytes; `Error::Limit` when they are too many for the radio.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let mut frame = Self { bytes: [0; FRAME_BYTES_MAX], len: bytes.len() };
        match frame.bytes.get_mut(..bytes.len()) {
            Some(slot) => slot.copy_from_slice(bytes),
            None => return Err(Error::Limit { limit: "FRAME_BYTES_MAX", value: FRAME_BYTES_MAX as u64 }),
        }
        Ok(frame)
    }

    /// The bytes on the air.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({} bytes)", self.len)
    }
}

/// Longest frame of a handshake: the paper's messages of 640 bits and their header.
#[cfg(feature = "paper")]
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 85;
/// Longest frame of a handshake: the proof of the suite with responses of 512 bits.
#[cfg(not(feature = "paper"))]
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 81;

/// One frame of a handshake, at most [`HANDSHAKE_FRAME_BYTES_MAX`] bytes: a third of a [`Frame`], because a sensor moves
/// it several times before it is on the air.
#[derive(Clone)]
pub struct HandshakeFrame {
    bytes: [u8; HANDSHAKE_FRAME_BYTES_MAX],
    len: usize,
}

impl HandshakeFrame {
    /// The bytes on the air.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl core::fmt::Debug for HandshakeFrame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "HandshakeFrame({} bytes)", self.len)
    }
}

impl From<HandshakeFrame> for Frame {
    fn from(short: HandshakeFrame) -> Self {
        let mut bytes = [0; FRAME_BYTES_MAX];
        bytes.iter_mut().zip(short.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
        Self { bytes, len: short.len }
    }
}

/// The sensor a frame to the hub says it comes from; `None` for m3 and for what is no frame. Not authenticated.
pub fn claimed_sensor(frame: &[u8]) -> Option<SensorId> {
    let at = match *frame.first()? {
        TYPE_HELLO => 2,
        TYPE_RECORD => 1,
        #[cfg(feature = "paper")]
        crate::paper::wire::TYPE_M1 | crate::paper::wire::TYPE_ACK_SENSOR | crate::paper::wire::TYPE_DATA => {
            1
        }
        _ => return None,
    };
    let bytes = frame.get(at..at + 2)?.try_into().ok()?;
    Some(SensorId(u16::from_be_bytes(bytes)))
}

/// Takes fixed-size fields off the front of a message.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) =
            self.rest.split_first_chunk::<N>().ok_or(Error::malformed(self.what, "too short"))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Error::malformed(self.what, "too short"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn expect_type(&mut self, expected: u8) -> Result<(), Error> {
        if self.u8()? == expected { Ok(()) } else { Err(Error::malformed(self.what, "wrong type byte")) }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::malformed(self.what, "trailing bytes")) }
    }
}

/// Appends fields to a buffer of the caller.
pub(crate) struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<&mut Self, Error> {
        let end = self.len + bytes.len();
        let size = self.buffer.len() as u64;
        let slot = self.buffer.get_mut(self.len..end).ok_or(Error::Limit { limit: "buffer", value: size })?;
        slot.copy_from_slice(bytes);
        self.len = end;
        Ok(self)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

/// m1: the sensor announces itself and proves that it holds the current key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Primitives and code.
    pub suite: Suite,
    /// Who speaks.
    pub sensor: SensorId,
    /// How often the key has been replaced.
    pub epoch: u32,
    /// How often the sensor has tried in this epoch, from 1.
    pub attempt: u16,
    /// The sensor's freshness.
    pub nonce: Nonce,
    /// `PRF(K, "m1", fields)`, truncated.
    pub tag: [u8; 8],
}

impl Hello {
    /// Length on the air.
    pub const BYTES: usize = Self::FIELDS_BYTES + 8;
    /// Length of what the tag covers.
    pub const FIELDS_BYTES: usize = 18;

    /// The bytes that the tag covers.
    pub fn fields(&self) -> [u8; Self::FIELDS_BYTES] {
        let ([i0, i1], [a0, a1]) = (self.sensor.0.to_be_bytes(), self.attempt.to_be_bytes());
        let [e0, e1, e2, e3] = self.epoch.to_be_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.nonce.0;
        [TYPE_HELLO, self.suite.code(), i0, i1, e0, e1, e2, e3, a0, a1, n0, n1, n2, n3, n4, n5, n6, n7]
    }

    /// Reads the message; checks its form only.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("hello", bytes);
        r.expect_type(TYPE_HELLO)?;
        let hello = Self {
            suite: Suite::from_code(r.u8()?).ok_or(Error::malformed("hello", "unknown suite"))?,
            sensor: SensorId(r.u16()?),
            epoch: r.u32()?,
            attempt: r.u16()?,
            nonce: Nonce(r.array()?),
            tag: r.array()?,
        };
        r.finish()?;
        Ok(hello)
    }

    /// The message as a frame.
    pub fn emit(&self) -> Result<HandshakeFrame, Error> {
        emit(&[&self.fields(), &self.tag])
    }
}

/// m2: the hub proves that it holds the key and asks for one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeMessage {
    /// The challenge of a pair that is used for this run only.
    pub challenge: [u8; CHALLENGE_BYTES],
    /// The hub's freshness.
    pub nonce: Nonce,
    /// `PRF(K, "m2", hub ‖ m1 fields ‖ fields)`, truncated.
    pub tag: [u8; 12],
}

impl ChallengeMessage {
    /// Length on the air.
    pub const BYTES: usize = Self::FIELDS_BYTES + 12;
    /// Length of what the tag covers, m1 not counted.
    pub const FIELDS_BYTES: usize = 1 + CHALLENGE_BYTES + 8;

    /// The bytes of this message that the tag covers.
    pub fn fields(&self) -> [u8; Self::FIELDS_BYTES] {
        let [c0, c1, c2, c3, c4, c5, c6, c7] = self.challenge;
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.nonce.0;
        [TYPE_CHALLENGE, c0, c1, c2, c3, c4, c5, c6, c7, n0, n1, n2, n3, n4, n5, n6, n7]
    }

    /// Reads the message; checks its form only.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("challenge", bytes);
        r.expect_type(TYPE_CHALLENGE)?;
        let message = Self { challenge: r.array()?, nonce: Nonce(r.array()?), tag: r.array()? };
        r.finish()?;
        Ok(message)
    }

    /// The message as a frame.
    pub fn emit(&self) -> Result<HandshakeFrame, Error> {
        emit(&[&self.fields(), &self.tag])
    }
}

/// m3: the sensor proves that it has the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof<'a> {
    /// Code offset of the response, under a one-time pad from the key; as long as the suite's response.
    pub sealed_helper: &'a [u8],
    /// First half of `PRF(K, "c", R ‖ binder)`.
    pub confirm: [u8; 16],
}

impl<'a> Proof<'a> {
    /// Length on the air without the sealed helper.
    pub const OVERHEAD_BYTES: usize = 1 + 16;

    /// Reads the message of a suite; checks its form only.
    pub fn parse(suite: Suite, bytes: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new("proof", bytes);
        r.expect_type(TYPE_PROOF)?;
        let message = Self { sealed_helper: r.take(suite.response_bytes())?, confirm: r.array()? };
        r.finish()?;
        Ok(message)
    }

    /// The message as a frame.
    pub fn emit(&self) -> Result<HandshakeFrame, Error> {
        emit(&[&[TYPE_PROOF], self.sealed_helper, &self.confirm])
    }
}

/// m4: the hub proves that it recovered the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// Second half of `PRF(K, "c", R ‖ binder)`.
    pub confirm: [u8; 16],
}

impl Confirm {
    /// Length on the air.
    pub const BYTES: usize = 1 + 16;

    /// Reads the message; checks its form only.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("confirm", bytes);
        r.expect_type(TYPE_CONFIRM)?;
        let message = Self { confirm: r.array()? };
        r.finish()?;
        Ok(message)
    }

    /// The message as a frame.
    pub fn emit(&self) -> Result<HandshakeFrame, Error> {
        emit(&[&[TYPE_CONFIRM], &self.confirm])
    }
}

/// A frame of a handshake from its parts.
pub(crate) fn emit(parts: &[&[u8]]) -> Result<HandshakeFrame, Error> {
    let mut frame = HandshakeFrame { bytes: [0; HANDSHAKE_FRAME_BYTES_MAX], len: 0 };
    let mut writer = Writer::new(&mut frame.bytes);
    for part in parts {
        writer.put(part)?;
    }
    frame.len = writer.len();
    Ok(frame)
}

/// A frame from its parts.
#[cfg(feature = "paper")]
pub(crate) fn emit_long(parts: &[&[u8]]) -> Result<Frame, Error> {
    let mut frame = Frame { bytes: [0; FRAME_BYTES_MAX], len: 0 };
    let mut writer = Writer::new(&mut frame.bytes);
    for part in parts {
        writer.put(part)?;
    }
    frame.len = writer.len();
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_handshake_costs_968_or_1224_bits() {
        assert_eq!(Suite::ALL.map(Suite::handshake_bits), [968, 1_224]);
    }

    #[test]
    fn hello_is_laid_out_as_documented() {
        let hello = Hello {
            suite: Suite::Polar256,
            sensor: SensorId(0x0203),
            epoch: 0x0405_0607,
            attempt: 0x0809,
            nonce: Nonce([10, 11, 12, 13, 14, 15, 16, 17]),
            tag: [0xee; 8],
        };
        let frame = hello.emit().unwrap();
        let mut expected = [0xee; 26];
        expected[..18].copy_from_slice(&[0x41, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
        assert_eq!(frame.as_bytes(), expected);
        assert_eq!(Hello::parse(frame.as_bytes()), Ok(hello));
    }

    #[test]
    fn wrong_lengths_types_and_suites_are_malformed() {
        let confirm = Confirm { confirm: [1; 16] }.emit().unwrap();
        let bytes = confirm.as_bytes();
        assert!(Confirm::parse(&bytes[..16]).is_err());
        assert!(Confirm::parse(&[bytes, &[0]].concat()).is_err());
        assert!(Suite::ALL.into_iter().all(|suite| Proof::parse(suite, bytes).is_err()));
        let mut hello = [0u8; Hello::BYTES];
        hello[0] = TYPE_HELLO;
        hello[1] = 3;
        assert_eq!(Hello::parse(&hello), Err(Error::malformed("hello", "unknown suite")));
        assert!(Frame::new(&[0; 256]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(m) = Hello::parse(&bytes) { prop_assert_eq!(m.emit().unwrap().as_bytes().to_vec(), bytes.clone()); }
            if let Ok(m) = ChallengeMessage::parse(&bytes) { prop_assert_eq!(m.emit().unwrap().as_bytes().to_vec(), bytes.clone()); }
            for suite in Suite::ALL { if let Ok(m) = Proof::parse(suite, &bytes) { prop_assert_eq!(m.emit().unwrap().as_bytes().to_vec(), bytes.clone()); } }
            if let Ok(m) = Confirm::parse(&bytes) { prop_assert_eq!(m.emit().unwrap().as_bytes().to_vec(), bytes.clone()); }
        }
    }
}
