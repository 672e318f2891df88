//! Bounded model checking of ratchet and resynchronisation (`docs/protocol.md`, section 1.4): the real state machines
//! and the real bytes, every order of events within the bound.
//!
//! Frames are lost (never delivered), repeated, delayed and reordered at will; either side loses power before any of
//! its outputs or between two events. From every state that can be reached a run without losses must succeed.
//!
//! The bound is small enough for every `cargo test`; `BODYWIRE_RATCHET=starts,power failures,repetitions,records` sets another,
//! for example `4,2,1,1`.

use crate::two_ends::{Audit, Ends, Event, Power, Side};
use bodywire_proto::wire::Suite;
use stateright::{Checker, Model, Property};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Mutex;

/// Outputs that a side may still carry out before the power fails. With none, the frame was lost before it arrived,
/// which is another order of the same events; no event has more than three.
const OUTPUTS_BEFORE_FAILURE: [u8; 2] = [1, 2];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Bound {
    starts: u8,
    failures: u8,
    repetitions: u8,
    records: u8,
}

impl Bound {
    const SMALL: Self = Self { starts: 3, failures: 1, repetitions: 1, records: 2 };

    fn from_environment() -> Self {
        let Ok(text) = std::env::var("BODYWIRE_RATCHET") else { return Self::SMALL };
        let numbers: Vec<u8> = text.split(',').filter_map(|n| n.trim().parse().ok()).collect();
        let &[starts, failures, repetitions, records] = &numbers[..] else {
            panic!("BODYWIRE_RATCHET is `starts,power failures,repetitions,records`, not `{text}`");
        };
        Self { starts, failures, repetitions, records }
    }
}

/// A frame in the air and where it goes.
type InFlight = (Side, Vec<u8>);

#[derive(Clone)]
struct State {
    ends: Ends,
    /// Sorted, so that the order in which frames were sent makes no difference: any may arrive next.
    air: Vec<InFlight>,
    left: Bound,
}

impl State {
    fn key(&self) -> (Vec<u8>, &[InFlight], Bound, &Audit) {
        (self.ends.fingerprint(), &self.air, self.left, &self.ends.audit)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sensor, hub) = (self.ends.sensor_chain(), self.ends.hub_chain());
        write!(
            f,
            "sensor {}.{}{} hub {}.{}{}{} pairs {} air {:?} left {:?}",
            sensor.epoch,
            sensor.attempt,
            if self.ends.waits(Side::Sensor) { " waiting" } else { "" },
            hub.epoch,
            hub.attempt,
            if hub.pending.is_some() { "+pending" } else { "" },
            if self.ends.waits(Side::Hub) { " waiting" } else { "" },
            self.ends.pairs_claimed,
            self.air.iter().map(|(to, frame)| (*to, frame[0])).collect::<Vec<_>>(),
            self.left,
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// The sensor begins a run, or gives up the present one for a new one.
    Start { outputs: Option<u8> },
    /// The sensor sends a record in its newest session.
    Speak,
    /// A frame arrives; with `again` it stays in the air and may arrive once more.
    Deliver { index: usize, again: bool, outputs: Option<u8> },
    /// A side's deadline passes.
    Timeout(Side),
    /// A side loses power between two events.
    Fail(Side),
}

struct Link {
    bound: Bound,
    /// Whether a run without losses succeeds, by what decides it.
    recoveries: Mutex<HashMap<Vec<u8>, bool>>,
}

impl Link {
    fn recovers(&self, state: &State) -> bool {
        let key = state.ends.fingerprint();
        if let Some(known) = self.recoveries.lock().unwrap().get(&key) {
            return *known;
        }
        let recovers = state.ends.recovers(1);
        self.recoveries.lock().unwrap().insert(key, recovers);
        recovers
    }
}

fn power(outputs: Option<u8>) -> Power {
    outputs.map_or(Power::STABLE, Power::fails_after)
}

impl Model for Link {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { ends: Ends::enrolled(Suite::Polar256, 20, 0), air: Vec::new(), left: self.bound }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let failures = if state.left.failures > 0 { &OUTPUTS_BEFORE_FAILURE[..] } else { &[] };
        let lives = || std::iter::once(None).chain(failures.iter().copied().map(Some));
        if state.left.starts > 0 {
            actions.extend(lives().map(|outputs| Action::Start { outputs }));
        }
        if state.left.records > 0 && state.ends.can_speak() {
            actions.push(Action::Speak);
        }
        for index in 0..state.air.len() {
            let again = if state.left.repetitions > 0 { &[false, true][..] } else { &[false] };
            for again in again.iter().copied() {
                actions.extend(lives().map(|outputs| Action::Deliver { index, again, outputs }));
            }
        }
        for side in [Side::Sensor, Side::Hub] {
            if state.ends.waits(side) {
                actions.push(Action::Timeout(side));
            }
            if state.left.failures > 0 {
                actions.push(Action::Fail(side));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let (to_whom, outcome) = match action {
            Action::Start { outputs } => {
                state.left.starts -= 1;
                (Side::Hub, state.ends.tell(Side::Sensor, Event::Start, power(outputs)))
            }
            Action::Speak => {
                state.left.records -= 1;
                (Side::Hub, state.ends.tell(Side::Sensor, Event::Speak, Power::STABLE))
            }
            Action::Deliver { index, again, outputs } => {
                let (side, frame) = state.air[index].clone();
                if again {
                    state.left.repetitions -= 1;
                } else {
                    state.air.remove(index);
                }
                let outcome = state.ends.tell(side, Event::Frame(&frame), power(outputs));
                (if side == Side::Hub { Side::Sensor } else { Side::Hub }, outcome)
            }
            Action::Timeout(side) => {
                state.ends.tell(side, Event::Timeout, Power::STABLE);
                return Some(state);
            }
            Action::Fail(side) => {
                state.left.failures -= 1;
                state.ends.restart(side);
                return Some(state);
            }
        };
        if matches!(action, Action::Start { outputs: Some(_) } | Action::Deliver { outputs: Some(_), .. }) {
            // A failure that would come after the last output is one between two events.
            if !outcome.stopped {
                return None;
            }
            state.left.failures -= 1;
        }
        state.air.extend(outcome.sent.into_iter().map(|frame| (to_whom, frame)));
        state.air.sort();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("both ends are in step", |_, state: &State| state.ends.in_step()),
            Property::always("a run without losses succeeds", |link: &Link, state: &State| {
                link.recovers(state)
            }),
            Property::always("no pair is used twice", |_, state: &State| !state.ends.audit.pair_used_twice),
            Property::always("no m1 costs a second pair", |_, state: &State| {
                !state.ends.audit.hello_paid_twice
            }),
            Property::always("nobody believes in a session that the other never made", |_, state: &State| {
                !state.ends.audit.false_accept
            }),
            Property::always("no attempt number is used twice", |_, state: &State| {
                !state.ends.audit.attempt_repeated
            }),
            Property::always("epochs move by one", |_, state: &State| !state.ends.audit.epoch_jumped),
            // The model reaches what it is about.
            Property::sometimes("the hub is ahead with a pending key", |_, state: &State| {
                let (sensor, hub) = (state.ends.sensor_chain(), state.ends.hub_chain());
                hub.pending.is_some() && sensor.epoch == hub.epoch
            }),
            Property::sometimes("the sensor confirmed a pending key", |_, state: &State| {
                state.ends.hub_chain().epoch > 0
            }),
            Property::sometimes("a record confirmed a pending key", |_, state: &State| {
                let (sensor, hub) = (state.ends.sensor_chain(), state.ends.hub_chain());
                hub.epoch > 0 && hub.attempt == 0 && sensor.epoch == hub.epoch
            }),
            Property::sometimes("every start led to a session", |link: &Link, state: &State| {
                state.ends.audit.sessions(Side::Sensor) == usize::from(link.bound.starts)
            }),
            Property::sometimes("a session after a power failure", |_, state: &State| {
                state.left.failures == 0 && state.ends.audit.sessions(Side::Sensor) > 0
            }),
        ]
    }
}

#[test]
fn within_the_bound_nothing_leads_the_two_ends_apart() {
    let bound = Bound::from_environment();
    let link = Link { bound, recoveries: Mutex::new(HashMap::new()) };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = link.checker().threads(threads).spawn_bfs().join();
    eprintln!(
        "{bound:?}: {} states, {} different ones, depth {}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
    assert!(checker.is_done() && checker.unique_state_count() > 1_000);
}
