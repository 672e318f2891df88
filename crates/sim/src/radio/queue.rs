//! What waits at a node, with a limit.

use crate::agenda::Time;
use std::collections::VecDeque;

/// Messages that wait at a node at most, the one that is on its way included: what a small radio's memory holds (32 of
/// 127 bytes are 4 KiB).
pub const QUEUE_MESSAGES_MAX: usize = 32;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) to: usize,
    pub(crate) tag: u64,
    pub(crate) sent_at: Time,
    /// Taken out when the message is delivered: what may still be on air of it is only a length.
    pub(crate) bytes: Vec<u8>,
    pub(crate) length: usize,
    /// The MAC frame that is being sent.
    pub(crate) frame: usize,
    /// MAC frames that have arrived, each counted once.
    pub(crate) arrived: usize,
}

/// The queue of a node, and how full it was.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    since: Time,
    /// Messages times nanoseconds.
    message_nanos: u128,
}

impl Queue {
    fn note(&mut self, now: Time) {
        self.message_nanos += self.waiting.len() as u128 * u128::from(now.since(self.since));
        self.since = now;
    }

    /// Takes a message; gives it back when `limit` are there.
    pub(crate) fn push(&mut self, now: Time, message: Waiting, limit: usize) -> Result<(), Waiting> {
        if self.waiting.len() >= limit {
            return Err(message);
        }
        self.note(now);
        self.waiting.push_back(message);
        Ok(())
    }

    /// The message that is on its way.
    pub(crate) fn front(&mut self) -> Option<&mut Waiting> {
        self.waiting.front_mut()
    }

    /// Ends the message that is on its way.
    pub(crate) fn pop(&mut self, now: Time) -> Option<Waiting> {
        self.note(now);
        self.waiting.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Mean number of messages since the start.
    pub(crate) fn mean_length(&self, now: Time) -> f64 {
        let all = self.message_nanos + self.waiting.len() as u128 * u128::from(now.since(self.since));
        if now == Time::ZERO { 0.0 } else { all as f64 / now.as_nanos() as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Waiting};
    use crate::agenda::Time;

    fn message(tag: u64) -> Waiting {
        Waiting { to: 0, tag, sent_at: Time::ZERO, bytes: Vec::new(), length: 1, frame: 0, arrived: 0 }
    }

    #[test]
    fn a_full_queue_gives_back_and_the_order_is_kept() {
        let mut queue = Queue::default();
        assert!(queue.push(Time::ZERO, message(1), 2).is_ok());
        assert!(queue.push(Time::from_secs(1), message(2), 2).is_ok());
        assert_eq!(queue.push(Time::from_secs(1), message(3), 2).err().map(|m| m.tag), Some(3));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop(Time::from_secs(2)).map(|m| m.tag), Some(1));
        assert_eq!(queue.front().map(|m| m.tag), Some(2));
        // One, two, one message for a second each.
        assert!((queue.mean_length(Time::from_secs(3)) - 4.0 / 3.0).abs() < 1e-12);
        assert!(!queue.is_empty());
    }
}
