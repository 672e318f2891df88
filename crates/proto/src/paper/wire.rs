//! Messages of the paper's profile. The paper counts the payloads: `2 * (640 + 96) = 1472` bits.
//!
//! ```text
//! M1    S -> H   0x11 | sensor 2 | length 2 | E_K(C XOR R) 80
//! ack   H -> S   0x12 | sensor 2 | length 2 | "auth success" or "auth failure" 12
//! M2    H -> S   0x13 | sensor 2 | length 2 | E_K(C XOR R') 80
//! ack   S -> H   0x14 | sensor 2 | length 2 | "auth success" or "auth failure" 12
//! data  S -> H   0x21 | sensor 2 | T 4 | bits 2 | body | FCS 2
//! ```

use super::{Block, SEED_BYTES};
use crate::error::{Error, Misbehaviour};
use crate::wire::{self, HandshakeFrame, Reader, SensorId};

/// First byte of M1.
pub const TYPE_M1: u8 = 0x11;
/// First byte of the hub's acknowledgement.
pub const TYPE_ACK_HUB: u8 = 0x12;
/// First byte of M2.
pub const TYPE_M2: u8 = 0x13;
/// First byte of the sensor's acknowledgement.
pub const TYPE_ACK_SENSOR: u8 = 0x14;
/// First byte of protected data.
pub const TYPE_DATA: u8 = 0x21;
/// Bytes of header before a payload, which the paper does not count.
pub const HEADER_BYTES: usize = 5;

/// Acknowledgements are twelve characters: 96 bits.
pub const ACK_BYTES: usize = 12;
const SUCCESS: &[u8; ACK_BYTES] = b"auth success";
const FAILURE: &[u8; ACK_BYTES] = b"auth failure";

/// Bits of one complete handshake as the paper counts them.
pub const HANDSHAKE_BITS: u32 = 2 * 8 * (SEED_BYTES + ACK_BYTES) as u32;
/// Bits of one complete handshake on the air, headers included.
pub const HANDSHAKE_BITS_WITH_HEADERS: u32 = HANDSHAKE_BITS + 4 * 8 * HEADER_BYTES as u32;

/// M1 or M2.
pub fn emit_message(kind: u8, sensor: SensorId, payload: &Block) -> Result<HandshakeFrame, Error> {
    frame(kind, sensor, payload)
}

/// An acknowledgement.
pub fn emit_ack(kind: u8, sensor: SensorId, success: bool) -> Result<HandshakeFrame, Error> {
    frame(kind, sensor, if success { SUCCESS } else { FAILURE })
}

/// Reads M1 or M2 of one sensor; checks its form only.
pub fn parse_message(kind: u8, sensor: SensorId, bytes: &[u8]) -> Result<Block, Error> {
    payload(kind, sensor, bytes)
}

/// Reads an acknowledgement of one sensor: true for success.
pub fn parse_ack(kind: u8, sensor: SensorId, bytes: &[u8]) -> Result<bool, Error> {
    match &payload::<ACK_BYTES>(kind, sensor, bytes)? {
        SUCCESS => Ok(true),
        FAILURE => Ok(false),
        _ => Err(Error::malformed("acknowledgement", "neither success nor failure")),
    }
}

fn frame(kind: u8, sensor: SensorId, payload: &[u8]) -> Result<HandshakeFrame, Error> {
    wire::emit(&[&[kind], &sensor.0.to_be_bytes(), &(payload.len() as u16).to_be_bytes(), payload])
}

fn payload<const N: usize>(kind: u8, sensor: SensorId, bytes: &[u8]) -> Result<[u8; N], Error> {
    let mut r = Reader::new("paper message", bytes);
    r.expect_type(kind)?;
    if SensorId(r.u16()?) != sensor {
        return Err(Error::PeerMisbehaved(Misbehaviour::WrongSensor));
    }
    if usize::from(r.u16()?) != N {
        return Err(Error::malformed("paper message", "wrong length"));
    }
    let payload = r.array()?;
    r.finish()?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_costs_1472_bits_as_the_paper_counts() {
        assert_eq!((HANDSHAKE_BITS, HANDSHAKE_BITS_WITH_HEADERS), (1_472, 1_632));
    }

    #[test]
    fn messages_are_read_back_and_others_refused() {
        let sensor = SensorId(0x0102);
        let message = emit_message(TYPE_M1, sensor, &[7; SEED_BYTES]).unwrap();
        assert_eq!(message.as_bytes()[..HEADER_BYTES], [0x11, 1, 2, 0, 80]);
        assert_eq!(parse_message(TYPE_M1, sensor, message.as_bytes()), Ok([7; SEED_BYTES]));
        assert!(parse_message(TYPE_M2, sensor, message.as_bytes()).is_err());
        assert!(parse_message(TYPE_M1, SensorId(1), message.as_bytes()).is_err());
        for success in [true, false] {
            let ack = emit_ack(TYPE_ACK_HUB, sensor, success).unwrap();
            assert_eq!(parse_ack(TYPE_ACK_HUB, sensor, ack.as_bytes()), Ok(success));
            let mut other = ack.as_bytes().to_vec();
            other[9] ^= 1;
            assert!(parse_ack(TYPE_ACK_HUB, sensor, &other).is_err());
            other.pop();
            assert!(parse_ack(TYPE_ACK_HUB, sensor, &other).is_err());
        }
    }
}
