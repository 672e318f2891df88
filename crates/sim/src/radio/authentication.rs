//! One authentication of each scheme over the radio: real messages between a sensor and its hub, while other sensors send
//! what they have to send.
//!
//! Time and energy of computing come from the caller, as cycles of the emulated microcontroller (`firmware/figures.json`,
//! by the names in [`Scheme::operations`]): modelled. Reading a PUF and drawing random numbers are not in them. The hub's
//! time is one number for each message it handles. The sensor's radio sleeps while the sensor computes, and listens from its
//! first message on. A message that the radio has given up is not sent again, and the run ends by its time: what is measured
//! is one attempt.

use super::ends::{Ends, Step};
use super::energy::Joules;
use super::medium::{Event, Medium};
use super::star::{Arrivals, Star};
use super::statistics::Mean;
use crate::Error;
use crate::agenda::{Agenda, Time};
use core::time::Duration;

pub use super::ends::Scheme;

/// Power of the microcontroller that the paper takes: 36 mA at 3.3 V (paper B, 4.2.2 (7), which prints 36 V).
pub const COMPUTING_W: f64 = 0.1188;

/// Clock of the microcontroller, in hertz (paper B, 4.2.1).
pub const CLOCK_HZ: u64 = 72_000_000;

/// A run that has not ended after so long has failed, in milliseconds: what the link waits for an answer.
pub const ANSWER_MS: u64 = 2_000;

/// The others send alone for so long, in milliseconds, so that their queues are as full as they get.
pub const WARM_UP_MS: u64 = 2_000;

/// The epoch that both ends count from, for schemes with clocks.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// The sensor that authenticates.
const SENSOR: usize = 1;

/// One authentication among others' traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Authentication {
    /// What authenticates.
    pub scheme: Scheme,
    /// The others: `sensors` of them, their messages and traffic; and the radio of all.
    pub others: Star,
    /// Cycles of the sensor for each step of [`Scheme::operations`]; steps beyond the list cost nothing.
    pub sensor_cycles: Vec<u64>,
    /// Time of the hub for each message that it handles, in nanoseconds.
    pub hub_nanos: u64,
}

/// How one run ended.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Authenticated {
    /// Both ends have each other's proof.
    pub success: bool,
    /// From the sensor's start to the later end, or to giving up, in milliseconds.
    pub time_ms: f64,
    /// Bits of the scheme's messages.
    pub message_bits: u64,
    /// Bits on air between sensor and hub: MAC frames, acknowledgements, all of it each time it was sent.
    pub air_bits: u64,
    /// What the sensor's radio used, in joules.
    pub radio: Joules,
    /// What the sensor's microcontroller used, in joules.
    pub computing_j: f64,
}

/// Several runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Authentications {
    /// Per cent of the runs that ended well, each run 0 or 100.
    pub success_percent: Mean,
    /// Time of those that ended well, in milliseconds.
    pub time_ms: Mean,
    /// Bits of the messages, of those that ended well.
    pub message_bits: Mean,
    /// Bits on air, of those that ended well.
    pub air_bits: Mean,
    /// Radio of the sensor, in millijoules, of those that ended well.
    pub radio_mj: Mean,
    /// Microcontroller of the sensor, in millijoules, of those that ended well.
    pub computing_mj: Mean,
    /// Both, in millijoules.
    pub together_mj: Mean,
}

impl Authentication {
    /// One run.
    ///
    /// # Errors
    /// Those of [`Medium::new`] and [`Medium::send`], and those of enrolling.
    pub fn run(&self, seed: u64) -> Result<Authenticated, Error> {
        // One sensor more than the others.
        let star = Star { sensors: self.others.sensors + 1, ..self.others.clone() };
        let mut run = Run {
            asked: self,
            medium: Medium::new(&star.config(), seed)?,
            ends: self.scheme.ends(seed)?,
            waiting: Agenda::new(),
            steps: 0,
            computed: 0,
            sensor_done: None,
            hub_done: None,
            failed: false,
            message_bits: 0,
        };
        run.go(seed)
    }

    /// So many runs, from `seed` on.
    ///
    /// # Errors
    /// Those of [`Authentication::run`].
    pub fn replications(&self, count: u64, seed: u64) -> Result<Authentications, Error> {
        let mut all = Authentications::default();
        for offset in 0..count {
            let run = self.run(seed.wrapping_add(offset))?;
            all.success_percent.add(if run.success { 100.0 } else { 0.0 });
            if run.success {
                let (radio, computing) = (1e3 * run.radio.total(), 1e3 * run.computing_j);
                all.time_ms.add(run.time_ms);
                all.message_bits.add(run.message_bits as f64);
                all.air_bits.add(run.air_bits as f64);
                all.radio_mj.add(radio);
                all.computing_mj.add(computing);
                all.together_mj.add(radio + computing);
            }
        }
        Ok(all)
    }
}

/// What waits for an end to have computed.
#[derive(Debug)]
enum Computed {
    Sensor(Step),
    Hub(Step),
}

struct Run<'a> {
    asked: &'a Authentication,
    medium: Medium,
    ends: Box<dyn Ends>,
    waiting: Agenda<Computed>,
    /// Steps that the sensor has taken.
    steps: usize,
    /// Nanoseconds that the sensor has computed.
    computed: u64,
    sensor_done: Option<Time>,
    hub_done: Option<Time>,
    failed: bool,
    message_bits: u64,
}

impl Run<'_> {
    fn go(&mut self, seed: u64) -> Result<Authenticated, Error> {
        let start = Time::from_millis(WARM_UP_MS);
        let deadline = start.after(ANSWER_MS * 1_000_000);
        let mut arrivals = Arrivals::new(self.asked.others.traffic, self.asked.others.sensors, seed);
        self.medium.set_listening(Time::ZERO, SENSOR, false)?;
        let mut begun: Option<(Joules, u64)> = None;
        while !self.ended() {
            let times = [arrivals.next_time(), self.medium.next_timeout(), self.waiting.next_time()];
            let next = times.into_iter().flatten().min().unwrap_or(deadline);
            if begun.is_none() && next >= start {
                self.medium.handle(start);
                begun = Some((self.medium.joules(SENSOR), self.medium.air_bits(SENSOR)));
                let step = self.ends.begin(EPOCH + Duration::from(start));
                self.compute(start, step);
                continue;
            }
            if next >= deadline {
                break;
            }
            if arrivals.next_time() == Some(next) {
                if let Some((at, other)) = arrivals.next() {
                    // The others are numbered from the one after the sensor on.
                    let bytes = vec![0; self.asked.others.packet_bytes];
                    self.medium.send(at, other + SENSOR, 0, bytes, 0)?;
                }
            } else if let Some((at, step)) = self.waiting.next_until(next) {
                self.carry_out(at, step)?;
            } else {
                self.medium.handle(next);
            }
            while let Some(event) = self.medium.poll() {
                self.take(event);
            }
        }
        let success = self.sensor_done.is_some() && self.hub_done.is_some() && !self.failed;
        let last = self.sensor_done.max(self.hub_done);
        let end = if success { last.unwrap_or(deadline) } else { self.medium.now() };
        let (joules, bits) = begun.unwrap_or_default();
        Ok(Authenticated {
            success,
            time_ms: end.since(start) as f64 / 1e6,
            message_bits: self.message_bits,
            air_bits: self.medium.air_bits(SENSOR) - bits,
            radio: self.medium.joules(SENSOR).since(&joules),
            computing_j: COMPUTING_W * self.computed as f64 / 1e9,
        })
    }

    /// Both ends are done, and what they still had to say is said and acknowledged: it is part of what the run costs.
    fn ended(&self) -> bool {
        let quiet = || self.waiting.is_empty() && self.medium.waiting(SENSOR) + self.medium.waiting(0) == 0;
        self.failed || (self.sensor_done.is_some() && self.hub_done.is_some() && quiet())
    }

    /// The sensor has decided; it takes effect when it has computed.
    fn compute(&mut self, now: Time, step: Step) {
        let cycles = self.asked.sensor_cycles.get(self.steps).copied().unwrap_or(0);
        let nanos = cycles.saturating_mul(1_000_000_000) / CLOCK_HZ;
        self.steps += 1;
        self.computed += nanos;
        self.waiting.schedule(now.after(nanos), Computed::Sensor(step));
    }

    fn carry_out(&mut self, now: Time, computed: Computed) -> Result<(), Error> {
        let (from, to, step, done) = match computed {
            Computed::Sensor(step) => {
                self.medium.set_listening(now, SENSOR, true)?;
                (SENSOR, 0, step, &mut self.sensor_done)
            }
            Computed::Hub(step) => (0, SENSOR, step, &mut self.hub_done),
        };
        if step.done {
            done.get_or_insert(now);
        }
        self.failed |= step.failed;
        for bytes in step.send {
            self.message_bits += 8 * bytes.len() as u64;
            self.medium.send(now, from, to, bytes, 0)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) {
        let now = self.medium.now();
        let clock = EPOCH + Duration::from(now);
        match event {
            Event::Delivered { to: SENSOR, bytes, .. } => {
                let step = self.ends.at_sensor(clock, &bytes);
                self.compute(now, step);
            }
            Event::Delivered { to: 0, from: SENSOR, bytes, .. } => {
                let step = self.ends.at_hub(clock, &bytes);
                self.waiting.schedule(now.after(self.asked.hub_nanos), Computed::Hub(step));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Authentication, Scheme};
    use crate::radio::standard::{IEEE_802_15_4, IEEE_802_15_6};
    use crate::radio::star::{Star, Traffic};
    use bodywire_proto::handshake::Profile;
    use bodywire_proto::wire::Suite;

    fn authentication(scheme: Scheme, others: usize) -> Authentication {
        let others = Star::new(IEEE_802_15_4, others, 50, Traffic::Exponential(250.0), 10.0);
        Authentication { scheme, others, sensor_cycles: vec![72_000; 3], hub_nanos: 100_000 }
    }

    #[test]
    fn every_scheme_authenticates_over_a_quiet_radio() {
        for scheme in Scheme::all() {
            let run = authentication(scheme, 0).run(1).unwrap();
            assert!(run.success, "{}", scheme.name());
            // A millisecond for each step, and the time on air of all bits at the least.
            let steps = scheme.operations().len() as f64;
            assert!(run.time_ms > steps + run.message_bits as f64 / 250.0, "{}", scheme.name());
            assert!(run.time_ms < 100.0, "{}", scheme.name());
            assert!((run.computing_j - steps * 1e-3 * 0.1188).abs() < 1e-9);
            assert!(run.radio.transmit > 0.0 && run.radio.receive > 0.0);
            // Each message is on air once, with 11 bytes around it, and its acknowledgement of 5; a request of 128 bytes
            // goes in two pieces with 5 bytes in front of each.
            let overhead = run.air_bits - run.message_bits;
            let pieces = if matches!(scheme, Scheme::EccEz | Scheme::EccEh) { 80 } else { 0 };
            assert!(overhead > pieces && (overhead - pieces).is_multiple_of(128), "{}", scheme.name());
        }
    }

    #[test]
    fn the_bits_are_those_that_the_protocol_counts() {
        for profile in Profile::ALL {
            let run = authentication(Scheme::Link(*profile), 0).run(1).unwrap();
            assert_eq!(run.message_bits, u64::from(profile.handshake_bits()), "{}", profile.name());
        }
    }

    #[test]
    fn others_make_it_longer_and_one_seed_is_one_run() {
        let scheme = Scheme::Link(Profile::Hardened(Suite::Polar256));
        let quiet = authentication(scheme, 0).replications(30, 1).unwrap();
        let busy = authentication(scheme, 40);
        let many = busy.replications(30, 1).unwrap();
        assert!(many.time_ms.mean() > quiet.time_ms.mean());
        assert!(many.success_percent.mean() > 50.0);
        assert!((many.together_mj.mean() - many.radio_mj.mean() - many.computing_mj.mean()).abs() < 1e-9);
        assert_eq!(busy.run(3).unwrap(), busy.run(3).unwrap());
    }

    #[test]
    fn a_faster_radio_authenticates_sooner() {
        let mut asked = authentication(Scheme::HashL, 0);
        asked.sensor_cycles.clear();
        let slow = asked.replications(20, 1).unwrap().time_ms.mean();
        asked.others = Star::new(IEEE_802_15_6, 0, 50, Traffic::Exponential(250.0), 10.0);
        assert!(asked.replications(20, 1).unwrap().time_ms.mean() < slow);
    }
}
