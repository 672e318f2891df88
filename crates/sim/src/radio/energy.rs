//! What a node's radio uses: its modes' currents from a data sheet, times the time that it spends in each.

use crate::agenda::Time;

/// What a radio does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It sends.
    Transmit = 0,
    /// It listens or receives.
    Receive = 1,
    /// Its oscillator runs, and neither half is on: waiting between two tries.
    Idle = 2,
    /// It is off but for what wakes it.
    Sleep = 3,
}

/// Currents of a radio in amperes, and its supply in volts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadioPower {
    /// Its name, and where the numbers are from.
    pub name: &'static str,
    /// Supply, in volts.
    pub volts: f64,
    /// Sending at 0 dBm.
    pub transmit_a: f64,
    /// Listening or receiving.
    pub receive_a: f64,
    /// Oscillator on.
    pub idle_a: f64,
    /// Off.
    pub sleep_a: f64,
}

/// Chipcon CC2420, data sheet SWRS041, table of electrical specifications: 17.4 mA sending at 0 dBm, 18.8 mA receiving,
/// 426 microamperes idle, 20 in power down. At the 3.3 V of the paper's sensor.
pub const CC2420: RadioPower = RadioPower {
    name: "CC2420 (SWRS041)",
    volts: 3.3,
    transmit_a: 17.4e-3,
    receive_a: 18.8e-3,
    idle_a: 426e-6,
    sleep_a: 20e-6,
};

/// Nordic nRF52840, product specification, key features: 4.8 mA sending at 0 dBm and 4.6 mA receiving at 3 V with its
/// converter, 1.5 microamperes asleep. It has no mode that is like idle; the sheet's 3.16 microamperes with a running
/// timer stand for it.
pub const NRF52840: RadioPower = RadioPower {
    name: "nRF52840 (product specification)",
    volts: 3.0,
    transmit_a: 4.8e-3,
    receive_a: 4.6e-3,
    idle_a: 3.16e-6,
    sleep_a: 1.5e-6,
};

impl RadioPower {
    /// Watts in a mode.
    pub const fn watts(&self, mode: Mode) -> f64 {
        self.volts
            * match mode {
                Mode::Transmit => self.transmit_a,
                Mode::Receive => self.receive_a,
                Mode::Idle => self.idle_a,
                Mode::Sleep => self.sleep_a,
            }
    }
}

/// Joules by mode.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Joules {
    /// Sending.
    pub transmit: f64,
    /// Listening and receiving.
    pub receive: f64,
    /// Oscillator on.
    pub idle: f64,
    /// Off.
    pub sleep: f64,
}

impl Joules {
    /// All of them.
    pub const fn total(&self) -> f64 {
        self.transmit + self.receive + self.idle + self.sleep
    }

    /// What was used since `earlier`.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            transmit: self.transmit - earlier.transmit,
            receive: self.receive - earlier.receive,
            idle: self.idle - earlier.idle,
            sleep: self.sleep - earlier.sleep,
        }
    }
}

/// Adds up time by mode.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    nanos: [u64; 4],
    mode: Mode,
    since: Time,
}

impl Meter {
    /// Starts in a mode at [`Time::ZERO`].
    pub const fn new(mode: Mode) -> Self {
        Self { nanos: [0; 4], mode, since: Time::ZERO }
    }

    /// Changes the mode.
    pub const fn turn(&mut self, now: Time, mode: Mode) {
        self.nanos[self.mode as usize] += now.since(self.since);
        self.since = now;
        self.mode = mode;
    }

    /// What was used until `now`, in joules.
    pub fn joules(&self, now: Time, power: &RadioPower) -> Joules {
        let mut meter = *self;
        meter.turn(now, self.mode);
        let joules = |mode: Mode| power.watts(mode) * meter.nanos[mode as usize] as f64 / 1e9;
        Joules {
            transmit: joules(Mode::Transmit),
            receive: joules(Mode::Receive),
            idle: joules(Mode::Idle),
            sleep: joules(Mode::Sleep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CC2420, Meter, Mode, NRF52840};
    use crate::agenda::Time;

    #[test]
    fn a_meters_modes_add_up_to_the_time_that_has_passed() {
        let mut meter = Meter::new(Mode::Sleep);
        meter.turn(Time::from_secs(1), Mode::Receive);
        meter.turn(Time::from_secs(3), Mode::Transmit);
        meter.turn(Time::from_secs(4), Mode::Idle);
        let used = meter.joules(Time::from_secs(10), &CC2420);
        assert!((used.receive - 2.0 * 3.3 * 18.8e-3).abs() < 1e-12);
        assert!((used.transmit - 3.3 * 17.4e-3).abs() < 1e-12);
        assert!((used.idle - 6.0 * 3.3 * 426e-6).abs() < 1e-12);
        assert!((used.sleep - 3.3 * 20e-6).abs() < 1e-12);
        let sum = used.transmit + used.receive + used.idle + used.sleep;
        assert!((used.total() - sum).abs() < 1e-15);
        // Reading the meter changes nothing.
        assert_eq!(meter.joules(Time::from_secs(10), &CC2420), used);
    }

    #[test]
    fn listening_costs_about_as_much_as_sending() {
        for power in [CC2420, NRF52840] {
            let ratio = power.watts(Mode::Receive) / power.watts(Mode::Transmit);
            assert!((0.9..1.2).contains(&ratio), "{}", power.name);
        }
    }
}
