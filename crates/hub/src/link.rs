//! One sensor's link at the hub: handshake, then records, then the handshake again when the sensor asks for it.

use bodywire_proto::Error;
use bodywire_proto::handshake::{HubHandshake, HubInput, HubOutput, HubRecord, HubSecret};
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::receipt::{RECEIPT_INTERVAL, Receipt};
use bodywire_proto::record::{PAYLOAD_BYTES_MAX, RecordWriter};
use bodywire_proto::session::Reader;
use bodywire_proto::wire::{Frame, SensorId};
use rand_core::CryptoRng;
use std::collections::VecDeque;
use std::time::Duration;

/// What the link wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Put this on durable storage before anything that follows.
    Save(Box<HubRecord>),
    /// Take a pair out of the database, any or the one with this challenge, and come back with [`Link::pair`].
    ClaimPair(Option<Challenge>),
    /// Put this frame on the air.
    Send(Box<Frame>),
    /// The sensor has proved itself and so has the hub.
    Established {
        /// Epoch of the key that was used.
        epoch: u32,
        /// Bits of this run on the air, both ways, everything counted.
        bits: u32,
        /// Bits in which the PUF's reading differed from the enrolled one.
        noise_bits: u32,
    },
    /// What the sensor has sealed.
    Payload(Vec<u8>),
    /// The run ended without a session.
    Failed(Error),
}

/// The link to one sensor.
pub struct Link {
    sensor: SensorId,
    handshake: HubHandshake,
    records: Option<Reader>,
    /// The way down, for receipts and asks.
    down: Option<RecordWriter>,
    /// When the next receipt may go out, and whether one is owed.
    receipt_due: Duration,
    owes_receipt: bool,
    /// Bits on the air since the last session began.
    bits: u32,
    outputs: VecDeque<Output>,
}

impl Link {
    /// A link that continues from the stored record.
    pub fn new(record: HubRecord) -> Self {
        Self {
            sensor: record.sensor,
            handshake: HubHandshake::new(record),
            records: None,
            down: None,
            receipt_due: Duration::ZERO,
            owes_receipt: false,
            bits: 0,
            outputs: VecDeque::new(),
        }
    }

    /// True when there is a session.
    pub const fn is_established(&self) -> bool {
        self.records.is_some()
    }

    /// Takes a frame from the air. An error changes nothing; it is counted and otherwise met with silence.
    pub fn frame(&mut self, now: Duration, bytes: &[u8], rng: &mut impl CryptoRng) -> Result<(), Error> {
        if bytes.first().is_some_and(|first| Reader::is_payload(*first)) {
            let reader = self.records.as_mut().ok_or(Error::Misuse("a record without a session"))?;
            let mut buffer = [0u8; PAYLOAD_BYTES_MAX];
            let opened = reader.open(bytes, &mut buffer)?;
            self.outputs.push_back(Output::Payload(opened.payload.to_vec()));
            self.owes_receipt = true;
            self.handshake.confirmed();
            self.drain();
            return self.give_receipt(now);
        }
        let result = self.handshake.handle(now, HubInput::Frame(bytes), rng);
        if result.is_ok() {
            self.count(bytes.len());
        }
        self.drain();
        result
    }

    /// The answer to [`Output::ClaimPair`].
    pub fn pair(
        &mut self,
        now: Duration,
        pair: Option<(Challenge, Response)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let input = match &pair {
            Some((challenge, response)) => HubInput::Pair(*challenge, response),
            None => HubInput::NoPair,
        };
        let result = self.handshake.handle(now, input, rng);
        self.drain();
        result
    }

    /// To be called when [`Self::next_timeout`] has passed.
    pub fn timeout(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let result = self.handshake.handle(now, HubInput::Timeout, rng);
        self.drain();
        result.and_then(|()| self.give_receipt(now))
    }

    /// When to call [`Self::timeout`].
    pub fn next_timeout(&self) -> Option<Duration> {
        let receipt = (self.owes_receipt && self.down.is_some()).then_some(self.receipt_due);
        self.handshake.next_timeout().into_iter().chain(receipt).min()
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Seals a payload for the sensor and puts it on the air; nothing without a session.
    ///
    /// # Errors
    /// [`Error::Limit`] for one that is too long.
    pub fn tell(&mut self, payload: &[u8]) -> Result<(), Error> {
        if let Some(down) = &mut self.down {
            let frame = down.seal(payload)?;
            self.outputs.push_back(Output::Send(Box::new(frame)));
        }
        Ok(())
    }

    /// Tells the sensor that it is heard, now and then.
    fn give_receipt(&mut self, now: Duration) -> Result<(), Error> {
        let next = self.records.as_ref().and_then(Reader::next);
        let due = self.owes_receipt && now >= self.receipt_due;
        if let (Some(down), Some(next), true) = (&mut self.down, next, due) {
            self.receipt_due = now + RECEIPT_INTERVAL;
            self.owes_receipt = false;
            let frame = down.seal(&Receipt { next }.emit())?;
            self.outputs.push_back(Output::Send(Box::new(frame)));
        }
        Ok(())
    }

    /// Which key the session came from: the epoch, or the seed's variation in the paper's profile.
    fn epoch(&self) -> u32 {
        match &self.handshake.record().secret {
            HubSecret::Hardened(chain) => chain.epoch,
            HubSecret::Paper(seed) => u32::from(seed.delta()),
        }
    }

    fn count(&mut self, bytes: usize) {
        self.bits = self.bits.saturating_add(8 * bytes as u32);
    }

    fn drain(&mut self) {
        while let Some(output) = self.handshake.poll() {
            let output = match output {
                HubOutput::Save(record) => Output::Save(Box::new(record)),
                HubOutput::ClaimPair(wanted) => Output::ClaimPair(wanted),
                HubOutput::Send(frame) => {
                    self.count(frame.as_bytes().len());
                    Output::Send(Box::new(frame.into()))
                }
                HubOutput::Established { session, noise_bits } => {
                    self.records = Some(session.reader(self.sensor));
                    self.down = session.down_writer(self.sensor);
                    self.receipt_due = Duration::ZERO;
                    let bits = std::mem::take(&mut self.bits);
                    Output::Established { epoch: self.epoch(), bits, noise_bits }
                }
                HubOutput::Failed(error) => Output::Failed(error),
            };
            self.outputs.push_back(output);
        }
    }
}
