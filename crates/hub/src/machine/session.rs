//! The hub's end of the session with the clinic: prekeys, the sender, and what comes and goes on the paths.

use super::{Action, Machine, Moment};
use crate::config::Config;
use crate::error::Error;
use bodywire_channels::sender::{Input, Output, Sender, Token};
use bodywire_channels::session::{self, HubNumber};
use bodywire_channels::state::State;
use bodywire_channels::{Priority, ack, downlink};
use bodywire_paths::{Delivery, Publication};
use rand_core::CryptoRng;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A clinic that has acknowledged nothing for this long, with reports waiting, may have lost the session.
pub(super) const CLINIC_SILENT: Duration = Duration::from_secs(60);

impl Machine {
    /// A path's broker has accepted the connection. It knows nothing of the one before.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn path_up(&mut self, at: Moment, path: usize, rng: &mut impl CryptoRng) -> Result<(), Error> {
        self.set_up(path, true);
        let prekeys = self.config.rendezvous.prekey_topic(&self.config.shard, path)?;
        self.actions.push_back(Action::Subscribe(path, prekeys));
        self.listen_for_acks(path);
        // When it does not fit, the clinic goes on believing what it heard before.
        let online = self.state(path, true)?;
        self.actions.push_back(Action::Publish(path, online));
        self.sender_input(at, Input::PathUp(path), rng)
    }

    /// A path's connection is gone.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn path_down(&mut self, at: Moment, path: usize, rng: &mut impl CryptoRng) -> Result<(), Error> {
        self.set_up(path, false);
        self.sender_input(at, Input::PathDown(path), rng)
    }

    /// A message on a topic that this hub listens to. Not trusted.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn message(
        &mut self,
        at: Moment,
        path: usize,
        (topic, payload): (&str, Vec<u8>),
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        if topic.ends_with("/p") {
            return self.prekey(at, payload, rng);
        }
        if downlink::is_order(&payload) {
            return self.sender_input(at, Input::Order(path, &payload), rng);
        }
        let known = self.sender.as_ref().is_some_and(|s| ack::open(s.keys(), path, &payload).is_ok());
        self.refused_if(!known);
        if known {
            self.heard = at.now;
            self.sender_input(at, Input::Ack(path, &payload), rng)
        } else {
            Ok(())
        }
    }

    /// What this hub says of its connection to a path's broker, or its will says for it.
    ///
    /// # Errors
    /// That of a topic name.
    pub fn state(&self, path: usize, online: bool) -> Result<Publication, Error> {
        let Config { rendezvous, shard, .. } = &self.config;
        let connection = self.connections.get(path).copied().unwrap_or_default();
        let payload = State { online, connection }.to_bytes(rendezvous, path)?;
        let topic = rendezvous.state_topic(shard, path)?;
        Ok(Publication { topic, payload, delivery: Delivery::AtLeastOnce, retain: true })
    }

    pub(super) fn session_timers(&mut self, at: Moment, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if self.sender.as_ref().is_some_and(|sender| sender.is_spent(at.now))
            && let Some(prekey) = self.prekey.take()
        {
            // An expired prekey starts nothing; then the old session goes on until the clinic offers a new one.
            self.begin_session(at, prekey, rng)?;
        }
        if let Some(sender) = &mut self.sender
            && sender.next_timeout().is_some_and(|due| at.now >= due)
        {
            sender.handle(at.now, Input::Timeout, rng)?;
            self.counters.resent.store(sender.resent(), Ordering::Relaxed);
            self.drain_sender(at)?;
        }
        Ok(())
    }

    pub(super) fn drain_sender(&mut self, at: Moment) -> Result<(), Error> {
        let mut acknowledged = Vec::new();
        while let Some(output) = self.sender.as_mut().and_then(Sender::poll) {
            match output {
                Output::Start { path, payload } => {
                    let topic = self.config.rendezvous.session_topic(&self.config.shard, path)?;
                    self.publish(path, topic, Delivery::AtLeastOnce, payload);
                }
                Output::Fragment { path, priority, payload } => {
                    self.counters.fragment_bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
                    let delivery = match priority {
                        Priority::Preview => Delivery::AtMostOnce,
                        Priority::Emergency | Priority::Routine => Delivery::AtLeastOnce,
                    };
                    let keys = self.sender.as_ref().map(Sender::keys);
                    if let Some(topic) = keys.and_then(|keys| self.config.shard.fragments(keys, path)) {
                        self.publish(path, topic, delivery, payload);
                    }
                }
                Output::Confirmed => tracing::info!("the clinic has confirmed the session"),
                Output::Acknowledged(Token(number)) => acknowledged.push(number),
                Output::Ordered(content) => self.ordered(at, &content)?,
            }
        }
        if acknowledged.is_empty() { Ok(()) } else { self.acknowledged(&acknowledged) }
    }

    fn publish(&mut self, path: usize, topic: String, delivery: Delivery, payload: Vec<u8>) {
        let publication = Publication { topic, payload, delivery, retain: false };
        self.actions.push_back(Action::Publish(path, publication));
    }

    fn set_up(&mut self, path: usize, up: bool) {
        if let Some(counters) = self.counters.paths.get(path) {
            counters.up.store(u64::from(up), Ordering::Relaxed);
        }
        if let Some(slot) = self.up.get_mut(path) {
            *slot = up;
        }
    }

    fn listen_for_acks(&mut self, path: usize) {
        let topic = self.sender.as_ref().and_then(|s| self.config.shard.acks(s.keys(), path));
        self.actions.extend(topic.map(|topic| Action::Subscribe(path, topic)));
    }

    fn sender_input(&mut self, at: Moment, input: Input<'_>, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let handled = self.sender.as_mut().map_or(Ok(()), |sender| sender.handle(at.now, input, rng));
        match handled {
            // What a peer sent and the sender refused is counted; it must not stop the hub.
            Err(bodywire_channels::Error::Refused(_)) => self.refused_if(true),
            other => other?,
        }
        self.drain_sender(at)
    }

    /// A prekey of the clinic: a newer one begins a new session. An older one, which a broker may have kept, does so
    /// only when the clinic has been silent for long: then its clock may have been set back.
    fn prekey(&mut self, at: Moment, prekey: Vec<u8>, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if let Some(present) = &self.prekey {
            let newer = session::not_after_ms(&prekey) > session::not_after_ms(present);
            let silent = at.now.saturating_sub(self.heard) > CLINIC_SILENT && self.spool.pending() > 0;
            if *present == prekey || !(newer || silent) {
                return Ok(());
            }
        }
        self.begin_session(at, prekey, rng)
    }

    /// Starts a session with this prekey, in place of the running one.
    fn begin_session(&mut self, at: Moment, prekey: Vec<u8>, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let Config { hub, signing_key, clinic, spread, .. } = &self.config;
        let number = HubNumber(hub.0);
        let started = session::start(number, signing_key, clinic, &prekey, *spread, at.unix_ms, rng);
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                tracing::warn!(%error, "a prekey was refused");
                self.refused_if(true);
                return Ok(());
            }
        };
        self.prekey = Some(prekey);
        self.submitted_urgent = 0;
        self.submitted = 0;
        self.heard = at.now;
        let mut sender = Sender::new(started, at.now);
        for path in (0..self.up.len()).filter(|path| self.up.get(*path) == Some(&true)) {
            sender.handle(at.now, Input::PathUp(path), rng)?;
        }
        self.sender = Some(sender);
        // The acknowledgements are asked for before the start goes out, or the first would be missed.
        (0..self.up.len()).for_each(|path| self.listen_for_acks(path));
        self.drain_sender(at)
    }
}
