//! Messages through real brokers: ours over three, beside a plain publication over one.

use super::mqtt::{Broker, Connection};
use super::throughput::SIZES;
use crate::figure::Figure;
use crate::rounds::median;
use bodywire_channels::{Priority, Spread};
use bodywire_sim::measure::session::{Ends, HubEnd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const SEED: u64 = 1;

/// How long one side's turn takes: long against a message, short against a neighbour's job.
const TURN: Duration = Duration::from_millis(500);
/// Paced messages a second: far from what either side can carry, so that no queue is measured.
const PACE_PER_SECOND: u32 = 100;
/// Unpaced messages that are under way at once: what a hub has in flight.
const WINDOW_MESSAGES: usize = 64;
/// Unpaced messages of a turn.
const BURST_MESSAGES: usize = 500;
/// Nothing is lost on the loopback interface; what is not there after so long will not come.
const ARRIVES_MAX: Duration = Duration::from_secs(10);
/// The peer's topic, as long as ours.
const PLAIN_TOPIC: &str = "plain/0/000000000000000000000000/f";

/// A message's number and when it was there.
type Arrival = (u64, Instant);

/// One way from a sender to a receiver.
enum Way {
    /// Three fragments over three brokers.
    Ours(Box<HubEnd>, Vec<(String, Connection)>),
    /// The same bytes, as they are, over one.
    Plain(Connection),
}

struct Line {
    way: Way,
    arrivals: UnboundedReceiver<Arrival>,
    /// When each message was given to this side, from number 0 on.
    given: Vec<Instant>,
    /// Connections that listen.
    _listening: Vec<Connection>,
}

impl Line {
    async fn ours(brokers: &[Broker]) -> Self {
        let Ends { hub, clinic } = Ends::new(Spread::TWO_OF_THREE, SEED).expect("two ends agree");
        let clinic = Arc::new(Mutex::new(clinic));
        let (arrived, arrivals) = unbounded_channel();
        let (mut speaking, mut listening) = (Vec::new(), Vec::new());
        for (path, (topic, broker)) in hub.topics().into_iter().zip(brokers).enumerate() {
            let (clinic, arrived) = (Arc::clone(&clinic), arrived.clone());
            let heard = move |fragment: &[u8]| {
                let message = clinic
                    .lock()
                    .expect("no holder panics")
                    .join(path, fragment)
                    .expect("an honest fragment");
                message.into_iter().for_each(|message| tell(&arrived, &message));
            };
            listening.push(Connection::open(broker.port, "clinic", Some(&topic), heard).await);
            speaking.push((topic, Connection::open(broker.port, "hub", None, |_| ()).await));
        }
        Self { way: Way::Ours(Box::new(hub), speaking), arrivals, given: Vec::new(), _listening: listening }
    }

    async fn plain(broker: &Broker) -> Self {
        let (arrived, arrivals) = unbounded_channel();
        let heard = move |message: &[u8]| tell(&arrived, message);
        let listening = vec![Connection::open(broker.port, "reader", Some(PLAIN_TOPIC), heard).await];
        let way = Way::Plain(Connection::open(broker.port, "writer", None, |_| ()).await);
        Self { way, arrivals, given: Vec::new(), _listening: listening }
    }

    /// Gives a message of `size` bytes to this side; its number stands in it.
    async fn send(&mut self, size: usize) {
        let mut message = vec![0x5a; size];
        let number = self.given.len() as u64;
        message.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
        self.given.push(Instant::now());
        match &mut self.way {
            Way::Ours(hub, paths) => {
                for (fragment, (topic, connection)) in hub
                    .split(Priority::Routine, &message)
                    .expect("a message within the limits")
                    .into_iter()
                    .zip(paths)
                {
                    connection.publish(topic, fragment).await;
                }
            }
            Way::Plain(connection) => connection.publish(PLAIN_TOPIC, message).await,
        }
    }

    /// Waits for the next message and says how long it took, in seconds.
    async fn receive(&mut self) -> f64 {
        let arrival = tokio::time::timeout(ARRIVES_MAX, self.arrivals.recv()).await;
        let (number, at) = arrival.ok().flatten().expect("nothing is lost on the loopback interface");
        let given = self.given.get(number as usize).expect("only what was sent arrives");
        at.duration_since(*given).as_secs_f64()
    }

    /// A turn at the common pace: the times that messages took.
    async fn paced(&mut self, size: usize, latencies: &mut Vec<f64>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / PACE_PER_SECOND);
        let messages = (TURN.as_secs_f64() * f64::from(PACE_PER_SECOND)) as usize;
        for _ in 0..messages {
            tick.tick().await;
            self.send(size).await;
        }
        for _ in 0..messages {
            latencies.push(self.receive().await);
        }
    }

    /// A turn as fast as it goes: messages a second.
    async fn burst(&mut self, size: usize) -> f64 {
        let begun = Instant::now();
        for sent in 0..BURST_MESSAGES {
            if sent >= WINDOW_MESSAGES {
                self.receive().await;
            }
            self.send(size).await;
        }
        for _ in 0..WINDOW_MESSAGES {
            self.receive().await;
        }
        BURST_MESSAGES as f64 / begun.elapsed().as_secs_f64()
    }
}

fn tell(arrived: &UnboundedSender<Arrival>, message: &[u8]) {
    let number = message.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
    // Nobody listens any more when the bench ends.
    let _ = arrived.send((number, Instant::now()));
}

/// Every size, `seconds` for each. `Err` says what is missing.
pub(crate) fn figures(seconds: f64, only: Option<usize>) -> Result<Vec<Figure>, String> {
    let brokers = (0..3).map(|_| Broker::start()).collect::<Result<Vec<_>, _>>()?;
    let plain = Broker::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let sizes = only.map_or_else(|| SIZES.to_vec(), |size| vec![size]);
    Ok(runtime.block_on(async {
        let (mut ours, mut peer) = (Line::ours(&brokers).await, Line::plain(&plain).await);
        let mut figures = Vec::new();
        for size in sizes {
            figures.extend(of_size(&mut ours, &mut peer, size, seconds).await);
        }
        figures
    }))
}

async fn of_size(ours: &mut Line, peer: &mut Line, size: usize, seconds: f64) -> Vec<Figure> {
    let (mut our_times, mut peer_times, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    // The first burst of a size pays for buffers that then stay.
    ours.burst(size).await;
    peer.burst(size).await;
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < seconds {
        ours.paced(size, &mut our_times).await;
        peer.paced(size, &mut peer_times).await;
        rates.push((ours.burst(size).await, peer.burst(size).await));
    }
    let (at, peer_at) = (percentiles(our_times), percentiles(peer_times));
    let named = |what: &str| format!("2 of 3, {size} B, {what}");
    let plain = || "plain QoS 1 through one Mosquitto".to_owned();
    let rate = Figure {
        ratio: Some(median(rates.iter().map(|(ours, peer)| ours / peer).collect())),
        ..Figure::new(
            named("as fast as it goes"),
            "messages/s",
            median(rates.iter().map(|(ours, _)| *ours).collect()),
            plain(),
            median(rates.iter().map(|(_, peer)| *peer).collect()),
        )
    };
    let latency = |what, ours: f64, peer: f64| Figure::new(named(what), "ms", ours, plain(), peer);
    vec![latency("p50", at[0], peer_at[0]), latency("p99", at[1], peer_at[1]), rate]
}

/// The 50th and the 99th percentile, in milliseconds.
fn percentiles(mut seconds: Vec<f64>) -> [f64; 2] {
    seconds.sort_by(f64::total_cmp);
    [0.50, 0.99].map(|share| {
        let at = (share * seconds.len() as f64) as usize;
        seconds.get(at).map_or(f64::NAN, |second| second * 1e3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentiles(times), [101e3, 199e3]);
    }
}
