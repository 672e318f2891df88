//! What is on air, who is locked on to it, and whether it arrives whole.
//!
//! A receiver that is on and free locks on to the first frame whose preamble it can find, and keeps to it until its end;
//! a frame that begins in between is interference. When the interference changes, the chance that the piece of the frame
//! before the change was received is taken, as in ns-3. Who is locked is kept as sets of bits, because most nodes only
//! have to know that they cannot hear anything else.

use super::path_loss::{PathLoss, Shadow, Shadowing, dbm_to_watts, uniform};
use super::reception::{Modulation, PREAMBLE_RATIO_MIN};
use crate::agenda::Time;
use rand_chacha::ChaCha8Rng;

/// How long it is remembered who has ended a frame: longer than any assessment.
const ENDED_NANOS: u64 = 1_000_000;

/// A set of nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    words: Vec<u64>,
}

impl Nodes {
    pub(super) fn none(nodes: usize) -> Self {
        Self { words: vec![0; nodes.div_ceil(64)] }
    }

    pub(super) fn insert(&mut self, node: usize) {
        self.words[node / 64] |= 1 << (node % 64);
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, node: usize) -> bool {
        let had = self.contains(node);
        self.words[node / 64] &= !(1 << (node % 64));
        had
    }

    pub(super) fn contains(&self, node: usize) -> bool {
        self.words[node / 64] & (1 << (node % 64)) != 0
    }

    fn clear(&mut self) {
        self.words.fill(0);
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            core::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(64 * index + bit)
            })
        })
    }
}

/// A MAC frame on air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    Data { to: usize, number: u8 },
    Ack { to: usize, number: u8 },
}

/// What became of a frame at a node that it mattered to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reception {
    pub(super) node: usize,
    /// A piece of it was not received.
    pub(super) spoiled: bool,
    /// Another frame was on air at the same time.
    pub(super) met: bool,
    since: Time,
}

/// A frame in flight.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) from: usize,
    pub(super) frame: Frame,
    pub(super) receptions: Vec<Reception>,
    locked: Nodes,
}

/// Numbers of the physical layer that do not change during a run.
#[derive(Debug, Clone)]
pub(super) struct Physics {
    pub(super) modulation: Modulation,
    pub(super) bits_per_second: u64,
    pub(super) noise_w: f64,
    pub(super) threshold_w: f64,
    pub(super) shadowing: Option<Shadowing>,
}

/// The air of one star.
#[derive(Debug)]
pub(super) struct Air {
    physics: Physics,
    nodes: usize,
    /// Watts that arrive at node `at` from node `from`, at `from * nodes + at`, without shadows.
    powers: Vec<f64>,
    /// Who can find a preamble of each node when nobody else sends and no shadow falls.
    hears: Vec<Nodes>,
    shadows: Vec<Shadow>,
    flights: Vec<Flight>,
    /// Flights that have ended, for their memory.
    spare: Vec<Flight>,
    /// Who sent what ended last, and when.
    ended: Vec<(Time, usize)>,
    /// Receivers that are on and free.
    ready: Nodes,
    /// Receivers that will be, and when.
    settling: Vec<(Time, usize)>,
    /// Who waits for an acknowledgement.
    pub(super) awaiting: Nodes,
}

/// Positions are in metres.
pub(super) struct Places<'a> {
    pub(super) positions: &'a [[f64; 2]],
    pub(super) path_loss: PathLoss,
    pub(super) transmit_dbm: f64,
}

impl Air {
    pub(super) fn new(physics: Physics, places: &Places<'_>, rng: &mut ChaCha8Rng) -> Self {
        let nodes = places.positions.len();
        let powers: Vec<f64> = places
            .positions
            .iter()
            .flat_map(|from| places.positions.iter().map(move |at| (from, at)))
            .map(|(from, at)| {
                let distance = libm::hypot(from[0] - at[0], from[1] - at[1]);
                dbm_to_watts(places.transmit_dbm - places.path_loss.loss_db(distance))
            })
            .collect();
        let hears = (0..nodes)
            .map(|from| {
                let mut who = Nodes::none(nodes);
                let heard = |at: &usize| powers[from * nodes + at] > PREAMBLE_RATIO_MIN * physics.noise_w;
                (0..nodes).filter(|at| *at != from).filter(heard).for_each(|at| who.insert(at));
                who
            })
            .collect();
        let mut shadows = vec![Shadow::NONE; nodes];
        if let Some(model) = &physics.shadowing {
            shadows.iter_mut().skip(1).for_each(|shadow| *shadow = Shadow::new(model, rng));
        }
        let mut ready = Nodes::none(nodes);
        (0..nodes).for_each(|node| ready.insert(node));
        Self {
            physics,
            nodes,
            powers,
            hears,
            shadows,
            flights: Vec::new(),
            spare: Vec::new(),
            ended: Vec::new(),
            ready,
            settling: Vec::new(),
            awaiting: Nodes::none(nodes),
        }
    }

    fn power(&self, from: usize, at: usize) -> f64 {
        let mean = self.powers[from * self.nodes + at];
        if self.physics.shadowing.is_none() {
            return mean;
        }
        mean * self.shadows[from].factor * self.shadows[at].factor
    }

    /// Noise and all flights but one's, in watts.
    fn disturbance(&self, at: usize, but: usize) -> f64 {
        let others = self.flights.iter().filter(|flight| flight.from != but && flight.from != at);
        self.physics.noise_w + others.map(|flight| self.power(flight.from, at)).sum::<f64>()
    }

    /// Draws for each reception whether the piece since the last change was received.
    fn take_pieces(&mut self, now: Time, rng: &mut ChaCha8Rng) {
        for index in 0..self.flights.len() {
            for which in 0..self.flights[index].receptions.len() {
                let flight = &self.flights[index];
                let reception = flight.receptions[which];
                let nanos = now.since(reception.since);
                if nanos > 0 && !reception.spoiled {
                    let signal = self.power(flight.from, reception.node);
                    let ratio = signal / self.disturbance(reception.node, flight.from);
                    let bits = (nanos * self.physics.bits_per_second).div_ceil(1_000_000_000);
                    let error = self.physics.modulation.error(ratio, bits);
                    if error > 0.0 && uniform(rng) < error {
                        self.flights[index].receptions[which].spoiled = true;
                    }
                }
                self.flights[index].receptions[which].since = now;
            }
        }
    }

    /// Moves the shadow on a node on to `now`.
    fn move_shadow(&mut self, node: usize, now: Time, rng: &mut ChaCha8Rng) {
        if let (Some(model), true) = (&self.physics.shadowing, node != 0) {
            self.shadows[node].advance(model, now, rng);
        }
    }

    /// A frame begins.
    pub(super) fn start(&mut self, now: Time, from: usize, frame: Frame, rng: &mut ChaCha8Rng) {
        self.settle(now);
        self.take_pieces(now, rng);
        let (Frame::Data { to, .. } | Frame::Ack { to, .. }) = frame;
        if self.flights.is_empty() {
            // Shadows move between flights only, so that a flight has one power.
            self.move_shadow(from, now, rng);
            self.move_shadow(to, now, rng);
        }
        let mut flight = self.spare.pop().unwrap_or_else(|| Flight {
            from,
            frame,
            receptions: Vec::new(),
            locked: Nodes::none(self.nodes),
        });
        (flight.from, flight.frame) = (from, frame);
        flight.receptions.clear();
        flight.locked.clear();
        if self.flights.is_empty() && self.physics.shadowing.is_none() {
            let words =
                flight.locked.words.iter_mut().zip(&mut self.ready.words).zip(&self.hears[from].words);
            for ((locked, ready), hears) in words {
                *locked = *ready & hears;
                *ready &= !hears;
            }
        } else {
            for node in self.ready.iter() {
                let ratio = self.power(from, node) / self.disturbance(node, from);
                if node != from && ratio > PREAMBLE_RATIO_MIN {
                    flight.locked.insert(node);
                }
            }
            for (ready, locked) in self.ready.words.iter_mut().zip(&flight.locked.words) {
                *ready &= !locked;
            }
        }
        let met = !self.flights.is_empty();
        let fresh = |node| Reception { node, spoiled: false, met, since: now };
        match frame {
            Frame::Data { to, .. } => {
                if flight.locked.contains(to) {
                    flight.receptions.push(fresh(to));
                }
            }
            Frame::Ack { .. } => {
                let both = flight.locked.words.iter().zip(&self.awaiting.words);
                let waiting = Nodes { words: both.map(|(locked, awaiting)| locked & awaiting).collect() };
                flight.receptions.extend(waiting.iter().map(fresh));
            }
        }
        for other in self.flights.iter_mut().flat_map(|flight| &mut flight.receptions) {
            other.met = true;
        }
        self.flights.push(flight);
    }

    /// The frame of a node ends. Nothing when it sends none.
    pub(super) fn end(&mut self, now: Time, from: usize, rng: &mut ChaCha8Rng) -> Option<Flight> {
        self.take_pieces(now, rng);
        let index = self.flights.iter().position(|flight| flight.from == from)?;
        let flight = self.flights.remove(index);
        for (ready, locked) in self.ready.words.iter_mut().zip(&flight.locked.words) {
            *ready |= locked;
        }
        self.ended.retain(|(at, _)| now.since(*at) < ENDED_NANOS);
        self.ended.push((now, from));
        Some(flight)
    }

    /// Gives a flight's memory back.
    pub(super) fn recycle(&mut self, flight: Flight) {
        self.spare.push(flight);
    }

    /// The receivers whose time has come are on.
    fn settle(&mut self, now: Time) {
        let Self { settling, ready, .. } = self;
        settling.retain(|(at, node)| {
            if *at <= now {
                ready.insert(*node);
            }
            *at > now
        });
    }

    /// A receiver is on from `at`.
    pub(super) fn listen(&mut self, at: Time, node: usize) {
        self.settling.push((at, node));
    }

    /// A receiver is off: what it was receiving is lost.
    pub(super) fn deafen(&mut self, node: usize) {
        self.settling.retain(|(_, other)| *other != node);
        if self.ready.remove(node) {
            return;
        }
        for flight in &mut self.flights {
            if flight.locked.remove(node) {
                for reception in flight.receptions.iter_mut().filter(|reception| reception.node == node) {
                    reception.spoiled = true;
                }
            }
        }
    }

    /// Whether a node that has listened from `since` until now takes the channel for busy. A frame that ended while it
    /// listened is energy, too, unless `forgets`.
    pub(super) fn is_busy(&self, node: usize, since: Time, forgets: bool) -> bool {
        if self.flights.iter().any(|flight| flight.locked.contains(node)) {
            return true;
        }
        let others = self.flights.iter().filter(|flight| flight.from != node);
        let energy: f64 = others.map(|flight| self.power(flight.from, node)).sum();
        if energy >= self.physics.threshold_w {
            return true;
        }
        let loud = |from: usize| from != node && self.power(from, node) >= self.physics.threshold_w;
        !forgets && self.ended.iter().any(|(at, from)| *at > since && loud(*from))
    }
}

#[cfg(test)]
mod tests {
    use super::Nodes;

    #[test]
    fn sets_of_nodes_are_sets() {
        let mut nodes = Nodes::none(130);
        for node in [0, 63, 64, 129] {
            nodes.insert(node);
        }
        assert_eq!(nodes.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert!(nodes.remove(64) && !nodes.remove(64) && !nodes.contains(64));
        nodes.clear();
        assert_eq!(nodes.iter().count(), 0);
    }
}
