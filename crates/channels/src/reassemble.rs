//! Putting messages together again, under limits, exactly once, in order where that does not delay them.
//!
//! Drain [`Reassembler::poll`] to `None` after each call of [`Reassembler::handle`] and [`Reassembler::expire`].

use crate::disperse::combine;
use crate::error::Refusal;
use crate::fragment::{self, FIRST_PREVIEW, Fragment, MessageId};
use crate::keys::{PSEUDONYM_BYTES, SessionKeys};
use crate::order::{Order, Turn};
use crate::{PATHS_MAX, Priority};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Messages of one session that wait for their second fragment: twice what a sender has in flight.
pub const OPEN_MESSAGES_MAX: usize = 2 * crate::sender::IN_FLIGHT_MESSAGES_MAX;
/// Bytes that the messages of one session may hold that are open or wait for their turn: an hour's catch-up of one patient.
pub const OPEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a message may wait. The sender repeats every 30 seconds at the latest, so that twice that is enough.
pub const OPEN_AGE_MAX: Duration = Duration::from_secs(60);
/// Ids below the highest that are remembered one by one; anything older is refused, and not acknowledged.
pub const SEEN_WINDOW: u64 = 4 * crate::sender::IN_FLIGHT_MESSAGES_MAX as u64;
/// An incomplete message is named to the sender when it has waited this long: several times what lies between two
/// healthy paths.
pub const INCOMPLETE_AFTER: Duration = Duration::from_millis(600);
/// And again after this long, when what was sent again has not come either.
pub const INCOMPLETE_AGAIN: Duration = Duration::from_secs(2);
/// Sessions of one hub: the running one and the one it replaces.
pub const SESSIONS_PER_HUB_MAX: usize = 2;
/// Names of sessions that are remembered after they are gone, so that a repeated start cannot bring one back: a hub
/// that begins anew every minute for a day, and a good deal more. The oldest names are forgotten first; by then the
/// prekey has gone too.
pub const NAMES_REMEMBERED: usize = 16_384;
/// Sessions altogether: a thousand hubs in a shard, twice over.
pub const SESSIONS_MAX: usize = 2_048;

/// Which session, as the reassembler counts them. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

/// A message that has been put together.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The session it came in.
    pub session: SessionNumber,
    /// Its number there, to be acknowledged when it is stored.
    pub id: MessageId,
    /// How important its sender said it is.
    pub priority: Priority,
    /// It comes after a message that was sent later.
    pub late: bool,
    /// The plaintext.
    pub message: Vec<u8>,
}

/// What became of a fragment that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for others of its message, or its message waits for its turn.
    Waiting,
    /// Its message is complete: [`Reassembler::poll`] hands it out, now or when those before it are there.
    Complete,
    /// The message had been handed out before: acknowledge again when it is stored, since the hub seems not to know.
    Known {
        /// The session.
        session: SessionNumber,
        /// The message.
        id: MessageId,
    },
}

struct Open {
    fragments: Vec<Fragment>,
    since: Duration,
    /// When it is named to the sender next.
    report_at: Duration,
}

struct Session {
    keys: SessionKeys,
    hub: u16,
    /// When it was used last, by the reassembler's own count.
    used: u64,
    open: BTreeMap<MessageId, Open>,
    open_bytes: usize,
    order: Order,
    seen: Seen,
    seen_previews: Seen,
    received: [u32; PATHS_MAX],
}

/// Which numbers were complete.
#[derive(Default)]
struct Seen {
    /// Below this nobody knows any more.
    floor: u64,
    /// From the floor up to this every id was.
    below: u64,
    ids: BTreeSet<u64>,
}

impl Seen {
    /// Whether the id was complete; refused when it is too old to tell.
    fn has(&self, id: u64) -> Result<bool, Refusal> {
        if id < self.floor {
            return Err(Refusal::Replayed);
        }
        Ok(id < self.below || self.ids.contains(&id))
    }

    fn add(&mut self, id: u64) {
        self.ids.insert(id);
        let highest = self.ids.last().copied().unwrap_or(0);
        self.floor = self.floor.max(highest.saturating_sub(SEEN_WINDOW));
        self.below = self.below.max(self.floor);
        while self.ids.remove(&self.below) {
            self.below += 1;
        }
        self.ids = self.ids.split_off(&self.below);
    }
}

/// Puts the messages of many sessions together.
#[derive(Default)]
pub struct Reassembler {
    sessions: BTreeMap<SessionNumber, Session>,
    /// (path, pseudonym on it) to session.
    names: HashMap<(usize, [u8; PSEUDONYM_BYTES]), SessionNumber>,
    /// Names on path 0 of all sessions that were ever added, oldest first.
    known: VecDeque<[u8; PSEUDONYM_BYTES]>,
    uses: u64,
    next: u64,
    outputs: VecDeque<Delivered>,
}

impl Reassembler {
    /// Adds an accepted session of `hub`. When the hub has too many, the one that was used least recently makes room,
    /// so that starts which somebody held back cannot push the running one out.
    ///
    /// `None` when the session is already here (its start came on another path). Refused: a session that was here and
    /// is gone, since only a replayed start can be that; and any when there is no room.
    pub fn add(&mut self, hub: u16, keys: SessionKeys) -> Result<Option<SessionNumber>, Refusal> {
        let first = keys.pseudonym(0).ok_or(Refusal::Malformed)?;
        if self.names.contains_key(&(0, first)) {
            return Ok(None);
        }
        if self.known.contains(&first) {
            return Err(Refusal::Replayed);
        }
        let of_hub: Vec<_> = self.sessions.iter().filter(|(_, s)| s.hub == hub).collect();
        if of_hub.len() >= SESSIONS_PER_HUB_MAX
            && let Some(number) =
                of_hub.into_iter().min_by_key(|(_, session)| session.used).map(|(number, _)| *number)
        {
            self.remove(number);
        }
        if self.sessions.len() >= SESSIONS_MAX {
            return Err(Refusal::Limit);
        }
        self.uses += 1;
        self.known.push_back(first);
        if self.known.len() > NAMES_REMEMBERED {
            self.known.pop_front();
        }
        let number = SessionNumber(self.next);
        self.next += 1;
        for path in 0..keys.spread().n() {
            if let Some(name) = keys.pseudonym(path) {
                self.names.insert((path, name), number);
            }
        }
        let session = Session {
            keys,
            hub,
            used: self.uses,
            open: BTreeMap::new(),
            open_bytes: 0,
            order: Order::default(),
            seen: Seen::default(),
            seen_previews: Seen::default(),
            received: [0; PATHS_MAX],
        };
        self.sessions.insert(number, session);
        Ok(Some(number))
    }

    /// Forgets a session and what waits in it.
    pub fn remove(&mut self, number: SessionNumber) {
        self.sessions.remove(&number);
        self.names.retain(|_, other| *other != number);
    }

    /// The session that a start message refers to, when it is already here.
    pub fn find(&self, keys: &SessionKeys) -> Option<SessionNumber> {
        self.names.get(&(0, keys.pseudonym(0)?)).copied()
    }

    /// The next message, or `None`.
    pub fn poll(&mut self) -> Option<Delivered> {
        self.outputs.pop_front()
    }

    /// Takes a fragment that came in on `path` at `now` (any monotonic clock).
    pub fn handle(&mut self, now: Duration, path: usize, bytes: &[u8]) -> Result<Outcome, Refusal> {
        let name = fragment::pseudonym_of(bytes)?;
        let number = *self.names.get(&(path, name)).ok_or(Refusal::UnknownSession)?;
        let session = self.sessions.get_mut(&number).ok_or(Refusal::UnknownSession)?;
        // The tag comes first: nothing is kept, counted or looked up for bytes that the hub has not sealed.
        let fragment = fragment::open(&session.keys, path, bytes)?;
        self.uses += 1;
        session.used = self.uses;
        if let Some(count) = session.received.get_mut(path) {
            *count = count.wrapping_add(1);
        }
        let (id, priority) = (fragment.header.id, fragment.header.priority);
        if session.order.holds(id) {
            return Ok(Outcome::Waiting);
        }
        if session.was_complete(id)? {
            return Ok(Outcome::Known { session: number, id });
        }
        session.keep(now, fragment)?;
        let Some(message) = session.try_combine(id)? else { return Ok(Outcome::Waiting) };
        let turns = if priority == Priority::Preview {
            vec![Turn { id, message, late: false }]
        } else {
            session.order.take(now, id, message, priority == Priority::Emergency)
        };
        // What comes out beside an emergency has waited for its turn, and is routine.
        let priority_of = |turn: &Turn| if turn.id == id { priority } else { Priority::Routine };
        let deliver = |turn: Turn| deliver(number, priority_of(&turn), turn);
        self.outputs.extend(turns.into_iter().map(deliver));
        Ok(Outcome::Complete)
    }

    /// Forgets fragments that have waited longer than [`OPEN_AGE_MAX`], and hands out what has waited long enough for
    /// its turn; returns how many messages were given up. Nothing is lost by it: what was not acknowledged is sent again.
    pub fn expire(&mut self, now: Duration) -> usize {
        let mut given_up = 0;
        for (number, session) in &mut self.sessions {
            given_up += session.expire(now);
            let turns = session.order.expire(now);
            self.outputs.extend(turns.into_iter().map(|turn| deliver(*number, Priority::Routine, turn)));
        }
        given_up
    }

    /// When [`Self::expire`] has a message to hand out.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.sessions.values().filter_map(|session| session.order.next_timeout()).min()
    }

    /// Messages of which fragments are missing for long, to be named to their senders, with a bit for each path whose
    /// fragment is there. Each is named once in [`INCOMPLETE_AGAIN`].
    pub fn incomplete(&mut self, now: Duration) -> Vec<(SessionNumber, Vec<(MessageId, u8)>)> {
        let due = |(number, session): (&SessionNumber, &mut Session)| {
            let messages = session.incomplete(now);
            (!messages.is_empty()).then_some((*number, messages))
        };
        self.sessions.iter_mut().filter_map(due).collect()
    }

    /// Fragments of a session that verified on each path, modulo 2^32.
    pub fn received(&self, number: SessionNumber) -> [u32; PATHS_MAX] {
        self.sessions.get(&number).map_or([0; PATHS_MAX], |session| session.received)
    }

    /// Bytes that wait in all sessions.
    pub fn waiting_bytes(&self) -> usize {
        self.sessions.values().map(|session| session.open_bytes + session.order.bytes()).sum()
    }
}

fn deliver(session: SessionNumber, priority: Priority, turn: Turn) -> Delivered {
    Delivered { session, id: turn.id, priority, late: turn.late, message: turn.message }
}

impl Session {
    fn seen_of(&mut self, id: MessageId) -> (&mut Seen, u64) {
        if id.is_preview() { (&mut self.seen_previews, id.0 - FIRST_PREVIEW) } else { (&mut self.seen, id.0) }
    }

    fn was_complete(&mut self, id: MessageId) -> Result<bool, Refusal> {
        let (seen, number) = self.seen_of(id);
        seen.has(number)
    }

    fn keep(&mut self, now: Duration, fragment: Fragment) -> Result<(), Refusal> {
        let (id, len) = (fragment.header.id, fragment.len());
        if self.open_bytes + self.order.bytes() + len > OPEN_BYTES_MAX
            || (self.open.len() >= OPEN_MESSAGES_MAX && !self.open.contains_key(&id))
        {
            return Err(Refusal::Limit);
        }
        let fresh = || Open { fragments: Vec::new(), since: now, report_at: now + INCOMPLETE_AFTER };
        let open = self.open.entry(id).or_insert_with(fresh);
        if let Some(first) = open.fragments.first() {
            let same = first.binding == fragment.binding
                && first.header.sealed_len == fragment.header.sealed_len
                && first.header.priority == fragment.header.priority;
            if !same {
                return Err(Refusal::Inconsistent);
            }
        }
        if open.fragments.iter().any(|other| other.header.index == fragment.header.index) {
            return Err(Refusal::Replayed);
        }
        open.fragments.push(fragment);
        self.open_bytes += len;
        Ok(())
    }

    fn try_combine(&mut self, id: MessageId) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(open) = self.open.get(&id) else { return Ok(None) };
        if open.fragments.len() < self.keys.spread().k() {
            return Ok(None);
        }
        let result = combine(&self.keys, &open.fragments);
        self.drop_open(id);
        let message = result?;
        let (seen, number) = self.seen_of(id);
        seen.add(number);
        Ok(Some(message))
    }

    fn incomplete(&mut self, now: Duration) -> Vec<(MessageId, u8)> {
        let due = self.open.iter_mut().filter(|(id, open)| !id.is_preview() && now >= open.report_at);
        due.map(|(id, open)| {
            open.report_at = now + INCOMPLETE_AGAIN;
            let bit = |fragment: &Fragment| 1u8.checked_shl(u32::from(fragment.header.index)).unwrap_or(0);
            (*id, open.fragments.iter().map(bit).fold(0, |all, one| all | one))
        })
        .collect()
    }

    fn drop_open(&mut self, id: MessageId) {
        if let Some(open) = self.open.remove(&id) {
            self.open_bytes -= open.fragments.iter().map(Fragment::len).sum::<usize>();
        }
    }

    fn expire(&mut self, now: Duration) -> usize {
        let old: Vec<MessageId> = self
            .open
            .iter()
            .filter(|(_, open)| now.saturating_sub(open.since) > OPEN_AGE_MAX)
            .map(|(id, _)| *id)
            .collect();
        old.iter().for_each(|id| self.drop_open(*id));
        old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spread;
    use crate::disperse::disperse;
    use crate::keys::Secret;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const T0: Duration = Duration::ZERO;

    fn keys(seed: u8) -> SessionKeys {
        SessionKeys::new(&Secret([seed; 32]), Spread::TWO_OF_THREE).unwrap()
    }

    fn with_session(seed: u8) -> (Reassembler, SessionNumber) {
        let mut reassembler = Reassembler::default();
        let number = reassembler.add(1, keys(seed)).unwrap().unwrap();
        (reassembler, number)
    }

    fn message(id: u64, text: &[u8]) -> Vec<Vec<u8>> {
        disperse(&keys(1), MessageId(id), Priority::Routine, text, &mut ChaCha20Rng::seed_from_u64(id))
            .unwrap()
    }

    #[test]
    fn a_message_is_delivered_once_whatever_else_arrives() {
        let (mut r, session) = with_session(1);
        let f = message(5, b"hello");
        assert_eq!(r.handle(T0, 2, &f[2]), Ok(Outcome::Waiting));
        assert_eq!(r.handle(T0, 2, &f[2]), Err(Refusal::Replayed));
        assert_eq!(r.handle(T0, 1, &f[2]), Err(Refusal::UnknownSession));
        assert_eq!(r.handle(T0, 0, &f[0]), Ok(Outcome::Complete));
        assert_eq!(r.poll(), None, "five others were sent before it");
        assert_eq!(r.handle(T0, 1, &f[1]), Ok(Outcome::Waiting), "and it is not to be acknowledged yet");
        r.expire(crate::order::HOLD_MAX);
        let (id, priority, message) = (MessageId(5), Priority::Routine, b"hello".to_vec());
        assert_eq!(r.poll(), Some(Delivered { session, id, priority, late: false, message }));
        assert_eq!(r.handle(T0, 1, &f[1]), Ok(Outcome::Known { session, id: MessageId(5) }));
    }

    #[test]
    fn a_lying_path_costs_nothing() {
        let (mut r, _) = with_session(1);
        let f = message(1, b"m");
        let mut poisoned = f[1].clone();
        *poisoned.last_mut().unwrap() ^= 1;
        assert_eq!(r.handle(T0, 0, &f[0]), Ok(Outcome::Waiting));
        assert_eq!(r.handle(T0, 1, &poisoned), Err(Refusal::BadTag));
        assert_eq!(r.handle(T0, 2, &f[2]), Ok(Outcome::Complete));
    }

    #[test]
    fn a_flood_of_half_messages_stops_at_the_limit_and_expires() {
        let (mut r, _) = with_session(1);
        for id in 0..OPEN_MESSAGES_MAX as u64 {
            assert_eq!(r.handle(T0, 0, &message(id, b"x")[0]), Ok(Outcome::Waiting));
        }
        let late = message(OPEN_MESSAGES_MAX as u64, b"x");
        assert_eq!(r.handle(T0, 0, &late[0]), Err(Refusal::Limit));
        assert_eq!(r.expire(OPEN_AGE_MAX + Duration::from_secs(1)), OPEN_MESSAGES_MAX);
        assert_eq!(r.handle(T0, 0, &late[0]), Ok(Outcome::Waiting));
    }

    #[test]
    fn a_hub_keeps_two_sessions_and_a_repeated_start_adds_none() {
        let mut r = Reassembler::default();
        let first = r.add(1, keys(1)).unwrap().unwrap();
        assert_eq!(r.add(1, keys(1)), Ok(None));
        assert_eq!(r.find(&keys(1)), Some(first));
        r.add(1, keys(2)).unwrap();
        r.add(2, keys(3)).unwrap();
        r.add(1, keys(4)).unwrap();
        assert_eq!(r.sessions.len(), 3);
        assert_eq!(r.find(&keys(1)), None);
        assert_eq!(r.handle(T0, 0, &message(0, b"x")[0]), Err(Refusal::UnknownSession));
    }

    /// A session that came back would count its acknowledgements from zero again, under the same key.
    #[test]
    fn replayed_and_withheld_starts_push_nothing_out_and_bring_nothing_back() {
        let (mut r, running) = with_session(1);
        r.add(1, keys(2)).unwrap();
        assert_eq!(r.handle(T0, 0, &message(0, b"x")[0]), Ok(Outcome::Waiting));
        r.add(1, keys(3)).unwrap();
        assert_eq!(r.find(&keys(1)), Some(running), "the session in use stays");
        assert_eq!((r.find(&keys(2)), r.add(1, keys(2))), (None, Err(Refusal::Replayed)));
        r.remove(running);
        assert_eq!(r.add(1, keys(1)), Err(Refusal::Replayed));
    }

    #[test]
    fn very_old_ids_are_refused_and_not_taken_for_delivered() {
        let (mut r, session) = with_session(1);
        let deliver = |r: &mut Reassembler, id: u64| {
            let f = message(id, b"x");
            r.handle(T0, 0, &f[0]).and_then(|_| r.handle(T0, 1, &f[1]))
        };
        assert_eq!(deliver(&mut r, SEEN_WINDOW + 10), Ok(Outcome::Complete));
        assert_eq!(deliver(&mut r, 10), Ok(Outcome::Complete));
        r.expire(crate::order::HOLD_MAX);
        assert_eq!(std::iter::from_fn(|| r.poll()).count(), 2);
        assert_eq!(deliver(&mut r, 10), Ok(Outcome::Known { session, id: MessageId(10) }));
        assert_eq!(deliver(&mut r, 9), Err(Refusal::Replayed));
    }

    fn prioritised(priority: Priority, id: u64) -> Vec<Vec<u8>> {
        let mut rng = ChaCha20Rng::seed_from_u64(id);
        disperse(&keys(1), MessageId(id), priority, b"x", &mut rng).unwrap()
    }

    #[test]
    fn emergencies_and_previews_are_handed_out_at_once_and_what_is_late_says_so() {
        let (mut r, _) = with_session(1);
        let mut bring = |now: Duration, fragments: &[Vec<u8>]| {
            fragments.iter().enumerate().take(2).for_each(|(path, f)| {
                r.handle(now, path, f).unwrap();
            });
            r.expire(now);
            let delivered = std::iter::from_fn(|| r.poll());
            delivered.map(|d| (d.id.0, d.priority, d.late)).collect::<Vec<_>>()
        };
        use Priority::{Emergency, Preview, Routine};
        let preview = FIRST_PREVIEW + 7;
        assert_eq!(bring(T0, &prioritised(Routine, 1)), []);
        assert_eq!(bring(T0, &prioritised(Emergency, 2)), [(2, Emergency, false)]);
        assert_eq!(bring(T0, &prioritised(Preview, preview)), [(preview, Preview, false)]);
        assert_eq!(
            bring(crate::order::HOLD_MAX, &prioritised(Routine, 3)),
            [(1, Routine, false), (3, Routine, false)]
        );
        assert_eq!(bring(crate::order::HOLD_MAX, &prioritised(Routine, 0)), [(0, Routine, true)]);
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_there_once_in_a_while() {
        let (mut r, session) = with_session(1);
        r.handle(T0, 2, &message(4, b"x")[2]).unwrap();
        r.handle(T0, 0, &message(5, b"x")[0]).unwrap();
        r.handle(T0, 1, &message(5, b"x")[1]).unwrap();
        assert_eq!(r.incomplete(INCOMPLETE_AFTER / 2), []);
        let named = [(session, vec![(MessageId(4), 0b100)])];
        assert_eq!(r.incomplete(INCOMPLETE_AFTER), named);
        assert_eq!(r.incomplete(INCOMPLETE_AFTER), []);
        assert_eq!(r.incomplete(INCOMPLETE_AFTER + INCOMPLETE_AGAIN), named);
        assert_eq!(r.received(session)[..4], [1, 1, 1, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_order_with_repeats_delivers_each_message_once(order in proptest::collection::vec((0u64..12, 0usize..3), 1..120)) {
            let (mut r, _) = with_session(1);
            let messages: Vec<_> = (0..12).map(|id| message(id, &id.to_be_bytes())).collect();
            let mut delivered = std::collections::BTreeMap::<u64, u32>::new();
            let mut sent = std::collections::BTreeMap::<u64, std::collections::BTreeSet<usize>>::new();
            for (id, path) in order {
                sent.entry(id).or_default().insert(path);
                let _ = r.handle(T0, path, &messages[id as usize][path]);
            }
            r.expire(crate::order::HOLD_MAX);
            while let Some(d) = r.poll() {
                prop_assert_eq!(&d.message[..], &d.id.0.to_be_bytes()[..]);
                *delivered.entry(d.id.0).or_default() += 1;
            }
            for (id, paths) in sent {
                prop_assert_eq!(delivered.get(&id).copied().unwrap_or(0), u32::from(paths.len() >= 2));
            }
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), path in 0usize..5) {
            let (mut r, _) = with_session(1);
            prop_assert!(r.handle(T0, path, &bytes).is_err());
        }
    }
}
