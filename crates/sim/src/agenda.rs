//! The event queue of a simulated world: what happens next, and when.
//!
//! Events of the same time come out in the order in which they were put in, so that a run depends on its seed and on
//! nothing else. An event cannot be taken back: who may change its mind gives events a number and ignores the old ones.

use core::time::Duration;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A moment of simulated time, in nanoseconds since the start of the world. 64 bits are 584 years; sums saturate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The start of the world.
    pub const ZERO: Self = Self(0);
    /// The last moment there is. What never happens is planned for it.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// So many microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// So many milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// So many seconds after the start.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, rounded as a floating-point number: for statistics.
    pub fn as_secs_f64(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// The moment so many nanoseconds later.
    #[must_use]
    pub const fn after(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds since `earlier`; zero when that is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<Duration> for Time {
    fn from(since_start: Duration) -> Self {
        Self(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Time> for Duration {
    fn from(time: Time) -> Self {
        Self::from_nanos(time.0)
    }
}

impl core::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(Self::from(later).0))
    }
}

/// An event with its place in the order.
#[derive(Debug, Clone)]
struct Entry<E> {
    at: Time,
    number: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// The heap gives its greatest entry, so the earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// The events that are planned.
#[derive(Debug, Clone)]
pub struct Agenda<E> {
    heap: BinaryHeap<Entry<E>>,
    planned: u64,
    happened: u64,
    now: Time,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Agenda<E> {
    /// Nothing is planned, and it is [`Time::ZERO`].
    pub const fn new() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0, happened: 0, now: Time::ZERO }
    }

    /// Plans `event`. One that is planned for the past happens now: time never runs backwards.
    pub fn schedule(&mut self, at: Time, event: E) {
        self.heap.push(Entry { at: at.max(self.now), number: self.planned, event });
        self.planned = self.planned.wrapping_add(1);
    }

    /// Takes the next event out and moves the clock to its time.
    #[expect(
        clippy::should_implement_trait,
        reason = "events are put in between, which an iterator cannot have"
    )]
    pub fn next(&mut self) -> Option<(Time, E)> {
        let Entry { at, event, .. } = self.heap.pop()?;
        self.now = at;
        self.happened = self.happened.wrapping_add(1);
        Some((at, event))
    }

    /// Takes the next event out if it is due at `now`, and nothing otherwise.
    pub fn next_until(&mut self, now: Time) -> Option<(Time, E)> {
        if self.next_time()? <= now { self.next() } else { None }
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// The time of the event that was taken last.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many events have been taken.
    pub const fn happened(&self) -> u64 {
        self.happened
    }

    /// How many events are planned.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Agenda, Time};
    use core::time::Duration;

    #[test]
    fn events_come_in_the_order_of_time_and_equals_in_the_order_of_planning() {
        let mut agenda = Agenda::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b'), (5, 'e')] {
            agenda.schedule(Time::from_nanos(at), event);
        }
        let mut order = String::new();
        while let Some((_, event)) = agenda.next() {
            order.push(event);
        }
        assert_eq!(order, "abcde");
        assert_eq!((agenda.happened(), agenda.len(), agenda.now()), (5, 0, Time::from_nanos(5)));
    }

    #[test]
    fn what_is_planned_for_the_past_happens_now() {
        let mut agenda = Agenda::new();
        agenda.schedule(Time::from_millis(2), 1);
        assert_eq!(agenda.next(), Some((Time::from_micros(2_000), 1)));
        agenda.schedule(Time::ZERO, 2);
        assert_eq!(agenda.next_until(Time::from_millis(1)), None);
        assert_eq!(agenda.next_until(Time::from_millis(2)), Some((Time::from_millis(2), 2)));
        assert!(agenda.is_empty());
    }

    #[test]
    fn times_saturate() {
        assert_eq!(Time::NEVER.after(1), Time::NEVER);
        assert_eq!(Time::ZERO.since(Time::from_secs(1)), 0);
        assert_eq!(Time::from_secs(1) + Duration::from_nanos(1), Time::from_nanos(1_000_000_001));
        assert_eq!(Time::from(Duration::MAX), Time::NEVER);
        assert_eq!(Duration::from(Time::from_secs(3)), Duration::from_secs(3));
    }
}
