//! Paper B's emergency broadcast as a mode of the simulated radio, in the paper's profile only: while Algorithm 2 says
//! emergency, a sensor sends its data in the clear to whoever is "within safe distance" (sections 3.3 and 3.3.4,
//! Algorithm 3, line 19), which the paper takes to be two metres.
//!
//! Two metres is what an ordinary receiver hears. A better antenna hears the same sender from further away: the level falls
//! by 6 dB with each doubling of the distance in free space (Friis, Proc. IRE 34, 1946), and gain makes up for it. So the
//! distance says something of a receiver, and nothing of who has it.

use crate::Error;
use crate::patient::Source;
use bodywire_ecg::decide::{EmergencyReason, State};
use bodywire_ecg::monitor::Monitor;
use bodywire_ecg::settings::Settings;
use bodywire_proto::access::Condition;
use bodywire_proto::handshake::Profile;
use bodywire_proto::report;

/// How far an ordinary receiver hears, in metres (paper B, section 3.3.4).
pub const SAFE_DISTANCE_M: f64 = 2.0;
/// Nearer than this there is no far field to reckon with, in metres: a wavelength at 2.4 GHz.
const NEAREST_M: f64 = 0.125;

/// Somebody who listens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Receiver {
    /// How far from the sensor, in metres.
    pub distance_m: f64,
    /// Gain of its antenna over that of an ordinary receiver, in decibels.
    pub gain_db: f64,
}

impl Receiver {
    /// How much stronger than needed a sensor arrives, in decibels.
    pub fn margin_db(&self) -> f64 {
        self.gain_db - 20.0 * (self.distance_m.max(NEAREST_M) / SAFE_DISTANCE_M).log10()
    }

    /// Whether it can read what the sensor sends.
    pub fn hears(&self) -> bool {
        self.margin_db() >= 0.0
    }

    /// How far away its own transmissions seem to come from to a sensor that goes by their level, in metres: an antenna has
    /// the same gain both ways.
    pub fn apparent_distance_m(&self) -> f64 {
        SAFE_DISTANCE_M * 10f64.powf(-self.margin_db() / 20.0)
    }
}

/// What a verdict of the detector means for access, as the hub tells it ([`report::Condition`]).
pub fn condition_of(state: State) -> Condition {
    match state {
        State::Normal => Condition::Normal,
        State::Learning | State::Undetermined(_) => Condition::Undetermined,
        State::Emergency(reason) => Condition::of(match reason {
            EmergencyReason::VentricularFibrillation => report::Condition::VentricularFibrillation,
            EmergencyReason::Asystole => report::Condition::Asystole,
            EmergencyReason::VentricularTachycardia => report::Condition::VentricularTachycardia,
            EmergencyReason::Pause => report::Condition::Pause,
            EmergencyReason::Tachycardia => report::Condition::Tachycardia,
            EmergencyReason::Bradycardia => report::Condition::Bradycardia,
            EmergencyReason::ShapeChange => report::Condition::PatternLost,
        }),
    }
}

/// A detector at a patient's ECG.
pub struct Detector(Monitor);

impl Detector {
    /// A detector for the samples of `ecg`.
    ///
    /// # Errors
    /// [`Error::Ecg`] for a rate or gain that is not that of an ECG.
    pub fn new(ecg: &Source) -> Result<Self, Error> {
        let rate_hz = f64::from(ecg.rate_millihertz) / 1_000.0;
        let gain = f64::from(ecg.scale.gain_milli) / 1_000.0;
        Ok(Self(Monitor::new(Settings::new(rate_hz, gain, i32::from(ecg.scale.baseline)))?))
    }

    /// Takes a sample.
    pub fn push(&mut self, sample: i16) {
        self.0.push(sample);
        while self.0.poll().is_some() {}
    }

    /// What it sees now.
    pub fn condition(&self) -> Condition {
        condition_of(self.0.state())
    }
}

/// The paper's sensors, as far as they broadcast.
pub struct Broadcast {
    detector: Detector,
}

impl Broadcast {
    /// Sensors of `profile` that follow the verdict of `detector`.
    ///
    /// # Errors
    /// [`Error::Misuse`] for another profile than the paper's: nothing else is ever sent in the clear.
    pub fn new(profile: Profile, detector: Detector) -> Result<Self, Error> {
        match profile {
            Profile::Paper => Ok(Self { detector }),
            Profile::Hardened(_) => Err(Error::Misuse("only the paper's profile broadcasts")),
        }
    }

    /// Takes a sample of the ECG.
    pub fn push(&mut self, sample: i16) {
        self.detector.push(sample);
    }

    /// What the detector sees now.
    pub fn condition(&self) -> Condition {
        self.detector.condition()
    }

    /// What `receiver` has of a payload that a sensor wants to send: all of it in an emergency, when it is near enough.
    pub fn heard_by<'a>(&self, receiver: &Receiver, payload: &'a [u8]) -> Option<&'a [u8]> {
        (self.condition() == Condition::Emergency && receiver.hears()).then_some(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient;
    use bodywire_proto::wire::Suite;

    fn at(distance_m: f64, gain_db: f64) -> Receiver {
        Receiver { distance_m, gain_db }
    }

    /// The paper's broadcast, a patient that is well for 15 s, and another 15 s of an emergency where wanted.
    fn broadcast(emergency: bool) -> Broadcast {
        let condition = patient::Condition::new();
        let mut ecg = Source::synthetic_ecg(1, condition.clone()).unwrap();
        let mut broadcast = Broadcast::new(Profile::Paper, Detector::new(&ecg).unwrap()).unwrap();
        for second in 0..30 {
            condition.set_emergency(emergency && second >= 15);
            (0..360).filter_map(|_| ecg.next_sample()).for_each(|sample| broadcast.push(sample));
        }
        broadcast
    }

    #[test]
    fn two_metres_are_a_matter_of_the_antenna() {
        let (near, far) = (at(1.9, 0.0), at(2.1, 0.0));
        assert!(near.hears() && !far.hears());
        assert!(!at(10.0, 13.9).hears() && at(10.0, 14.0).hears(), "20 log10(10 / 2) = 13.98 dB");
        assert!((at(10.0, 14.0).apparent_distance_m() - 1.995).abs() < 0.01, "it seems to be near");
        assert!((near.apparent_distance_m() - 1.9).abs() < 1e-9);
        assert!(!at(f64::NAN, f64::NAN).hears() && at(0.0, 0.0).hears() && !at(f64::INFINITY, 90.0).hears());
    }

    #[test]
    fn in_an_emergency_everybody_near_hears_and_otherwise_nobody() {
        let receivers = [at(1.5, 0.0), at(2.5, 0.0), at(10.0, 0.0), at(10.0, 15.0)];
        let heard = |broadcast: &Broadcast| receivers.map(|r| broadcast.heard_by(&r, b"HR=172").is_some());
        let (calm, emergency) = (broadcast(false), broadcast(true));
        assert_eq!((calm.condition(), emergency.condition()), (Condition::Normal, Condition::Emergency));
        assert_eq!(heard(&calm), [false; 4]);
        assert_eq!(heard(&emergency), [true, false, false, true]);
    }

    #[test]
    fn no_other_profile_broadcasts() {
        let ecg = Source::synthetic_ecg(1, patient::Condition::new()).unwrap();
        for suite in [Suite::Polar256, Suite::Polar512] {
            assert!(Broadcast::new(Profile::Hardened(suite), Detector::new(&ecg).unwrap()).is_err());
        }
    }
}
