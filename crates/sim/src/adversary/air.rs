//! The air between the real sensors and their real hub. An attacker owns it: it sees every frame, and decides what arrives.

use super::transcript::Transcript;
use crate::Error;
use std::collections::VecDeque;
use std::time::Duration;

/// Frames of one run after which an attacker has had its chance.
const FRAMES_PER_RUN_MAX: usize = 64;
/// Between two runs: longer than every clock window, timeout and back-off of the schemes.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// When the first run begins, in Unix time: 14 November 2023.
const BEGINNING: Duration = Duration::from_secs(1_700_000_000);

/// The victim's link; the other one belongs to a second sensor of the same hub.
pub(crate) const VICTIM: usize = 0;
/// The link of the second sensor.
pub(crate) const OTHER: usize = 1;

/// An end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The sensor's.
    Sensor,
    /// The hub's.
    Hub,
}

impl Side {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Hub => "hub",
        }
    }

    pub(crate) const fn peer(self) -> Self {
        match self {
            Self::Sensor => Self::Hub,
            Self::Hub => Self::Sensor,
        }
    }
}

/// A frame as an eavesdropper has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Who sent it.
    pub(crate) from: Side,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Two sensors and their hub, all running the scheme's real code.
pub(crate) trait Target {
    /// The sensor of a link begins a run.
    fn start(&mut self, link: usize, now: Duration) -> Result<Vec<Vec<u8>>, Error>;

    /// A frame arrives at one end of a link; returns what that end sends.
    fn deliver(&mut self, link: usize, to: Side, frame: &[u8], now: Duration) -> Vec<Vec<u8>>;

    /// The secrets of the runs that this end took for complete, oldest first.
    fn agreed(&self, link: usize, side: Side) -> &[Vec<u8>];

    /// Lengths of the fields of an honest run's frame with this number, from 0. They are public.
    fn fields(&self, number: usize) -> &'static [usize];

    /// Challenge-response pairs that are left in the hub's database of the victim; nothing when it keeps none.
    fn pairs_left(&self) -> Option<usize>;

    /// The hub loses its power, and with it what is not on storage. These hubs have everything on storage.
    fn restart_hub(&mut self, _link: usize) {}
}

/// What an attacker does with each frame.
pub(crate) trait Attacker {
    /// What arrives instead of the frame with this number in the run.
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)>;
}

/// Listens only.
pub(crate) struct Listener;

impl Attacker for Listener {
    fn seize(&mut self, _: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        vec![(frame.from.peer(), frame.bytes.clone())]
    }
}

/// Changes one frame: its bytes are XORed with a mask.
pub(crate) struct Changer<'a> {
    /// Which.
    pub(crate) number: usize,
    /// As long as the frame; zeros leave it as it is.
    pub(crate) mask: &'a [u8],
}

impl Attacker for Changer<'_> {
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        let mut bytes = frame.bytes.clone();
        if number == self.number {
            bytes.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        vec![(frame.from.peer(), bytes)]
    }
}

/// Replaces one frame by another.
pub(crate) struct Replacer {
    /// Which.
    pub(crate) number: usize,
    /// By what.
    pub(crate) bytes: Vec<u8>,
}

impl Attacker for Replacer {
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        let bytes = if number == self.number { &self.bytes } else { &frame.bytes };
        vec![(frame.from.peer(), bytes.clone())]
    }
}

/// Lets the frame before the one with this number be lost, and sends a forgery of this one to who waits for it.
pub(crate) struct Forger {
    /// Which frame is forged, from 1.
    pub(crate) number: usize,
    /// The forgery.
    pub(crate) bytes: Vec<u8>,
}

impl Attacker for Forger {
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        if number + 1 == self.number {
            vec![(frame.from, self.bytes.clone())]
        } else if number >= self.number {
            Vec::new()
        } else {
            Listener.seize(number, frame)
        }
    }
}

/// Lets one frame be lost.
pub(crate) struct Blocker {
    /// Which.
    pub(crate) number: usize,
}

impl Attacker for Blocker {
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        if number == self.number { Vec::new() } else { Listener.seize(number, frame) }
    }
}

/// Answers the sensor in the hub's place. The hub hears nothing.
pub(crate) struct FalseHub<F>(pub(crate) F);

impl<F: FnMut(usize, &[u8]) -> Vec<Vec<u8>>> Attacker for FalseHub<F> {
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        match frame.from {
            Side::Sensor => {
                (self.0)(number, &frame.bytes).into_iter().map(|answer| (Side::Sensor, answer)).collect()
            }
            Side::Hub => Vec::new(),
        }
    }
}

/// The victims and the time.
pub(crate) struct Air<T: ?Sized = dyn Target> {
    pub(crate) now: Duration,
    pub(crate) target: Box<T>,
}

impl<T: Target + ?Sized> Air<T> {
    pub(crate) fn new(target: Box<T>) -> Self {
        Self { now: BEGINNING, target }
    }

    /// One run of a link, begun by its sensor, with `attacker` between. Returns the frames that were sent.
    pub(crate) fn run(
        &mut self,
        link: usize,
        attacker: &mut dyn Attacker,
        log: &mut Transcript,
    ) -> Result<Vec<Frame>, Error> {
        self.now += PAUSE;
        let mut sent = Vec::new();
        let mut waiting: VecDeque<Frame> = VecDeque::new();
        let started = self.target.start(link, self.now)?;
        waiting.extend(started.into_iter().map(|bytes| Frame { from: Side::Sensor, bytes }));
        while let Some(frame) = waiting.pop_front().filter(|_| sent.len() < FRAMES_PER_RUN_MAX) {
            let what = format!("sends message {}, {} bytes", sent.len() + 1, frame.bytes.len());
            log.bytes(frame.from.name(), what, &frame.bytes);
            let arriving = attacker.seize(sent.len(), &frame);
            if arriving.is_empty() {
                log.note("attacker", "blocks it");
            }
            for (to, bytes) in arriving {
                if to != frame.from.peer() || bytes != frame.bytes {
                    log.bytes("attacker", format!("makes this arrive at the {}", to.name()), &bytes);
                }
                waiting.extend(self.arrive(link, to, &bytes, log));
            }
            sent.push(frame);
        }
        Ok(sent)
    }

    /// The attacker sends a frame of its own. Returns what it is answered.
    pub(crate) fn inject(
        &mut self,
        link: usize,
        to: Side,
        bytes: &[u8],
        log: &mut Transcript,
    ) -> Vec<Vec<u8>> {
        log.bytes("attacker", format!("sends to the {}", to.name()), bytes);
        let answers = self.arrive(link, to, bytes, log);
        answers.into_iter().map(|frame| frame.bytes).collect()
    }

    fn arrive(&mut self, link: usize, to: Side, bytes: &[u8], log: &mut Transcript) -> Vec<Frame> {
        let before = self.accepted(link, to);
        let answers = self.target.deliver(link, to, bytes, self.now);
        if self.accepted(link, to) > before {
            log.note(to.name(), "accepts the run");
        }
        answers.into_iter().map(|bytes| Frame { from: to, bytes }).collect()
    }

    /// How many runs this end took for complete.
    pub(crate) fn accepted(&self, link: usize, side: Side) -> usize {
        self.target.agreed(link, side).len()
    }

    /// The secret of the last run that this end took for complete.
    pub(crate) fn secret(&self, link: usize, side: Side) -> Option<&[u8]> {
        self.target.agreed(link, side).last().map(Vec::as_slice)
    }

    /// An honest run. True when both ends took it for complete and have the same secret.
    pub(crate) fn honest(&mut self, link: usize, log: &mut Transcript) -> Result<(bool, Vec<Frame>), Error> {
        let before = [Side::Sensor, Side::Hub].map(|side| self.accepted(link, side));
        let sent = self.run(link, &mut Listener, log)?;
        let after = [Side::Sensor, Side::Hub].map(|side| self.accepted(link, side));
        let both = before.iter().zip(after).all(|(before, after)| after == before + 1);
        Ok((both && self.secret(link, Side::Sensor) == self.secret(link, Side::Hub), sent))
    }
}
