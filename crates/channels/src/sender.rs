//! The sending side: which fragment goes on which path, and again when no acknowledgement comes.
//!
//! A message stays here until the receiver says that it is stored. What the receiver names as incomplete is completed,
//! with the missing fragments only; what it does not mention at all is repeated after a growing, jittered wait.
//!
//! Drain [`Sender::poll`] to `None` after each call of [`Sender::handle`].

use crate::ack::{self, Status};
use crate::disperse::disperse;
use crate::downlink::OrderReader;
use crate::error::{Error, Refusal};
use crate::fragment::{FIRST_PREVIEW, MESSAGES_PER_SESSION_MAX, MessageId};
use crate::health::{Counts, Health};
use crate::keys::SessionKeys;
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
    due: Duration,
    wait: Duration,
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

    /// True when a message of this priority may be submitted.
    pub fn ready(&self, priority: Priority) -> bool {
        let reserve = if priority == Priority::Emergency { EMERGENCY_MESSAGES_MAX } else { 0 };
        let oldest = self.in_flight.first_key_value().map_or(self.next_id, |(id, _)| id.0);
        self.confirmed
            && self.next_id < MESSAGES_PER_SESSION_MAX
            && self.in_flight.len() < IN_FLIGHT_MESSAGES_MAX + reserve
            && self.next_id - oldest < IDS_AHEAD_MAX + reserve as u64
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
            Input::Preview(message) => self.preview(message, rng),
            Input::PathUp(path) => self.path_up(path),
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
        if !self.ready(priority) {
            return Err(Error::Limit { limit: "IN_FLIGHT_MESSAGES_MAX", value: IN_FLIGHT_MESSAGES_MAX });
        }
        let id = MessageId(self.next_id);
        let fragments = disperse(&self.keys, id, priority, message, rng)?;
        self.next_id += 1;
        let wait = first_wait(priority);
        let progress = [Progress::Due; PATHS_MAX];
        self.in_flight.insert(id, InFlight { token, priority, fragments, progress, due: now + wait, wait });
        self.publish(id);
        Ok(())
    }

    fn preview(&mut self, message: &[u8], rng: &mut impl CryptoRng) -> Result<(), Error> {
        if !self.confirmed || self.next_preview >= MESSAGES_PER_SESSION_MAX {
            return Err(Error::Misuse("the session takes no preview"));
        }
        let (id, priority) = (MessageId(FIRST_PREVIEW + self.next_preview), Priority::Preview);
        let fragments = disperse(&self.keys, id, priority, message, rng)?;
        self.next_preview += 1;
        for (path, payload) in fragments.into_iter().enumerate() {
            if self.up.get(path) == Some(&true) {
                self.count_sent(path);
                self.outputs.push_back(Output::Fragment { path, priority, payload });
            }
        }
        Ok(())
    }

    fn path_up(&mut self, path: usize) -> Result<(), Error> {
        *self.up.get_mut(path).ok_or(Error::Misuse("no such path"))? = true;
        if !self.confirmed {
            self.outputs.push_back(Output::Start { path, payload: self.start.clone() });
        }
        self.publish_all();
        Ok(())
    }

    fn path_down(&mut self, path: usize) -> Result<(), Error> {
        *self.up.get_mut(path).ok_or(Error::Misuse("no such path"))? = false;
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
        for id in status.stored {
            if let Some(message) = self.in_flight.remove(&id) {
                self.outputs.push_back(Output::Acknowledged(message.token));
            }
        }
        for (id, arrived) in status.incomplete {
            self.complete(now, id, arrived);
        }
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

    /// Sends what the receiver is missing of a message of which it has something.
    fn complete(&mut self, now: Duration, id: MessageId, arrived: u8) {
        let Some(message) = self.in_flight.get_mut(&id) else { return };
        for (path, progress) in message.progress.iter_mut().enumerate().take(message.fragments.len()) {
            *progress = if arrived >> path & 1 == 1 { Progress::Arrived } else { Progress::Due };
        }
        message.due = now + message.wait;
        let before = self.sent;
        self.publish(id);
        self.resent += self.sent.iter().zip(before).map(|(now, before)| now - before).sum::<u64>();
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
        let before = self.sent;
        let due: Vec<MessageId> =
            self.in_flight.iter().filter(|(_, message)| now >= message.due).map(|(id, _)| *id).collect();
        for id in due {
            let Some(message) = self.in_flight.get_mut(&id) else { continue };
            // What had arrived long ago may have been given up since.
            let forgotten = message.wait >= RESEND_MAX;
            for progress in &mut message.progress {
                if forgotten || *progress == Progress::Sent {
                    *progress = Progress::Due;
                }
            }
            message.wait = (message.wait * 2).min(RESEND_MAX);
            message.due = now + jittered(message.wait, rng);
            self.publish(id);
        }
        self.resent += self.sent.iter().zip(before).map(|(now, before)| now - before).sum::<u64>();
    }

    fn publish_all(&mut self) {
        let emergencies_first = |id: &MessageId| {
            self.in_flight.get(id).is_none_or(|message| message.priority != Priority::Emergency)
        };
        let mut ids: Vec<MessageId> = self.in_flight.keys().copied().collect();
        ids.sort_by_key(|id| (emergencies_first(id), *id));
        ids.into_iter().for_each(|id| self.publish(id));
    }

    /// Queues each fragment that is due and whose path is up. A fragment never takes another path than its own: two
    /// fragments on one path would give that path the message.
    fn publish(&mut self, id: MessageId) {
        let Some(message) = self.in_flight.get_mut(&id) else { return };
        let priority = message.priority;
        let paths = message.fragments.iter().zip(message.progress.iter_mut().zip(self.up)).enumerate();
        for (path, (fragment, (progress, up))) in paths {
            if up && *progress == Progress::Due {
                *progress = Progress::Sent;
                if let Some(count) = self.sent.get_mut(path) {
                    *count += 1;
                }
                self.outputs.push_back(Output::Fragment { path, priority, payload: fragment.clone() });
            }
        }
    }

    fn count_sent(&mut self, path: usize) {
        if let Some(count) = self.sent.get_mut(path) {
            *count += 1;
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
mod tests {
    use super::*;
    use crate::Spread;
    use crate::ack::AckWriter;
    use crate::keys::Secret;
    use crate::reassemble::{Outcome, Reassembler};
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn keys() -> SessionKeys {
        SessionKeys::new(&Secret([1; 32]), Spread::TWO_OF_THREE).unwrap()
    }

    fn sender() -> (Sender, ChaCha20Rng) {
        let started = Started { start: b"start".to_vec(), keys: keys() };
        (Sender::new(started, Duration::ZERO), ChaCha20Rng::seed_from_u64(1))
    }

    fn stored(id: u64) -> Status {
        Status { stored: vec![MessageId(id)], ..Status::default() }
    }

    fn paths(outputs: &[Output]) -> Vec<usize> {
        let path = |o: &Output| if let Output::Fragment { path, .. } = o { Some(*path) } else { None };
        outputs.iter().filter_map(path).collect()
    }

    fn drain(sender: &mut Sender) -> Vec<Output> {
        std::iter::from_fn(|| sender.poll()).collect()
    }

    fn confirm(sender: &mut Sender, rng: &mut ChaCha20Rng) -> AckWriter {
        let mut writer = AckWriter::new(keys());
        let ack = writer.seal(&Status::default()).unwrap();
        sender.handle(Duration::ZERO, Input::Ack(0, &ack[0]), rng).unwrap();
        writer
    }

    #[test]
    fn nothing_but_the_start_goes_out_before_the_clinic_confirms() {
        let (mut s, mut rng) = sender();
        assert!(
            s.handle(Duration::ZERO, Input::Submit(Token(1), Priority::Routine, b"m"), &mut rng).is_err()
        );
        s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
        assert_eq!(drain(&mut s), [Output::Start { path: 1, payload: b"start".to_vec() }]);
        s.handle(s.next_timeout().unwrap(), Input::Timeout, &mut rng).unwrap();
        assert_eq!(drain(&mut s).len(), 1);
        confirm(&mut s, &mut rng);
        assert_eq!(drain(&mut s), [Output::Confirmed]);
        assert!(s.ready(Priority::Routine));
    }

    #[test]
    fn each_path_gets_its_own_fragment_once_until_time_runs_out() {
        let (mut s, mut rng) = sender();
        confirm(&mut s, &mut rng);
        for path in [0, 2] {
            s.handle(Duration::ZERO, Input::PathUp(path), &mut rng).unwrap();
        }
        drain(&mut s);
        s.handle(Duration::ZERO, Input::Submit(Token(9), Priority::Routine, b"m"), &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [0, 2]);
        s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [1]);
        s.handle(RESEND_MIN, Input::Timeout, &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [0, 1, 2]);
        assert_eq!(s.resent(), 3);
        let next = s.next_timeout().unwrap();
        assert!((RESEND_MIN * 5 / 2..=RESEND_MIN * 3).contains(&next), "{next:?}");
    }

    #[test]
    fn an_order_comes_out_once_and_confirms_nothing() {
        let (mut s, mut rng) = sender();
        let orders = crate::downlink::OrderWriter::new(keys()).seal(b"ask").unwrap();
        for (path, order) in orders.iter().enumerate() {
            s.handle(Duration::ZERO, Input::Order(path, order), &mut rng).unwrap();
        }
        assert!(s.handle(Duration::ZERO, Input::Order(0, &orders[1]), &mut rng).is_err());
        let told = |o: &Output| matches!(o, Output::Ordered(content) if content == b"ask");
        let outputs = drain(&mut s);
        assert_eq!(outputs.iter().filter(|o| told(o)).count(), 1);
        assert!(!outputs.contains(&Output::Confirmed) && !s.ready(Priority::Routine));
    }

    #[test]
    fn acknowledgements_end_a_message_and_forged_ones_do_not() {
        let (mut s, mut rng) = sender();
        let mut writer = confirm(&mut s, &mut rng);
        s.handle(Duration::ZERO, Input::Submit(Token(9), Priority::Routine, b"m"), &mut rng).unwrap();
        drain(&mut s);
        assert!(s.handle(Duration::ZERO, Input::Ack(0, &[1; 40]), &mut rng).is_err());
        let ack = writer.seal(&stored(0)).unwrap();
        s.handle(Duration::ZERO, Input::Ack(2, &ack[2]), &mut rng).unwrap();
        s.handle(Duration::ZERO, Input::Ack(1, &ack[1]), &mut rng).unwrap();
        assert_eq!(drain(&mut s), [Output::Acknowledged(Token(9))]);
        assert_eq!(s.in_flight(), 0);
        let ahead = writer.seal(&stored(50)).unwrap();
        assert!(s.handle(Duration::ZERO, Input::Ack(0, &ahead[0]), &mut rng).is_err());
    }

    #[test]
    fn only_what_is_missing_is_sent_again_and_what_was_given_up_is_not_forgotten() {
        let (mut s, mut rng) = sender();
        let mut writer = confirm(&mut s, &mut rng);
        (0..3).for_each(|path| s.handle(Duration::ZERO, Input::PathUp(path), &mut rng).unwrap());
        s.handle(Duration::ZERO, Input::Submit(Token(9), Priority::Routine, b"m"), &mut rng).unwrap();
        drain(&mut s);
        let incomplete = Status { incomplete: vec![(MessageId(0), 0b010)], ..Status::default() };
        let ack = writer.seal(&incomplete).unwrap();
        s.handle(Duration::from_secs(1), Input::Ack(0, &ack[0]), &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [0, 2]);
        s.handle(Duration::from_secs(3), Input::Timeout, &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [0, 2]);
        // After the longest wait the receiver may have given up what it had.
        let all = (0..10).any(|_| {
            let due = s.next_timeout().unwrap();
            s.handle(due, Input::Timeout, &mut rng).unwrap();
            paths(&drain(&mut s)) == [0, 1, 2]
        });
        assert!(all);
    }

    #[test]
    fn emergencies_have_room_and_go_first_and_previews_go_once() {
        let (mut s, mut rng) = sender();
        confirm(&mut s, &mut rng);
        drain(&mut s);
        let submit = |s: &mut Sender, rng: &mut ChaCha20Rng, token, priority| {
            s.handle(Duration::ZERO, Input::Submit(Token(token), priority, b"m"), rng)
        };
        for token in 0..IN_FLIGHT_MESSAGES_MAX as u64 {
            submit(&mut s, &mut rng, token, Priority::Routine).unwrap();
        }
        assert!(submit(&mut s, &mut rng, 900, Priority::Routine).is_err());
        submit(&mut s, &mut rng, 901, Priority::Emergency).unwrap();
        assert!(submit(&mut s, &mut rng, 902, Priority::Preview).is_err());
        assert_eq!(s.next_timeout(), Some(RESEND_MIN_EMERGENCY));
        s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
        let first = drain(&mut s).remove(0);
        assert!(matches!(first, Output::Fragment { priority: Priority::Emergency, .. }), "{first:?}");
        s.handle(Duration::ZERO, Input::Preview(b"look"), &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [1]);
        s.handle(Duration::ZERO, Input::PathUp(2), &mut rng).unwrap();
        let previews = |o: &Output| matches!(o, Output::Fragment { priority: Priority::Preview, .. });
        assert!(!drain(&mut s).iter().any(previews));
    }

    #[test]
    fn a_message_that_stays_behind_stops_the_others_before_it_is_out_of_the_window() {
        let (mut s, mut rng) = sender();
        let mut writer = confirm(&mut s, &mut rng);
        let mut sent = 0;
        while s.ready(Priority::Routine) {
            s.handle(Duration::ZERO, Input::Submit(Token(sent), Priority::Routine, b"m"), &mut rng).unwrap();
            if sent > 0 {
                let ack = writer.seal(&stored(sent)).unwrap();
                s.handle(Duration::ZERO, Input::Ack(0, &ack[0]), &mut rng).unwrap();
            }
            sent += 1;
        }
        assert_eq!((sent, s.in_flight()), (IDS_AHEAD_MAX, 1));
        let ack = writer.seal(&stored(0)).unwrap();
        s.handle(Duration::ZERO, Input::Ack(0, &ack[0]), &mut rng).unwrap();
        assert!(s.ready(Priority::Routine));
    }

    #[test]
    fn a_session_ends_with_its_numbers_or_its_day() {
        let (mut s, mut rng) = sender();
        confirm(&mut s, &mut rng);
        assert!(!s.is_spent(SESSION_AGE_MAX - Duration::from_secs(1)) && s.is_spent(SESSION_AGE_MAX));
        s.next_id = MESSAGES_PER_SESSION_MAX;
        assert!(s.is_spent(Duration::ZERO) && !s.ready(Priority::Emergency));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Whatever paths lose and however often they fail, each message arrives once and is acknowledged.
        #[test]
        fn lossy_paths_deliver_everything_once(losses in proptest::collection::vec(any::<u8>(), 200), dead in 0usize..3) {
            let (mut s, mut rng) = sender();
            let mut clinic = Reassembler::default();
            clinic.add(1, keys()).unwrap();
            let mut writer = confirm(&mut s, &mut rng);
            (0..3).filter(|p| *p != dead).for_each(|p| s.handle(Duration::ZERO, Input::PathUp(p), &mut rng).unwrap());
            for token in 0..20u64 {
                s.handle(Duration::ZERO, Input::Submit(Token(token), Priority::Routine, &token.to_be_bytes()), &mut rng).unwrap();
            }
            let (mut got, mut acked, mut now) = (Vec::new(), Vec::new(), Duration::ZERO);
            let mut lost = losses.iter().cycle();
            for _ in 0..200 {
                let outputs = drain(&mut s);
                for output in outputs {
                    match output {
                        Output::Fragment { path, payload, .. } if *lost.next().unwrap() > 76 => {
                            now += Duration::from_millis(20);
                            let mut status = Status::default();
                            if let Ok(Outcome::Known { id, .. }) = clinic.handle(now, path, &payload) {
                                status.stored.push(id);
                            }
                            clinic.expire(now);
                            while let Some(d) = clinic.poll() {
                                status.stored.push(d.id);
                                got.push(d.message);
                            }
                            status.incomplete = clinic.incomplete(now).into_iter().flat_map(|(_, ids)| ids).collect();
                            let ack = writer.seal(&status).unwrap();
                            if *lost.next().unwrap() > 76 {
                                s.handle(now, Input::Ack(path, &ack[path]), &mut rng).unwrap();
                            }
                        }
                        Output::Acknowledged(token) => acked.push(token.0),
                        _ => {}
                    }
                }
                if let Some(due) = s.next_timeout() {
                    now = now.max(due);
                    s.handle(now, Input::Timeout, &mut rng).unwrap();
                }
            }
            got.sort();
            acked.sort_unstable();
            prop_assert_eq!(got, (0..20u64).map(|t| t.to_be_bytes().to_vec()).collect::<Vec<_>>());
            prop_assert_eq!(acked, (0..20).collect::<Vec<_>>());
        }
    }
}
