//! The sending side: which fragment goes on which path, and again when no acknowledgement comes.
//!
//! Drain [`Sender::poll`] to `None` after each call of [`Sender::handle`].

use crate::disperse::{MessageId, disperse};
use crate::error::{Error, Refusal};
use crate::keys::SessionKeys;
use crate::session::Started;
use crate::{PATHS_MAX, ack};
use core::time::Duration;
use rand_core::CryptoRng;
use std::collections::{BTreeMap, VecDeque};

/// Messages sent and not yet acknowledged. At a message a second and sensor this is a minute of a full bed; what is
/// over waits in the hub's spool.
pub const IN_FLIGHT_MESSAGES_MAX: usize = 256;
/// First wait for an acknowledgement: several times a broker's round trip and the clinic's commit.
pub const RESEND_MIN: Duration = Duration::from_secs(2);
/// Longest wait between repetitions.
pub const RESEND_MAX: Duration = Duration::from_secs(30);
/// How often the start of a session is repeated until the clinic confirms it.
pub const START_RESEND: Duration = Duration::from_secs(1);

/// The caller's name for a message; handed back when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What happens to a sender.
#[derive(Debug)]
pub enum Input<'a> {
    /// A message to be delivered.
    Submit(Token, &'a [u8]),
    /// A path can be used.
    PathUp(usize),
    /// A path cannot be used.
    PathDown(usize),
    /// Bytes from the acknowledgement topic of a path, not trusted.
    Ack(usize, &'a [u8]),
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
        /// The bytes.
        payload: Vec<u8>,
    },
    /// The clinic has answered for the first time: messages may be submitted.
    Confirmed,
    /// The clinic has stored the message.
    Acknowledged(Token),
}

struct InFlight {
    token: Token,
    fragments: Vec<Vec<u8>>,
    /// Paths that have had their fragment.
    sent: [bool; PATHS_MAX],
    due: Duration,
    wait: Duration,
}

/// The sending side of one session.
pub struct Sender {
    start: Vec<u8>,
    keys: SessionKeys,
    confirmed: bool,
    start_due: Duration,
    up: [bool; PATHS_MAX],
    next_id: u64,
    in_flight: BTreeMap<MessageId, InFlight>,
    outputs: VecDeque<Output>,
    resent: u64,
}

impl Sender {
    /// A sender for a session that was started at `now`.
    pub fn new(started: Started, now: Duration) -> Self {
        Self {
            start: started.start,
            keys: started.keys,
            confirmed: false,
            start_due: now,
            up: [false; PATHS_MAX],
            next_id: 0,
            in_flight: BTreeMap::new(),
            outputs: VecDeque::new(),
            resent: 0,
        }
    }

    /// The session's keys, for topic names.
    pub const fn keys(&self) -> &SessionKeys {
        &self.keys
    }

    /// True when a message may be submitted.
    pub fn ready(&self) -> bool {
        self.confirmed && self.in_flight.len() < IN_FLIGHT_MESSAGES_MAX
    }

    /// Messages that wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many times a message had to be sent again.
    pub const fn resent(&self) -> u64 {
        self.resent
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
            Input::Submit(token, message) => self.submit(now, token, message, rng),
            Input::PathUp(path) => self.path_up(path),
            Input::PathDown(path) => self.path_down(path),
            Input::Ack(path, bytes) => self.acknowledged(path, bytes),
            Input::Timeout => {
                self.timeout(now);
                Ok(())
            }
        }
    }

    fn submit(
        &mut self,
        now: Duration,
        token: Token,
        message: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        if !self.confirmed {
            return Err(Error::Misuse("the session is not confirmed yet"));
        }
        if self.in_flight.len() >= IN_FLIGHT_MESSAGES_MAX {
            return Err(Error::Limit { limit: "IN_FLIGHT_MESSAGES_MAX", value: IN_FLIGHT_MESSAGES_MAX });
        }
        let id = MessageId(self.next_id);
        let fragments = disperse(&self.keys, id, message, rng)?;
        self.next_id += 1;
        let sent = [false; PATHS_MAX];
        let mut message = InFlight { token, fragments, sent, due: now + RESEND_MIN, wait: RESEND_MIN };
        publish(&mut message, &self.up, &mut self.outputs);
        self.in_flight.insert(id, message);
        Ok(())
    }

    fn path_up(&mut self, path: usize) -> Result<(), Error> {
        *self.up.get_mut(path).ok_or(Error::Misuse("no such path"))? = true;
        if !self.confirmed {
            self.outputs.push_back(Output::Start { path, payload: self.start.clone() });
        }
        for message in self.in_flight.values_mut() {
            publish(message, &self.up, &mut self.outputs);
        }
        Ok(())
    }

    fn path_down(&mut self, path: usize) -> Result<(), Error> {
        *self.up.get_mut(path).ok_or(Error::Misuse("no such path"))? = false;
        // What the path had taken may have died with it.
        for message in self.in_flight.values_mut() {
            if let Some(sent) = message.sent.get_mut(path) {
                *sent = false;
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, path: usize, bytes: &[u8]) -> Result<(), Error> {
        let ids = ack::open(&self.keys, path, bytes)?;
        if !self.confirmed {
            self.confirmed = true;
            self.outputs.push_back(Output::Confirmed);
        }
        for id in ids {
            if id.0 >= self.next_id {
                return Err(Refusal::Inconsistent.into());
            }
            if let Some(message) = self.in_flight.remove(&id) {
                self.outputs.push_back(Output::Acknowledged(message.token));
            }
        }
        Ok(())
    }

    fn timeout(&mut self, now: Duration) {
        if !self.confirmed && now >= self.start_due {
            self.start_due = now + START_RESEND;
            for (path, up) in self.up.iter().enumerate() {
                if *up {
                    self.outputs.push_back(Output::Start { path, payload: self.start.clone() });
                }
            }
        }
        for message in self.in_flight.values_mut().filter(|message| now >= message.due) {
            message.sent = [false; PATHS_MAX];
            message.wait = (message.wait * 2).min(RESEND_MAX);
            message.due = now + message.wait;
            self.resent += 1;
            publish(message, &self.up, &mut self.outputs);
        }
    }
}

/// Queues each fragment whose path is up and has not had it. A fragment never takes another path than its own: two
/// fragments on one path would give that path the message.
fn publish(message: &mut InFlight, up: &[bool; PATHS_MAX], outputs: &mut VecDeque<Output>) {
    let paths = message.fragments.iter().zip(message.sent.iter_mut().zip(up)).enumerate();
    for (path, (fragment, (sent, up))) in paths {
        if *up && !*sent {
            *sent = true;
            outputs.push_back(Output::Fragment { path, payload: fragment.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threshold;
    use crate::ack::AckWriter;
    use crate::keys::Secret;
    use crate::reassemble::{Outcome, Reassembler};
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn keys() -> SessionKeys {
        SessionKeys::new(&Secret([1; 32]), Threshold::TWO_OF_THREE).unwrap()
    }

    fn sender() -> (Sender, ChaCha20Rng) {
        let started = Started { start: b"start".to_vec(), keys: keys() };
        (Sender::new(started, Duration::ZERO), ChaCha20Rng::seed_from_u64(1))
    }

    fn drain(sender: &mut Sender) -> Vec<Output> {
        std::iter::from_fn(|| sender.poll()).collect()
    }

    fn confirm(sender: &mut Sender, rng: &mut ChaCha20Rng) -> AckWriter {
        let mut writer = AckWriter::new(keys());
        let ack = writer.seal(&[]).unwrap();
        sender.handle(Duration::ZERO, Input::Ack(0, &ack[0]), rng).unwrap();
        writer
    }

    #[test]
    fn nothing_but_the_start_goes_out_before_the_clinic_confirms() {
        let (mut s, mut rng) = sender();
        assert!(s.handle(Duration::ZERO, Input::Submit(Token(1), b"m"), &mut rng).is_err());
        s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
        assert_eq!(drain(&mut s), [Output::Start { path: 1, payload: b"start".to_vec() }]);
        s.handle(s.next_timeout().unwrap(), Input::Timeout, &mut rng).unwrap();
        assert_eq!(drain(&mut s).len(), 1);
        confirm(&mut s, &mut rng);
        assert_eq!(drain(&mut s), [Output::Confirmed]);
        assert!(s.ready());
    }

    #[test]
    fn each_path_gets_its_own_fragment_once_until_time_runs_out() {
        let (mut s, mut rng) = sender();
        confirm(&mut s, &mut rng);
        for path in [0, 2] {
            s.handle(Duration::ZERO, Input::PathUp(path), &mut rng).unwrap();
        }
        drain(&mut s);
        s.handle(Duration::ZERO, Input::Submit(Token(9), b"m"), &mut rng).unwrap();
        let paths = |outputs: &[Output]| -> Vec<usize> {
            outputs
                .iter()
                .filter_map(|o| if let Output::Fragment { path, .. } = o { Some(*path) } else { None })
                .collect()
        };
        assert_eq!(paths(&drain(&mut s)), [0, 2]);
        s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [1]);
        s.handle(RESEND_MIN, Input::Timeout, &mut rng).unwrap();
        assert_eq!(paths(&drain(&mut s)), [0, 1, 2]);
        assert_eq!((s.resent(), s.next_timeout()), (1, Some(3 * RESEND_MIN)));
    }

    #[test]
    fn acknowledgements_end_a_message_and_forged_ones_do_not() {
        let (mut s, mut rng) = sender();
        let mut writer = confirm(&mut s, &mut rng);
        s.handle(Duration::ZERO, Input::Submit(Token(9), b"m"), &mut rng).unwrap();
        drain(&mut s);
        assert!(s.handle(Duration::ZERO, Input::Ack(0, &[1; 40]), &mut rng).is_err());
        let ack = writer.seal(&[MessageId(0)]).unwrap();
        s.handle(Duration::ZERO, Input::Ack(2, &ack[2]), &mut rng).unwrap();
        s.handle(Duration::ZERO, Input::Ack(1, &ack[1]), &mut rng).unwrap();
        assert_eq!(drain(&mut s), [Output::Acknowledged(Token(9))]);
        assert_eq!(s.in_flight(), 0);
        let ahead = writer.seal(&[MessageId(50)]).unwrap();
        assert!(s.handle(Duration::ZERO, Input::Ack(0, &ahead[0]), &mut rng).is_err());
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
                s.handle(Duration::ZERO, Input::Submit(Token(token), &token.to_be_bytes()), &mut rng).unwrap();
            }
            let (mut got, mut acked) = (Vec::new(), Vec::new());
            let mut lost = losses.iter().cycle();
            for _ in 0..200 {
                let outputs = drain(&mut s);
                for output in outputs {
                    match output {
                        Output::Fragment { path, payload } if *lost.next().unwrap() > 76 => {
                            let id = match clinic.handle(Duration::ZERO, path, &payload) {
                                Ok(Outcome::Delivered(d)) => { got.push(d.message); d.id }
                                Ok(Outcome::Known { id, .. }) => id,
                                _ => continue,
                            };
                            let ack = writer.seal(&[id]).unwrap();
                            if *lost.next().unwrap() > 76 {
                                s.handle(Duration::ZERO, Input::Ack(path, &ack[path]), &mut rng).unwrap();
                            }
                        }
                        Output::Acknowledged(token) => acked.push(token.0),
                        _ => {}
                    }
                }
                if let Some(due) = s.next_timeout() {
                    s.handle(due, Input::Timeout, &mut rng).unwrap();
                }
            }
            got.sort();
            acked.sort_unstable();
            prop_assert_eq!(got, (0..20u64).map(|t| t.to_be_bytes().to_vec()).collect::<Vec<_>>());
            prop_assert_eq!(acked, (0..20).collect::<Vec<_>>());
        }
    }
}
