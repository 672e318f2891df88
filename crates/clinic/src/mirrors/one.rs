//! The task of one replica: from where it is to where the log is, again and again.

use super::client::{Answer, Client};
use super::{Frames, MirrorAddress, MirrorEvent, MirrorState, MirrorView, kth_largest};
use bodywire_ledger::note::Note;
use bodywire_ledger::segment::Frame;
use bodywire_ledger::{Checkpoint, CosignerKey, Hash, cosignature};
use rand::RngExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Bytes of one request, unless one frame has more: a copy that is far behind comes up in steps, each cosigned.
const PUSH_BYTES: usize = 8 << 20;
/// First pause after a replica did not answer; it doubles.
const BACK_OFF_MIN: Duration = Duration::from_millis(200);
/// Longest pause: a replica that comes back is noticed within it.
const BACK_OFF_MAX: Duration = Duration::from_secs(15);
/// Pause after a refusal or nonsense, which no repetition mends.
const DROPPED: Duration = Duration::from_secs(60);
/// Checkpoints are witnessed at most so often (C2SP: witnesses serve many logs).
const WITNESS_EVERY: Duration = Duration::from_secs(1);
/// Sizes that a replica may name without taking anything before it counts as nonsense.
const SIZES_MAX: u32 = 4;

/// Where the tasks meet.
pub(super) struct Shared {
    pub(super) number: usize,
    pub(super) quorum: usize,
    pub(super) views: watch::Sender<Vec<MirrorView>>,
    pub(super) mirrored: watch::Sender<u64>,
    pub(super) witnessed: watch::Sender<u64>,
    pub(super) events: mpsc::Sender<MirrorEvent>,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut MirrorView)) {
        self.views.send_modify(|views| {
            if let Some(view) = views.get_mut(self.number) {
                change(view);
            }
            let grow = |to: &watch::Sender<u64>, size: u64| {
                to.send_if_modified(|before| std::mem::replace(before, size.max(*before)) < size);
            };
            grow(&self.mirrored, kth_largest(views.iter().map(|view| view.mirrored), self.quorum));
            grow(&self.witnessed, kth_largest(views.iter().map(|view| view.witnessed), self.quorum));
        });
    }

    fn tell(&self, event: MirrorEvent) {
        // Whoever does not take events misses some; the state says it, too.
        let _ = self.events.try_send(event);
    }
}

/// What a step has come to.
enum Step {
    /// It went on.
    On,
    /// It did not, and this is why.
    Stuck(MirrorState),
}

/// One replica.
pub(super) struct One<F> {
    client: Client,
    mirror: CosignerKey,
    witness: Option<CosignerKey>,
    log: String,
    frames: Arc<F>,
    shared: Shared,
    /// Where the replica's copy ends, once that is known.
    at: Option<u64>,
    mirrored: Option<u64>,
    witnessed: u64,
    witness_asked: Option<Instant>,
    sizes: u32,
}

impl<F: Frames> One<F> {
    pub(super) fn new(address: MirrorAddress, origin: &str, frames: Arc<F>, shared: Shared) -> Self {
        Self {
            client: Client::new(&address.base),
            mirror: address.mirror,
            witness: address.witness,
            log: Hash::of(origin.as_bytes()).to_string(),
            frames,
            shared,
            at: None,
            mirrored: None,
            witnessed: 0,
            witness_asked: None,
            sizes: 0,
        }
    }

    /// Runs until nobody says any more what is durable.
    pub(super) async fn run(mut self, mut durable: watch::Receiver<u64>) {
        let mut pause = BACK_OFF_MIN;
        loop {
            let size = *durable.borrow_and_update();
            if size == 0 {
                // There is nothing to vouch for yet.
                if durable.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let step =
                if self.mirrored == Some(size) { self.witness(size).await } else { self.push(size).await };
            let stuck = matches!(step, Step::Stuck(_));
            let wait = match step {
                Step::On => {
                    pause = BACK_OFF_MIN;
                    if self.mirrored == Some(size) { self.until_witness(size) } else { Some(Duration::ZERO) }
                }
                Step::Stuck(state) => {
                    self.shared.change(|view| view.state = state);
                    let wait = if state == MirrorState::Away { pause } else { DROPPED };
                    pause = (pause * 2).min(BACK_OFF_MAX);
                    // So that writers that were cut off together do not come back together.
                    Some(wait.mul_f64(rand::rng().random_range(0.75..1.25)))
                }
            };
            let ended = match wait {
                Some(Duration::ZERO) => durable.has_changed().is_err(),
                // More to send is no reason to come earlier to one that is away.
                Some(wait) if stuck => ended_within(&mut durable, wait).await,
                Some(wait) => matches!(tokio::time::timeout(wait, durable.changed()).await, Ok(Err(_))),
                None => durable.changed().await.is_err(),
            };
            if ended {
                return;
            }
        }
    }

    /// When the witness is to be asked next; never when it has cosigned all there is.
    fn until_witness(&self, size: u64) -> Option<Duration> {
        self.witness.as_ref()?;
        if self.witnessed >= size {
            return None;
        }
        let next = self.witness_asked.map_or(Duration::ZERO, |asked| {
            (asked + WITNESS_EVERY).saturating_duration_since(Instant::now())
        });
        Some(next.max(Duration::from_millis(1)))
    }

    /// Sends what is missing, as much as goes into one request.
    async fn push(&mut self, durable: u64) -> Step {
        let from = self.at.unwrap_or(durable);
        if from > durable {
            self.shared.tell(MirrorEvent::Ahead { mirror: self.shared.number, size: from });
            self.at = None;
            return Step::Stuck(MirrorState::Refused);
        }
        let Some((body, end, signed)) = self.collect(from, durable).await else {
            // This log cannot be read; that is not the replica's fault, and somebody else says it.
            return Step::Stuck(MirrorState::Away);
        };
        let path = format!("/{}/add-frames?from={from}", self.log);
        match self.client.post(&path, body).await {
            Answer::Done(lines) => self.mirrored(&lines, &signed, end),
            // Old frames without their erased payloads; the entry that says why comes in a later one.
            Answer::Taken(size) if size == end && end > from => {
                self.at = Some(end);
                Step::On
            }
            Answer::Taken(size) if size == end => Step::Stuck(MirrorState::Away),
            Answer::NotBegun => self.begin().await,
            Answer::Size(size) => {
                self.sizes += 1;
                self.at = Some(size);
                if self.sizes > SIZES_MAX { Step::Stuck(MirrorState::Lying) } else { Step::On }
            }
            other => self.stuck(&other),
        }
    }

    /// Frames from `from` on, the size after them, and the signed checkpoint of that size.
    async fn collect(&self, from: u64, durable: u64) -> Option<(Vec<u8>, u64, String)> {
        let (mut body, mut at, mut signed) = (Vec::new(), from, None);
        while at < durable && body.len() < PUSH_BYTES {
            let bytes = self.frames.frame(at).await.ok()?;
            let frame = Frame::parse(&bytes).ok()?;
            signed = String::from_utf8(frame.note.to_vec()).ok();
            at = at.checked_add(u64::from(frame.header.count))?;
            body.extend_from_slice(&bytes);
        }
        let signed = match signed {
            Some(signed) => signed,
            None => self.frames.checkpoint().await.ok()?,
        };
        Some((body, at, signed))
    }

    fn mirrored(&mut self, lines: &str, signed: &str, end: u64) -> Step {
        if size_of(signed) != Some(end) {
            // The log has grown since it was asked; the next request has it.
            self.at = Some(end);
            return Step::On;
        }
        if !vouched(lines, signed, &self.mirror) {
            return Step::Stuck(MirrorState::Lying);
        }
        (self.at, self.mirrored, self.sizes) = (Some(end), Some(end), 0);
        self.shared.change(|view| {
            view.state = MirrorState::Up;
            (view.mirrored, view.mirror_line) = (end, Some(lines.to_owned()));
        });
        Step::On
    }

    async fn begin(&mut self) -> Step {
        let Ok(empty) = self.frames.empty().await else { return Step::Stuck(MirrorState::Away) };
        match self.client.post(&format!("/{}/begin", self.log), empty).await {
            Answer::Done(_) => {
                self.sizes += 1;
                self.at = Some(0);
                if self.sizes > SIZES_MAX { Step::Stuck(MirrorState::Lying) } else { Step::On }
            }
            other => self.stuck(&other),
        }
    }

    /// Asks the witness, when it is time.
    async fn witness(&mut self, durable: u64) -> Step {
        let Some(key) = self.witness.clone() else { return Step::On };
        if self.until_witness(durable).is_none_or(|wait| wait > Duration::from_millis(1)) {
            return Step::On;
        }
        self.witness_asked = Some(Instant::now());
        // Once more when it names another size.
        for _ in 0..2 {
            let Ok(request) = self.frames.witness_request(self.witnessed).await else { return Step::On };
            let Some((_, signed)) = request.split_once("\n\n") else { return Step::On };
            let signed = signed.to_owned();
            match self.client.post("/add-checkpoint", request).await {
                Answer::Done(lines) => {
                    let size = size_of(&signed).unwrap_or(0);
                    if !vouched(&lines, &signed, &key) {
                        return Step::Stuck(MirrorState::Lying);
                    }
                    self.witnessed = size;
                    self.shared.change(|view| {
                        view.state = MirrorState::Up;
                        (view.witnessed, view.witness_line) = (size, Some(lines));
                    });
                    return Step::On;
                }
                Answer::Size(size) if size > durable => {
                    self.shared.tell(MirrorEvent::Ahead { mirror: self.shared.number, size });
                    return Step::Stuck(MirrorState::Refused);
                }
                Answer::Size(size) => self.witnessed = size,
                other => return self.stuck(&other),
            }
        }
        Step::On
    }

    fn stuck(&mut self, answer: &Answer) -> Step {
        // Where it is must be asked again.
        (self.at, self.sizes) = (None, 0);
        Step::Stuck(match answer {
            Answer::Away => MirrorState::Away,
            Answer::Inconsistent => {
                self.shared.tell(MirrorEvent::Forked { mirror: self.shared.number });
                MirrorState::Refused
            }
            Answer::Refused => MirrorState::Refused,
            _ => MirrorState::Lying,
        })
    }
}

/// Entries of a checkpoint of our own.
fn size_of(signed: &str) -> Option<u64> {
    let note = Note::parse(signed.as_bytes()).ok()?;
    Checkpoint::parse(note.text()).ok().map(|head| head.size)
}

/// Whether the lines are a cosignature of this key over the checkpoint.
fn vouched(lines: &str, signed: &str, key: &CosignerKey) -> bool {
    let whole = cosignature::attach(signed, lines).and_then(|whole| Note::parse(whole.as_bytes()));
    whole.is_ok_and(|note| key.verify(&note).is_ok())
}

/// Waits; whether it was said meanwhile that it is over.
async fn ended_within(durable: &mut watch::Receiver<u64>, wait: Duration) -> bool {
    let over = async { while durable.changed().await.is_ok() {} };
    tokio::time::timeout(wait, over).await.is_ok()
}
