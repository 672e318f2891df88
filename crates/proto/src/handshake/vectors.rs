//! The test vector of `docs/protocol.md`: one run with fixed randomness.

use super::hardened::{Chain, HubChain};
use super::*;
use crate::prf::Key;
use crate::puf::Response;
use crate::wire::{HubId, SensorId, Suite};
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};
use std::string::String;
use std::vec::Vec;

/// Gives bytes that count up from the first one.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
}

#[test]
fn the_documented_run() {
    let key = Key::new(core::array::from_fn(|i| i as u8));
    let (sensor, hub) = (SensorId(5), HubId(1));
    let chain = Chain { attempt: 2, epoch: 3, ..Chain::enrolled(Suite::Polar256, key.clone()) };
    let mut at_sensor =
        SensorHandshake::new(SensorRecord { sensor, hub, secret: SensorSecret::Hardened(chain) });
    let chain = HubChain { epoch: 3, ..HubChain::enrolled(Suite::Polar256, key) };
    let mut at_hub = HubHandshake::new(HubRecord { sensor, hub, secret: HubSecret::Hardened(chain) });
    let response: [u8; 32] = core::array::from_fn(|i| 0x60 + i as u8);
    let mut enrolled = response;
    enrolled[0] ^= 0x80;
    enrolled[31] ^= 0x05;
    let (mut sensor_rng, mut hub_rng) = (Counting(0x10), Counting(0xa0));
    let now = Duration::ZERO;
    let mut frames: Vec<String> = Vec::new();
    let (mut sessions, mut noise) = (Vec::new(), 0);
    at_sensor.handle(now, SensorInput::Start, &mut sensor_rng).unwrap();
    for _ in 0..4 {
        while let Some(output) = at_sensor.poll() {
            match output {
                SensorOutput::Send(frame) => {
                    frames.push(hex(frame.as_bytes()));
                    at_hub.handle(now, HubInput::Frame(frame.as_bytes()), &mut hub_rng).unwrap();
                }
                SensorOutput::ReadPuf { .. } => {
                    let response = Response::new(&response).unwrap();
                    at_sensor.handle(now, SensorInput::Response(&response), &mut sensor_rng).unwrap();
                }
                SensorOutput::Established(session) => sessions.push(session),
                SensorOutput::Save(_) => {}
                SensorOutput::Failed(error) => panic!("{error}"),
            }
        }
        while let Some(output) = at_hub.poll() {
            match output {
                HubOutput::ClaimPair(_) => {
                    let pair = Response::new(&enrolled).unwrap();
                    let challenge = 9u64.to_be_bytes().into();
                    at_hub.handle(now, HubInput::Pair(challenge, &pair), &mut hub_rng).unwrap();
                }
                HubOutput::Send(frame) => {
                    frames.push(hex(frame.as_bytes()));
                    at_sensor.handle(now, SensorInput::Frame(frame.as_bytes()), &mut sensor_rng).unwrap();
                }
                HubOutput::Established { noise_bits, .. } => noise = noise_bits,
                HubOutput::Save(_) => {}
                HubOutput::Failed(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(noise, 3);
    let SensorSecret::Hardened(chain) = &at_sensor.record().secret else { panic!("another profile") };
    let record = sessions[0].writer(sensor).seal(b"vital").unwrap();
    let next = hex(&chain.key.as_bytes()[..]);
    let found = [&frames[..], &[next, hex(record.as_bytes())]].concat();
    let documented = include_str!("../../../../docs/protocol.md");
    for value in &found {
        assert!(documented.contains(value.as_str()), "not in the document: {found:#?}");
    }
}
