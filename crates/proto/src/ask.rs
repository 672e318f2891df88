//! A clinician's request on its way to a class III sensor, and the sensor's refusal on its way back (paper B, Algorithm 3,
//! level III). A sensor that agrees answers with a consent ([`crate::consent`]), in a session that it begins for it.
//!
//! The request does not fit into one radio frame together with its certificate, so that it goes in two records. Each names
//! the request, by which the sensor joins them.
//!
//! ```text
//! order, clinic to hub      0x41 'A' | sensor 2 | certificate 155 | request 143 | until 8                309 bytes
//! ask, hub to sensor        0x51 'Q' | 1 | asked 16 | certificate 155                                    173 bytes
//!                           0x51 'Q' | 2 | asked 16 | until 8 | request 143                              169 bytes
//! refusal, sensor to hub    0x4e 'N' | asked 16 | reason 1                                               18 bytes
//! ```
//!
//! `asked` is the first half of the request's SHA-256. `until` is the end that the decider has granted; a hub can change it,
//! which is why the sensor bounds it ([`examine`]) and the clinic compares the consent's with its own.

pub mod examine;
mod reason;

pub use reason::Reason;

use crate::access::certificate::CERTIFICATE_BYTES;
use crate::access::request::REQUEST_BYTES;
use crate::access::verify::digest;
use crate::consent::ASKED_BYTES;
use crate::error::Error;
use crate::record::PAYLOAD_BYTES_MAX;
use crate::wire::{Reader, SensorId, Writer};
use core::time::Duration;

/// First byte of an order.
pub const TYPE_ORDER: u8 = 0x41;
/// First byte of both halves of an ask.
pub const TYPE_ASK: u8 = 0x51;
/// First byte of a refusal.
pub const TYPE_REFUSAL: u8 = 0x4e;
/// Length of an order.
pub const ORDER_BYTES: usize = 1 + 2 + CERTIFICATE_BYTES + REQUEST_BYTES + 8;
/// Length of the half of an ask with the certificate.
pub const FIRST_HALF_BYTES: usize = 2 + ASKED_BYTES + CERTIFICATE_BYTES;
/// Length of the half of an ask with the request.
pub const SECOND_HALF_BYTES: usize = 2 + ASKED_BYTES + 8 + REQUEST_BYTES;
/// Length of what a refusal says, which is the body of a report, too.
pub const REFUSED_BYTES: usize = ASKED_BYTES + 1;
const _: () = assert!(FIRST_HALF_BYTES <= PAYLOAD_BYTES_MAX && SECOND_HALF_BYTES <= PAYLOAD_BYTES_MAX);

/// How long a sensor is asked before it is said to be silent: longer than a handshake with two failed attempts takes. A
/// clinician waits no longer at a screen.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Name of a request: the first half of its SHA-256.
pub fn name_of(request: &[u8; REQUEST_BYTES]) -> [u8; ASKED_BYTES] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = digest(&[request]);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// What is put before a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The asker's certificate.
    pub certificate: [u8; CERTIFICATE_BYTES],
    /// The asker's request.
    pub request: [u8; REQUEST_BYTES],
    /// The end that the decider has granted, milliseconds since 1970.
    pub until_ms: u64,
}

impl Ask {
    /// Name of the request.
    pub fn asked(&self) -> [u8; ASKED_BYTES] {
        name_of(&self.request)
    }

    /// The order to the hub of `sensor`.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_order(&self, sensor: SensorId) -> Result<[u8; ORDER_BYTES], Error> {
        let mut out = [0; ORDER_BYTES];
        Writer::new(&mut out)
            .put(&[TYPE_ORDER])?
            .put(&sensor.0.to_be_bytes())?
            .put(&self.certificate)?
            .put(&self.request)?
            .put(&self.until_ms.to_be_bytes())?;
        Ok(out)
    }

    /// Reads an order.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another type or length. Certificate and request are not read.
    pub fn from_order(bytes: &[u8]) -> Result<(SensorId, Self), Error> {
        let mut r = Reader::new("order", bytes);
        r.expect_type(TYPE_ORDER)?;
        let sensor = SensorId(r.u16()?);
        let ask = Self { certificate: r.array()?, request: r.array()?, until_ms: r.u64()? };
        r.finish()?;
        Ok((sensor, ask))
    }

    /// The payloads of the two records to the sensor.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_halves(&self) -> Result<([u8; FIRST_HALF_BYTES], [u8; SECOND_HALF_BYTES]), Error> {
        let asked = self.asked();
        let (mut first, mut second) = ([0; FIRST_HALF_BYTES], [0; SECOND_HALF_BYTES]);
        Writer::new(&mut first).put(&[TYPE_ASK, 1])?.put(&asked)?.put(&self.certificate)?;
        Writer::new(&mut second)
            .put(&[TYPE_ASK, 2])?
            .put(&asked)?
            .put(&self.until_ms.to_be_bytes())?
            .put(&self.request)?;
        Ok((first, second))
    }
}

/// Joins the halves of one ask. Holds one at a time: a half of another request takes its place.
#[derive(Debug, Clone, Default)]
pub struct Halves {
    asked: [u8; ASKED_BYTES],
    certificate: Option<[u8; CERTIFICATE_BYTES]>,
    request: Option<([u8; REQUEST_BYTES], u64)>,
}

impl Halves {
    /// Takes the payload of a record; gives the ask when it is whole.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no half, and for a request under another name than its own. It changes nothing.
    pub fn push(&mut self, payload: &[u8]) -> Result<Option<Ask>, Error> {
        let bad = |why| Error::malformed("ask", why);
        let mut r = Reader::new("ask", payload);
        r.expect_type(TYPE_ASK)?;
        let (half, asked) = (r.u8()?, r.array()?);
        let (mut certificate, mut request) = (None, None);
        match half {
            1 => certificate = Some(r.array()?),
            2 => {
                let (until_ms, bytes) = (r.u64()?, r.array()?);
                if name_of(&bytes) != asked {
                    return Err(bad("the request has another name"));
                }
                request = Some((bytes, until_ms));
            }
            _ => return Err(bad("unknown half")),
        }
        r.finish()?;
        if self.asked != asked {
            *self = Self { asked, ..Self::default() };
        }
        self.certificate = certificate.or(self.certificate);
        self.request = request.or(self.request);
        let (Some(certificate), Some((request, until_ms))) = (self.certificate, self.request) else {
            return Ok(None);
        };
        *self = Self::default();
        Ok(Some(Ask { certificate, request, until_ms }))
    }
}

/// The answer of a sensor that does not give its key, or of its hub that did not come so far as to ask it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Name of the request.
    pub asked: [u8; ASKED_BYTES],
    /// Why.
    pub reason: Reason,
}

impl Refused {
    /// The body of a report ([`crate::report::Kind::Declined`]).
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<[u8; REFUSED_BYTES], Error> {
        let mut out = [0; REFUSED_BYTES];
        Writer::new(&mut out).put(&self.asked)?.put(&[self.reason as u8])?;
        Ok(out)
    }

    /// Reads the body of a report.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another length and an unknown reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(Reader::new("refusal", bytes))
    }

    /// The payload of a record to the hub.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_payload(&self) -> Result<[u8; 1 + REFUSED_BYTES], Error> {
        let mut out = [0; 1 + REFUSED_BYTES];
        Writer::new(&mut out).put(&[TYPE_REFUSAL])?.put(&self.to_bytes()?)?;
        Ok(out)
    }

    /// Reads the payload of a record. A sensor speaks for itself: reasons of hubs are refused.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_payload(payload: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("refusal", payload);
        r.expect_type(TYPE_REFUSAL)?;
        let refused = Self::read(r)?;
        if refused.reason.is_of_hub() {
            return Err(Error::malformed("refusal", "a reason that only hubs have"));
        }
        Ok(refused)
    }

    fn read(mut r: Reader<'_>) -> Result<Self, Error> {
        let asked = r.array()?;
        let reason = Reason::from_code(r.u8()?).ok_or(Error::malformed("refusal", "unknown reason"))?;
        r.finish()?;
        Ok(Self { asked, reason })
    }
}

#[cfg(test)]
mod tests;
