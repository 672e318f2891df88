//! What a star's radio is made from.

use super::csma::{Parameters, UserPriority};
use super::energy::RadioPower;
use super::path_loss::{PathLoss, Shadowing};
use super::queue::QUEUE_MESSAGES_MAX;
use super::standard::Standard;
use super::tdma::Slots;

/// Who may send when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Unslotted CSMA-CA of IEEE 802.15.4.
    Contention(Parameters),
    /// CSMA/CA of IEEE 802.15.6, all nodes with one priority.
    Priority(UserPriority),
    /// Fixed slots.
    Slots(Slots),
}

/// Everything that a star's radio is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Times, rates, sizes.
    pub standard: Standard,
    /// Who may send when.
    pub access: Access,
    /// Where the nodes are, in metres, the hub first.
    pub positions: Vec<[f64; 2]>,
    /// Mean loss over distance.
    pub path_loss: PathLoss,
    /// The body's movement; none leaves the mean.
    pub shadowing: Option<Shadowing>,
    /// Power of all senders, in decibels over a milliwatt.
    pub transmit_dbm: f64,
    /// Noise in the channel, in decibels over a milliwatt.
    pub noise_dbm: f64,
    /// Energy from which a channel is busy, in decibels over a milliwatt.
    pub threshold_dbm: f64,
    /// Messages that wait at a node at most.
    pub queue_messages: usize,
    /// Currents of all nodes' radios.
    pub power: RadioPower,
    /// An assessment does not see a frame that ended while it listened. ns-3 3.37 is so; the standards are not.
    pub assessment_forgets: bool,
}

/// Energy from which a channel is busy: 10 dB above the least sensitivity of IEEE 802.15.4 (-85 dBm, 6.9.9).
pub const THRESHOLD_DBM: f64 = -75.0;

impl Config {
    /// Sensors on a circle around the hub, 0 dBm, the standard's access, and what else is usual.
    pub fn star(standard: Standard, sensors: usize, radius_m: f64) -> Self {
        let place = |index: usize| {
            let angle = core::f64::consts::TAU * index as f64 / sensors as f64;
            [radius_m * libm::cos(angle), radius_m * libm::sin(angle)]
        };
        Self {
            standard,
            access: if standard.ack_names_receiver {
                Access::Priority(UserPriority::Medical)
            } else {
                Access::Contention(Parameters::STANDARD)
            },
            positions: core::iter::once([0.0, 0.0]).chain((0..sensors).map(place)).collect(),
            path_loss: PathLoss::BODY_HOSPITAL,
            shadowing: None,
            transmit_dbm: 0.0,
            noise_dbm: super::reception::noise_dbm(standard.bandwidth_hz),
            threshold_dbm: THRESHOLD_DBM,
            queue_messages: QUEUE_MESSAGES_MAX,
            power: super::energy::CC2420,
            assessment_forgets: false,
        }
    }
}
