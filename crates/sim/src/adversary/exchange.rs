//! The benchmark schemes as victims: a request, a reply, and both sides have a key.

use super::air::{OTHER, Side, Target};
use crate::Error;
use crate::schemes::ecc_eh::{self, EhHub, EhSensor};
use crate::schemes::ecc_ez::{self, EzHub, EzSensor};
use crate::schemes::hash_i::{IHub, ISensor};
use crate::schemes::hash_l::{HubState, LHub, LSensor, RelayName};
use crate::schemes::identity_key::{KeyManager, Name, Secret};
use crate::schemes::{Hub, Message, Sensor, Value};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// Two sensors and their hub.
pub(crate) struct Exchange<S, H: Hub> {
    pub(crate) sensors: [S; 2],
    pub(crate) hub: H,
    /// Whom the hub last took a sender for.
    pub(crate) identified: Option<H::Identity>,
    sensor_keys: [Vec<Vec<u8>>; 2],
    hub_keys: [Vec<Vec<u8>>; 2],
    fields: [&'static [usize]; 2],
    /// Who issues the sensors' keys, where that is not the hub.
    pub(crate) manager: Option<KeyManager>,
    rng: ChaCha20Rng,
}

/// Scheme L under attack.
pub(crate) type L = Exchange<LSensor, LHub>;
/// Scheme I under attack.
pub(crate) type I = Exchange<ISensor, IHub>;
/// Scheme E-Z under attack.
pub(crate) type Ez = Exchange<EzSensor, EzHub>;
/// Scheme E-H under attack.
pub(crate) type Eh = Exchange<EhSensor, EhHub>;

impl<S, H: Hub> Exchange<S, H> {
    fn new(sensors: [S; 2], hub: H, fields: [&'static [usize]; 2], rng: ChaCha20Rng) -> Self {
        let none = || [Vec::new(), Vec::new()];
        Self {
            sensors,
            hub,
            identified: None,
            sensor_keys: none(),
            hub_keys: none(),
            fields,
            manager: None,
            rng,
        }
    }
}

/// Two different identities of 16 bits, as paper B's node numbers are.
fn numbers(rng: &mut ChaCha20Rng) -> [u16; 2] {
    let first = rng.next_u32() as u16;
    [first, first.wrapping_add(1 + (rng.next_u32() as u16) % 1_000)]
}

/// Scheme L, enrolled.
pub(crate) fn hash_l(seed: u64) -> L {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let hub = LHub::new(HubState { master: Value::random(&mut rng), relay: RelayName(*b"IN") });
    let numbers = numbers(&mut rng);
    let sensors = numbers.map(|n| LSensor::new(hub.enrol(Value::number(u32::from(n)), &mut rng)));
    Exchange::new(sensors, hub, [&[20, 20, 20, 20, 4], &[20, 20, 20, 20]], rng)
}

/// Scheme I, enrolled.
pub(crate) fn hash_i(seed: u64) -> Result<I, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut hub = IHub::new(Value::random(&mut rng));
    let [a, b] = numbers(&mut rng).map(|n| hub.enrol(Value::number(u32::from(n)), &mut rng));
    let sensors = [ISensor::new(a?), ISensor::new(b?)];
    Ok(Exchange::new(sensors, hub, [&[20, 20, 20, 4, 20], &[20, 20, 20, 20]], rng))
}

/// Scheme E-Z, enrolled.
pub(crate) fn ecc_ez(seed: u64) -> Result<Ez, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let manager = KeyManager::new(&mut rng);
    let hub = EzHub::new(ecc_ez::HubState { secret: Secret::random(&mut rng), manager: manager.public() });
    let [a, b] = numbers(&mut rng).map(|pid| {
        let credential = manager.issue(Name { pid, right: 1 }, &mut rng);
        EzSensor::new(ecc_ez::SensorState { credential, access_point: *hub.public() }, &manager.public())
    });
    let fields: [&'static [usize]; 2] = [&[2, 33, 8, 69, 16], &[32]];
    Ok(Exchange { manager: Some(manager), ..Exchange::new([a?, b?], hub, fields, rng) })
}

/// Scheme E-H, enrolled.
pub(crate) fn ecc_eh(seed: u64) -> Result<Eh, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let manager = KeyManager::new(&mut rng);
    let hub = EhHub::new(ecc_eh::HubState { secret: Secret::random(&mut rng), manager: manager.public() });
    let [a, b] = numbers(&mut rng).map(|pid| {
        let credential = manager.issue(Name { pid, right: 1 }, &mut rng);
        EhSensor::new(ecc_eh::SensorState { credential, access_point: *hub.public() }, &manager.public())
    });
    let fields: [&'static [usize]; 2] = [&[33, 8, 71, 16], &[33, 32]];
    Ok(Exchange { manager: Some(manager), ..Exchange::new([a?, b?], hub, fields, rng) })
}

impl<S, H> Target for Exchange<S, H>
where
    S: Sensor,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    fn start(&mut self, link: usize, now: Duration) -> Result<Vec<Vec<u8>>, Error> {
        let request = self.sensors[link.min(OTHER)].request(now, &mut self.rng)?;
        Ok(vec![request.emit().as_ref().to_vec()])
    }

    fn deliver(&mut self, link: usize, to: Side, frame: &[u8], now: Duration) -> Vec<Vec<u8>> {
        let link = link.min(OTHER);
        match to {
            Side::Hub => {
                let answered = S::Request::parse(frame)
                    .and_then(|request| self.hub.answer(now, &request, &mut self.rng));
                let Ok(accepted) = answered else { return Vec::new() };
                self.hub_keys[link].push(accepted.key.as_bytes().to_vec());
                self.identified = Some(accepted.identity);
                vec![accepted.reply.emit().as_ref().to_vec()]
            }
            Side::Sensor => {
                let finished = S::Reply::parse(frame).and_then(|reply| self.sensors[link].finish(&reply));
                self.sensor_keys[link].extend(finished.ok().map(|key| key.as_bytes().to_vec()));
                Vec::new()
            }
        }
    }

    fn agreed(&self, link: usize, side: Side) -> &[Vec<u8>] {
        match side {
            Side::Sensor => &self.sensor_keys[link.min(OTHER)],
            Side::Hub => &self.hub_keys[link.min(OTHER)],
        }
    }

    fn fields(&self, number: usize) -> &'static [usize] {
        self.fields.get(number).copied().unwrap_or_default()
    }

    fn pairs_left(&self) -> Option<usize> {
        None
    }
}
