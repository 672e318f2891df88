//! How much is on its way at once: as much as the paths carry without a queue in front of them.
//!
//! After an outage a hub has more to send than a slow uplink takes. What is handed over at once waits somewhere below, in
//! order; an alarm that is handed over next waits behind all of it, and what is repeated because no answer came makes it
//! longer still. So more is sent while messages are stored about as soon as they ever are, and half when that takes
//! longer: a queue is told by its delay, as in LEDBAT (RFC 6817), and not by loss, of which radio has plenty for other
//! reasons. What a path does not take stays with the sender, and is never sent if the other paths bring the message.

use core::time::Duration;
use std::collections::VecDeque;

/// Bytes on their way on a path at least: a second of 64 kbit/s, and several seconds of what a bed makes.
pub const WINDOW_MIN: usize = 8 * 1024;
/// A queue may take so long: that is how much later an alarm comes.
pub const QUEUE_MAX: Duration = Duration::from_millis(500);
/// What has not arrived by then is taken for lost, and its path takes more: longer than the least window waits on a path that
/// carries a bed.
pub const GIVEN_UP: Duration = Duration::from_secs(4);
/// The shortest time in which a message was stored is forgotten after this long: paths change, and so does the clinic's load.
const SHORTEST_KEPT: Duration = Duration::from_secs(60);
/// Times that are remembered. The least of them tells a queue, which delays all, from a radio that delays some.
const TIMES: usize = 8;

/// How many bytes each path may have on its way.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: usize,
    /// It was halved once: from now on it grows by a fragment within a round trip, and no longer doubles.
    is_near: bool,
    /// It is halved at most once within a round trip: what was on its way before says nothing new.
    settled: Duration,
    /// Newest first.
    times: VecDeque<Duration>,
    shortest: Option<(Duration, Duration)>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            bytes: WINDOW_MIN,
            is_near: false,
            settled: Duration::ZERO,
            times: VecDeque::new(),
            shortest: None,
        }
    }
}

impl Window {
    /// A message that was sent once was stored so long after. Whether the window was used: room that nobody needed is not
    /// known to be there.
    pub(crate) fn stored(&mut self, now: Duration, after: Duration, bytes: usize, is_used: bool) {
        self.times.truncate(TIMES - 1);
        self.times.push_front(after);
        let least = self.times.iter().min().copied().unwrap_or(after);
        let kept = self.shortest.filter(|(shortest, at)| least > *shortest && now < *at + SHORTEST_KEPT);
        let (shortest, _) = *self.shortest.insert(kept.unwrap_or((least, now)));
        if least > shortest + QUEUE_MAX {
            if now >= self.settled {
                self.bytes = (self.bytes / 2).max(WINDOW_MIN);
                self.is_near = true;
                self.settled = now + least;
            }
        } else if is_used {
            self.bytes += if self.is_near { bytes * bytes / self.bytes } else { bytes };
        }
    }
}

/// What is on its way on one path, by the receiver's count of what has come.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Time and bytes, oldest first.
    under_way: VecDeque<(Duration, usize)>,
    bytes: usize,
    /// Fragments in all, and what became of them. A path that loses some is out of step for [`GIVEN_UP`].
    sent: u64,
    arrived: u64,
    lost: u64,
}

impl Flow {
    /// Whether it takes more. One fragment it always takes, whatever its length; one that brings hardly any takes no more.
    pub(crate) const fn is_open(&self, window: &Window, is_bad: bool) -> bool {
        self.bytes == 0 || (!is_bad && self.bytes < window.bytes)
    }

    /// Whether at least half of the window is used.
    pub(crate) const fn is_used(&self, window: &Window) -> bool {
        2 * self.bytes >= window.bytes
    }

    /// Whether what was sent at this time may wait behind others on its way still. Where there are hardly any, it is lost.
    pub(crate) fn may_wait(&self, since: Duration, window: &Window) -> bool {
        self.is_used(window) && self.under_way.front().is_some_and(|(oldest, _)| *oldest <= since)
    }

    /// A fragment was sent.
    pub(crate) fn sent(&mut self, now: Duration, bytes: usize) {
        self.sent += 1;
        self.bytes += bytes;
        self.under_way.push_back((now, bytes));
    }

    /// The receiver says that so many fragments have come since the session began; what is on its way for too long is given up.
    pub(crate) fn arrived(&mut self, now: Duration, count: u64) {
        // A path that repeats has brought more than it was given.
        self.arrived = self.arrived.max(count.min(self.sent));
        // Some that were given up may have come late.
        self.lost = self.lost.min(self.sent - self.arrived);
        let left = self.sent - self.arrived - self.lost;
        while self.under_way.len() as u64 > left {
            self.pop();
        }
        while self.under_way.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= GIVEN_UP) {
            self.pop();
            self.lost += 1;
        }
    }

    /// The path is gone, and what was on its way with it.
    pub(crate) fn cut(&mut self) {
        self.lost = self.sent - self.arrived;
        self.under_way.clear();
        self.bytes = 0;
    }

    fn pop(&mut self) {
        if let Some((_, bytes)) = self.under_way.pop_front() {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_grows_while_it_is_used_and_nothing_queues_and_is_halved_once_for_each_queue() {
        let mut window = Window::default();
        (0..100).for_each(|n| window.stored(n * 10 * MS, 100 * MS, 500, false));
        assert_eq!(window.bytes, WINDOW_MIN, "hardly used");
        (100..150).for_each(|n| window.stored(n * 10 * MS, 300 * MS, 500, true));
        let grown = window.bytes;
        assert_eq!(grown, WINDOW_MIN + 50 * 500);
        // Some are late, and then all are.
        (0..50).for_each(|n| {
            window.stored((2_000 + n) * MS, if n % 4 == 0 { 100 } else { 900 } * MS, 500, true)
        });
        assert!(window.bytes > grown && !window.is_near, "{window:?}");
        let before = window.bytes;
        (0..60).for_each(|n| window.stored((3_000 + n) * MS, 700 * MS, 500, true));
        // Seven more until the last short time is forgotten.
        assert!(window.is_near && (before / 2..before / 2 + 8 * 500).contains(&window.bytes), "{window:?}");
        // By a message within a round trip from now on.
        let (before, messages) = (window.bytes, (window.bytes / 500) as u32);
        (0..messages).for_each(|n| window.stored((5_000 + n) * MS, 100 * MS, 500, true));
        assert!((before + 300..before + 600).contains(&window.bytes), "{window:?}");
    }

    #[test]
    fn a_way_that_has_become_longer_is_no_queue_for_ever() {
        let mut window = Window::default();
        window.stored(Duration::ZERO, 50 * MS, 500, true);
        (1..1_300).for_each(|n| window.stored(n * 100 * MS, 800 * MS, 500, true));
        assert!(window.bytes > 2 * WINDOW_MIN, "{window:?}");
    }

    #[test]
    fn what_is_lost_is_given_up_and_counts_that_cannot_be_are_taken_for_what_can() {
        let (mut flow, window) = (Flow::default(), Window::default());
        (0..20).for_each(|n| flow.sent(n * MS, 500));
        assert!(!flow.is_open(&window, false) && flow.may_wait(Duration::ZERO, &window));
        flow.arrived(100 * MS, 5);
        assert!(flow.is_open(&window, false) && !flow.is_open(&window, true));
        assert!(!flow.may_wait(4 * MS, &window) && flow.may_wait(5 * MS, &window));
        assert_eq!(flow.bytes, 15 * 500);
        flow.arrived(GIVEN_UP + 19 * MS, 5);
        assert_eq!((flow.bytes, flow.lost), (0, 15));
        // Three were late, and then more than there are.
        flow.arrived(GIVEN_UP + 20 * MS, 8);
        assert_eq!((flow.arrived, flow.lost), (8, 12));
        flow.sent(GIVEN_UP + 30 * MS, 500);
        flow.arrived(GIVEN_UP + 40 * MS, 900);
        assert_eq!((flow.arrived, flow.lost, flow.bytes), (21, 0, 0));
        flow.sent(GIVEN_UP + 50 * MS, 500);
        assert!(!flow.is_open(&window, true));
        flow.cut();
        assert!(flow.is_open(&window, true) && flow.lost == 1);
        flow.arrived(GIVEN_UP + 60 * MS, 22);
        assert_eq!((flow.arrived, flow.lost), (22, 0));
    }
}
