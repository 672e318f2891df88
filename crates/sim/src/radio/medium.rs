//! The radio of one star as a machine: messages go in, time passes, messages come out.
//!
//! Node 0 is the hub. A message of up to [`MESSAGE_BYTES_MAX`] bytes goes to one other node, in one MAC frame if it fits and
//! else in several, one after the other; each is acknowledged, and sent again if it is not. A receiver drops a frame
//! whose number is that of the last one from the same node, after acknowledging it: it is the same frame, whose first
//! acknowledgement was lost (IEEE 802.15.4-2006, 7.5.6.4.3; 802.15.6-2012, 6.2.4).

use super::air::{Air, Flight, Frame, Physics, Places};
use super::csma::{Backoff, PRIORITY_RETRIES_MAX, Parameters, UserPriority, Window};
use super::energy::{Joules, Meter, Mode, RadioPower};
use super::path_loss::{PathLoss, Shadowing, dbm_to_watts};
use super::queue::{QUEUE_MESSAGES_MAX, Queue, Waiting};
use super::standard::{MESSAGE_BYTES_MAX, Standard};
use super::tdma::Slots;
use crate::Error;
use crate::agenda::{Agenda, Time};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;

/// Nodes of one star at most: powers between all pairs are kept, 8 bytes each.
pub const NODES_MAX: usize = 4_096;

/// How often a frame is sent again in slots: as often as in IEEE 802.15.4.
const SLOT_RETRIES_MAX: u8 = 3;

/// Number of no frame: those are 0 to 255.
const NO_FRAME: u16 = u16::MAX;

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

/// Why a message did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Too many were waiting.
    QueueFull = 0,
    /// The channel was busy each time.
    ChannelAccess = 1,
    /// It was sent as often as allowed and not acknowledged; the last time it was lost to noise, or its acknowledgement
    /// was. It may have arrived.
    NoAck = 2,
    /// The same, but the last time its receiver was hearing, or sending, something else.
    Collision = 3,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::QueueFull, Self::ChannelAccess, Self::NoAck, Self::Collision];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue full",
            Self::ChannelAccess => "channel access failure",
            Self::NoAck => "no acknowledgement",
            Self::Collision => "collision at the receiver",
        }
    }
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message has arrived.
    Delivered {
        /// At whom.
        to: usize,
        /// From whom.
        from: usize,
        /// The message.
        bytes: Vec<u8>,
        /// When it was given to the radio.
        sent_at: Time,
    },
    /// The sender gives a message up.
    Lost {
        /// Who gives it up.
        from: usize,
        /// What the caller called it.
        tag: u64,
        /// Why.
        reason: Reason,
    },
    /// The sender knows that a message has arrived.
    Done {
        /// Who knows.
        from: usize,
        /// What the caller called it.
        tag: u64,
    },
}

/// What is planned. `turn` is the node's count of changes of mind: a plan of an older turn is void.
#[derive(Debug, Clone, Copy)]
enum Plan {
    Assess { node: u32, turn: u32 },
    Transmit { node: u32, turn: u32 },
    End { node: u32 },
    Acknowledge { node: u32 },
    GiveUp { node: u32, turn: u32 },
    Spaced { node: u32, turn: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Contending,
    Turning,
    Sending,
    Awaiting,
    /// It was interrupted by a frame that it has to acknowledge while it waited for an acknowledgement.
    Interrupted,
    Spacing,
}

/// What became of the last frame at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Heard,
    Noise,
    Collision,
}

#[derive(Debug)]
struct Node {
    phase: Phase,
    turn: u32,
    acknowledges: Option<(usize, u8)>,
    on_air: bool,
    listening: bool,
    queue: Queue,
    backoff: Backoff,
    window: Window,
    retries: u8,
    number: u8,
    fate: Fate,
    /// Number of the last frame from each node; empty until the first arrives.
    seen: Vec<u16>,
    meter: Meter,
    /// Bits on air between this sensor and the hub, either way.
    air_bits: u64,
}

/// What the frames of a run came to, retransmissions and acknowledgements included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Data frames on air.
    pub data_frames: u64,
    /// Acknowledgements on air.
    pub acks: u64,
    /// Data frames that their receiver did not get because of another frame.
    pub collisions: u64,
    /// Frames that were received again and dropped.
    pub duplicates: u64,
    /// Assessments that found the channel busy.
    pub busy: u64,
    /// Bits on air, headers of the physical layer not included.
    pub bits: u64,
}

/// The radio of one star.
#[derive(Debug)]
pub struct Medium {
    standard: Standard,
    access: Access,
    forgets: bool,
    queue_messages: usize,
    power: RadioPower,
    agenda: Agenda<Plan>,
    now: Time,
    rng: ChaCha8Rng,
    air: Air,
    nodes: Vec<Node>,
    events: VecDeque<Event>,
    counts: Counts,
}

impl Medium {
    /// A radio at [`Time::ZERO`], all receivers on.
    ///
    /// # Errors
    /// [`Error::Limit`] when there are more than [`NODES_MAX`] nodes, [`Error::Misuse`] when there are fewer than two.
    pub fn new(config: &Config, seed: u64) -> Result<Self, Error> {
        let nodes = config.positions.len();
        if nodes > NODES_MAX {
            return Err(Error::Limit { limit: "NODES_MAX", value: NODES_MAX as u64 });
        }
        if nodes < 2 {
            return Err(Error::Misuse("a star needs a hub and a sensor"));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let physics = Physics {
            modulation: config.standard.modulation,
            bits_per_second: config.standard.bits_per_second,
            noise_w: dbm_to_watts(config.noise_dbm),
            threshold_w: dbm_to_watts(config.threshold_dbm),
            shadowing: config.shadowing,
        };
        let places = Places {
            positions: &config.positions,
            path_loss: config.path_loss,
            transmit_dbm: config.transmit_dbm,
        };
        let air = Air::new(physics, &places, &mut rng);
        let priority = match config.access {
            Access::Priority(priority) => priority,
            _ => UserPriority::Medical,
        };
        let nodes = (0..nodes)
            .map(|_| Node {
                phase: Phase::Idle,
                turn: 0,
                acknowledges: None,
                on_air: false,
                listening: true,
                queue: Queue::default(),
                backoff: Backoff::new(&Parameters::STANDARD),
                window: Window::new(priority),
                retries: 0,
                // macDSN starts anywhere.
                number: (rng.next_u32() & 0xff) as u8,
                fate: Fate::Heard,
                seen: Vec::new(),
                meter: Meter::new(Mode::Receive),
                air_bits: 0,
            })
            .collect();
        Ok(Self {
            standard: config.standard,
            access: config.access,
            forgets: config.assessment_forgets,
            queue_messages: config.queue_messages,
            power: config.power,
            agenda: Agenda::new(),
            now: Time::ZERO,
            rng,
            air,
            nodes,
            events: VecDeque::new(),
            counts: Counts::default(),
        })
    }

    /// Gives a message to a node's radio. What becomes of it is told by [`Medium::poll`], under `tag`.
    ///
    /// # Errors
    /// [`Error::Limit`] when the message is longer than [`MESSAGE_BYTES_MAX`], [`Error::Misuse`] when there is no such node
    /// or a node sends to itself.
    pub fn send(&mut self, now: Time, from: usize, to: usize, bytes: Vec<u8>, tag: u64) -> Result<(), Error> {
        if from >= self.nodes.len() || to >= self.nodes.len() || from == to {
            return Err(Error::Misuse("a message goes from one node of the star to another"));
        }
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Error::Limit { limit: "MESSAGE_BYTES_MAX", value: MESSAGE_BYTES_MAX as u64 });
        }
        self.handle(now);
        let length = bytes.len();
        let message = Waiting { to, tag, sent_at: now, bytes, length, frame: 0, arrived: 0 };
        match self.nodes[from].queue.push(now, message, self.queue_messages) {
            Ok(()) => self.begin(now, from),
            Err(_) => self.events.push_back(Event::Lost { from, tag, reason: Reason::QueueFull }),
        }
        Ok(())
    }

    /// Turns a node's receiver on or off for the time in which it has nothing to send. All are on at first.
    ///
    /// # Errors
    /// [`Error::Misuse`] when there is no such node.
    pub fn set_listening(&mut self, now: Time, node: usize, listening: bool) -> Result<(), Error> {
        self.handle(now);
        let Some(this) = self.nodes.get_mut(node) else {
            return Err(Error::Misuse("there is no such node"));
        };
        if this.listening != listening {
            this.listening = listening;
            if matches!(this.phase, Phase::Idle | Phase::Contending | Phase::Spacing)
                && this.acknowledges.is_none()
            {
                self.air.deafen(node);
                if listening {
                    self.air.listen(now, node);
                }
            }
            self.turn_mode(now, node);
        }
        Ok(())
    }

    /// When [`Medium::handle`] has something to do.
    pub fn next_timeout(&self) -> Option<Time> {
        self.agenda.next_time()
    }

    /// Lets time pass until `now`.
    pub fn handle(&mut self, now: Time) {
        while let Some((at, plan)) = self.agenda.next_until(now) {
            self.now = at;
            self.happen(at, plan);
        }
        self.now = self.now.max(now);
    }

    /// What has come out, in its order.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The time that was reached.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many events have happened inside.
    pub const fn happened(&self) -> u64 {
        self.agenda.happened()
    }

    /// What the frames came to.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// What a node's radio has used until now; nothing when there is no such node.
    pub fn joules(&self, node: usize) -> Joules {
        self.nodes.get(node).map(|node| node.meter.joules(self.now, &self.power)).unwrap_or_default()
    }

    /// Bits on air between a sensor and the hub, either way, each time they were sent; headers of the physical layer are
    /// not counted. Zero when there is no such node.
    pub fn air_bits(&self, sensor: usize) -> u64 {
        self.nodes.get(sensor).map_or(0, |node| node.air_bits)
    }

    /// Mean number of messages at a node, the one on its way included.
    pub fn mean_queue(&self, node: usize) -> f64 {
        self.nodes.get(node).map_or(0.0, |node| node.queue.mean_length(self.now))
    }

    /// Messages at a node now.
    pub fn waiting(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.queue.len())
    }

    fn plan(&mut self, at: Time, plan: Plan) {
        self.agenda.schedule(at, plan);
    }

    fn happen(&mut self, now: Time, plan: Plan) {
        match plan {
            Plan::Assess { node, turn } => {
                if let Some(node) = self.if_current(node, turn) {
                    self.assess(now, node);
                }
            }
            Plan::Transmit { node, turn } => {
                if let Some(node) = self.if_current(node, turn) {
                    self.transmit(now, node);
                }
            }
            Plan::End { node } => self.end(now, node as usize),
            Plan::Acknowledge { node } => self.acknowledge(now, node as usize),
            Plan::GiveUp { node, turn } => {
                if let Some(node) = self.if_current(node, turn) {
                    self.air.awaiting.remove(node);
                    self.not_acknowledged(now, node);
                }
            }
            Plan::Spaced { node, turn } => {
                if let Some(node) = self.if_current(node, turn) {
                    self.idle(now, node);
                }
            }
        }
    }

    fn if_current(&self, node: u32, turn: u32) -> Option<usize> {
        let node = node as usize;
        (self.nodes[node].turn == turn).then_some(node)
    }

    /// A node changes its mind: what it had planned is void.
    fn next_turn(&mut self, node: usize) -> u32 {
        let turn = &mut self.nodes[node].turn;
        *turn = turn.wrapping_add(1);
        *turn
    }

    fn turn_mode(&mut self, now: Time, node: usize) {
        let this = &mut self.nodes[node];
        let mode = if this.on_air {
            Mode::Transmit
        } else if this.listening || this.acknowledges.is_some() {
            Mode::Receive
        } else {
            match (this.phase, self.access) {
                (Phase::Awaiting | Phase::Turning, _) => Mode::Receive,
                (Phase::Idle, _) | (Phase::Contending, Access::Slots(_)) => Mode::Sleep,
                _ => Mode::Idle,
            }
        };
        this.meter.turn(now, mode);
    }

    /// A node has nothing under way.
    fn idle(&mut self, now: Time, node: usize) {
        self.nodes[node].phase = Phase::Idle;
        if !self.nodes[node].listening && self.nodes[node].acknowledges.is_none() {
            self.air.deafen(node);
        }
        self.begin(now, node);
        self.turn_mode(now, node);
    }

    /// Begins the next frame, if there is one and nothing is under way.
    fn begin(&mut self, now: Time, node: usize) {
        let this = &mut self.nodes[node];
        if this.phase != Phase::Idle || this.acknowledges.is_some() || this.queue.is_empty() {
            return;
        }
        this.retries = 0;
        if let Access::Priority(priority) = self.access {
            this.window = Window::new(priority);
        }
        self.contend(now, node);
    }

    /// Begins a try at the channel.
    fn contend(&mut self, now: Time, node: usize) {
        let turn = self.next_turn(node);
        self.nodes[node].phase = Phase::Contending;
        match self.access {
            Access::Contention(parameters) => {
                self.nodes[node].backoff = Backoff::new(&parameters);
                self.back_off(now, node);
            }
            Access::Priority(_) => {
                self.nodes[node].window.draw(&mut self.rng);
                // Slots are those of the star, not of the node.
                let slots = now.as_nanos().div_ceil(self.standard.slot);
                let at = Time::from_nanos(slots * self.standard.slot + self.standard.assessment);
                self.plan(at, Plan::Assess { node: node as u32, turn });
            }
            Access::Slots(slots) => {
                self.plan(slots.next(node, now), Plan::Transmit { node: node as u32, turn });
            }
        }
        if !self.nodes[node].listening {
            self.air.deafen(node);
            self.turn_mode(now, node);
        }
    }

    fn back_off(&mut self, now: Time, node: usize) {
        let periods = self.nodes[node].backoff.periods(&mut self.rng);
        let at = now.after(periods * self.standard.slot + self.standard.assessment);
        let turn = self.nodes[node].turn;
        self.plan(at, Plan::Assess { node: node as u32, turn });
    }

    /// The end of listening.
    fn assess(&mut self, now: Time, node: usize) {
        let since = Time::from_nanos(now.as_nanos().saturating_sub(self.standard.assessment));
        if !self.nodes[node].listening {
            self.nodes[node].meter.turn(since, Mode::Receive);
            self.turn_mode(now, node);
        }
        let busy = self.air.is_busy(node, since, self.forgets);
        self.counts.busy += u64::from(busy);
        match self.access {
            Access::Contention(parameters) if busy => {
                if self.nodes[node].backoff.busy(&parameters) {
                    self.back_off(now, node);
                } else {
                    self.give_up(now, node, Reason::ChannelAccess);
                }
                return;
            }
            Access::Priority(_) if busy || !self.nodes[node].window.free() => {
                let turn = self.nodes[node].turn;
                self.plan(now.after(self.standard.slot), Plan::Assess { node: node as u32, turn });
                return;
            }
            _ => {}
        }
        let turn = self.next_turn(node);
        self.nodes[node].phase = Phase::Turning;
        self.air.deafen(node);
        self.turn_mode(now, node);
        self.plan(now.after(self.standard.turnaround), Plan::Transmit { node: node as u32, turn });
    }

    fn transmit(&mut self, now: Time, node: usize) {
        let this = &mut self.nodes[node];
        let Some(message) = this.queue.front() else { return };
        let bytes = self.standard.frame_bytes(message.length, message.frame);
        let frame = Frame::Data { to: message.to, number: this.number };
        this.phase = Phase::Sending;
        self.counts.data_frames += 1;
        self.put_on_air(now, node, frame, bytes);
    }

    fn put_on_air(&mut self, now: Time, node: usize, frame: Frame, bytes: usize) {
        self.nodes[node].on_air = true;
        self.turn_mode(now, node);
        self.air.deafen(node);
        self.air.start(now, node, frame, &mut self.rng);
        let bits = 8 * bytes as u64;
        self.counts.bits += bits;
        let (Frame::Data { to, .. } | Frame::Ack { to, .. }) = frame;
        self.nodes[if node == 0 { to } else { node }].air_bits += bits;
        self.plan(now.after(self.standard.airtime(bytes)), Plan::End { node: node as u32 });
    }

    fn acknowledge(&mut self, now: Time, node: usize) {
        if let Some((to, number)) = self.nodes[node].acknowledges {
            self.counts.acks += 1;
            self.put_on_air(now, node, Frame::Ack { to, number }, self.standard.ack_bytes);
        }
    }

    /// A node's frame ends.
    fn end(&mut self, now: Time, node: usize) {
        let Some(flight) = self.air.end(now, node, &mut self.rng) else { return };
        self.nodes[node].on_air = false;
        self.air.listen(now.after(self.standard.ack_gap), node);
        match flight.frame {
            Frame::Data { to, number } => self.data_ends(now, node, &flight, to, number),
            Frame::Ack { to, number } => {
                self.nodes[node].acknowledges = None;
                self.resume(now, node);
                for reception in flight.receptions.iter().filter(|reception| !reception.spoiled) {
                    if !self.standard.ack_names_receiver || reception.node == to {
                        self.acknowledged(now, reception.node, number);
                    }
                }
            }
        }
        self.air.recycle(flight);
    }

    fn data_ends(&mut self, now: Time, node: usize, flight: &Flight, to: usize, number: u8) {
        let turn = self.next_turn(node);
        let reception = flight.receptions.iter().find(|reception| reception.node == to);
        let this = &mut self.nodes[node];
        this.phase = Phase::Awaiting;
        this.fate = match reception {
            Some(reception) if !reception.spoiled => Fate::Heard,
            Some(reception) if !reception.met => Fate::Noise,
            _ => Fate::Collision,
        };
        self.counts.collisions += u64::from(this.fate == Fate::Collision);
        let heard = this.fate == Fate::Heard;
        self.air.awaiting.insert(node);
        self.turn_mode(now, node);
        self.plan(now.after(self.standard.ack_wait), Plan::GiveUp { node: node as u32, turn });
        if heard {
            self.arrive(now, node, to, number);
        }
    }

    /// A data frame is whole at its receiver.
    fn arrive(&mut self, now: Time, from: usize, to: usize, number: u8) {
        let all = self.nodes.len();
        let seen = &mut self.nodes[to].seen;
        seen.resize(all, NO_FRAME);
        if seen[from] == u16::from(number) {
            self.counts.duplicates += 1;
        } else {
            seen[from] = u16::from(number);
            if let Some(message) = self.nodes[from].queue.front() {
                message.arrived += 1;
                if message.arrived == self.standard.frames(message.length) {
                    let bytes = core::mem::take(&mut message.bytes);
                    let sent_at = message.sent_at;
                    self.events.push_back(Event::Delivered { to, from, bytes, sent_at });
                }
            }
        }
        let this = &mut self.nodes[to];
        this.acknowledges = Some((from, number));
        match this.phase {
            Phase::Contending => {
                self.next_turn(to);
            }
            Phase::Awaiting => {
                this.phase = Phase::Interrupted;
                self.air.awaiting.remove(to);
                self.next_turn(to);
            }
            _ => {}
        }
        self.air.deafen(to);
        self.turn_mode(now, to);
        self.plan(now.after(self.standard.ack_gap), Plan::Acknowledge { node: to as u32 });
    }

    /// Goes on with what an acknowledgement has interrupted.
    fn resume(&mut self, now: Time, node: usize) {
        match self.nodes[node].phase {
            Phase::Contending => self.contend(now, node),
            Phase::Interrupted => self.not_acknowledged(now, node),
            Phase::Idle => self.idle(now, node),
            _ => {}
        }
        self.turn_mode(now, node);
    }

    /// An acknowledgement has arrived. One with another number ends the try as if none had come (802.15.4, 7.5.6.4.3).
    fn acknowledged(&mut self, now: Time, node: usize, number: u8) {
        if self.nodes[node].phase != Phase::Awaiting {
            return;
        }
        self.air.awaiting.remove(node);
        let turn = self.next_turn(node);
        if self.nodes[node].number != number {
            self.not_acknowledged(now, node);
            return;
        }
        let this = &mut self.nodes[node];
        this.number = this.number.wrapping_add(1);
        this.phase = Phase::Spacing;
        let Some(message) = this.queue.front() else { return };
        let bytes = self.standard.frame_bytes(message.length, message.frame);
        message.frame += 1;
        if message.frame >= self.standard.frames(message.length) {
            let tag = message.tag;
            this.queue.pop(now);
            self.events.push_back(Event::Done { from: node, tag });
        }
        self.turn_mode(now, node);
        self.plan(now.after(self.standard.space(bytes)), Plan::Spaced { node: node as u32, turn });
    }

    fn not_acknowledged(&mut self, now: Time, node: usize) {
        let retries_max = match self.access {
            Access::Contention(parameters) => parameters.retries_max,
            Access::Priority(_) => PRIORITY_RETRIES_MAX,
            Access::Slots(_) => SLOT_RETRIES_MAX,
        };
        let this = &mut self.nodes[node];
        if this.retries < retries_max {
            this.retries += 1;
            if let Access::Priority(priority) = self.access {
                this.window.failed(priority);
            }
            self.contend(now, node);
            return;
        }
        let reason = if this.fate == Fate::Collision { Reason::Collision } else { Reason::NoAck };
        self.give_up(now, node, reason);
    }

    fn give_up(&mut self, now: Time, node: usize, reason: Reason) {
        self.next_turn(node);
        let this = &mut self.nodes[node];
        this.number = this.number.wrapping_add(1);
        if let Some(message) = this.queue.pop(now) {
            self.events.push_back(Event::Lost { from: node, tag: message.tag, reason });
        }
        self.idle(now, node);
    }
}

#[cfg(test)]
mod tests;
