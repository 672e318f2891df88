//! The hub as a state machine: frames and clinic's messages in, actions out. Time and randomness are arguments; the spool is
//! written before an action that relies on it is given out.
//!
//! After each call [`Machine::poll`] is asked until it gives nothing, and the actions are carried out in their order. So the
//! same code runs in a process ([`crate::service`]) and in a simulated world.

mod asking;
mod outbox;
mod session;

use crate::asks::Asks;
use crate::bedside::Bedside;
use crate::config::Config;
use crate::counters::{Counters, PathCounters};
use crate::error::Error;
use crate::link::{Link, Output as LinkOutput};
use crate::spool::Spool;
use bodywire_channels::sender::Sender;
use bodywire_paths::Publication;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{Frame, SensorId, claimed_sensor};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A moment on the hub's two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since the hub began; never goes back.
    pub now: Duration,
    /// Milliseconds since 1970, as far as this machine knows.
    pub unix_ms: u64,
}

/// Where the radio heard a frame, and where an answer is to go: a number the radio gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RadioAddress(pub u64);

/// A frame from the air.
#[derive(Debug)]
pub struct Heard {
    /// Where it came from. Not authenticated.
    pub from: RadioAddress,
    /// The frame. Not trusted.
    pub bytes: Vec<u8>,
}

/// What is to be done, in this order.
#[derive(Debug)]
pub enum Action {
    /// Take a pair of a sensor out of the database, any or the one with this challenge, and come back with [`Machine::pair`].
    ClaimPair(SensorId, Option<Challenge>),
    /// Put a frame on the air. One that the radio cannot take is lost, as it would be on the air.
    Transmit(RadioAddress, Box<Frame>),
    /// Give a path something. What does not fit is lost; the sender repeats what matters.
    Publish(usize, Publication),
    /// Listen to a topic on a path.
    Subscribe(usize, String),
}

/// A hub without a clock, sockets or a source of randomness.
pub struct Machine {
    config: Config,
    spool: Spool,
    links: BTreeMap<SensorId, Link>,
    /// Where each sensor was heard last with a frame that verified, and who was heard there.
    address_of: BTreeMap<SensorId, RadioAddress>,
    sensor_at: BTreeMap<RadioAddress, SensorId>,
    bedside: Bedside,
    asks: Asks,
    up: Vec<bool>,
    sender: Option<Sender>,
    /// The clinic's newest prekey, and the one the session was started with.
    prekey: Option<Vec<u8>>,
    /// When the clinic was heard last, or the session was started.
    heard: Duration,
    /// Reports below these numbers have been given to the sender of this session, alarms and others.
    submitted_urgent: u64,
    submitted: u64,
    /// Tell this run of the hub from the one before, in what it says of its connection on each path. They differ, so that
    /// two brokers cannot join them.
    connections: Vec<u64>,
    actions: VecDeque<Action>,
    counters: Arc<Counters>,
}

impl Machine {
    /// A hub that goes on from what is in the spool.
    ///
    /// # Errors
    /// That of the spool.
    pub fn new(config: Config, spool: Spool, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        let links = spool.sensors()?.into_iter().map(|record| (record.sensor, Link::new(record))).collect();
        let sensors = config.sensors.iter().copied();
        let bedside = Bedside::new(sensors, config.report_age, config.aggregation.clone());
        let asks = Asks::new(config.issuer);
        let paths = config.paths.iter().map(|_| PathCounters::default()).collect();
        let connections = config.paths.iter().map(|_| rng.next_u64()).collect();
        let counters = Arc::new(Counters { paths, ..Counters::default() });
        counters.pending.store(spool.pending(), Ordering::Relaxed);
        Ok(Self {
            up: vec![false; config.paths.len()],
            config,
            spool,
            links,
            address_of: BTreeMap::new(),
            sensor_at: BTreeMap::new(),
            bedside,
            asks,
            sender: None,
            prekey: None,
            heard: Duration::ZERO,
            submitted_urgent: 0,
            submitted: 0,
            connections,
            actions: VecDeque::new(),
            counters,
        })
    }

    /// What the hub was told at start.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What the hub has done; stays valid when it is gone.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Reports that wait for the clinic.
    pub const fn pending(&self) -> u64 {
        self.spool.pending()
    }

    /// True when there are reports that are not in the spool yet.
    pub fn has_ready(&self) -> bool {
        self.bedside.has_ready() || self.bedside.next_due_ms().is_some()
    }

    /// The number that the next report will get.
    pub const fn next_number(&self) -> u64 {
        self.spool.next_number()
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes a frame from the air.
    ///
    /// # Errors
    /// That of the spool. What a peer did wrong is counted, and no error.
    pub fn frame(&mut self, at: Moment, heard: &Heard, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let claimed = claimed_sensor(&heard.bytes);
        // m3 names nobody: it belongs to the run that was begun from the same place.
        let sensor = claimed.or_else(|| self.sensor_at.get(&heard.from).copied());
        let Some((sensor, link)) =
            sensor.and_then(|sensor| self.links.get_mut(&sensor).map(|link| (sensor, link)))
        else {
            self.refused_if(true);
            return Ok(());
        };
        let refused = is_refused(link.frame(at.now, &heard.bytes, rng));
        if !refused && claimed.is_some() {
            self.found_at(sensor, heard.from);
        }
        self.refused_if(refused);
        self.drain_link(at, sensor)
    }

    /// The answer to [`Action::ClaimPair`].
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn pair(
        &mut self,
        at: Moment,
        sensor: SensorId,
        pair: Option<(Challenge, Response)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let refused =
            self.links.get_mut(&sensor).is_some_and(|link| is_refused(link.pair(at.now, pair, rng)));
        self.refused_if(refused);
        self.drain_link(at, sensor)
    }

    /// A sensor was revoked: its link ends.
    pub fn revoke(&mut self, sensor: SensorId) {
        if self.links.remove(&sensor).is_some() {
            tracing::warn!("a sensor was revoked");
        }
    }

    /// When [`Self::turn`] is due at the latest, if nothing comes before.
    pub fn next_timeout(&self, at: Moment) -> Option<Duration> {
        let sender = self.sender.as_ref().and_then(Sender::next_timeout);
        let links = self.links.values().filter_map(Link::next_timeout);
        let in_ms = |due: u64| at.now + Duration::from_millis(due.saturating_sub(at.unix_ms));
        let reports = self.bedside.next_due_ms().map(in_ms);
        links.chain(sender).chain(self.asks.next_timeout()).chain(reports).min()
    }

    /// To be called after what has come in was handed over, and when [`Self::next_timeout`] has passed: timers, reports that
    /// are due into the spool (all of them with `everything`), and from there to the paths.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn turn(&mut self, at: Moment, everything: bool, rng: &mut impl CryptoRng) -> Result<(), Error> {
        self.timers(at, rng)?;
        self.judge_paths();
        self.report(at, everything, rng)?;
        self.submit(at, rng)
    }

    fn timers(&mut self, at: Moment, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let due: Vec<SensorId> = self
            .links
            .iter()
            .filter(|(_, link)| link.next_timeout().is_some_and(|due| at.now >= due))
            .map(|(sensor, _)| *sensor)
            .collect();
        for sensor in due {
            let refused =
                self.links.get_mut(&sensor).is_some_and(|link| is_refused(link.timeout(at.now, rng)));
            self.refused_if(refused);
            self.drain_link(at, sensor)?;
        }
        self.ask_sensors(at)?;
        self.session_timers(at, rng)
    }

    /// A frame of this sensor has verified: answers go where it came from.
    fn found_at(&mut self, sensor: SensorId, address: RadioAddress) {
        if let Some(before) = self.address_of.insert(sensor, address)
            && before != address
        {
            self.sensor_at.remove(&before);
        }
        self.sensor_at.insert(address, sensor);
    }

    fn drain_link(&mut self, at: Moment, sensor: SensorId) -> Result<(), Error> {
        while let Some(output) = self.links.get_mut(&sensor).and_then(Link::poll) {
            match output {
                LinkOutput::Save(record) => self.spool.save_sensor(&record)?,
                LinkOutput::ClaimPair(wanted) => self.actions.push_back(Action::ClaimPair(sensor, wanted)),
                LinkOutput::Send(frame) => {
                    let to = self.address_of.get(&sensor).copied();
                    self.refused_if(to.is_none());
                    self.actions.extend(to.map(|to| Action::Transmit(to, frame)));
                }
                LinkOutput::Established { epoch, bits, noise_bits } => {
                    self.counters.authentications.fetch_add(1, Ordering::Relaxed);
                    self.counters.handshake_bits.store(u64::from(bits), Ordering::Relaxed);
                    self.bedside.established(sensor, epoch, bits, noise_bits)?;
                }
                LinkOutput::Payload(payload) => {
                    let taken = match self.asks.hear(sensor, &payload) {
                        Ok(true) => self.bedside.payload(sensor, at.unix_ms, &payload),
                        Ok(false) => Ok(()),
                        Err(error) => Err(error),
                    };
                    self.refused_if(is_refused(taken));
                    let (taken, missing) = self.bedside.ecg_samples();
                    self.counters.ecg_samples.store(taken, Ordering::Relaxed);
                    self.counters.ecg_samples_missing.store(missing, Ordering::Relaxed);
                }
                LinkOutput::Failed(error) => tracing::warn!(%error, "a handshake failed"),
            }
        }
        Ok(())
    }

    fn refused_if(&self, refused: bool) {
        if refused {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// True when a peer's input was refused. What is refused is counted; the peer gets no answer.
fn is_refused(result: Result<(), bodywire_proto::Error>) -> bool {
    if let Err(error) = &result {
        tracing::debug!(%error, "refused");
    }
    result.is_err()
}

#[cfg(test)]
mod tests;
