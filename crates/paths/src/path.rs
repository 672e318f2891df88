//! A path: a connection that is made again and again.

use crate::backoff::Backoff;
use crate::broker::{Broker, Version};
use crate::error::Error;
use crate::mqtt::{Client, Connection, GOODBYE_TIMEOUT, Publication, Step, Will, fits};
use crate::mqtt::{Delivery, PACKET_BYTES_MAX, QUEUE_MESSAGES};
use crate::reason::Reason;
use crate::socket::Dialer;
use crate::versions::{Spoken, Versions};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// What happens on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The broker has accepted the connection. It knows nothing of the one before: subscriptions have to be made now.
    Up {
        /// The version of MQTT that is spoken, 5 or 3.1.1.
        version: Version,
    },
    /// The connection is gone, or cannot be made. Said once for each connection that ended, and once for each new
    /// reason while none can be made.
    Down(Reason),
    /// A message on a topic this path listens to, not trusted.
    Message {
        /// Its topic.
        topic: String,
        /// Its bytes.
        payload: Vec<u8>,
    },
}

/// A connection of this moment.
struct Live {
    client: Client,
    packet_bytes_max: u32,
    /// Subscriptions that the client has not sent yet.
    asking: usize,
    /// Publications that came after them: the client sends them out of turn, and an answer to one of them would come
    /// before there is somebody to hear it.
    held: VecDeque<Publication>,
}

impl Live {
    fn subscribe(&mut self, topic: &str) -> bool {
        let queued = self.client.subscribe(topic);
        self.asking += usize::from(queued);
        queued
    }

    fn publish(&mut self, publication: Publication) -> bool {
        if self.asking == 0 {
            return self.client.publish(publication);
        }
        let room = self.held.len() < QUEUE_MESSAGES;
        if room {
            self.held.push_back(publication);
        }
        room
    }

    /// A subscription has been sent. Returns how many of the publications that waited for it found no room.
    fn asked(&mut self) -> usize {
        self.asking = self.asking.saturating_sub(1);
        if self.asking > 0 {
            return 0;
        }
        let held = std::mem::take(&mut self.held).into_iter();
        held.map(|publication| {
            let counted = publication.delivery == Delivery::AtLeastOnce;
            usize::from(!self.client.publish(publication) && counted)
        })
        .sum()
    }
}

/// What the handle and the driving task share.
struct Shared {
    live: Mutex<Option<Live>>,
    /// Publications of this connection that the broker has not acknowledged.
    in_flight: AtomicUsize,
    /// Turns true when the path is to say goodbye.
    ending: watch::Sender<bool>,
    /// Turns true when it has.
    ended: watch::Sender<bool>,
}

/// A path to one broker. Cheap to clone; the connection lives until [`Path::disconnect`], or until nobody receives
/// its events any more.
#[derive(Clone)]
pub struct Path {
    shared: Arc<Shared>,
}

impl Path {
    /// Connects to the broker, and connects again when the connection is lost. `client_id` must say nothing about hub
    /// or patient. Events come out of `events` with the number `index`.
    ///
    /// # Errors
    /// When certificates, key or host name cannot be used. A broker that cannot be reached is no error but an
    /// [`Event::Down`].
    pub fn connect(
        index: usize,
        broker: &Broker,
        client_id: &str,
        will: Option<Will>,
        events: mpsc::Sender<(usize, Event)>,
    ) -> Result<Self, Error> {
        let dialer = Dialer::new(broker)?;
        let shared = Arc::new(Shared {
            live: Mutex::new(None),
            in_flight: AtomicUsize::new(0),
            ending: watch::Sender::new(false),
            ended: watch::Sender::new(false),
        });
        let driver = Driver {
            index,
            broker: broker.clone(),
            dialer,
            client_id: client_id.to_owned(),
            will,
            versions: Versions::new(broker.version),
            backoff: Backoff::default(),
            told: None,
            shared: Arc::clone(&shared),
            events,
        };
        tokio::spawn(driver.run());
        Ok(Self { shared })
    }

    /// Listens to a topic for as long as this connection lasts. False when the path is down or its queue is full.
    pub fn subscribe(&self, topic: &str) -> bool {
        self.live().as_mut().is_some_and(|live| live.subscribe(topic))
    }

    /// Publishes, after the subscriptions that were asked for before. False when the path is down, its queue is full, or the broker takes no packet of this size; nothing
    /// is lost by it that the layer above does not send again.
    pub fn publish(&self, publication: Publication) -> bool {
        let mut live = self.live();
        let Some(live) = live.as_mut() else { return false };
        if !fits(&publication, live.packet_bytes_max) {
            return false;
        }
        let counted = publication.delivery == Delivery::AtLeastOnce;
        if counted {
            self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        }
        let queued = live.publish(publication);
        if counted && !queued {
            self.shared.acknowledged();
        }
        queued
    }

    /// How many publications of this connection the broker has not acknowledged: those that wait in the queue and
    /// those that are on their way.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Says goodbye to the broker, so that it does not publish the will, and stops. Returns at once; whoever ends the
    /// process waits for [`Path::ended`].
    pub fn disconnect(&self) {
        self.shared.ending.send_replace(true);
        if let Some(live) = self.live().as_ref() {
            // When it cannot be said the connection ends without it, when its time is over.
            live.client.disconnect();
        }
    }

    /// Returns when the goodbye has been said, or has had its time.
    pub async fn ended(&self) {
        let mut ended = self.shared.ended.subscribe();
        let over = tokio::time::timeout(GOODBYE_TIMEOUT * 2, ended.wait_for(|ended| *ended)).await;
        // Too late or over: in both cases there is nothing to wait for.
        drop(over);
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Option<Live>> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn set_live(&self, live: Option<Live>) {
        let mut slot = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        self.in_flight.store(0, Ordering::Relaxed);
        *slot = live;
    }

    fn asked(&self) {
        let mut slot = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = slot.as_mut().map_or(0, Live::asked);
        (0..lost).for_each(|_| self.acknowledged());
    }

    fn acknowledged(&self) {
        let one_less = |count: usize| Some(count.saturating_sub(1));
        // The closure always returns a value, so that this cannot fail.
        let _ = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

/// How a connection ended.
enum End {
    /// As it was asked to, or because nobody listens.
    Wanted,
    /// For this reason, after it was up for this long.
    Lost(Reason, Option<Duration>),
}

/// What drives one path.
struct Driver {
    index: usize,
    broker: Broker,
    dialer: Arc<Dialer>,
    client_id: String,
    will: Option<Will>,
    versions: Versions,
    backoff: Backoff,
    /// The reason that was told last, until the path is up again.
    told: Option<Reason>,
    shared: Arc<Shared>,
    events: mpsc::Sender<(usize, Event)>,
}

impl Driver {
    async fn run(mut self) {
        let mut ending = self.shared.ending.subscribe();
        loop {
            let end = self.connection(&mut ending).await;
            self.shared.set_live(None);
            let End::Lost(reason, lasted) = end else { break };
            if !self.tell_down(&reason, lasted.is_some()).await {
                break;
            }
            let pause = self.backoff.pause(lasted.unwrap_or_default(), &reason, rand::random());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = asked(&mut ending) => break,
                () = self.events.closed() => break,
            }
        }
        self.shared.ended.send_replace(true);
    }

    /// False when nobody listens any more.
    async fn tell_down(&mut self, reason: &Reason, was_up: bool) -> bool {
        if was_up || self.told.as_ref() != Some(reason) {
            self.told = Some(reason.clone());
            return self.events.send((self.index, Event::Down(reason.clone()))).await.is_ok();
        }
        true
    }

    /// One connection in the version that is known to work, or in the other one when the broker wants that.
    async fn connection(&mut self, ending: &mut watch::Receiver<bool>) -> End {
        let first = self.versions.first();
        let end = self.connection_in(first, ending).await;
        match &end {
            End::Lost(reason, None) => match self.versions.second(first, reason) {
                Some(second) => self.connection_in(second, ending).await,
                None => end,
            },
            _ => end,
        }
    }

    async fn connection_in(&mut self, spoken: Spoken, ending: &mut watch::Receiver<bool>) -> End {
        let mut connection =
            Connection::new(spoken, &self.broker, &self.dialer, &self.client_id, self.will.as_ref());
        let mut up: Option<Instant> = None;
        let mut complained = false;
        loop {
            let owed = self.shared.in_flight.load(Ordering::Relaxed) > 0;
            let step = tokio::select! {
                step = connection.next(owed) => step,
                () = self.events.closed() => return End::Wanted,
                () = out_of_time(ending, up.is_some()) => return End::Wanted,
            };
            let event = match step {
                Err(reason) => return End::Lost(reason, up.map(|since| since.elapsed())),
                Ok(Step::Over) => return End::Wanted,
                Ok(Step::Accepted { packet_bytes_max }) => {
                    up = Some(Instant::now());
                    self.accepted(spoken, connection.client().clone(), packet_bytes_max);
                    Event::Up { version: spoken.into() }
                }
                Ok(Step::Acknowledged { taken }) => {
                    self.shared.acknowledged();
                    if !taken && !std::mem::replace(&mut complained, true) {
                        tracing::warn!(
                            path = self.index,
                            "the broker does not let this path publish; see its access list"
                        );
                    }
                    continue;
                }
                Ok(Step::Subscribed { granted: false }) => {
                    tracing::warn!(
                        path = self.index,
                        "the broker does not let this path listen; see its access list"
                    );
                    continue;
                }
                Ok(Step::Asked) => {
                    self.shared.asked();
                    continue;
                }
                Ok(Step::Message { topic, payload }) => Event::Message { topic, payload },
                Ok(_) => continue,
            };
            tokio::select! {
                sent = self.events.send((self.index, event)) => if sent.is_err() { return End::Wanted },
                // Whoever has said goodbye need not listen any more.
                () = asked(ending) => {}
            }
        }
    }

    fn accepted(&mut self, spoken: Spoken, client: Client, packet_bytes_max: Option<u32>) {
        self.versions.works(spoken);
        self.told = None;
        let packet_bytes_max = packet_bytes_max.unwrap_or(PACKET_BYTES_MAX).min(PACKET_BYTES_MAX);
        let live = Live { client: client.clone(), packet_bytes_max, asking: 0, held: VecDeque::new() };
        self.shared.set_live(Some(live));
        if *self.shared.ending.borrow() {
            // The goodbye came while the greeting was under way.
            client.disconnect();
        }
    }
}

async fn asked(ending: &mut watch::Receiver<bool>) {
    if ending.wait_for(|ending| *ending).await.is_err() {
        // The sender lives in what the driver itself holds, so that this is never reached; a path that waits for ever is
        // the right answer all the same.
        std::future::pending::<()>().await;
    }
}

/// Returns when the goodbye has had its time: none at all while there is no connection.
async fn out_of_time(ending: &mut watch::Receiver<bool>, up: bool) {
    asked(ending).await;
    if up {
        tokio::time::sleep(GOODBYE_TIMEOUT * 2).await;
    }
}
