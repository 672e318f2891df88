//! Looks at a broker once, for whoever wants to know whether a path to it would work.

use crate::broker::{Broker, Version};
use crate::error::Error;
use crate::mqtt::{Connection, Delivery, Publication, Step};
use crate::reason::Reason;
use crate::socket::Dialer;
use crate::tls::TlsFacts;
use crate::versions::{Spoken, Versions};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a stranger goes on listening after the rightful client has heard its own message: brokers serve all their
/// subscribers within a few milliseconds, clusters within a few round trips.
const OVERHEAR_GRACE: Duration = Duration::from_millis(500);

/// What was seen of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The version of MQTT it speaks with us, 5 or 3.1.1.
    pub version: Version,
    /// What TLS agreed on; nothing over plain TCP.
    pub tls: Option<TlsFacts>,
    /// From the first packet to the broker's acceptance, name, TCP and TLS included.
    pub greeting: Duration,
    /// From a publication to its acknowledgement; nothing when the broker never acknowledged it.
    pub round_trip: Option<Duration>,
    /// Whether the broker lets us listen to our topic.
    pub subscribed: bool,
    /// Whether a publication with QoS 1 came back on our own subscription.
    pub returned: bool,
}

/// Why a probe has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The description cannot be used.
    #[error(transparent)]
    Description(#[from] Error),
    /// The connection failed.
    #[error("{0}; {next}", next = .0.next_step())]
    Connection(Reason),
}

/// Who listens where he should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// Somebody without user name, password and client certificate.
    Anonymous,
    /// Another client with the same user name, password and certificate.
    SameLogin,
}

/// What a stranger could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overheard {
    /// He may connect.
    pub connects: bool,
    /// He hears what is published on the topic when he listens to it.
    pub hears_topic: bool,
    /// He hears it when he listens to everything (`#`).
    pub hears_everything: bool,
}

/// Connects with a random client id, publishes once to `topic` and looks whether it comes back, all within `within`.
///
/// # Errors
/// When the description cannot be used, or no connection could be made.
pub async fn probe(broker: &Broker, within: Duration, topic: &str) -> Result<Probe, ProbeError> {
    let begun = Instant::now();
    let dialer = Dialer::new(broker)?;
    let greeted = timeout(within, greet(broker, &dialer)).await.unwrap_or(Err(Reason::Timeout));
    let (mut connection, spoken) = greeted.map_err(ProbeError::Connection)?;
    let mut seen = Probe {
        version: spoken.into(),
        tls: dialer.facts(),
        greeting: begun.elapsed(),
        round_trip: None,
        subscribed: false,
        returned: false,
    };
    let left = within.saturating_sub(begun.elapsed());
    // Whatever has been seen until then is the answer.
    let _ = timeout(left, look(&mut connection, topic, &mut seen)).await;
    goodbye(connection).await;
    Ok(seen)
}

/// Whether a stranger hears what is published on `topic`. What a broker answers to a subscription is not believed:
/// some say yes and deliver nothing.
///
/// # Errors
/// When the description cannot be used, or the rightful client cannot connect.
pub async fn overhear(
    broker: &Broker,
    stranger: Stranger,
    within: Duration,
    topic: &str,
) -> Result<Overheard, ProbeError> {
    let mut other = broker.clone();
    if stranger == Stranger::Anonymous {
        other.login = None;
        if let Some(tls) = &mut other.tls {
            tls.client = None;
        }
    }
    let mut overheard = Overheard::default();
    overheard.hears_topic = hears(broker, &other, within, topic, topic, &mut overheard.connects).await?;
    if overheard.connects {
        overheard.hears_everything =
            hears(broker, &other, within, topic, "#", &mut overheard.connects).await?;
    }
    Ok(overheard)
}

/// Whether `other`, who listens to `filter`, hears what the rightful client publishes on `topic`.
async fn hears(
    broker: &Broker,
    other: &Broker,
    within: Duration,
    topic: &str,
    filter: &str,
    connects: &mut bool,
) -> Result<bool, ProbeError> {
    let (own_dialer, other_dialer) = (Dialer::new(broker)?, Dialer::new(other)?);
    let stranger = timeout(within, greet(other, &other_dialer)).await.unwrap_or(Err(Reason::Timeout));
    let Ok((mut stranger, _)) = stranger else { return Ok(false) };
    *connects = true;
    let subscribed = timeout(within, subscribe(&mut stranger, filter)).await;
    if !matches!(subscribed, Ok(Ok(true))) {
        return Ok(false);
    }
    let own = timeout(within, greet(broker, &own_dialer)).await.unwrap_or(Err(Reason::Timeout));
    let (mut own, spoken) = own.map_err(ProbeError::Connection)?;
    let payload = nonce();
    let mut seen = Probe {
        version: spoken.into(),
        tls: None,
        greeting: Duration::ZERO,
        round_trip: None,
        subscribed: false,
        returned: false,
    };
    let own_ear = async {
        let _ = timeout(within, exchange(&mut own, topic, &payload, &mut seen)).await;
        tokio::time::sleep(OVERHEAR_GRACE).await;
    };
    let foreign_ear = async { heard(&mut stranger, &payload).await };
    let heard = tokio::select! {
        heard = foreign_ear => heard,
        () = own_ear => false,
    };
    goodbye(own).await;
    goodbye(stranger).await;
    Ok(heard)
}

/// A connection that the broker has accepted, in the version it wants.
async fn greet(broker: &Broker, dialer: &Arc<Dialer>) -> Result<(Connection, Spoken), Reason> {
    let versions = Versions::new(broker.version);
    let first = versions.first();
    let (spoken, greeted) = match accepted(first, broker, dialer).await {
        Err(reason) => match versions.second(first, &reason) {
            Some(second) => (second, accepted(second, broker, dialer).await),
            None => (first, Err(reason)),
        },
        greeted => (first, greeted),
    };
    greeted.map(|connection| (connection, spoken))
}

async fn accepted(spoken: Spoken, broker: &Broker, dialer: &Arc<Dialer>) -> Result<Connection, Reason> {
    let client_id = format!("bw{:016x}", rand::random::<u64>());
    let mut connection = Connection::new(spoken, broker, dialer, &client_id, None);
    loop {
        match connection.next(false).await? {
            Step::Accepted { .. } => return Ok(connection),
            Step::Over => return Err(Reason::Closed),
            _ => {}
        }
    }
}

async fn subscribe(connection: &mut Connection, filter: &str) -> Result<bool, Reason> {
    if !connection.client().subscribe(filter) {
        return Ok(false);
    }
    loop {
        match connection.next(true).await? {
            Step::Subscribed { granted } => return Ok(granted),
            Step::Over => return Err(Reason::Closed),
            _ => {}
        }
    }
}

async fn look(connection: &mut Connection, topic: &str, seen: &mut Probe) -> Result<(), Reason> {
    let payload = nonce();
    exchange(connection, topic, &payload, seen).await
}

/// Subscribes to `topic`, publishes to it, and waits for both the acknowledgement and the message.
async fn exchange(
    connection: &mut Connection,
    topic: &str,
    payload: &[u8],
    seen: &mut Probe,
) -> Result<(), Reason> {
    seen.subscribed = subscribe(connection, topic).await?;
    let sent = Instant::now();
    let publication = Publication {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        delivery: Delivery::AtLeastOnce,
        retain: false,
    };
    connection.client().publish(publication);
    while seen.round_trip.is_none() || (seen.subscribed && !seen.returned) {
        match connection.next(true).await? {
            Step::Acknowledged { .. } => seen.round_trip = Some(sent.elapsed()),
            Step::Message { payload: back, .. } if back == payload => seen.returned = true,
            Step::Over => return Err(Reason::Closed),
            _ => {}
        }
    }
    Ok(())
}

/// Whether these bytes arrive; returns false when the connection ends.
async fn heard(connection: &mut Connection, payload: &[u8]) -> bool {
    loop {
        match connection.next(false).await {
            Ok(Step::Message { payload: heard, .. }) if heard == payload => return true,
            Ok(Step::Over) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

async fn goodbye(mut connection: Connection) {
    connection.client().disconnect();
    let over = async { while !matches!(connection.next(false).await, Ok(Step::Over) | Err(_)) {} };
    // A broker that does not listen is left without a goodbye.
    let _ = timeout(crate::GOODBYE_TIMEOUT * 2, over).await;
}

/// Bytes that nobody else publishes.
fn nonce() -> Vec<u8> {
    rand::random::<[u8; 16]>().to_vec()
}
