//! Reports on their way: from the bedside into the spool, and from there to the sender.

use super::{Machine, Moment};
use crate::error::Error;
use crate::spool::Outgoing;
use bodywire_channels::Priority;
use bodywire_channels::sender::{Input, Sender, Token};
use bodywire_proto::report::{self, Kind, Report, ReportHeader};
use rand_core::CryptoRng;
use std::sync::atomic::Ordering;

/// Reports read from the spool at once.
const SPOOL_READ: usize = 64;

impl Machine {
    /// Moves what is due from the bedside into the spool.
    pub(super) fn report(
        &mut self,
        at: Moment,
        everything: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        self.bedside.close_window(at.unix_ms, everything, rng)?;
        let (first, backlog) = (self.spool.next_number(), self.spool.pending());
        let reports = self.bedside.take(at.unix_ms, first, backlog, everything)?;
        if reports.is_empty() {
            return Ok(());
        }
        let mut reports: Vec<Outgoing> = reports.into_iter().map(outgoing).collect();
        let mut pushed = self.spool.push(&reports);
        if let Err(error @ Error::SpoolFull { .. }) = pushed {
            // What is older is kept: it has been promised. The jump of the sample numbers will show the gap. Alarms still
            // have room.
            tracing::error!(%error, "new reports are dropped");
            let made = reports.len();
            reports = renumbered(reports.into_iter().filter(|one| one.urgent), self.spool.next_number())?;
            pushed = self.spool.push(&reports);
            if let Err(Error::SpoolFull { .. }) = pushed {
                reports.clear();
                pushed = Ok(());
            }
            self.counters.dropped.fetch_add((made - reports.len()) as u64, Ordering::Relaxed);
        }
        pushed?;
        self.counters.reports.fetch_add(reports.len() as u64, Ordering::Relaxed);
        self.count_spool();
        Ok(())
    }

    /// Gives the sender what it can take, from the spool and in order, alarms first.
    pub(super) fn submit(&mut self, at: Moment, rng: &mut impl CryptoRng) -> Result<(), Error> {
        while self.may_submit(Priority::Emergency) && self.submitted_urgent < self.spool.next_number() {
            let batch = self.spool.urgent(self.submitted_urgent, SPOOL_READ)?;
            self.submitted_urgent =
                self.submit_batch(at, Priority::Emergency, batch, self.submitted_urgent, rng)?;
        }
        while self.may_submit(Priority::Routine) && self.submitted < self.spool.next_number() {
            let batch = self.spool.waiting(self.submitted, SPOOL_READ)?;
            self.submitted = self.submit_batch(at, Priority::Routine, batch, self.submitted, rng)?;
        }
        Ok(())
    }

    fn may_submit(&self, priority: Priority) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.ready(priority))
    }

    /// Submits what the sender takes of a batch; the result is the number up to which everything is submitted.
    fn submit_batch(
        &mut self,
        at: Moment,
        priority: Priority,
        batch: Vec<(u64, Vec<u8>)>,
        submitted: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<u64, Error> {
        let Some(sender) = &mut self.sender else { return Ok(submitted) };
        let mut up_to = if batch.is_empty() { self.spool.next_number() } else { submitted };
        for (number, report) in batch {
            if !sender.ready(priority) {
                break;
            }
            sender.handle(at.now, Input::Submit(Token(number), priority, &report), rng)?;
            up_to = number + 1;
        }
        self.drain_sender(at)?;
        Ok(up_to)
    }

    /// The clinic has stored these reports: they may be forgotten.
    pub(super) fn acknowledged(&mut self, numbers: &[u64]) -> Result<(), Error> {
        let removed = self.spool.acknowledge(numbers)?;
        self.counters.acknowledged.fetch_add(removed as u64, Ordering::Relaxed);
        self.count_spool();
        Ok(())
    }

    fn count_spool(&self) {
        self.counters.pending.store(self.spool.pending(), Ordering::Relaxed);
        self.counters.spool_bytes.store(self.spool.bytes(), Ordering::Relaxed);
    }

    /// Says in the counters which paths lose what they are given.
    pub(super) fn judge_paths(&self) {
        let Some(health) = self.sender.as_ref().map(Sender::health) else { return };
        for (path, counters) in self.counters.paths.iter().enumerate() {
            let degraded = self.up.get(path) == Some(&true) && health.is_degraded(path);
            if counters.degraded.swap(u64::from(degraded), Ordering::Relaxed) != u64::from(degraded) {
                tracing::warn!(path, degraded, "what the clinic misses of a path has changed");
            }
        }
    }
}

/// A report on its way into the spool; alarms go before the others.
fn outgoing(report: Vec<u8>) -> Outgoing {
    let urgent = Report::parse(&report).is_ok_and(|report| report.header.kind == Kind::Alarm);
    Outgoing { report, urgent }
}

/// Reports with new numbers, from `first` on without a gap.
fn renumbered(reports: impl Iterator<Item = Outgoing>, first: u64) -> Result<Vec<Outgoing>, Error> {
    let renumber = |(number, outgoing): (u64, Outgoing)| {
        let report = Report::parse(&outgoing.report)?;
        let header = ReportHeader { number, ..report.header };
        let report = [&report::emit_header(&header)?[..], report.body()].concat();
        Ok(Outgoing { report, ..outgoing })
    };
    (first..).zip(reports).map(renumber).collect()
}
