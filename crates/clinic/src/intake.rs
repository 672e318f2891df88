//! What happens to messages that have arrived: which are stored, which came again, which must wait for replicas, and what may be
//! acknowledged when. Nothing here reads a clock, a file or a database: what those say is given, and what is decided is carried
//! out by whoever asked.
//!
//! ```text
//! hold(arrived) ── look up which are stored ── sort() ── append durably ── appended() ── index, head register ── acknowledge
//!                                                                             └─ waits for replicas ── settle() ──┘
//! ```
//!
//! That order is what makes an acknowledgement mean something. `acknowledge` of [`Sorted`] may go out when its items are durable
//! and [`Intake::appended`] has been told so, and what that has returned is indexed.

use crate::Error;
use crate::aggregates::WardKeys;
use crate::archive::Item;
use crate::chart::LATE_AFTER_MS;
use crate::index::row_of;
use crate::ingest::{Arrived, Receipt};
use crate::settle::{Acknowledge, Batch, Unsettled};
use bodywire_proto::report::{Kind, OF_THE_BED, Report};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::window::Window;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::ReportRow;
use std::collections::{HashMap, HashSet};

/// What messages are judged by, besides those before them.
pub struct Known<'a> {
    /// Which of the reports that [`Intake::hold`] has named are stored and indexed.
    pub stored: HashSet<(HubId, u64)>,
    /// The class of a sensor; nothing for one that no card names.
    pub class_of: &'a dyn Fn(HubId, SensorId) -> Option<RiskClass>,
    /// Whether a report that says that it is a vector is one that sums can take; see [`vector_of_the_ward`].
    pub takes: &'a dyn Fn(&Report<'_>) -> Result<(), Error>,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// What came of some messages.
#[derive(Debug, Default)]
pub struct Sorted {
    /// To be stored, in this order and together.
    pub items: Vec<Item>,
    /// To be acknowledged as soon as the items are durable here.
    pub acknowledge: Vec<Receipt>,
    /// To be acknowledged when replicas have the items, too: they go into the items' [`Batch`].
    pub wait: Vec<Receipt>,
    /// What was noticed.
    pub noticed: Noticed,
}

/// What was noticed of messages; the figures of [`crate::Counters`] of the same names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// No reports, or vectors that no sum could take.
    pub malformed: u64,
    /// Reports of sensors that no card names; they are stored all the same.
    pub unknown_sensors: u64,
    /// Reports that were stored already, or are stored by an earlier message.
    pub repeated: u64,
    /// Reports that came long after they were made, or after one that was made later.
    pub late: u64,
    /// Reports that came after one that was made later; they are among the late ones.
    pub out_of_order: u64,
}

/// What is known of messages and of what was stored lately.
#[derive(Debug)]
pub struct Intake {
    acknowledge: Acknowledge,
    /// There are replicas that the log is sent to.
    replicated: bool,
    enrolled: HashSet<(HubId, SensorId)>,
    /// The highest number of a stored report of each sensor, alarms aside.
    newest: HashMap<(HubId, SensorId), u64>,
    unsettled: Unsettled,
    /// What arrived and is not sorted yet: while too much is unsettled, it stays.
    held: Vec<Arrived>,
    /// Entries that the head register and the replicas were told of.
    told: u64,
}

impl Intake {
    /// Of a clinic that has stored nothing. `replicated`: its log is sent to replicas.
    #[must_use]
    pub fn new(acknowledge: Acknowledge, replicated: bool) -> Self {
        Self {
            acknowledge,
            replicated,
            enrolled: HashSet::new(),
            newest: HashMap::new(),
            unsettled: Unsettled::default(),
            held: Vec::new(),
            told: 0,
        }
    }

    /// Takes what the database says when the clinic begins: its sensors, and the highest number of a stored report of each, alarms
    /// aside. What it has been told of these before is forgotten.
    pub fn know(
        &mut self,
        enrolled: impl IntoIterator<Item = (HubId, SensorId)>,
        newest: impl IntoIterator<Item = ((HubId, SensorId), u64)>,
    ) {
        self.enrolled = enrolled.into_iter().collect();
        self.newest = newest.into_iter().collect();
    }

    /// Takes what has arrived. Returns which reports to look up before [`Self::sort`]; nothing when there is nothing to sort, or
    /// so much waits for replicas that no more should be stored: then what arrived waits here.
    pub fn hold(&mut self, arrived: Vec<Arrived>) -> Option<Vec<(HubId, u64)>> {
        self.held.extend(arrived);
        if self.held.is_empty() || self.unsettled.is_full() {
            return None;
        }
        Some(self.held.iter().filter_map(number_of).collect())
    }

    /// Sorts what is held.
    pub fn sort(&mut self, known: Known<'_>) -> Sorted {
        let mut sorted = Sorted::default();
        let Known { mut stored, class_of, takes, now_ms } = known;
        let waits = self.waits();
        for message in std::mem::take(&mut self.held) {
            match self.item(&message, &mut stored, (class_of, takes, now_ms), &mut sorted.noticed) {
                Some(item) => {
                    // An alarm is acknowledged when it is stored here: its hub must know at once that it was heard.
                    let wait = waits && !is_alarm(&item);
                    let to = if wait { &mut sorted.wait } else { &mut sorted.acknowledge };
                    to.push(message.receipt);
                    sorted.items.push(item);
                }
                None if self.is_unsettled(&message) => self.unsettled.wait(message.receipt),
                // Twice in this batch: acknowledged with it.
                None if waits && is_among(&message, &sorted.items) => sorted.wait.push(message.receipt),
                None => sorted.acknowledge.push(message.receipt),
            }
        }
        sorted
    }

    /// Entries were appended durably. Returns the batch when it must be indexed, and the head register go on, now; otherwise it
    /// waits for replicas, and [`Self::settle`] gives it.
    #[must_use = "what is returned must be indexed before anything is acknowledged"]
    pub fn appended(&mut self, batch: Batch) -> Option<Batch> {
        self.told = self.told.max(batch.head.size);
        self.recovered(batch)
    }

    /// The same of what a crash has left in the ledger only; replicas are told of it when they begin.
    #[must_use = "what is returned must be indexed"]
    pub fn recovered(&mut self, batch: Batch) -> Option<Batch> {
        if !self.waits() {
            return Some(batch);
        }
        self.unsettled.push(batch);
        None
    }

    /// What is to be indexed and then acknowledged, in this order, when a quorum of replicas has `mirrored` entries of the log
    /// durably and a quorum of witnesses has cosigned `witnessed` of them.
    #[must_use = "what is returned must be indexed and acknowledged"]
    pub fn settle(&mut self, mirrored: u64, witnessed: u64) -> Vec<Batch> {
        let vouched = match self.acknowledge {
            Acknowledge::Witnessed => mirrored.min(witnessed),
            Acknowledge::Local | Acknowledge::Mirrored => mirrored,
        };
        self.unsettled.settled(vouched)
    }

    /// Reports that are stored here and wait for replicas.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// Messages that are held until less is unsettled.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// Entries of the log that [`Self::appended`] was told of.
    #[must_use]
    pub const fn told(&self) -> u64 {
        self.told
    }

    fn waits(&self) -> bool {
        self.acknowledge != Acknowledge::Local && self.replicated
    }

    fn is_unsettled(&self, message: &Arrived) -> bool {
        number_of(message).is_some_and(|(hub, number)| self.unsettled.has(hub, number))
    }

    /// The report of a message, unless it is stored already or is none.
    fn item(
        &mut self,
        message: &Arrived,
        stored: &mut HashSet<(HubId, u64)>,
        (class_of, takes, now_ms): Judges<'_>,
        noticed: &mut Noticed,
    ) -> Option<Item> {
        let hub = HubId(message.hub.0);
        let report = match Report::parse(&message.message) {
            Ok(report) => report,
            Err(error) => {
                // The hub is authenticated, so this is a fault of its program; repeating it would not help.
                tracing::error!(%error, "a hub sent what is no report");
                noticed.malformed += 1;
                return None;
            }
        };
        let number = report.header.number;
        let is_vector = report.header.kind == Kind::Vector;
        if is_vector && let Err(why) = takes(&report) {
            tracing::error!(%why, "a hub sent a vector that no sum could take: give it the ward's public key again");
            noticed.malformed += 1;
            return None;
        }
        if !is_vector && !self.enrolled.contains(&(hub, report.header.sensor)) {
            // The hub is authenticated, and its new card may be on the way: what is acknowledged must not be lost.
            tracing::warn!("a report of a sensor that no card names is stored all the same");
            noticed.unknown_sensors += 1;
        }
        if !stored.insert((hub, number)) || self.unsettled.has(hub, number) {
            noticed.repeated += 1;
            return None;
        }
        let (sensor, hub_time_ms) = (report.header.sensor, report.header.hub_time_ms);
        let behind = self.is_behind(hub, &report);
        let late = message.late || behind || now_ms.saturating_sub(hub_time_ms) > LATE_AFTER_MS;
        noticed.late += u64::from(late);
        noticed.out_of_order += u64::from(message.late || behind);
        // A sensor that no card names may be of any class.
        let class = if is_vector { RiskClass::I } else { class_of(hub, sensor).unwrap_or(RiskClass::III) };
        Some(Item { hub, number, sensor, hub_time_ms, late, class, report: message.message.clone() })
    }

    /// True for a report of a sensor of which a later one is stored; over sessions and restarts. Alarms go out of turn.
    fn is_behind(&mut self, hub: HubId, report: &Report<'_>) -> bool {
        if report.header.kind == Kind::Alarm {
            return false;
        }
        let newest = self.newest.entry((hub, report.header.sensor)).or_default();
        let behind = report.header.number < *newest;
        *newest = report.header.number.max(*newest);
        behind
    }
}

type Judges<'a> =
    (&'a dyn Fn(HubId, SensorId) -> Option<RiskClass>, &'a dyn Fn(&Report<'_>) -> Result<(), Error>, u64);

/// What the index is to say of items that lie in the ledger from the entry `first` on, in their order.
#[must_use]
pub fn rows(first: u64, items: &[Item]) -> Vec<ReportRow> {
    (first..).zip(items).filter_map(|(index, item)| row_of(index, item)).collect()
}

/// Whether a vector is one as a hub of the ward must send it.
///
/// # Errors
/// [`Error::VectorOfNoWindow`], and [`Error::Aggregate`] with what is wrong with the vector.
pub fn vector_of_the_ward(ward: &WardKeys, report: &Report<'_>) -> Result<(), Error> {
    let window = Window::parse(report.body());
    let (_, vector) =
        window.ok().filter(|_| report.header.sensor == OF_THE_BED).ok_or(Error::VectorOfNoWindow)?;
    Ok(ward.takes(vector)?)
}

/// Which report a message is, if it is one.
fn number_of(message: &Arrived) -> Option<(HubId, u64)> {
    let report = Report::parse(&message.message).ok()?;
    Some((HubId(message.hub.0), report.header.number))
}

fn is_among(message: &Arrived, items: &[Item]) -> bool {
    number_of(message).is_some_and(|is| items.iter().any(|item| (item.hub, item.number) == is))
}

fn is_alarm(item: &Item) -> bool {
    Report::parse(&item.report).is_ok_and(|report| report.header.kind == Kind::Alarm)
}

#[cfg(test)]
mod tests;
