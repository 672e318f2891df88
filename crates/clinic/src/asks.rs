//! Requests for class III data on their way to the sensors: each goes to the sensor's hub as an order, again and again until
//! the answer has come as a report, or for fifteen seconds. Without input or output; [`crate::service`] publishes.
//!
//! Who may ask is decided before: here it is only carried. The answer is a consent or a refusal in the ledger, which the
//! chart reads as any other report.

use bodywire_proto::ask::{Ask, ORDER_BYTES, PATIENCE, Refused};
use bodywire_proto::consent::{ASKED_BYTES, Claimed, Occasion};
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::wire::{HubId, SensorId};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often an order is given until it is answered: a report's way back takes about a second, and what the hub has already
/// it ignores.
pub const ORDER_PAUSE: Duration = Duration::from_secs(2);
/// Asks that are open at once; more than a ward's clinicians begin in fifteen seconds.
pub const ASKS_MAX: usize = 256;

/// A request that was decided, and that its sensor has to answer now.
#[derive(Debug, Clone)]
pub struct SensorAsk {
    /// The bed's hub.
    pub hub: HubId,
    /// The sensor that the request names.
    pub sensor: SensorId,
    /// The asker's certificate.
    pub certificate: [u8; 155],
    /// The asker's request.
    pub request: [u8; 143],
    /// The end that was granted, milliseconds since 1970.
    pub until_ms: u64,
}

impl SensorAsk {
    const fn ask(&self) -> Ask {
        Ask { certificate: self.certificate, request: self.request, until_ms: self.until_ms }
    }

    /// Name of the request, by which its answer is known: [`bodywire_proto::consent::Granted::asked`],
    /// [`Refused::asked`].
    pub fn asked(&self) -> [u8; ASKED_BYTES] {
        self.ask().asked()
    }
}

struct Open {
    hub: HubId,
    asked: [u8; ASKED_BYTES],
    order: [u8; ORDER_BYTES],
    since: Duration,
    due: Duration,
}

/// The asks that are open.
pub struct Asks {
    incoming: Option<mpsc::Receiver<SensorAsk>>,
    open: Vec<Open>,
}

impl Asks {
    /// None open; they come from `incoming`.
    pub const fn new(incoming: Option<mpsc::Receiver<SensorAsk>>) -> Self {
        Self { incoming, open: Vec::new() }
    }

    /// Waits for the next ask. For ever when nobody can ask any more.
    pub(crate) async fn next(&mut self) -> SensorAsk {
        if let Some(incoming) = &mut self.incoming {
            if let Some(ask) = incoming.recv().await {
                return ask;
            }
            self.incoming = None;
        }
        std::future::pending().await
    }

    /// Takes an ask at `now` (any monotonic clock).
    pub fn take(&mut self, now: Duration, ask: &SensorAsk) {
        let asked = ask.asked();
        if self.open.len() >= ASKS_MAX || self.open.iter().any(|open| open.asked == asked) {
            tracing::warn!("a sensor is not asked: too many asks are open, or this one is");
            return;
        }
        match ask.ask().to_order(ask.sensor) {
            Ok(order) => self.open.push(Open { hub: ask.hub, asked, order, since: now, due: now }),
            Err(error) => tracing::error!(%error, "an order could not be written"),
        }
    }

    /// Orders that are to be given at `now`. What has waited too long is dropped: whoever asked is told by the clock.
    pub fn due(&mut self, now: Duration) -> Vec<(HubId, [u8; ORDER_BYTES])> {
        self.open.retain(|open| now.saturating_sub(open.since) < PATIENCE);
        let due = self.open.iter_mut().filter(|open| now >= open.due);
        due.map(|open| {
            open.due = now + ORDER_PAUSE;
            (open.hub, open.order)
        })
        .collect()
    }

    /// Looks at a report that was stored; an answer ends its ask.
    pub fn hear(&mut self, hub: HubId, report: &[u8]) {
        let answered = Report::parse(report).ok().and_then(|report| answer_to(&report));
        if let Some(asked) = answered {
            self.open.retain(|open| open.hub != hub || open.asked != asked);
        }
    }
}

/// The request that a report answers, if it is an answer. Nothing of it is verified but by the hub that sent it.
pub fn answer_to(report: &Report<'_>) -> Option<[u8; ASKED_BYTES]> {
    match report.header.kind {
        Kind::Consent => match Claimed::parse(report.body()).ok()?.occasion {
            Occasion::Request(asked) => Some(asked),
            Occasion::Emergency => None,
        },
        Kind::Declined => Some(Refused::parse(report.body()).ok()?.asked),
        Kind::Observations | Kind::Sealed | Kind::Alarm | Kind::Session | Kind::Vector => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::ask::Reason;
    use bodywire_proto::report::{ReportHeader, emit_header};

    const HUB: HubId = HubId(7);
    const PUMP: SensorId = SensorId(5);

    fn ask(n: u8) -> SensorAsk {
        SensorAsk { hub: HUB, sensor: PUMP, certificate: [1; 155], request: [n; 143], until_ms: 9 }
    }

    fn declined(n: u8) -> Vec<u8> {
        let header = ReportHeader {
            kind: Kind::Declined,
            sensor: PUMP,
            number: 1,
            hub_time_ms: 2,
            offset_ms: 0,
            backlog: 0,
        };
        let body = Refused { asked: ask(n).asked(), reason: Reason::Wearer }.to_bytes().unwrap();
        [&emit_header(&header).unwrap()[..], &body].concat()
    }

    #[test]
    fn an_order_is_given_every_two_seconds_until_its_answer() {
        let mut asks = Asks::new(None);
        asks.take(Duration::ZERO, &ask(1));
        asks.take(Duration::ZERO, &ask(1));
        asks.take(Duration::ZERO, &ask(2));
        let mut given = Vec::new();
        for tick in 0..80u32 {
            let now = Duration::from_millis(250) * tick;
            if tick == 18 {
                asks.hear(HubId(8), &declined(1));
                asks.hear(HUB, b"no report");
                asks.hear(HUB, &declined(2));
            }
            given.extend(asks.due(now).into_iter().map(|(hub, order)| {
                let (sensor, carried) = Ask::from_order(&order).unwrap();
                assert_eq!((hub, sensor), (HUB, PUMP));
                carried.asked()
            }));
        }
        let times = |n| given.iter().filter(|asked| **asked == ask(n).asked()).count();
        assert_eq!((times(1), times(2)), (8, 3), "fifteen seconds, and until the answer");
        assert!(asks.open.is_empty());
        (0..=255).for_each(|n| asks.take(Duration::ZERO, &ask(n)));
        asks.take(Duration::ZERO, &SensorAsk { until_ms: 10, request: [9; 143], ..ask(0) });
        assert_eq!(asks.open.len(), ASKS_MAX);
    }

    #[tokio::test]
    async fn asks_come_until_nobody_can_ask_any_more() {
        let (send, receive) = mpsc::channel(4);
        let mut asks = Asks::new(Some(receive));
        send.send(ask(3)).await.unwrap();
        assert_eq!(asks.next().await.asked(), ask(3).asked());
        drop(send);
        assert!(tokio::time::timeout(Duration::from_millis(10), asks.next()).await.is_err());
    }
}
