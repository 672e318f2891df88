//! Connections to brokers, and what travels on them.

use super::attacks::CARRIED_KEPT;
use super::broker::{Client, Parcel};
use super::trace::Actor;
use super::{Event, World};
use crate::agenda::Time;
use bodywire_clinic::ingest;
use bodywire_paths::{Delivery, Publication};
use std::time::Duration;

/// How long it takes to connect, at most.
const CONNECT_WITHIN: Duration = Duration::from_millis(400);
/// How long it takes until a client sees that its connection is gone, at most.
const NOTICE_WITHIN: Duration = Duration::from_secs(2);

/// A client's way to a broker.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Faults that keep it cut.
    pub(super) cut: u32,
    /// A connection is being made.
    connecting: bool,
    /// The connection that the client believes in.
    believed: Option<u64>,
    /// The connection that there is.
    real: Option<u64>,
    /// What it has been given is through by then.
    free: Time,
}

impl World {
    fn is_running(&self, client: Client) -> bool {
        match client {
            Client::Hub(bed) => self.beds.get(bed).is_some_and(|of| of.machine.is_some()),
            Client::Clinic => self.clinic.is_some(),
        }
    }

    /// Makes a connection that there should be, and ends one that there should not.
    pub(super) fn reconcile(&mut self, at: Time, path: usize, client: Client) {
        let running = self.is_running(client);
        let Some(broker) = self.brokers.get_mut(path) else { return };
        let link = self.links.entry((path, client)).or_default();
        let wanted = running && broker.is_running() && link.cut == 0;
        if wanted && link.real.is_none() && !link.connecting {
            link.connecting = true;
            let delay = Duration::from_millis(5) + self.chance.within(CONNECT_WITHIN);
            self.agenda.schedule(at + delay, Event::Connect { path, client });
        }
        if !wanted && let Some(connection) = link.real.take() {
            let will = broker.cut(client, at);
            if running {
                let delay = self.chance.within(NOTICE_WITHIN);
                self.agenda.schedule(at + delay, Event::Noticed { path, client, connection });
            } else {
                link.believed = None;
            }
            self.trace.note(at, Actor::Broker(path), "loses a client, connection", &[connection], &[]);
            self.deliver(path, will);
        }
        if !running && let Some(link) = self.links.get_mut(&(path, client)) {
            link.believed = None;
        }
    }

    pub(super) fn connect(&mut self, at: Time, path: usize, client: Client) {
        let running = self.is_running(client);
        let will = self.will(path, client);
        let Some(broker) = self.brokers.get_mut(path) else { return };
        let link = self.links.entry((path, client)).or_default();
        link.connecting = false;
        if !running || !broker.is_running() || link.cut > 0 || link.real.is_some() {
            return;
        }
        let connection = broker.connect(client, will);
        (link.real, link.free) = (Some(connection), at);
        let before = link.believed.replace(connection);
        self.trace.note(
            at,
            Actor::Broker(path),
            "has a client, connection",
            &[client_number(client), connection],
            &[],
        );
        // A connection that is back was gone before, whether that was noticed or not.
        match client {
            Client::Hub(bed) => {
                if before.is_some() {
                    self.with_hub(at, bed, |machine, moment, rng| machine.path_down(moment, path, rng));
                }
                self.with_hub(at, bed, |machine, moment, rng| machine.path_up(moment, path, rng));
                self.turn_soon(at, bed);
            }
            Client::Clinic => self.clinic_path_up(at, path),
        }
    }

    pub(super) fn noticed(&mut self, at: Time, path: usize, client: Client, connection: u64) {
        let link = self.links.entry((path, client)).or_default();
        if link.believed != Some(connection) {
            return;
        }
        link.believed = None;
        if let Client::Hub(bed) = client {
            self.with_hub(at, bed, |machine, moment, rng| machine.path_down(moment, path, rng));
            self.turn_soon(at, bed);
        }
        self.reconcile(at, path, client);
    }

    fn will(&self, path: usize, client: Client) -> Option<Publication> {
        match client {
            Client::Hub(bed) => self.beds.get(bed)?.machine.as_ref()?.state(path, false).ok(),
            Client::Clinic => None,
        }
    }

    /// A client publishes. What a hub publishes waits until what it has published before is through.
    pub(super) fn publish(&mut self, at: Time, path: usize, client: Client, publication: Publication) {
        let kbit_per_s = self.scenario.paths.get(path).map_or(0, |path| path.kbit_per_s);
        let link = self.links.entry((path, client)).or_default();
        let Some(connection) = link.real.filter(|_| kbit_per_s > 0 && !matches!(client, Client::Clinic))
        else {
            return self.publish_now(at, path, client, publication);
        };
        let bits = 8 * (publication.payload.len() + publication.topic.len()) as u64;
        link.free = link.free.max(at) + Duration::from_micros(1_000 * bits / u64::from(kbit_per_s));
        let through = link.free;
        self.agenda.schedule(through, Event::Through { path, client, connection, publication });
    }

    /// It is through, if the connection still is the same.
    pub(super) fn through(
        &mut self,
        at: Time,
        path: usize,
        client: Client,
        connection: u64,
        what: Publication,
    ) {
        if self.links.get(&(path, client)).is_some_and(|link| link.real == Some(connection)) {
            self.publish_now(at, path, client, what);
        }
    }

    /// The broker takes what a client publishes. What goes into a connection that is gone is lost.
    fn publish_now(&mut self, at: Time, path: usize, client: Client, publication: Publication) {
        let Some(broker) = self.brokers.get_mut(path) else { return };
        let what =
            if matches!(client, Client::Clinic) { "carries of the clinic" } else { "carries of a hub" };
        self.trace.note(at, Actor::Broker(path), what, &[client_number(client)], &publication.payload);
        self.signals.count("publications", 1);
        self.signals.count("bytes published", publication.payload.len() as u64);
        if !broker.is_up(client) {
            return;
        }
        if !self.is_large {
            if self.carried.len() >= CARRIED_KEPT {
                self.carried.pop_front();
            }
            self.carried.push_back((path, publication.topic.clone(), publication.payload.clone()));
        }
        let parcels = broker.publish(publication, at);
        self.deliver(path, parcels);
    }

    /// The same of what a clinic's session wants said.
    pub(super) fn publish_all(&mut self, at: Time, publications: Vec<ingest::Publication>) {
        for ingest::Publication { path, topic, payload } in publications {
            let publication = Publication { topic, payload, delivery: Delivery::AtLeastOnce, retain: false };
            self.publish(at, path, Client::Clinic, publication);
        }
    }

    pub(super) fn subscribe(&mut self, at: Time, path: usize, client: Client, topic: String) {
        let Some(broker) = self.brokers.get_mut(path) else { return };
        let kept = broker.subscribe(client, topic, at);
        self.deliver(path, kept);
    }

    pub(super) fn deliver(&mut self, path: usize, parcels: Vec<Parcel>) {
        for parcel in parcels {
            self.agenda.schedule(parcel.at, Event::Arrives(path, parcel));
        }
    }

    pub(super) fn arrives(&mut self, at: Time, path: usize, parcel: Parcel) {
        let Parcel { to, connection, topic, payload, .. } = parcel;
        if !self.brokers.get(path).is_some_and(|broker| broker.arrives(to, connection)) {
            return;
        }
        match to {
            Client::Hub(bed) => {
                self.with_hub(at, bed, |machine, moment, rng| {
                    machine.message(moment, path, (&topic, payload), rng)
                });
                self.turn_soon(at, bed);
            }
            Client::Clinic => self.clinic_hears(at, path, &topic, &payload),
        }
    }
}

const fn client_number(client: Client) -> u64 {
    match client {
        Client::Hub(bed) => bed as u64 + 1,
        Client::Clinic => 0,
    }
}
