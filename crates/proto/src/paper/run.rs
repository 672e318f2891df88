//! Algorithm 1 of paper B, line by line.

use super::wire::{
    TYPE_ACK_HUB, TYPE_ACK_SENSOR, TYPE_M1, TYPE_M2, emit_ack, emit_message, parse_ack, parse_message,
};
use super::{Block, DISTANCE_MAX, DataKey, SEED_BYTES, SeedState};
use crate::error::{Error, Misbehaviour};
use crate::handshake::{HubStep, SensorTodo};
use crate::puf::{Challenge, Response};
use crate::session::Session;
use crate::wire::SensorId;

/// `E_K(C XOR R)`.
pub fn encrypt(challenge: &Block, key: &Block, response: &[u8]) -> Block {
    let mut out = *challenge;
    out.iter_mut().zip(key).zip(response).for_each(|((c, k), r)| *c ^= k ^ r);
    out
}

/// `D_K(M) XOR C`.
pub fn decrypt(challenge: &Block, key: &Block, message: &Block) -> Block {
    encrypt(challenge, key, message)
}

fn distance(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

fn full_length(response: &Response) -> Result<(), Error> {
    if response.as_bytes().len() == SEED_BYTES {
        Ok(())
    } else {
        Err(Error::Misuse("the paper's responses have 640 bits"))
    }
}

/// A run in progress at the sensor.
#[derive(Clone)]
pub(crate) struct SensorRun {
    challenge: Block,
    key: Block,
    /// Read in line 6.
    response: Option<Response>,
}

impl SensorRun {
    /// Lines 4 and 5.
    pub(crate) fn start(seed: &SeedState, sensor: SensorId, todo: &mut SensorTodo) -> Result<Self, Error> {
        let (challenge, key) = seed.seed().challenge_and_key(sensor);
        todo.read = Some((Challenge::new(&challenge)?, SEED_BYTES));
        Ok(Self { challenge, key, response: None })
    }

    /// Line 6.
    pub(crate) fn response(
        &mut self,
        sensor: SensorId,
        response: &Response,
        todo: &mut SensorTodo,
    ) -> Result<(), Error> {
        if self.response.is_some() {
            return Err(Error::Misuse("no response was asked for"));
        }
        full_length(response)?;
        let m1 = encrypt(&self.challenge, &self.key, response.as_bytes());
        self.response = Some(response.clone());
        todo.send = Some(emit_message(TYPE_M1, sensor, &m1)?);
        todo.save = true;
        Ok(())
    }

    /// Lines 10 and 13 to 15. The hub's acknowledgement decides nothing but a failure.
    pub(crate) fn frame(
        &mut self,
        seed: &mut SeedState,
        sensor: SensorId,
        bytes: &[u8],
        todo: &mut SensorTodo,
    ) -> Result<(), Error> {
        let Some(response) = &self.response else {
            return Err(Error::Misuse("no frame is expected now"));
        };
        if bytes.first() == Some(&TYPE_ACK_HUB) {
            if !parse_ack(TYPE_ACK_HUB, sensor, bytes)? {
                todo.failure = Some(Error::PeerMisbehaved(Misbehaviour::Refused));
            }
            return Ok(());
        }
        let m2 = parse_message(TYPE_M2, sensor, bytes)?;
        let enrolled = decrypt(&self.challenge, &self.key, &m2);
        if distance(&enrolled, response.as_bytes()) > DISTANCE_MAX {
            todo.failure = Some(Error::PeerMisbehaved(Misbehaviour::Undecodable));
            return Ok(());
        }
        todo.send = Some(emit_ack(TYPE_ACK_SENSOR, sensor, true)?);
        todo.session = Some(Session::Paper(DataKey(seed.seed())));
        seed.advance();
        todo.save = true;
        Ok(())
    }
}

/// A run in progress at the hub.
#[derive(Clone)]
pub(crate) struct HubRun {
    challenge: Block,
    key: Block,
    m1: Block,
    /// Set when line 8 has accepted: bits in which the two responses differ.
    accepted: Option<u32>,
}

impl HubRun {
    /// Lines 4 to 6 at the hub, and line 7 up to the database.
    pub(crate) fn first(seed: &SeedState, sensor: SensorId, bytes: &[u8]) -> Result<(Self, HubStep), Error> {
        let m1 = parse_message(TYPE_M1, sensor, bytes)?;
        let (challenge, key) = seed.seed().challenge_and_key(sensor);
        let step = HubStep::Claim(Some(Challenge::new(&challenge)?));
        Ok((Self { challenge, key, m1, accepted: None }, step))
    }

    /// Lines 7 to 11.
    pub(crate) fn pair(&mut self, sensor: SensorId, enrolled: &Response) -> Result<HubStep, Error> {
        full_length(enrolled)?;
        let reading = decrypt(&self.challenge, &self.key, &self.m1);
        let noise_bits = distance(&reading, enrolled.as_bytes());
        if noise_bits > DISTANCE_MAX {
            let error = Error::PeerMisbehaved(Misbehaviour::Undecodable);
            return Ok(HubStep::Failed { last: Some(emit_ack(TYPE_ACK_HUB, sensor, false)?), error });
        }
        self.accepted = Some(noise_bits);
        let m2 = encrypt(&self.challenge, &self.key, enrolled.as_bytes());
        let m2 = emit_message(TYPE_M2, sensor, &m2)?;
        Ok(HubStep::Send(emit_ack(TYPE_ACK_HUB, sensor, true)?, Some(m2)))
    }

    /// Line 15 at the hub.
    pub(crate) fn acknowledgement(
        &mut self,
        seed: &mut SeedState,
        sensor: SensorId,
        bytes: &[u8],
    ) -> Result<HubStep, Error> {
        let success = parse_ack(TYPE_ACK_SENSOR, sensor, bytes)?;
        let Some(noise_bits) = self.accepted else {
            return Err(Error::Misuse("no acknowledgement is expected now"));
        };
        if !success {
            let error = Error::PeerMisbehaved(Misbehaviour::Refused);
            return Ok(HubStep::Failed { last: None, error });
        }
        let session = Session::Paper(DataKey(seed.seed()));
        seed.advance();
        Ok(HubStep::Done { last: None, session, noise_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn reference_vector_of_m1() {
        let seed = SeedState::new(core::array::from_fn(|i| i as u8), 3).unwrap().seed();
        let (challenge, key) = seed.challenge_and_key(SensorId(1));
        let m1 = encrypt(&challenge, &key, &[0xa5; SEED_BYTES]);
        assert!(m1.starts_with(&[0x8b, 0x0b, 0xf1, 0x2f, 0x85, 0xff, 0x7e, 0xa8]));
        assert!(Sha256::digest(m1).starts_with(&[0x12, 0x62, 0x42, 0x5d, 0x04, 0x0f, 0x6e, 0x22]));
        assert_eq!(decrypt(&challenge, &key, &m1), [0xa5; SEED_BYTES]);
    }
}
