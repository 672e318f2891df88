//! From fragments to messages, and from stored messages to acknowledgements. No input or output of its own.

use bodywire_channels::ack::{AckWriter, IDS_PER_ACK_MAX, Status};
use bodywire_channels::downlink::OrderWriter;
use bodywire_channels::health::{Counts, Health};
use bodywire_channels::reassemble::{Delivered, Outcome, Reassembler, SessionNumber};
use bodywire_channels::sender::RESEND_MIN;
use bodywire_channels::session::{self, HubNumber, Prekey};
use bodywire_channels::topic::Shard;
use bodywire_channels::{Error, MessageId, PATHS_MAX, Priority, Refusal, SessionKeys};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

/// Prekeys that are still accepted: the one offered now and the one before.
pub const PREKEYS_KEPT: usize = 2;
/// Acknowledged messages remembered, to tell a lost acknowledgement from a third fragment that comes late.
pub const ACKED_REMEMBERED: usize = 4_096;
/// How long a path is said to lie after the last fragment on it that was forged or damaged.
pub const LYING_FOR: Duration = Duration::from_secs(60);

/// A message to be put on one path.
#[derive(Debug, PartialEq, Eq)]
pub struct Publication {
    /// The path.
    pub path: usize,
    /// The topic.
    pub topic: String,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// A message that has arrived whole.
#[derive(Debug)]
pub struct Arrived {
    /// Where to acknowledge it.
    pub receipt: Receipt,
    /// The hub that sent it.
    pub hub: HubNumber,
    /// How important the hub said it is.
    pub priority: Priority,
    /// It comes after a message that was sent later.
    pub late: bool,
    /// The message.
    pub message: Vec<u8>,
}

/// What is known of a path by what comes in on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PathQuality {
    /// Nothing is wrong.
    Good,
    /// This share of what the best path brought is missing on it.
    Losing(f64),
    /// Forged or damaged fragments came in on it lately.
    Lying,
}

/// Names a message for its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    pub(crate) session: SessionNumber,
    pub(crate) id: MessageId,
}

struct Session {
    hub: HubNumber,
    keys: SessionKeys,
    acks: AckWriter,
    orders: OrderWriter,
}

/// The clinic's end of all sessions.
pub struct Ingest {
    shard: Shard,
    signing_key: SigningKey,
    hubs: BTreeMap<HubNumber, VerifyingKey>,
    prekeys: Vec<Prekey>,
    reassembler: Reassembler,
    sessions: BTreeMap<SessionNumber, Session>,
    arrived: VecDeque<Arrived>,
    /// Messages that have arrived and are not stored yet.
    in_hand: BTreeSet<Receipt>,
    acked: HashMap<Receipt, Duration>,
    refusals: BTreeMap<(usize, Refusal), u64>,
    /// Fragments that verified on each path.
    verified: Counts,
    health: Health,
    /// When something forged or damaged came in last on each path.
    lied: [Option<Duration>; PATHS_MAX],
}

impl Ingest {
    /// The end of no session yet, for these hubs.
    pub fn new(
        shard: Shard,
        signing_key: SigningKey,
        hubs: impl IntoIterator<Item = (HubNumber, VerifyingKey)>,
    ) -> Self {
        Self {
            shard,
            signing_key,
            hubs: hubs.into_iter().collect(),
            prekeys: Vec::new(),
            reassembler: Reassembler::default(),
            sessions: BTreeMap::new(),
            arrived: VecDeque::new(),
            in_hand: BTreeSet::new(),
            acked: HashMap::new(),
            refusals: BTreeMap::new(),
            verified: [0; PATHS_MAX],
            health: Health::default(),
            lied: [None; PATHS_MAX],
        }
    }

    /// Draws a new prekey; the one before last is erased.
    pub fn renew_prekey(&mut self, now_ms: u64, rng: &mut impl CryptoRng) {
        self.prekeys.insert(0, Prekey::generate(&self.signing_key, now_ms, rng));
        self.prekeys.truncate(PREKEYS_KEPT);
    }

    /// What to leave at the brokers, retained; `None` before the first [`Self::renew_prekey`].
    pub fn prekey(&self) -> Option<&[u8]> {
        self.prekeys.first().map(Prekey::published)
    }

    /// How often something was refused, by path and reason: a path that lies is named here.
    pub const fn refusals(&self) -> &BTreeMap<(usize, Refusal), u64> {
        &self.refusals
    }

    /// Fragments that verified on each path.
    pub const fn verified(&self) -> Counts {
        self.verified
    }

    /// Bytes of messages that are not complete or wait for their turn.
    pub fn waiting_bytes(&self) -> usize {
        self.reassembler.waiting_bytes()
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// What is known of a path at `now` by what comes in on it.
    pub fn quality(&self, now: Duration, path: usize) -> PathQuality {
        let lied = self.lied.get(path).copied().flatten();
        if lied.is_some_and(|at| now.saturating_sub(at) < LYING_FOR) {
            return PathQuality::Lying;
        }
        match self.health.loss(path).filter(|_| self.health.is_degraded(path)) {
            Some(loss) => PathQuality::Losing(loss),
            None => PathQuality::Good,
        }
    }

    /// A path is there again: what it missed while it was away is not held against it.
    pub fn path_up(&mut self) {
        self.health = Health::default();
    }

    /// Takes the start of a session from `path`; answers with an empty acknowledgement on every path.
    pub fn start(&mut self, path: usize, bytes: &[u8], now_ms: u64) -> Vec<Publication> {
        let hubs = &self.hubs;
        let accepted = session::accept(&self.prekeys, |hub| hubs.get(&hub).copied(), bytes, now_ms);
        let result = accepted.map_err(refusal_of).and_then(|accepted| {
            let added = self.reassembler.add(accepted.hub.0, accepted.keys.clone())?;
            let known = self.reassembler.find(&accepted.keys);
            if let Some(number) = added {
                let (hub, keys) = (accepted.hub, accepted.keys);
                let (acks, orders) = (AckWriter::new(keys.clone()), OrderWriter::new(keys.clone()));
                self.sessions.insert(number, Session { hub, keys, acks, orders });
            }
            Ok(known)
        });
        match result {
            Ok(Some(number)) => self.seal_ack(number, &[], &[]),
            Ok(None) => Vec::new(),
            Err(refusal) => {
                self.refuse(path, refusal);
                Vec::new()
            }
        }
    }

    /// Takes a fragment from `path` at `now` (any monotonic clock). Gives what to publish when the hub seems to have missed
    /// an acknowledgement; complete messages come from [`Self::poll`].
    pub fn fragment(&mut self, now: Duration, path: usize, bytes: &[u8]) -> Vec<Publication> {
        let outcome = self.reassembler.handle(now, path, bytes);
        self.take_delivered();
        if matches!(outcome, Ok(_) | Err(Refusal::Replayed))
            && let Some(count) = self.verified.get_mut(path)
        {
            *count += 1;
        }
        match outcome {
            Ok(Outcome::Waiting | Outcome::Complete) => Vec::new(),
            Ok(Outcome::Known { session, id }) => self.again(now, Receipt { session, id }),
            Err(refusal) => {
                self.refuse(path, refusal);
                let lie = [Refusal::BadTag, Refusal::Inconsistent, Refusal::BadMessage].contains(&refusal);
                if lie && let Some(slot) = self.lied.get_mut(path) {
                    *slot = Some(now);
                }
                Vec::new()
            }
        }
    }

    /// The next message that has arrived whole, or `None`.
    pub fn poll(&mut self) -> Option<Arrived> {
        self.arrived.pop_front()
    }

    /// Takes what the reassembler hands out. At once, or a third fragment would look like a lost acknowledgement.
    fn take_delivered(&mut self) {
        while let Some(delivered) = self.reassembler.poll() {
            let Delivered { session, id, priority, late, message } = delivered;
            let receipt = Receipt { session, id };
            // A session that has gone takes its messages with it; the hub sends them in the next one.
            if let Some(hub) = self.sessions.get(&session).map(|session| session.hub) {
                if priority != Priority::Preview {
                    self.in_hand.insert(receipt);
                }
                self.arrived.push_back(Arrived { receipt, hub, priority, late, message });
            }
        }
    }

    /// A fragment of a message that arrived before: the third path's, or a repetition because the hub has not heard.
    fn again(&mut self, now: Duration, receipt: Receipt) -> Vec<Publication> {
        let recent = self.acked.get(&receipt).is_some_and(|at| now.saturating_sub(*at) < RESEND_MIN / 2);
        if recent || self.in_hand.contains(&receipt) {
            return Vec::new();
        }
        self.acknowledge(now, &[receipt])
    }

    /// The messages are stored and in the ledger: what to publish so that the hub may forget them.
    pub fn acknowledge(&mut self, now: Duration, receipts: &[Receipt]) -> Vec<Publication> {
        let mut by_session: BTreeMap<SessionNumber, Vec<MessageId>> = BTreeMap::new();
        for receipt in receipts {
            self.in_hand.remove(receipt);
            if self.acked.len() >= ACKED_REMEMBERED {
                self.acked.retain(|_, at| now.saturating_sub(*at) < RESEND_MIN);
            }
            if self.acked.len() >= ACKED_REMEMBERED {
                // Forgetting costs at most one more acknowledgement each.
                self.acked.clear();
            }
            self.acked.insert(*receipt, now);
            by_session.entry(receipt.session).or_default().push(receipt.id);
        }
        let mut out = Vec::new();
        for (session, ids) in by_session {
            for chunk in ids.chunks(IDS_PER_ACK_MAX) {
                out.extend(self.seal_ack(session, chunk, &[]));
            }
        }
        out
    }

    /// Tells the hubs which messages lack fragments, and keeps an eye on the paths.
    pub fn complain(&mut self, now: Duration) -> Vec<Publication> {
        // Every path carries one fragment of each message, so the best of them says how many there were.
        let most = self.verified.iter().copied().max().unwrap_or(0);
        self.health.record(now, [most; PATHS_MAX], self.verified);
        let mut out = Vec::new();
        for (session, messages) in self.reassembler.incomplete(now) {
            for chunk in messages.chunks(IDS_PER_ACK_MAX) {
                out.extend(self.seal_ack(session, &[], chunk));
            }
        }
        out
    }

    /// Forgets what has waited too long, and sessions that have been replaced; lets go what has waited for its turn.
    pub fn expire(&mut self, now: Duration) {
        let given_up = self.reassembler.expire(now);
        self.take_delivered();
        if given_up > 0 {
            tracing::debug!(given_up, "incomplete messages were given up; the hub will repeat them");
        }
        let reassembler = &self.reassembler;
        self.sessions.retain(|number, session| reassembler.find(&session.keys) == Some(*number));
        let sessions = &self.sessions;
        self.in_hand.retain(|receipt| sessions.contains_key(&receipt.session));
    }

    /// What to publish so that a hub gets an order: on every path of the session that it began last. Nothing for a hub
    /// without a session, and for content that is too long.
    pub fn order(&mut self, hub: HubNumber, content: &[u8]) -> Vec<Publication> {
        let newest = self.sessions.iter_mut().rev().find(|(_, session)| session.hub == hub);
        let Some((_, session)) = newest else { return Vec::new() };
        let payloads = session.orders.seal(content).unwrap_or_default();
        let publication = |(path, payload)| {
            Some(Publication { path, topic: self.shard.acks(&session.keys, path)?, payload })
        };
        payloads.into_iter().enumerate().filter_map(publication).collect()
    }

    fn seal_ack(
        &mut self,
        number: SessionNumber,
        stored: &[MessageId],
        incomplete: &[(MessageId, u8)],
    ) -> Vec<Publication> {
        let received = self.reassembler.received(number);
        let Some(session) = self.sessions.get_mut(&number) else { return Vec::new() };
        let status = Status { received, stored: stored.to_vec(), incomplete: incomplete.to_vec() };
        let payloads = session.acks.seal(&status).unwrap_or_default();
        let publication = |(path, payload)| {
            Some(Publication { path, topic: self.shard.acks(&session.keys, path)?, payload })
        };
        payloads.into_iter().enumerate().filter_map(publication).collect()
    }

    fn refuse(&mut self, path: usize, refusal: Refusal) {
        // A third fragment and its repetition are ordinary on several paths; everything else is worth a line.
        if refusal != Refusal::Replayed {
            tracing::debug!(path, ?refusal, "refused");
        }
        *self.refusals.entry((path, refusal)).or_default() += 1;
    }
}

fn refusal_of(error: Error) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        _ => Refusal::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_channels::Spread;
    use bodywire_channels::reassemble::INCOMPLETE_AFTER;
    use bodywire_channels::sender::{Input, Output, Sender, Token};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const HUB: HubNumber = HubNumber(1);
    const T0: Duration = Duration::ZERO;

    struct World {
        ingest: Ingest,
        sender: Sender,
        rng: StdRng,
    }

    /// A hub and a clinic that have agreed on a session over three paths.
    fn world() -> World {
        let mut rng = StdRng::seed_from_u64(1);
        let (clinic, hub) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let shard = Shard::new("0").unwrap();
        let mut ingest = Ingest::new(shard, clinic.clone(), [(HUB, hub.verifying_key())]);
        ingest.renew_prekey(1_000, &mut rng);
        let prekey = ingest.prekey().unwrap().to_vec();
        let key = clinic.verifying_key();
        let started =
            session::start(HUB, &hub, &key, &prekey, Spread::TWO_OF_THREE, 1_500, &mut rng).unwrap();
        let mut sender = Sender::new(started, T0);
        (0..3).for_each(|path| sender.handle(T0, Input::PathUp(path), &mut rng).unwrap());
        World { ingest, sender, rng }
    }

    impl World {
        fn outputs(&mut self) -> Vec<Output> {
            std::iter::from_fn(|| self.sender.poll()).collect()
        }

        fn deliver(&mut self, at: Duration, publications: &[Publication]) {
            for p in publications {
                self.sender.handle(at, Input::Ack(p.path, &p.payload), &mut self.rng).unwrap();
            }
        }

        fn open_session(&mut self) {
            for output in self.outputs() {
                if let Output::Start { path, payload } = output {
                    let answer = self.ingest.start(path, &payload, 2_000);
                    assert_eq!(answer.len(), 3);
                    self.deliver(T0, &answer);
                }
            }
            assert_eq!(self.outputs(), [Output::Confirmed]);
        }

        fn fragments(&mut self, message: &[u8]) -> Vec<(usize, Vec<u8>)> {
            self.sender
                .handle(T0, Input::Submit(Token(7), Priority::Routine, message), &mut self.rng)
                .unwrap();
            let fragment =
                |o| if let Output::Fragment { path, payload, .. } = o { Some((path, payload)) } else { None };
            self.outputs().into_iter().filter_map(fragment).collect()
        }
    }

    #[test]
    fn a_message_is_acknowledged_only_when_it_is_stored() {
        let mut w = world();
        w.open_session();
        let fragments = w.fragments(b"report");
        for (path, bytes) in &fragments {
            assert!(w.ingest.fragment(T0, *path, bytes).is_empty(), "not stored yet");
        }
        let arrived = w.ingest.poll().unwrap();
        assert!(w.ingest.poll().is_none());
        assert_eq!((arrived.message.as_slice(), arrived.hub), (&b"report"[..], HUB));
        let answer = w.ingest.acknowledge(T0, &[arrived.receipt]);
        w.deliver(T0, &answer);
        assert_eq!(w.outputs(), [Output::Acknowledged(Token(7))]);
    }

    #[test]
    fn a_lost_acknowledgement_is_given_again_but_not_for_the_third_fragment() {
        let mut w = world();
        w.open_session();
        let fragments = w.fragments(b"report");
        w.ingest.fragment(T0, fragments[0].0, &fragments[0].1);
        w.ingest.fragment(T0, fragments[1].0, &fragments[1].1);
        let arrived = w.ingest.poll().unwrap();
        w.ingest.acknowledge(T0, &[arrived.receipt]);
        let third = w.ingest.fragment(T0, fragments[2].0, &fragments[2].1);
        assert!(third.is_empty());
        let repeated = w.ingest.fragment(RESEND_MIN, fragments[2].0, &fragments[2].1);
        assert_eq!(repeated.len(), 3);
    }

    #[test]
    fn the_start_of_a_session_is_answered_on_every_path_and_never_taken_again_later() {
        let mut w = world();
        let starts: Vec<_> = w
            .outputs()
            .into_iter()
            .filter_map(
                |o| if let Output::Start { path, payload } = o { Some((path, payload)) } else { None },
            )
            .collect();
        let counters: Vec<Vec<u8>> = starts
            .iter()
            .map(|(path, bytes)| w.ingest.start(*path, bytes, 2_000)[0].payload[1..9].to_vec())
            .collect();
        assert_eq!(counters.len(), 3);
        assert!(counters.windows(2).all(|pair| pair[0] < pair[1]), "an acknowledgement counter repeats");
        let session = *w.ingest.sessions.keys().next().unwrap();
        w.ingest.reassembler.remove(session);
        w.ingest.expire(T0);
        assert!(w.ingest.start(0, &starts[0].1, 2_000).is_empty(), "a start that was replayed");
    }

    #[test]
    fn what_is_refused_is_counted_by_path() {
        let mut w = world();
        w.open_session();
        let mut poisoned = w.fragments(b"report")[2].1.clone();
        *poisoned.last_mut().unwrap() ^= 1;
        w.ingest.fragment(T0, 2, &poisoned);
        assert_eq!(w.ingest.quality(T0, 2), PathQuality::Lying);
        assert_eq!(w.ingest.quality(LYING_FOR, 2), PathQuality::Good);
        assert!(w.ingest.start(1, b"nonsense", 2_000).is_empty());
        let expected = BTreeMap::from([((1, Refusal::Malformed), 1), ((2, Refusal::BadTag), 1)]);
        assert_eq!(w.ingest.refusals(), &expected);
    }

    #[test]
    fn a_hub_learns_what_is_missing_and_sends_just_that() {
        let mut w = world();
        w.open_session();
        let fragments = w.fragments(b"report");
        w.ingest.fragment(T0, fragments[1].0, &fragments[1].1);
        assert!(w.ingest.complain(T0).is_empty());
        let complaint = w.ingest.complain(INCOMPLETE_AFTER);
        w.deliver(INCOMPLETE_AFTER, &complaint[..1]);
        let again: Vec<usize> = w
            .outputs()
            .into_iter()
            .filter_map(|o| if let Output::Fragment { path, .. } = o { Some(path) } else { None })
            .collect();
        assert_eq!(again, [0, 2]);
    }

    #[test]
    fn an_order_reaches_the_hub_of_its_session_once() {
        let mut w = world();
        assert!(w.ingest.order(HUB, b"ask").is_empty(), "no session yet");
        w.open_session();
        assert!(w.ingest.order(HubNumber(2), b"ask").is_empty());
        assert!(w.ingest.order(HUB, &[0; 513]).is_empty());
        let order = w.ingest.order(HUB, b"ask");
        assert_eq!(order.len(), 3);
        for Publication { path, topic, payload } in &order {
            assert!(topic.ends_with("/a"));
            w.sender.handle(T0, Input::Order(*path, payload), &mut w.rng).unwrap();
        }
        assert_eq!(w.outputs(), [Output::Ordered(b"ask".to_vec())]);
        // What comes back to the clinic is nothing there.
        assert!(w.ingest.fragment(T0, 0, &order[0].payload).is_empty() && w.ingest.poll().is_none());
    }

    #[test]
    fn a_path_that_brings_less_than_the_others_is_named() {
        let mut w = world();
        w.open_session();
        for second in 0..60 {
            let now = Duration::from_secs(second);
            for (path, bytes) in w.fragments(b"report") {
                if path != 1 || second % 3 == 0 {
                    w.ingest.fragment(now, path, &bytes);
                }
            }
            w.ingest.complain(now);
            while w.ingest.poll().is_some() {}
        }
        let now = Duration::from_secs(60);
        assert!(matches!(w.ingest.quality(now, 1), PathQuality::Losing(loss) if loss > 0.5));
        assert_eq!(
            (w.ingest.quality(now, 0), w.ingest.quality(now, 2)),
            (PathQuality::Good, PathQuality::Good)
        );
    }
}
