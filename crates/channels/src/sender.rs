//! The sending side: which fragment goes on which path, and again when no acknowledgement comes.
//!
//! A message stays here until the receiver says that it is stored. What the receiver names as incomplete is completed,
//! with the missing fragments only; what it does not mention at all is repeated after a growing, jittered wait.
//!
//! Drain [`Sender::poll`] to `None` after each call of [`Sender::handle`].

use crate::ack::{self, Status};
use crate::congestion::{Flow, Window};
use crate::disperse::disperse;
use crate::downlink::OrderReader;
use crate::error::{Error, Refusal};
use crate::fragment::{FIRST_PREVIEW, MESSAGES_PER_SESSION_MAX, MessageId};
use crate::health::{Counts, Health};
use crate::keys::SessionKeys;
use crate::reassemble::INCOMPLETE_AFTER;
use crate::session::Started;
use crate::{PATHS_MAX, Priority};
use core::time::Duration;
use rand_core::CryptoRng;
use std::collections::{BTreeMap, VecDeque};

/// Messages sent and not yet acknowledged. At a message a second and sensor this is a minute of a full bed; what is
/// over waits in the hub's spool. If all were of the longest, they would take 20 MiB times n/k; days of vectors are needed for that.
pub const IN_FLIGHT_MESSAGES_MAX: usize = 256;
/// Emergencies that may be in flight beyond that: every alarm condition of a bed, raised, ended and repeated.
pub const EMERGENCY_MESSAGES_MAX: usize = 64;
/// How far numbers run ahead of the oldest message in flight: the receiver tells new numbers from old ones within a
/// window ([`crate::reassemble::SEEN_WINDOW`]), and a message that fell out of it could never be delivered.
pub const IDS_AHEAD_MAX: u64 = crate::reassemble::SEEN_WINDOW / 2;
/// First wait for an acknowledgement: several times a broker's round trip and the clinic's commit.
pub const RESEND_MIN: Duration = Duration::from_secs(2);
/// The same for an emergency: sooner than anybody at the bed would look twice.
pub const RESEND_MIN_EMERGENCY: Duration = Duration::from_millis(500);
/// Longest wait between repetitions.
pub const RESEND_MAX: Duration = Duration::from_secs(30);
/// How often the start of a session is repeated until the clinic confirms it.
pub const START_RESEND: Duration = Duration::from_secs(1);
/// A path that loses so much, or is so much slower than what it is given, is given a fragment at a time.
pub const LOSS_BAD: f64 = 0.5;
/// After this long a new session is due, so that stolen keys open at most a day.
pub const SESSION_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The caller's name for a message; handed back when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What happens to a sender.
#[derive(Debug)]
pub enum Input<'a> {
    /// A message to be delivered at least once.
    Submit(Token, Priority, &'a [u8]),
    /// A message that is worth one try on the paths that are up, without an acknowledgement.
    Preview(&'a [u8]),
    /// A path can be used.
    PathUp(usize),
    /// A path cannot be used.
    PathDown(usize),
    /// Bytes from the acknowledgement topic of a path, not trusted.
    Ack(usize, &'a [u8]),
    /// Bytes from the same topic that say that they are an order ([`crate::downlink::is_order`]), not trusted.
    Order(usize, &'a [u8]),
    /// [`Sender::next_timeout`] has passed.
    Timeout,
}

/// What a sender wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Publish the start of the session on this path.
    Start {
        /// The path.
        path: usize,
        /// The bytes.
        payload: Vec<u8>,
    },
    /// Publish a fragment on this path.
    Fragment {
        /// The path.
        path: usize,
        /// The priority of its message: a preview at most once, everything else at least once.
        priority: Priority,
        /// The bytes.
        payload: Vec<u8>,
    },
    /// The clinic has answered for the first time: messages may be submitted.
    Confirmed,
    /// The clinic has stored the message.
    Acknowledged(Token),
    /// The clinic wants something done, told once.
    Ordered(Vec<u8>),
}

/// What has become of a message's fragment on its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It has to be sent as soon as the path is up.
    Due,
    /// The path has had it.
    Sent,
    /// The receiver has it.
    Arrived,
}

struct InFlight {
    token: Token,
    priority: Priority,
    fragments: Vec<Vec<u8>>,
    progress: [Progress; PATHS_MAX],
    /// When its fragments were sent last.
    sent: [Option<Duration>; PATHS_MAX],
    /// Some of them more than once.
    again: bool,
    due: Duration,
    wait: Duration,
}

impl InFlight {
    /// Lets fragments be sent again that were sent so long ago, unless they may be waiting their turn on the way.
    fn give_up(&mut self, now: Duration, after: Duration, flows: &[Flow; PATHS_MAX], window: &Window) {
        let is_late = |sent: Duration, flow: &Flow| {
            // A repeated alarm is short, and worth it.
            let waits = self.priority != Priority::Emergency && flow.may_wait(sent, window);
            now.saturating_sub(sent) >= after && !waits
        };
        for ((progress, sent), flow) in self.progress.iter_mut().zip(self.sent).zip(flows) {
            if *progress == Progress::Sent && sent.is_none_or(|sent| is_late(sent, flow)) {
                *progress = Progress::Due;
            }
        }
    }

    /// When it was sent, if nothing of it was sent later or again: else that it is stored says nothing of the paths.
    fn sent_once(&self) -> Option<Duration> {
        let mut times = self.sent.iter().flatten();
        let first = times.next()?;
        (!self.again && times.all(|at| at == first)).then_some(*first)
    }
}

/// The sending side of one session.
pub struct Sender {
    start: Vec<u8>,
    keys: SessionKeys,
    confirmed: bool,
    since: Duration,
    start_due: Duration,
    up: [bool; PATHS_MAX],
    next_id: u64,
    next_preview: u64,
    in_flight: BTreeMap<MessageId, InFlight>,
    flows: [Flow; PATHS_MAX],
    window: Window,
    orders: OrderReader,
    outputs: VecDeque<Output>,
    resent: u64,
    sent: Counts,
    arrived: Counts,
    health: Health,
}

impl Sender {
    /// A sender for a session that was started at `now`.
    pub fn new(started: Started, now: Duration) -> Self {
        Self {
            start: started.start,
            keys: started.keys,
            confirmed: false,
            since: now,
            start_due: now,
            up: [false; PATHS_MAX],
            next_id: 0,
            next_preview: 0,
            in_flight: BTreeMap::new(),
            flows: Default::default(),
            window: Window::default(),
            orders: OrderReader::default(),
            outputs: VecDeque::new(),
            resent: 0,
            sent: [0; PATHS_MAX],
            arrived: [0; PATHS_MAX],
            health: Health::default(),
        }
    }

    /// The session's keys, for topic names.
    pub const fn keys(&self) -> &SessionKeys {
        &self.keys
    }

    /// True when a message of this priority may be submitted. A routine one waits until as many paths have room as bring it
    /// ([`crate::WINDOW_MIN`]), so that an emergency finds no queue.
    pub fn ready(&self, priority: Priority) -> bool {
        let is_emergency = priority == Priority::Emergency;
        let reserve = if is_emergency { EMERGENCY_MESSAGES_MAX } else { 0 };
        let oldest = self.in_flight.first_key_value().map_or(self.next_id, |(id, _)| id.0);
        self.confirmed
            && self.next_id < MESSAGES_PER_SESSION_MAX
            && (is_emergency || !self.is_congested())
            && self.in_flight.len() < IN_FLIGHT_MESSAGES_MAX + reserve
            && self.next_id - oldest < IDS_AHEAD_MAX + reserve as u64
    }

    /// True when as many paths are up as bring a message, and fewer take more now. With fewer up it will wait for them anyway.
    fn is_congested(&self) -> bool {
        let needed = self.keys.spread().k();
        let up = || (0..PATHS_MAX).filter(|path| self.up.get(*path) == Some(&true));
        up().count() >= needed && up().filter(|path| self.takes(*path)).count() < needed
    }

    /// Whether a path takes more now.
    fn takes(&self, path: usize) -> bool {
        let is_bad = self.health.loss(path).is_some_and(|loss| loss >= LOSS_BAD);
        self.flows.get(path).is_some_and(|flow| flow.is_open(&self.window, is_bad))
    }

    /// True when the session has served long enough and a new one should be started.
    pub fn is_spent(&self, now: Duration) -> bool {
        self.next_id >= MESSAGES_PER_SESSION_MAX || now.saturating_sub(self.since) >= SESSION_AGE_MAX
    }

    /// Messages that wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many fragments were sent again.
    pub const fn resent(&self) -> u64 {
        self.resent
    }

    /// How well the paths carry what they are given, by the receiver's counts.
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Input::Timeout`].
    pub fn next_timeout(&self) -> Option<Duration> {
        if !self.confirmed {
            return Some(self.start_due);
        }
        self.in_flight.values().map(|message| message.due).min()
    }

    /// Takes one input at `now` (any monotonic clock).
    pub fn handle(&mut self, now: Duration, input: Input<'_>, rng: &mut impl CryptoRng) -> Result<(), Error> {
        match input {
            Input::Submit(token, priority, message) => self.submit(now, token, priority, message, rng),
            Input::Preview(message) => self.preview(now, message, rng),
            Input::PathUp(path) => self.path_up(now, path),
            Input::PathDown(path) => self.path_down(path),
            Input::Ack(path, bytes) => self.acknowledged(now, path, bytes),
            Input::Order(path, bytes) => self.ordered(path, bytes),
            Input::Timeout => {
                self.timeout(now, rng);
                Ok(())
            }
        }
    }

    fn submit(
        &mut self,
        now: Duration,
        token: Token,
        priority: Priority,
        message: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        if priority == Priority::Preview {
            return Err(Error::Misuse("a preview is not submitted: nobody acknowledges it"));
        }
        if !self.confirmed {
            return Err(Error::Misuse("the session is not confirmed yet"));
        }
        if priority == Priority::Routine && self.is_congested() {
            return Err(Error::Misuse("the paths take no more yet"));
        }
        if !self.ready(priority) {
            return Err(Error::Limit { limit: "IN_FLIGHT_MESSAGES_MAX", value: IN_FLIGHT_MESSAGES_MAX });
        }
        let id = MessageId(self.next_id);
        let fragments = disperse(&self.keys, id, priority, message, rng)?;
        self.next_id += 1;
        let wait = first_wait(priority);
        let progress = [Progress::Due; PATHS_MAX];
        let (sent, due) = ([None; PATHS_MAX], now + wait);
        let message = InFlight { token, priority, fragments, progress, sent, again: false, due, wait };
        self.in_flight.insert(id, message);
        self.publish(now, id);
        Ok(())
    }

    fn preview(&mut self, now: Duration, message: &[u8], rng: &mut impl CryptoRng) -> Result<(), Error> {
        if !self.confirmed || self.next_preview >= MESSAGES_PER_SESSION_MAX {
            return Err(Error::Misuse("the session takes no preview"));
        }
        let (id, priority) = (MessageId(FIRST_PREVIEW + self.next_preview), Priority::Preview);
        let fragments = disperse(&self.keys, id, priority, message, rng)?;
        self.next_preview += 1;
        for (path, payload) in fragments.into_iter().enumerate() {
            if self.up.get(path) == Some(&true) {
                self.count_sent(now, path, payload.len());
                self.outputs.push_back(Output::Fragment { path, priority, payload });
            }
        }
        Ok(())
    }

    fn path_up(&mut self, now: Duration, path: usize) -> Result<(), Error> {
        if !self.up.contains(&true) {
            // What the paths carry now is not known.
            self.window = Window::default();
        }
        *self.up.get_mut(path).ok_or(Error::Misuse("no such path"))? = true;
        if !self.confirmed {
            self.outputs.push_back(Output::Start { path, payload: self.start.clone() });
        }
        self.publish_all(now);
        Ok(())
    }

    fn path_down(&mut self, path: usize) -> Result<(), Error> {
        *self.up.get_mut(path).ok_or(Error::Misuse("no such path"))? = false;
        if let Some(flow) = self.flows.get_mut(path) {
            flow.cut();
        }
        // What the path had taken may have died with it.
        for message in self.in_flight.values_mut() {
            if let Some(progress) = message.progress.get_mut(path).filter(|p| **p == Progress::Sent) {
                *progress = Progress::Due;
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, now: Duration, path: usize, bytes: &[u8]) -> Result<(), Error> {
        let status = ack::open(&self.keys, path, bytes)?;
        let named = status.stored.iter().chain(status.incomplete.iter().map(|(id, _)| id));
        if named.into_iter().any(|id| id.0 >= self.next_id) {
            return Err(Refusal::Inconsistent.into());
        }
        if !self.confirmed {
            self.confirmed = true;
            self.outputs.push_back(Output::Confirmed);
        }
        self.note_health(now, &status);
        let is_used = self.flows.iter().any(|flow| flow.is_used(&self.window));
        self.settle(now);
        for id in status.stored {
            if let Some(message) = self.in_flight.remove(&id) {
                if let Some(sent) = message.sent_once().filter(|_| message.priority == Priority::Routine) {
                    let bytes = message.fragments.iter().map(Vec::len).max().unwrap_or(0);
                    self.window.stored(now, now.saturating_sub(sent), bytes, is_used);
                }
                self.outputs.push_back(Output::Acknowledged(message.token));
            }
        }
        for (id, arrived) in status.incomplete {
            self.complete(now, id, arrived);
        }
        // What did not fit on a path before may fit now.
        self.publish_all(now);
        Ok(())
    }

    fn ordered(&mut self, path: usize, bytes: &[u8]) -> Result<(), Error> {
        match self.orders.open(&self.keys, path, bytes) {
            Ok(content) => self.outputs.push_back(Output::Ordered(content)),
            // Its copy on another path came first.
            Err(Refusal::Replayed) => {}
            Err(refusal) => return Err(refusal.into()),
        }
        Ok(())
    }

    fn note_health(&mut self, now: Duration, status: &Status) {
        for (arrived, received) in self.arrived.iter_mut().zip(status.received) {
            // An older acknowledgement on a slower path may come after a newer one.
            let more = received.wrapping_sub(*arrived as u32).cast_signed();
            *arrived += u64::from(more.max(0).cast_unsigned());
        }
        self.health.record(now, self.sent, self.arrived);
    }

    /// Sends what the receiver is missing of a message of which it has something, unless that is on its way still.
    fn complete(&mut self, now: Duration, id: MessageId, arrived: u8) {
        let Some(message) = self.in_flight.get_mut(&id) else { return };
        for (path, progress) in message.progress.iter_mut().enumerate().take(message.fragments.len()) {
            if arrived >> path & 1 == 1 {
                *progress = Progress::Arrived;
            } else if *progress == Progress::Arrived {
                // It was given up there.
                *progress = Progress::Due;
            }
        }
        message.give_up(now, INCOMPLETE_AFTER, &self.flows, &self.window);
        message.due = now + message.wait;
        self.publish(now, id);
    }

    fn timeout(&mut self, now: Duration, rng: &mut impl CryptoRng) {
        if !self.confirmed && now >= self.start_due {
            self.start_due = now + START_RESEND;
            for (path, up) in self.up.iter().enumerate() {
                if *up {
                    self.outputs.push_back(Output::Start { path, payload: self.start.clone() });
                }
            }
        }
        self.settle(now);
        let due: Vec<MessageId> =
            self.in_flight.iter().filter(|(_, message)| now >= message.due).map(|(id, _)| *id).collect();
        for id in due {
            let Some(message) = self.in_flight.get_mut(&id) else { continue };
            // What had arrived long ago may have been given up since.
            let forgotten = message.wait >= RESEND_MAX;
            if forgotten {
                message.progress = [Progress::Due; PATHS_MAX];
            }
            message.give_up(now, first_wait(message.priority), &self.flows, &self.window);
            message.wait = (message.wait * 2).min(RESEND_MAX);
            message.due = now + jittered(message.wait, rng);
        }
        self.publish_all(now);
    }

    /// What has come on each path by the receiver's counts, and what is given up.
    fn settle(&mut self, now: Duration) {
        for (flow, arrived) in self.flows.iter_mut().zip(self.arrived) {
            flow.arrived(now, arrived);
        }
    }

    /// Sends what is due and could not be sent before, emergencies first.
    fn publish_all(&mut self, now: Duration) {
        let waits = |(_, message): &(&MessageId, &InFlight)| {
            message.progress.iter().take(message.fragments.len()).any(|progress| *progress == Progress::Due)
        };
        let rank = |(id, message): (&MessageId, &InFlight)| (message.priority != Priority::Emergency, *id);
        let mut ids: Vec<_> = self.in_flight.iter().filter(waits).map(rank).collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|(_, id)| self.publish(now, id));
    }

    /// Queues each fragment that is due and whose path is up and takes more; for an emergency it always does. A fragment
    /// never takes another path than its own: two fragments on one path would give that path the message.
    fn publish(&mut self, now: Duration, id: MessageId) {
        let takes: [bool; PATHS_MAX] = core::array::from_fn(|path| self.takes(path));
        let Some(message) = self.in_flight.get_mut(&id) else { return };
        let (priority, is_emergency) = (message.priority, message.priority == Priority::Emergency);
        let paths = self.up.iter().zip(takes).zip(self.flows.iter_mut().zip(&mut self.sent));
        let states = message.progress.iter_mut().zip(&mut message.sent);
        for (path, ((fragment, (progress, last)), ((up, takes), (flow, count)))) in
            message.fragments.iter().zip(states).zip(paths).enumerate()
        {
            if !*up || !(takes || is_emergency) || *progress != Progress::Due {
                continue;
            }
            if last.replace(now).is_some() {
                message.again = true;
                self.resent += 1;
            }
            *progress = Progress::Sent;
            *count += 1;
            flow.sent(now, fragment.len());
            self.outputs.push_back(Output::Fragment { path, priority, payload: fragment.clone() });
        }
    }

    fn count_sent(&mut self, now: Duration, path: usize, bytes: usize) {
        if let (Some(count), Some(flow)) = (self.sent.get_mut(path), self.flows.get_mut(path)) {
            *count += 1;
            flow.sent(now, bytes);
        }
    }
}

const fn first_wait(priority: Priority) -> Duration {
    match priority {
        Priority::Emergency => RESEND_MIN_EMERGENCY,
        Priority::Routine | Priority::Preview => RESEND_MIN,
    }
}

/// Up to a quarter less, so that what was lost together is not repeated together.
fn jittered(wait: Duration, rng: &mut impl CryptoRng) -> Duration {
    wait - wait / 1_024 * (rng.next_u32() % 256)
}

#[cfg(test)]
mod tests;
