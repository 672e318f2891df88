//! The simulated ward: one hub with six streams, three brokers, one clinic.

use bodywire_channels::ack::{AckWriter, Status};
use bodywire_channels::reassemble::{Outcome, Reassembler, SessionNumber};
use bodywire_channels::sender::{Input, Output, Sender, Token};
use bodywire_channels::session::{self, HubNumber, Prekey};
use bodywire_channels::{Error, MessageId, Priority, Spread};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

const PATHS: usize = 3;
const HUB: HubNumber = HubNumber(1);
/// Five sensors, and the alarms as a stream of their own.
const STREAMS: u8 = 6;
const ALARMS: u8 = 5;
/// Every stream but the alarms has a message this often.
const PERIOD_MS: u64 = 400;
/// How long the clinic takes to store what has arrived.
const COMMIT_MS: u64 = 20;
/// A run that has not delivered everything so long after its last message never will.
const DRAIN_MS: u64 = 20 * 60_000;
const T0_MS: u64 = 1_700_000_000_000;

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Links cut at random moments, each for up to eight seconds.
    pub(crate) cuts: u32,
    pub(crate) clinic_kills: u32,
    pub(crate) hub_kills: u32,
    /// A path that is dead throughout.
    pub(crate) dead: Option<usize>,
    /// Chances that a broker loses, repeats or changes what it carries.
    pub(crate) loss: f64,
    pub(crate) duplicate: f64,
    pub(crate) lie: f64,
    /// How much longer some messages take.
    pub(crate) delay_ms: u64,
}

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) messages: u64,
    pub(crate) lost: usize,
    pub(crate) duplicated: usize,
    /// Stored behind a later one of the same stream and session without being marked late.
    pub(crate) unmarked: usize,
    pub(crate) late: usize,
    pub(crate) cuts: u32,
    pub(crate) resent: u64,
    pub(crate) refused: u64,
    pub(crate) sessions: u64,
    pub(crate) slowest_alarm_ms: u64,
}

enum Event {
    Make(u8),
    ToClinic {
        path: usize,
        epoch: u64,
        what: ToClinic,
    },
    ToHub {
        path: usize,
        epoch: u64,
        what: ToHub,
    },
    Commit {
        boot: u64,
        batch: Vec<Stored>,
    },
    Cut {
        path: usize,
        for_ms: u64,
    },
    Mend {
        path: usize,
        epoch: u64,
    },
    /// The hub notices that a connection has ended.
    Notice {
        path: usize,
        epoch: u64,
    },
    KillClinic,
    BootClinic,
    KillHub,
    BootHub,
    Tick,
}

#[derive(Clone)]
enum ToClinic {
    Start(Vec<u8>),
    Fragment(Vec<u8>),
}

#[derive(Clone)]
enum ToHub {
    Prekey(Vec<u8>),
    Ack(Vec<u8>),
}

struct Stored {
    session: SessionNumber,
    id: MessageId,
    late: bool,
    message: Vec<u8>,
}

#[derive(Default)]
struct Link {
    up: bool,
    /// Counts cuts: what was on the way when a link was cut is gone.
    epoch: u64,
}

struct Report {
    stream: u8,
    made_ms: u64,
    bytes: Vec<u8>,
}

struct Clinic {
    prekey: Prekey,
    reassembler: Reassembler,
    writers: BTreeMap<SessionNumber, AckWriter>,
    in_hand: BTreeSet<(SessionNumber, MessageId)>,
}

pub(crate) struct World {
    faults: Faults,
    rng: ChaCha20Rng,
    now_ms: u64,
    end_ms: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    links: Vec<Link>,
    hub_key: SigningKey,
    clinic_key: SigningKey,
    // The hub; the spool survives it.
    spool: BTreeMap<u64, Report>,
    next_report: u64,
    made: Vec<u64>,
    submitted: BTreeSet<u64>,
    sender: Option<Sender>,
    prekey_seen: Option<Vec<u8>>,
    hub_up: bool,
    // The clinic; what is stored survives it.
    clinic: Option<Clinic>,
    boots: u64,
    known: BTreeSet<u64>,
    /// Stream, count, session, late.
    stored: Vec<(u8, u64, (u64, SessionNumber), bool)>,
    summary: Summary,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            faults,
            rng: ChaCha20Rng::seed_from_u64(seed),
            now_ms: 0,
            end_ms: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            links: (0..PATHS).map(|path| Link { up: faults.dead != Some(path), epoch: 0 }).collect(),
            hub_key: SigningKey::from_bytes(&[2; 32]),
            clinic_key: SigningKey::from_bytes(&[1; 32]),
            spool: BTreeMap::new(),
            next_report: 0,
            made: vec![0; usize::from(STREAMS)],
            submitted: BTreeSet::new(),
            sender: None,
            prekey_seen: None,
            hub_up: true,
            clinic: None,
            boots: 0,
            known: BTreeSet::new(),
            stored: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Plays `for_ms` of a ward and goes on until everything is delivered.
    pub(crate) fn run(mut self, for_ms: u64) -> Summary {
        self.end_ms = for_ms;
        self.plan();
        while let Some(Reverse((at, number))) = self.queue.pop() {
            self.now_ms = at;
            let event = self.events.remove(&number).unwrap();
            self.happen(event);
            let done = self.now_ms > for_ms && self.spool.is_empty() && self.hub_up && self.clinic.is_some();
            if done || self.now_ms > for_ms + DRAIN_MS {
                break;
            }
        }
        self.judge()
    }

    fn plan(&mut self) {
        (0..STREAMS).for_each(|stream| self.after(u64::from(stream) * 70, Event::Make(stream)));
        self.after(0, Event::BootClinic);
        self.after(0, Event::Tick);
        let end = self.end_ms;
        for _ in 0..self.faults.cuts {
            let (at, for_ms) = (self.below(end), 50 + self.below(8_000));
            let path = self.below(PATHS as u64) as usize;
            self.after(at, Event::Cut { path, for_ms });
        }
        for (kills, kill) in [(self.faults.clinic_kills, true), (self.faults.hub_kills, false)] {
            // One in each stretch of the run, so that none hits what is down already.
            let stretch = end / u64::from(kills.max(1));
            for at in (0..u64::from(kills)).map(|i| i * stretch) {
                let at = at + 1_000 + self.below(stretch.saturating_sub(8_000));
                self.after(at, if kill { Event::KillClinic } else { Event::KillHub });
            }
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    fn happens(&mut self, chance: f64) -> bool {
        f64::from(self.rng.next_u32()) < chance * f64::from(u32::MAX)
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.queue.push(Reverse((self.now_ms + ms, self.next_event)));
        self.events.insert(self.next_event, event);
        self.next_event += 1;
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Make(stream) => self.make(stream),
            Event::ToClinic { path, epoch, what } if self.carried(path, epoch) => self.at_clinic(path, what),
            Event::ToHub { path, epoch, what } if self.carried(path, epoch) => self.at_hub(path, what),
            Event::ToClinic { .. } | Event::ToHub { .. } => {}
            Event::Commit { boot, batch } if boot == self.boots && self.clinic.is_some() => {
                self.commit(batch)
            }
            Event::Commit { .. } => {}
            Event::Cut { path, for_ms } => self.cut(path, for_ms),
            Event::Mend { path, epoch } => self.mend(path, epoch),
            Event::Notice { path, epoch } => {
                if self.links[path].epoch == epoch && !self.links[path].up {
                    self.tell_sender(|| Input::PathDown(path));
                }
            }
            Event::KillClinic => {
                self.clinic = None;
                let pause = 500 + self.below(5_000);
                self.after(pause, Event::BootClinic);
            }
            Event::BootClinic => self.boot_clinic(),
            Event::KillHub => {
                (self.sender, self.prekey_seen, self.hub_up) = (None, None, false);
                let pause = 500 + self.below(3_000);
                self.after(pause, Event::BootHub);
            }
            Event::BootHub => {
                self.hub_up = true;
                self.hear_retained();
            }
            Event::Tick => self.tick(),
        }
    }

    fn carried(&self, path: usize, epoch: u64) -> bool {
        self.links[path].up && self.links[path].epoch == epoch
    }

    /// Puts something on a path; what becomes of it is the broker's mood.
    fn carry(&mut self, path: usize, event: impl Fn(usize, u64, bool) -> Event) {
        if !self.links[path].up || self.happens(self.faults.loss) {
            return;
        }
        let lie = self.happens(self.faults.lie);
        let epoch = self.links[path].epoch;
        let copies = 1 + u64::from(self.happens(self.faults.duplicate));
        for _ in 0..copies {
            // Paths differ in speed, and each has its moments.
            let slow = if self.happens(0.1) { self.faults.delay_ms } else { 0 };
            let ms = 3 + 9 * path as u64 + self.below(20) + self.below(slow + 1);
            self.after(ms, event(path, epoch, lie));
        }
    }

    fn make(&mut self, stream: u8) {
        if self.now_ms > self.end_ms {
            return;
        }
        let pause = if stream == ALARMS { 5_000 + self.below(10_000) } else { PERIOD_MS };
        self.after(pause, Event::Make(stream));
        if !self.hub_up {
            // Nobody is there to make a report.
            return;
        }
        let count = &mut self.made[usize::from(stream)];
        let mut bytes = self.next_report.to_be_bytes().to_vec();
        bytes.push(stream);
        bytes.extend_from_slice(&count.to_be_bytes());
        *count += 1;
        let size = self.below(1_500) as usize;
        bytes.resize(17 + size, stream);
        self.spool.insert(self.next_report, Report { stream, made_ms: self.now_ms, bytes });
        self.next_report += 1;
        self.summary.messages += 1;
        self.submit();
    }

    fn submit(&mut self) {
        let now = self.now();
        let urgent = |report: &Report| report.stream == ALARMS;
        for (priority, wanted) in [(Priority::Emergency, true), (Priority::Routine, false)] {
            let Some(sender) = &mut self.sender else { return };
            for (number, report) in self.spool.iter().filter(|(_, report)| urgent(report) == wanted) {
                if sender.ready(priority) && !self.submitted.contains(number) {
                    let input = Input::Submit(Token(*number), priority, &report.bytes);
                    sender.handle(now, input, &mut self.rng).unwrap();
                    self.submitted.insert(*number);
                }
            }
        }
        self.drain_sender();
    }

    fn tell_sender<'a>(&mut self, input: impl FnOnce() -> Input<'a>) {
        let now = self.now();
        let Some(sender) = &mut self.sender else { return };
        match sender.handle(now, input(), &mut self.rng) {
            Err(Error::Refused(_)) => self.summary.refused += 1,
            other => other.unwrap(),
        }
        self.drain_sender();
        self.submit();
    }

    fn drain_sender(&mut self) {
        while let Some(output) = self.sender.as_mut().and_then(Sender::poll) {
            match output {
                Output::Start { path, payload } => self.carry(path, move |path, epoch, lie| {
                    Event::ToClinic { path, epoch, what: ToClinic::Start(changed(&payload, lie)) }
                }),
                Output::Fragment { path, payload, .. } => {
                    self.carry(path, move |path, epoch, lie| Event::ToClinic {
                        path,
                        epoch,
                        what: ToClinic::Fragment(changed(&payload, lie)),
                    });
                }
                Output::Confirmed | Output::Ordered(_) => {}
                Output::Acknowledged(Token(number)) => {
                    let report = self.spool.remove(&number).unwrap();
                    assert!(self.known.contains(&number), "acknowledged and not stored");
                    if report.stream == ALARMS {
                        let took = self.now_ms - report.made_ms;
                        self.summary.slowest_alarm_ms = self.summary.slowest_alarm_ms.max(took);
                    }
                }
            }
        }
    }

    fn cut(&mut self, path: usize, for_ms: u64) {
        self.summary.cuts += 1;
        if self.faults.dead == Some(path) {
            return;
        }
        let link = &mut self.links[path];
        link.up = false;
        link.epoch += 1;
        let epoch = link.epoch;
        let notices_after = self.below(2_000);
        self.after(notices_after, Event::Notice { path, epoch });
        self.after(for_ms, Event::Mend { path, epoch });
    }

    fn mend(&mut self, path: usize, epoch: u64) {
        if self.links[path].epoch != epoch {
            return;
        }
        // A connection that is back was gone before, whether that was noticed or not.
        self.tell_sender(|| Input::PathDown(path));
        self.links[path].up = true;
        self.offer_prekey(path);
        self.tell_sender(|| Input::PathUp(path));
    }

    fn boot_clinic(&mut self) {
        if self.clinic.is_some() {
            return;
        }
        self.boots += 1;
        let prekey = Prekey::generate(&self.clinic_key, T0_MS + self.now_ms, &mut self.rng);
        let clinic = Clinic {
            prekey,
            reassembler: Reassembler::default(),
            writers: BTreeMap::new(),
            in_hand: BTreeSet::new(),
        };
        self.clinic = Some(clinic);
        (0..PATHS).for_each(|path| self.offer_prekey(path));
    }

    fn offer_prekey(&mut self, path: usize) {
        let Some(clinic) = &self.clinic else { return };
        let prekey = clinic.prekey.published().to_vec();
        self.carry(path, move |path, epoch, lie| Event::ToHub {
            path,
            epoch,
            what: ToHub::Prekey(changed(&prekey, lie)),
        });
    }

    /// A hub that starts hears the prekeys that its brokers have kept.
    fn hear_retained(&mut self) {
        (0..PATHS).for_each(|path| self.offer_prekey(path));
    }

    fn at_hub(&mut self, path: usize, what: ToHub) {
        if !self.hub_up {
            return;
        }
        match what {
            ToHub::Ack(bytes) => self.tell_sender(|| Input::Ack(path, &bytes)),
            ToHub::Prekey(prekey) => {
                let newer = self
                    .prekey_seen
                    .as_ref()
                    .is_none_or(|seen| session::not_after_ms(&prekey) > session::not_after_ms(seen));
                let clinic = self.clinic_key.verifying_key();
                let now_ms = T0_MS + self.now_ms;
                if !newer {
                    return;
                }
                let started = session::start(
                    HUB,
                    &self.hub_key,
                    &clinic,
                    &prekey,
                    Spread::TWO_OF_THREE,
                    now_ms,
                    &mut self.rng,
                );
                let Ok(started) = started else {
                    self.summary.refused += 1;
                    return;
                };
                self.summary.sessions += 1;
                self.count_resent();
                self.prekey_seen = Some(prekey);
                self.submitted.clear();
                self.sender = Some(Sender::new(started, self.now()));
                for path in (0..PATHS).filter(|path| self.links[*path].up).collect::<Vec<_>>() {
                    self.tell_sender(|| Input::PathUp(path));
                }
            }
        }
    }

    fn count_resent(&mut self) {
        self.summary.resent += self.sender.as_ref().map_or(0, Sender::resent);
    }

    fn at_clinic(&mut self, path: usize, what: ToClinic) {
        let now = self.now();
        let now_ms = T0_MS + self.now_ms;
        let Some(clinic) = &mut self.clinic else { return };
        match what {
            ToClinic::Start(bytes) => {
                let hub_key = self.hub_key.verifying_key();
                let prekeys = std::slice::from_ref(&clinic.prekey);
                let accepted =
                    session::accept(prekeys, |hub| (hub == HUB).then_some(hub_key), &bytes, now_ms);
                let Ok(accepted) = accepted else {
                    self.summary.refused += 1;
                    return;
                };
                if let Ok(Some(number)) = clinic.reassembler.add(HUB.0, accepted.keys.clone()) {
                    clinic.writers.insert(number, AckWriter::new(accepted.keys.clone()));
                }
                if let Some(number) = clinic.reassembler.find(&accepted.keys) {
                    self.acknowledge(number, Status::default());
                }
            }
            ToClinic::Fragment(bytes) => {
                let outcome = clinic.reassembler.handle(now, path, &bytes);
                self.deliver();
                match outcome {
                    Ok(Outcome::Known { session, id }) => {
                        let in_hand =
                            self.clinic.as_ref().is_some_and(|c| c.in_hand.contains(&(session, id)));
                        if !in_hand {
                            self.acknowledge(session, Status { stored: vec![id], ..Status::default() });
                        }
                    }
                    Ok(_) => {}
                    Err(_) => self.summary.refused += 1,
                }
            }
        }
    }

    /// What is complete is stored a moment later.
    fn deliver(&mut self) {
        let Some(clinic) = &mut self.clinic else { return };
        let mut batch = Vec::new();
        while let Some(message) = clinic.reassembler.poll() {
            clinic.in_hand.insert((message.session, message.id));
            let (session, id, late) = (message.session, message.id, message.late);
            batch.push(Stored { session, id, late, message: message.message });
        }
        if !batch.is_empty() {
            let boot = self.boots;
            self.after(COMMIT_MS, Event::Commit { boot, batch });
        }
    }

    fn commit(&mut self, batch: Vec<Stored>) {
        for Stored { session, id, late, message } in batch {
            let number = u64::from_be_bytes(message[..8].try_into().unwrap());
            let count = u64::from_be_bytes(message[9..17].try_into().unwrap());
            if self.known.insert(number) {
                self.stored.push((message[8], count, (self.boots, session), late));
            }
            if let Some(clinic) = &mut self.clinic {
                clinic.in_hand.remove(&(session, id));
            }
            self.acknowledge(session, Status { stored: vec![id], ..Status::default() });
        }
    }

    fn acknowledge(&mut self, session: SessionNumber, mut status: Status) {
        let Some(clinic) = &mut self.clinic else { return };
        status.received = clinic.reassembler.received(session);
        let Some(writer) = clinic.writers.get_mut(&session) else { return };
        let acks = writer.seal(&status).unwrap();
        for (path, ack) in acks.into_iter().enumerate() {
            self.carry(path, move |path, epoch, lie| Event::ToHub {
                path,
                epoch,
                what: ToHub::Ack(changed(&ack, lie)),
            });
        }
    }

    fn tick(&mut self) {
        self.after(50, Event::Tick);
        let now = self.now();
        if self.sender.as_ref().and_then(Sender::next_timeout).is_some_and(|due| now >= due) {
            self.tell_sender(|| Input::Timeout);
        }
        let Some(clinic) = &mut self.clinic else { return };
        clinic.reassembler.expire(now);
        let incomplete = clinic.reassembler.incomplete(now);
        self.deliver();
        for (session, messages) in incomplete {
            for chunk in messages.chunks(100) {
                self.acknowledge(session, Status { incomplete: chunk.to_vec(), ..Status::default() });
            }
        }
    }

    fn judge(mut self) -> Summary {
        self.count_resent();
        let mut seen = BTreeSet::new();
        let mut last = BTreeMap::new();
        for (stream, count, session, late) in &self.stored {
            let place = last.entry((*stream, *session)).or_insert(None);
            self.summary.duplicated += usize::from(!seen.insert((*stream, *count)));
            self.summary.late += usize::from(*late);
            let behind = place.is_some_and(|last| *count < last);
            // Alarms go out of turn.
            self.summary.unmarked += usize::from(behind && !late && *stream != ALARMS);
            *place = (*place).max(Some(*count));
        }
        let made: u64 = self.made.iter().sum();
        self.summary.lost = made as usize - seen.len();
        self.summary
    }
}

fn changed(bytes: &[u8], lie: bool) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if lie && let Some(byte) = bytes.last_mut() {
        *byte ^= 0x40;
    }
    bytes
}
