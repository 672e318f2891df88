//! The signals of a run of a star, and of several runs.

use super::medium::{Counts, Reason};
use super::statistics::{Losses, Mean};

/// The signals of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StarOutcome {
    /// Messages made.
    pub sent: u64,
    /// Messages that arrived, each counted once.
    pub delivered: u64,
    /// From being made to being there, in milliseconds.
    pub delay_ms: Mean,
    /// Messages given up, as their senders see it: one that arrived, but whose acknowledgements were all lost, is here, too.
    pub losses: Losses,
    /// What the frames came to.
    pub counts: Counts,
    /// Mean messages at a sensor, over the sensors.
    pub queue: Mean,
    /// What a sensor's radio used, in joules, over the sensors.
    pub sensor_joules: Mean,
    /// What the hub's radio used, in joules.
    pub hub_joules: f64,
    /// Bits of a message.
    pub payload_bits: u64,
    /// Events of the simulation.
    pub events: u64,
    /// Digest of everything that came out of the radio, with its time.
    pub digest: u64,
}

impl StarOutcome {
    /// Share of messages that did not arrive.
    pub fn loss(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { 1.0 - self.delivered as f64 / self.sent as f64 }
    }

    /// What the sensors' radios used for each delivered bit, in joules.
    pub fn joules_per_bit(&self) -> f64 {
        let bits = self.delivered * self.payload_bits;
        if bits == 0 {
            0.0
        } else {
            self.sensor_joules.mean() * self.sensor_joules.count() as f64 / bits as f64
        }
    }
}

/// Several runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replications {
    /// Mean delay of each run, in milliseconds.
    pub delay_ms: Mean,
    /// Loss of each run, in per cent.
    pub loss_percent: Mean,
    /// Mean queue of each run, in messages.
    pub queue: Mean,
    /// Mean energy of a sensor's radio in each run, in joules.
    pub sensor_joules: Mean,
    /// Messages made in all runs.
    pub sent: u64,
    /// Messages that arrived in all runs.
    pub delivered: u64,
    /// Losses of all runs by reason.
    pub losses: [u64; Reason::ALL.len()],
    /// Events of all runs.
    pub events: u64,
    /// Data frames of all runs that another frame destroyed.
    pub collisions: u64,
    /// Data frames of all runs.
    pub data_frames: u64,
}

impl Replications {
    /// Takes one run.
    pub fn add(&mut self, run: &StarOutcome) {
        self.delay_ms.add(run.delay_ms.mean());
        self.loss_percent.add(100.0 * run.loss());
        self.queue.add(run.queue.mean());
        self.sensor_joules.add(run.sensor_joules.mean());
        self.sent += run.sent;
        self.delivered += run.delivered;
        for (sum, reason) in self.losses.iter_mut().zip(Reason::ALL) {
            *sum += run.losses.of(reason);
        }
        self.events += run.events;
        self.collisions += run.counts.collisions;
        self.data_frames += run.counts.data_frames;
    }
}
