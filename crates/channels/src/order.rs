//! The order in which complete messages of a session are handed out.
//!
//! Paths differ in speed, and a message that had to be repeated is complete after those behind it. A message waits for
//! its turn, but not for long: what is missing for longer than [`HOLD_MAX`] is passed over, and marked late when it
//! comes. Emergencies wait for nobody.

use crate::fragment::MessageId;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How long a complete message waits for those before it: the first repetition and its way are within it.
pub const HOLD_MAX: Duration = Duration::from_secs(3);
/// Messages that wait for their turn at most; beyond, the first of them stops waiting.
pub const HELD_MESSAGES_MAX: usize = 2 * crate::sender::IN_FLIGHT_MESSAGES_MAX;

/// A complete message on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) id: MessageId,
    pub(crate) message: Vec<u8>,
    /// It comes after one that was sent later.
    pub(crate) late: bool,
}

/// The messages of one session that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Everything below has had its turn, or was passed over.
    next: u64,
    /// At or above `next`, handed out already.
    passed: BTreeSet<u64>,
    held: BTreeMap<u64, (Duration, Vec<u8>)>,
    held_bytes: usize,
}

impl Order {
    /// Bytes that wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.held_bytes
    }

    /// True when the message is complete and waits for its turn.
    pub(crate) fn holds(&self, id: MessageId) -> bool {
        self.held.contains_key(&id.0)
    }

    /// Takes a complete message; the result is what may go out now, in order. `at_once` for one that waits for nobody.
    pub(crate) fn take(
        &mut self,
        now: Duration,
        id: MessageId,
        message: Vec<u8>,
        at_once: bool,
    ) -> Vec<Turn> {
        let late = id.0 < self.next;
        if late || at_once {
            let mut out = vec![Turn { id, message, late: late && !at_once }];
            if !late {
                self.passed.insert(id.0);
                out.extend(self.advance());
            }
            return out;
        }
        self.held_bytes += message.len();
        self.held.insert(id.0, (now, message));
        if self.held.len() > HELD_MESSAGES_MAX {
            self.skip_to_first();
        }
        self.advance()
    }

    /// What has waited long enough, and what follows it.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<Turn> {
        let mut out = Vec::new();
        while self.held.values().any(|(since, _)| now.saturating_sub(*since) >= HOLD_MAX) {
            self.skip_to_first();
            out.extend(self.advance());
        }
        out
    }

    /// When [`Self::expire`] has something to give.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.held.values().map(|(since, _)| *since + HOLD_MAX).min()
    }

    fn skip_to_first(&mut self) {
        if let Some((first, _)) = self.held.first_key_value() {
            self.next = *first;
            self.passed = self.passed.split_off(&self.next);
        }
    }

    fn advance(&mut self) -> Vec<Turn> {
        let mut out = Vec::new();
        loop {
            if self.passed.remove(&self.next) {
                self.next += 1;
            } else if let Some((_, message)) = self.held.remove(&self.next) {
                self.held_bytes -= message.len();
                out.push(Turn { id: MessageId(self.next), message, late: false });
                self.next += 1;
            } else {
                return out;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T0: Duration = Duration::ZERO;

    fn take(order: &mut Order, now: Duration, id: u64) -> Vec<(u64, bool)> {
        seen(order.take(now, MessageId(id), vec![id as u8], false))
    }

    fn seen(turns: Vec<Turn>) -> Vec<(u64, bool)> {
        turns.into_iter().map(|turn| (turn.id.0, turn.late)).collect()
    }

    #[test]
    fn messages_wait_for_those_before_them_but_not_for_ever() {
        let mut order = Order::default();
        assert_eq!(take(&mut order, T0, 0), [(0, false)]);
        assert_eq!(take(&mut order, T0, 2), []);
        assert!(order.holds(MessageId(2)));
        assert_eq!(take(&mut order, T0, 1), [(1, false), (2, false)]);
        assert_eq!(take(&mut order, T0, 5), []);
        assert_eq!(order.next_timeout(), Some(HOLD_MAX));
        assert_eq!(seen(order.expire(HOLD_MAX / 2)), []);
        assert_eq!(seen(order.expire(HOLD_MAX)), [(5, false)]);
        assert_eq!(take(&mut order, HOLD_MAX, 3), [(3, true)]);
        assert_eq!((order.bytes(), order.next_timeout()), (0, None));
    }

    #[test]
    fn an_emergency_waits_for_nobody_and_holds_nobody_up() {
        let mut order = Order::default();
        assert_eq!(seen(order.take(T0, MessageId(2), vec![], true)), [(2, false)]);
        assert_eq!(take(&mut order, T0, 3), []);
        assert_eq!(take(&mut order, T0, 0), [(0, false)]);
        assert_eq!(take(&mut order, T0, 1), [(1, false), (3, false)]);
    }

    #[test]
    fn a_gap_in_front_of_a_crowd_is_passed_over() {
        let mut order = Order::default();
        let ids = 1..=HELD_MESSAGES_MAX as u64;
        assert!(ids.clone().all(|id| take(&mut order, T0, id).is_empty()));
        let out = take(&mut order, T0, HELD_MESSAGES_MAX as u64 + 1);
        assert_eq!((out.len(), out[0]), (HELD_MESSAGES_MAX + 1, (1, false)));
    }

    proptest! {
        #[test]
        fn everything_comes_out_once_and_what_is_not_late_in_order(ids in Just((0..40u64).collect::<Vec<_>>()).prop_shuffle(), waits in proptest::collection::vec(0u64..2_000, 40)) {
            let mut order = Order::default();
            let (mut now, mut out) = (T0, Vec::new());
            for (id, wait) in ids.into_iter().zip(waits) {
                now += Duration::from_millis(wait);
                out.extend(seen(order.expire(now)));
                out.extend(take(&mut order, now, id));
            }
            out.extend(seen(order.expire(now + HOLD_MAX)));
            let in_time: Vec<u64> = out.iter().filter(|(_, late)| !late).map(|(id, _)| *id).collect();
            prop_assert!(in_time.is_sorted());
            let mut all: Vec<u64> = out.iter().map(|(id, _)| *id).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..40).collect::<Vec<_>>());
        }
    }
}
