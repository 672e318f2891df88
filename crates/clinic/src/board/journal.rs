//! The recent events of a board, numbered, for a stream that resumes without loss.

use std::collections::VecDeque;
use std::sync::Arc;

/// Events kept for resuming: at about ten a second, a browser may be away for well over a minute before it needs a
/// whole snapshot again.
pub const MAX_EVENTS: usize = 1024;

/// Room left between boards that start at different times, so that ids grow across restarts of the server too.
const IDS_PER_MILLISECOND: u64 = 1024;

/// One change of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the stream; the `id:` of a server-sent event.
    pub id: u64,
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

    pub(super) fn push(&mut self, kind: &'static str, data: String) -> u64 {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.last_id += 1;
        self.events.push_back(Event { id: self.last_id, kind, data: data.into() });
        self.last_id
    }

    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    pub(super) fn since(&self, id: u64) -> Since {
        let oldest_resumable = self.events.front().map_or(self.first_id, |event| event.id - 1);
        if id < oldest_resumable || id > self.last_id {
            return Since::TooOld;
        }
        Since::Events(self.events.iter().filter(|event| event.id > id).cloned().collect())
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
            journal.push("log", n.to_string());
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
            journal.push("log", n.to_string());
        }
        assert_eq!(journal.since(first), Since::TooOld);
        assert_eq!(ids(journal.since(first + 1)).len(), MAX_EVENTS);
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
