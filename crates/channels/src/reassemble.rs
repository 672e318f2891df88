//! Putting messages together again, under limits, exactly once.

use crate::disperse::{Fragment, MessageId, combine, open_fragment, pseudonym_of};
use crate::error::Refusal;
use crate::keys::{PSEUDONYM_BYTES, SessionKeys};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Messages of one session that wait for their second fragment: twice what a sender has in flight.
pub const OPEN_MESSAGES_MAX: usize = 2 * crate::sender::IN_FLIGHT_MESSAGES_MAX;
/// Bytes that the open messages of one session may hold: an hour's catch-up of one patient.
pub const OPEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a message may wait. The sender repeats every 30 seconds at the latest, so that twice that is enough.
pub const OPEN_AGE_MAX: Duration = Duration::from_secs(60);
/// Ids below the highest that are remembered one by one; anything older counts as seen.
pub const SEEN_WINDOW: u64 = 4 * crate::sender::IN_FLIGHT_MESSAGES_MAX as u64;
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
    /// The plaintext.
    pub message: Vec<u8>,
}

/// What became of a fragment that was not refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for others of its message.
    Waiting,
    /// The message is complete.
    Delivered(Delivered),
    /// The message had been complete before: acknowledge again, since the hub seems not to know.
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
}

struct Session {
    keys: SessionKeys,
    hub: u16,
    /// When it was used last, by the reassembler's own count.
    used: u64,
    open: BTreeMap<MessageId, Open>,
    open_bytes: usize,
    /// Every id below this was delivered, or is too old to be asked about.
    seen_below: u64,
    seen: std::collections::BTreeSet<u64>,
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
        for path in 0..keys.threshold().n() {
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
            seen_below: 0,
            seen: std::collections::BTreeSet::new(),
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

    /// Takes a fragment that came in on `path` at `now` (any monotonic clock).
    pub fn handle(&mut self, now: Duration, path: usize, bytes: &[u8]) -> Result<Outcome, Refusal> {
        let name = pseudonym_of(bytes)?;
        let number = *self.names.get(&(path, name)).ok_or(Refusal::UnknownSession)?;
        let session = self.sessions.get_mut(&number).ok_or(Refusal::UnknownSession)?;
        // The tag comes first: nothing is kept, counted or looked up for bytes that the hub has not sealed.
        let fragment = open_fragment(&session.keys, path, bytes)?;
        self.uses += 1;
        session.used = self.uses;
        let id = fragment.header.id;
        if session.was_delivered(id) {
            return Ok(Outcome::Known { session: number, id });
        }
        session.keep(now, fragment)?;
        match session.try_combine(id)? {
            Some(message) => Ok(Outcome::Delivered(Delivered { session: number, id, message })),
            None => Ok(Outcome::Waiting),
        }
    }

    /// Forgets fragments that have waited longer than [`OPEN_AGE_MAX`]; returns how many messages were given up.
    /// Nothing is lost by it: what was not acknowledged is sent again.
    pub fn expire(&mut self, now: Duration) -> usize {
        self.sessions.values_mut().map(|session| session.expire(now)).sum()
    }
}

impl Session {
    fn was_delivered(&self, id: MessageId) -> bool {
        id.0 < self.seen_below || self.seen.contains(&id.0)
    }

    fn keep(&mut self, now: Duration, fragment: Fragment) -> Result<(), Refusal> {
        let (id, len) = (fragment.header.id, fragment.len());
        if self.open_bytes + len > OPEN_BYTES_MAX
            || (self.open.len() >= OPEN_MESSAGES_MAX && !self.open.contains_key(&id))
        {
            return Err(Refusal::Limit);
        }
        let open = self.open.entry(id).or_insert_with(|| Open { fragments: Vec::new(), since: now });
        if let Some(first) = open.fragments.first() {
            let same = first.commitment == fragment.commitment
                && first.header.sealed_len == fragment.header.sealed_len;
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
        if open.fragments.len() < self.keys.threshold().k() {
            return Ok(None);
        }
        let result = combine(&self.keys, &open.fragments);
        self.drop_open(id);
        let message = result?;
        self.mark_delivered(id);
        Ok(Some(message))
    }

    fn drop_open(&mut self, id: MessageId) {
        if let Some(open) = self.open.remove(&id) {
            self.open_bytes -= open.fragments.iter().map(Fragment::len).sum::<usize>();
        }
    }

    fn mark_delivered(&mut self, id: MessageId) {
        self.seen.insert(id.0);
        let highest = self.seen.last().copied().unwrap_or(0);
        self.seen_below = self.seen_below.max(highest.saturating_sub(SEEN_WINDOW));
        while self.seen.remove(&self.seen_below) {
            self.seen_below += 1;
        }
        self.seen = self.seen.split_off(&self.seen_below);
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
    use crate::Threshold;
    use crate::disperse::disperse;
    use crate::keys::Secret;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const T0: Duration = Duration::ZERO;

    fn keys(seed: u8) -> SessionKeys {
        SessionKeys::new(&Secret([seed; 32]), Threshold::TWO_OF_THREE).unwrap()
    }

    fn with_session(seed: u8) -> (Reassembler, SessionNumber) {
        let mut reassembler = Reassembler::default();
        let number = reassembler.add(1, keys(seed)).unwrap().unwrap();
        (reassembler, number)
    }

    fn message(id: u64, text: &[u8]) -> Vec<Vec<u8>> {
        disperse(&keys(1), MessageId(id), text, &mut ChaCha20Rng::seed_from_u64(id)).unwrap()
    }

    #[test]
    fn a_message_is_delivered_once_whatever_else_arrives() {
        let (mut r, session) = with_session(1);
        let f = message(5, b"hello");
        assert_eq!(r.handle(T0, 2, &f[2]), Ok(Outcome::Waiting));
        assert_eq!(r.handle(T0, 2, &f[2]), Err(Refusal::Replayed));
        assert_eq!(r.handle(T0, 1, &f[2]), Err(Refusal::UnknownSession));
        let delivered = Delivered { session, id: MessageId(5), message: b"hello".to_vec() };
        assert_eq!(r.handle(T0, 0, &f[0]), Ok(Outcome::Delivered(delivered)));
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
        assert!(matches!(r.handle(T0, 2, &f[2]), Ok(Outcome::Delivered(_))));
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
    fn very_old_ids_count_as_seen() {
        let (mut r, session) = with_session(1);
        let deliver = |r: &mut Reassembler, id: u64| {
            let f = message(id, b"x");
            r.handle(T0, 0, &f[0]).and_then(|_| r.handle(T0, 1, &f[1]))
        };
        assert!(matches!(deliver(&mut r, SEEN_WINDOW + 10), Ok(Outcome::Delivered(_))));
        assert!(matches!(deliver(&mut r, 10), Ok(Outcome::Delivered(_))));
        assert_eq!(deliver(&mut r, 9), Ok(Outcome::Known { session, id: MessageId(9) }));
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
                if let Ok(Outcome::Delivered(d)) = r.handle(T0, path, &messages[id as usize][path]) {
                    prop_assert_eq!(&d.message[..], &id.to_be_bytes()[..]);
                    *delivered.entry(id).or_default() += 1;
                }
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
