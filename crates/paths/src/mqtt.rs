//! One connection in either version of MQTT. The client crates are named in this module and nowhere else.

mod v311;
mod v5;

use crate::broker::Broker;
use crate::reason::Reason;
use crate::socket::Dialer;
use crate::versions::Spoken;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Publications that wait inside the client. What does not fit is sent again later by the layer above.
pub const QUEUE_MESSAGES: usize = 1_024;
/// Publications that the broker has not acknowledged yet; brokers allow fewer if they want.
const IN_FLIGHT_MAX: u16 = 256;
/// Publications that share one write to the socket.
const WRITE_BATCH: usize = 32;
/// After this much silence of ours the broker is asked for a word; without one in as much again it is given up.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A broker that owes a word and has said nothing for this long is given up, however busy the client is: two
/// keep-alives and a slow line's round trip.
pub const SILENCE_MAX: Duration = Duration::from_secs(13);
/// How long the greeting may take, from the name's resolution to the broker's acceptance.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a goodbye waits for acknowledgements of what is in flight.
pub const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest packet: a fragment of the longest message, with room for its topic.
pub const PACKET_BYTES_MAX: u32 = 128 * 1024;
/// Room for a packet's own header beside topic and payload.
const PACKET_HEADER_BYTES: usize = 32;

/// What the broker publishes when the connection ends without a goodbye, at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it for those who come later.
    pub retain: bool,
}

/// How often a publication may arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Once or not at all (QoS 0).
    AtMostOnce,
    /// Once or more, as long as the connection lives (QoS 1).
    AtLeastOnce,
}

/// What is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// How often it may arrive.
    pub delivery: Delivery,
    /// Whether the broker keeps it for those who come later.
    pub retain: bool,
}

/// What the event loops of both versions say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The broker has accepted the connection; it takes packets up to this size, if it said so.
    Accepted { packet_bytes_max: Option<u32> },
    /// A message.
    Message { topic: String, payload: Vec<u8> },
    /// The broker has answered a publication.
    Acknowledged { taken: bool },
    /// The broker has answered a subscription.
    Subscribed { granted: bool },
    /// Anything else that the broker said.
    Heard,
    /// A subscription was sent.
    Asked,
    /// Something else was sent.
    Sent,
    /// We have said goodbye, and it is over.
    Over,
}

/// Gives the client work; cheap to clone.
#[derive(Clone)]
pub(crate) enum Client {
    V5(rumqttc_v5::AsyncClient),
    V311(rumqttc_v4::AsyncClient),
}

impl Client {
    /// False when the queue is full or the topic is none.
    pub(crate) fn publish(&self, publication: Publication) -> bool {
        match self {
            Self::V5(client) => v5::publish(client, publication),
            Self::V311(client) => v311::publish(client, publication),
        }
    }

    /// False when the queue is full or the filter is none.
    pub(crate) fn subscribe(&self, filter: &str) -> bool {
        match self {
            Self::V5(client) => client.try_subscribe(filter, rumqttc_v5::QoS::AtLeastOnce).is_ok(),
            Self::V311(client) => client.try_subscribe(filter, rumqttc_v4::QoS::AtLeastOnce).is_ok(),
        }
    }

    /// Says goodbye when what is in flight has been acknowledged, or has had its time.
    pub(crate) fn disconnect(&self) -> bool {
        match self {
            Self::V5(client) => client.try_disconnect_with_timeout(GOODBYE_TIMEOUT).is_ok(),
            Self::V311(client) => client.try_disconnect_with_timeout(GOODBYE_TIMEOUT).is_ok(),
        }
    }
}

/// Whether a broker that takes packets up to `packet_bytes_max` takes this one.
pub(crate) const fn fits(publication: &Publication, packet_bytes_max: u32) -> bool {
    let bytes = publication.topic.len().saturating_add(publication.payload.len());
    bytes.saturating_add(PACKET_HEADER_BYTES) <= packet_bytes_max as usize
}

enum Events {
    V5(Box<rumqttc_v5::EventLoop>),
    V311(Box<rumqttc_v4::EventLoop>),
}

/// One connection from its greeting to its end. It does not come back: whatever waited in it is gone with it.
pub(crate) struct Connection {
    client: Client,
    events: Events,
    accepted: bool,
    /// When the broker was heard, or owed nothing.
    heard: Instant,
}

impl Connection {
    /// Nothing is sent before [`Self::next`].
    pub(crate) fn new(
        spoken: Spoken,
        broker: &Broker,
        dialer: &Arc<Dialer>,
        client_id: &str,
        will: Option<&Will>,
    ) -> Self {
        let (client, events) = match spoken {
            Spoken::V5 => {
                let (client, events) = v5::open(broker, dialer, client_id, will);
                (Client::V5(client), Events::V5(Box::new(events)))
            }
            Spoken::V311 => {
                let (client, events) = v311::open(broker, dialer, client_id, will);
                (Client::V311(client), Events::V311(Box::new(events)))
            }
        };
        Self { client, events, accepted: false, heard: Instant::now() }
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// What happens next. `owed` says whether the broker owes an acknowledgement. After an error the connection is gone.
    pub(crate) async fn next(&mut self, owed: bool) -> Result<Step, Reason> {
        let now = Instant::now();
        if !owed {
            self.heard = now;
        }
        let step = if self.accepted {
            // A client that is kept busy says something all the time: what counts is what the broker says. One that waits
            // for a socket says nothing at all.
            timeout_at(self.heard + SILENCE_MAX, self.poll()).await
        } else {
            timeout(GREETING_TIMEOUT, self.poll()).await
        };
        match step.unwrap_or(Err(Reason::Timeout)) {
            Ok(step) => {
                self.accepted |= matches!(step, Step::Accepted { .. });
                if !matches!(step, Step::Asked | Step::Sent) {
                    self.heard = Instant::now();
                }
                Ok(step)
            }
            Err(Reason::Closed) if !self.accepted => Err(Reason::TurnedAway),
            Err(reason) => Err(reason),
        }
    }

    async fn poll(&mut self) -> Result<Step, Reason> {
        // The client crates parse what strangers send. A fault in them may cost a connection, never the program.
        let polled = match &mut self.events {
            Events::V5(events) => AssertUnwindSafe(v5::poll(events)).catch_unwind().await,
            Events::V311(events) => AssertUnwindSafe(v311::poll(events)).catch_unwind().await,
        };
        polled.unwrap_or_else(|_| Err(Reason::Protocol("the client could not cope with it".to_owned())))
    }
}
