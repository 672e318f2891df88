//! The radio of one star as a machine: messages go in, time passes, messages come out.
//!
//! Node 0 is the hub. A message of up to [`MESSAGE_BYTES_MAX`] bytes goes to one other node, in one MAC frame if it fits and
//! else in several, one after the other; each is acknowledged, and sent again if it is not. A receiver drops a frame
//! whose number is that of the last one from the same node, after acknowledging it: it is the same frame, whose first
//! acknowledgement was lost (IEEE 802.15.4-2006, 7.5.6.4.3; 802.15.6-2012, 6.2.4).

mod contention;
mod exchange;

use super::air::{Air, Physics, Places};
use super::config::{Access, Config};
use super::csma::{Backoff, Parameters, UserPriority, Window};
use super::energy::{Joules, Meter, Mode, RadioPower};
use super::path_loss::dbm_to_watts;
use super::queue::{Queue, Waiting};
use super::standard::{MESSAGE_BYTES_MAX, Standard};
use crate::Error;
use crate::agenda::{Agenda, Time};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;

/// Nodes of one star at most: powers between all pairs are kept, 8 bytes each, 32 MiB for so many.
pub const NODES_MAX: usize = 2_048;

/// How often a frame is sent again in slots: as often as in IEEE 802.15.4.
const SLOT_RETRIES_MAX: u8 = 3;

/// Number of no frame: those are 0 to 255.
const NO_FRAME: u16 = u16::MAX;

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
    /// [`Error::Limit`] when the message is longer than [`MESSAGE_BYTES_MAX`], or one of its MAC frames than a slot;
    /// [`Error::Misuse`] when there is no such node
    /// or a node sends to itself.
    pub fn send(&mut self, now: Time, from: usize, to: usize, bytes: Vec<u8>, tag: u64) -> Result<(), Error> {
        if from >= self.nodes.len() || to >= self.nodes.len() || from == to {
            return Err(Error::Misuse("a message goes from one node of the star to another"));
        }
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Error::Limit { limit: "MESSAGE_BYTES_MAX", value: MESSAGE_BYTES_MAX as u64 });
        }
        if let Access::Slots(slots) = self.access {
            let longest = self.standard.overhead_bytes + slots.payload_bytes;
            if self.standard.frame_bytes(bytes.len(), 0) > longest {
                return Err(Error::Limit { limit: "payload_bytes", value: slots.payload_bytes as u64 });
            }
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
}

#[cfg(test)]
mod tests;
