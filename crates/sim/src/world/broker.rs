//! A simulated MQTT broker: one path. It keeps what is retained, forwards by topic, and loses, repeats, delays and changes
//! what it carries as its mood says. Nobody trusts it, so nothing in it is real code.

use super::chance::Chance;
use crate::agenda::Time;
use bodywire_paths::{Delivery, Publication};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Client {
    /// The hub of this bed.
    Hub(usize),
    /// The clinic.
    Clinic,
}

/// What a broker does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mood {
    /// Chance that a publication is lost.
    pub(super) loss: f64,
    /// Chance that it is delivered twice.
    pub(super) duplicate: f64,
    /// Chance that a bit of it is changed.
    pub(super) lie: f64,
    /// The least time it takes.
    pub(super) delay: Duration,
    /// How much longer it takes at most. What jitters is reordered, too.
    pub(super) jitter: Duration,
}

/// A publication on its way to one client.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) to: Client,
    /// Of the receiver's connection: what is under way when it ends is gone.
    pub(super) connection: u64,
    pub(super) at: Time,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug, Default)]
struct Connection {
    number: u64,
    up: bool,
    /// Topics that it listens to as they are; those with wildcards are kept apart.
    exact: Vec<String>,
}

/// One broker.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) mood: Mood,
    clients: BTreeMap<Client, Connection>,
    /// Who listens to a topic, and who to filters with wildcards: a ward has thousands of the former.
    exact: BTreeMap<String, BTreeSet<Client>>,
    wild: BTreeSet<(Client, String)>,
    retained: BTreeMap<String, Vec<u8>>,
    wills: BTreeMap<Client, Publication>,
    chance: Chance,
    /// Its process runs.
    running: bool,
}

impl Broker {
    pub(super) fn new(mood: Mood, chance: Chance) -> Self {
        let (clients, exact, wild, retained, wills) = Default::default();
        Self { mood, clients, exact, wild, retained, wills, chance, running: true }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running
    }

    /// Starts or ends its process. What is retained stays on its disk; connections end.
    pub(super) fn run(&mut self, running: bool) {
        self.running = running;
        if !running {
            self.clients.values_mut().for_each(|connection| connection.up = false);
        }
    }

    /// A client connects, with what is to be said when it goes without a word. The number of the connection.
    pub(super) fn connect(&mut self, client: Client, will: Option<Publication>) -> u64 {
        let connection = self.clients.entry(client).or_default();
        connection.number += 1;
        connection.up = true;
        let number = connection.number;
        for topic in std::mem::take(&mut connection.exact) {
            if let Some(listening) = self.exact.get_mut(&topic) {
                listening.remove(&client);
            }
        }
        self.wild.retain(|(of, _)| *of != client);
        if let Some(will) = will {
            self.wills.insert(client, will);
        }
        number
    }

    /// The connection is gone; what its will says goes out.
    pub(super) fn cut(&mut self, client: Client, now: Time) -> Vec<Parcel> {
        if let Some(connection) = self.clients.get_mut(&client) {
            connection.up = false;
        }
        match self.wills.remove(&client) {
            Some(will) => self.publish(will, now),
            None => Vec::new(),
        }
    }

    pub(super) fn is_up(&self, client: Client) -> bool {
        self.running && self.clients.get(&client).is_some_and(|connection| connection.up)
    }

    /// Whether something that is under way still arrives.
    pub(super) fn arrives(&self, client: Client, connection: u64) -> bool {
        self.running && self.clients.get(&client).is_some_and(|found| found.up && found.number == connection)
    }

    /// A client listens; it is told what is retained.
    pub(super) fn subscribe(&mut self, client: Client, filter: String, now: Time) -> Vec<Parcel> {
        let is_wild = filter.contains(['+', '#']);
        let kept: Vec<(String, Vec<u8>)> = if is_wild {
            let fits = self.retained.iter().filter(|(topic, _)| matches(&filter, topic));
            fits.map(|(topic, payload)| (topic.clone(), payload.clone())).collect()
        } else {
            self.retained.get(&filter).map(|payload| (filter.clone(), payload.clone())).into_iter().collect()
        };
        if let Some(connection) = self.clients.get_mut(&client).filter(|connection| connection.up) {
            if is_wild {
                self.wild.insert((client, filter));
            } else {
                connection.exact.push(filter.clone());
                self.exact.entry(filter).or_default().insert(client);
            }
        }
        let parcels = kept.into_iter().map(|(topic, payload)| self.carry(client, topic, payload, now));
        let parcels: Vec<Option<Parcel>> = parcels.collect();
        parcels.into_iter().flatten().collect()
    }

    /// Somebody publishes.
    pub(super) fn publish(&mut self, publication: Publication, now: Time) -> Vec<Parcel> {
        let Publication { topic, payload, delivery, retain } = publication;
        if !self.running {
            return Vec::new();
        }
        if retain {
            self.retained.insert(topic.clone(), payload.clone());
        }
        // What is sent at least once is lost only with a connection, or by a broker that does not do its duty.
        let share = if delivery == Delivery::AtMostOnce { 1.0 } else { 0.5 };
        let mut listening = self.exact.get(&topic).cloned().unwrap_or_default();
        listening.extend(self.wild.iter().filter(|(_, filter)| matches(filter, &topic)).map(|(of, _)| *of));
        listening.retain(|client| self.clients.get(client).is_some_and(|connection| connection.up));
        let mut parcels = Vec::new();
        for client in listening {
            if self.chance.happens(self.mood.loss * share) {
                continue;
            }
            let copies = 1 + usize::from(self.chance.happens(self.mood.duplicate));
            for _ in 0..copies {
                parcels.extend(self.carry(client, topic.clone(), payload.clone(), now));
            }
        }
        parcels
    }

    fn carry(&mut self, to: Client, topic: String, mut payload: Vec<u8>, now: Time) -> Option<Parcel> {
        let connection = self.clients.get(&to).filter(|connection| connection.up)?.number;
        if self.chance.happens(self.mood.lie) {
            self.chance.change(&mut payload);
        }
        let at = now + self.mood.delay + self.chance.within(self.mood.jitter);
        Some(Parcel { to, connection, at, topic, payload })
    }
}

/// Whether a topic fits a filter (MQTT 5, section 4.7).
fn matches(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Mood =
        Mood { loss: 0.0, duplicate: 0.0, lie: 0.0, delay: Duration::from_millis(5), jitter: Duration::ZERO };

    fn said(topic: &str, retain: bool) -> Publication {
        Publication { topic: topic.into(), payload: vec![1, 2], delivery: Delivery::AtLeastOnce, retain }
    }

    #[test]
    fn filters_fit_as_mqtt_says() {
        for (filter, topic, fits) in [
            ("a/+/f", "a/b/f", true),
            ("a/+/f", "a/b/c/f", false),
            ("a/#", "a/b/c", true),
            ("a/b", "a/b", true),
            ("a/b", "a", false),
            ("a", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), fits, "{filter} {topic}");
        }
    }

    #[test]
    fn what_is_retained_waits_and_what_was_under_way_ends_with_the_connection() {
        let mut broker = Broker::new(CLEAN, Chance::new(1, "broker"));
        assert!(broker.publish(said("a/p", true), Time::ZERO).is_empty(), "nobody listens");
        let connection = broker.connect(Client::Clinic, Some(said("a/s", false)));
        let kept = broker.subscribe(Client::Clinic, "a/+".into(), Time::ZERO);
        assert_eq!((kept.len(), kept[0].at), (1, Time::from_millis(5)));
        assert!(broker.arrives(Client::Clinic, connection));
        assert!(broker.cut(Client::Clinic, Time::ZERO).is_empty(), "nobody is left to hear the will");
        broker.connect(Client::Clinic, None);
        assert!(!broker.arrives(Client::Clinic, connection));
        broker.run(false);
        assert!(!broker.is_up(Client::Clinic));
    }
}
