//! The recent events of a board, numbered, for a stream that resumes without loss.

use super::view::RiskClass;
use std::collections::VecDeque;
use std::sync::Arc;

/// Events kept for resuming: 32 beds have about two hundred a second, so that a browser may be away for half a minute before it
/// needs a whole snapshot again; a single bed's for a quarter of an hour.
pub const MAX_EVENTS: usize = 8_192;

/// Events that a stream takes at once: with a thousand slow readers they are all that waits for each.
pub const MAX_EVENTS_AT_ONCE: usize = 64;

/// Room left between boards that start at different times, so that ids grow across restarts of the server too.
const IDS_PER_MILLISECOND: u64 = 1024;

/// Who an event may be shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) class: Option<RiskClass>,
    pub(super) sensor: u16,
    pub(super) only: Option<u64>,
}

impl Mark {
    /// To every session.
    pub(super) const OPEN: Self = Self { class: None, sensor: 0, only: None };

    /// To those who have this class of the bed.
    pub(super) const fn of(class: RiskClass) -> Self {
        Self { class: Some(class), sensor: 0, only: None }
    }
}

/// One change of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the stream; the `id:` of a server-sent event.
    pub id: u64,
    /// The bed it is of; [`super::WARD`] for the ward.
    pub bed: u16,
    /// From which class of the bed on it may be shown; nothing: to every session.
    pub class: Option<RiskClass>,
    /// The sensor it is of, where that matters: class III opens sensor by sensor.
    pub sensor: u16,
    /// Only for the session with the grant of this number.
    pub only: Option<u64>,
    /// What changed; the `event:` of a server-sent event.
    pub kind: &'static str,
    /// The changed part as JSON.
    pub data: Arc<str>,
}

/// Answer to "what happened after this id?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// These, in order; none when nothing happened.
    Events(Vec<Event>),
    /// The id is not in the ring, or of another board: only a snapshot helps.
    TooOld,
}

#[derive(Debug)]
pub(super) struct Journal {
    events: VecDeque<Event>,
    last_id: u64,
    first_id: u64,
}

impl Journal {
    pub(super) fn new(started_at_ms: u64) -> Self {
        let first_id = started_at_ms.saturating_mul(IDS_PER_MILLISECOND);
        Self { events: VecDeque::with_capacity(MAX_EVENTS), last_id: first_id, first_id }
    }

    pub(super) fn push(&mut self, bed: u16, kind: &'static str, mark: Mark, data: String) -> u64 {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.last_id += 1;
        let Mark { class, sensor, only } = mark;
        self.events.push_back(Event { id: self.last_id, bed, class, sensor, only, kind, data: data.into() });
        self.last_id
    }

    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// At most [`MAX_EVENTS_AT_ONCE`] events, the oldest first.
    pub(super) fn since(&self, id: u64) -> Since {
        let oldest_resumable = self.events.front().map_or(self.first_id, |event| event.id - 1);
        if id < oldest_resumable || id > self.last_id {
            return Since::TooOld;
        }
        // Ids are without a gap, and a thousand streams ask: no look at what they have.
        let known = id.saturating_add(1).saturating_sub(self.events.front().map_or(0, |event| event.id));
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(self.events.len());
        Since::Events(self.events.range(known..).take(MAX_EVENTS_AT_ONCE).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(since: Since) -> Vec<u64> {
        match since {
            Since::Events(events) => events.iter().map(|event| event.id).collect(),
            Since::TooOld => panic!("too old"),
        }
    }

    #[test]
    fn gives_exactly_what_came_after() {
        let mut journal = Journal::new(1);
        let first = journal.last_id();
        for n in 0..5 {
            journal.push(1, "log", Mark::OPEN, n.to_string());
        }
        assert_eq!(ids(journal.since(first)).len(), 5);
        assert_eq!(ids(journal.since(first + 3)), [first + 4, first + 5]);
        assert!(ids(journal.since(first + 5)).is_empty());
    }

    #[test]
    fn forgets_the_oldest_and_says_so() {
        let mut journal = Journal::new(1);
        let first = journal.last_id();
        for n in 0..=MAX_EVENTS {
            journal.push(1, "log", Mark::OPEN, n.to_string());
        }
        assert_eq!(journal.since(first), Since::TooOld);
        assert_eq!(ids(journal.since(first + 1)).len(), MAX_EVENTS_AT_ONCE);
        let (mut at, mut count) = (first + 1, 0);
        while let Some(last) = ids(journal.since(at)).last() {
            count += (last - at) as usize;
            at = *last;
        }
        assert_eq!(count, MAX_EVENTS);
    }

    #[test]
    fn ids_of_another_board_are_not_resumed() {
        let earlier = Journal::new(1_000);
        let later = Journal::new(2_000);
        assert!(later.last_id() > earlier.last_id());
        assert_eq!(later.since(earlier.last_id()), Since::TooOld);
        assert_eq!(earlier.since(later.last_id()), Since::TooOld);
    }
}
