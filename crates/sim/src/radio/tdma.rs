//! Fixed slots in a beacon period: each node sends in its own, and is acknowledged in it.

use super::standard::Standard;
use crate::agenda::Time;

/// Silence at the end of a slot, for clocks that differ: 40 ppm either way for a second are 80 microseconds.
pub const GUARD_NANOS: u64 = 80_000;

/// Bytes of a beacon. It takes time at the start of each period; that it may be lost is not modelled.
pub const BEACON_BYTES: usize = 20;

/// The order of a period: the beacon, then a slot for each node, the hub's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Nodes, the hub included.
    pub nodes: usize,
    /// The beacon's part, in nanoseconds.
    pub beacon: u64,
    /// A slot, in nanoseconds.
    pub slot: u64,
}

impl Slots {
    /// Slots in which one MAC frame with a payload of so many bytes fits, and its acknowledgement.
    pub const fn new(standard: &Standard, nodes: usize, payload_bytes: usize) -> Self {
        let payload = if payload_bytes < standard.payload_bytes_max {
            payload_bytes
        } else {
            standard.payload_bytes_max
        };
        let frame = standard.airtime(standard.overhead_bytes + payload);
        // The hub turns round twice: to acknowledge, and to hear the next slot.
        let slot = frame + standard.ack_gap + standard.ack_airtime() + standard.ack_gap + GUARD_NANOS;
        Self { nodes, beacon: standard.airtime(BEACON_BYTES) + GUARD_NANOS, slot }
    }

    /// How long a period is, in nanoseconds.
    pub const fn period(&self) -> u64 {
        self.beacon + self.slot * self.nodes as u64
    }

    /// When the node's next slot begins, not before `now`.
    pub const fn next(&self, node: usize, now: Time) -> Time {
        let offset = self.beacon + self.slot * node as u64;
        let period = self.period();
        let periods = now.as_nanos().saturating_sub(offset).div_ceil(period);
        Time::from_nanos(offset + periods * period)
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use crate::agenda::Time;
    use crate::radio::standard::IEEE_802_15_4;

    #[test]
    fn slots_do_not_overlap_and_come_once_a_period() {
        let slots = Slots::new(&IEEE_802_15_4, 4, 50);
        assert_eq!(slots.slot, (67 + 11) * 32_000 + 2 * 192_000 + 80_000);
        let mut before = Time::ZERO;
        for node in 0..4 {
            let at = slots.next(node, Time::ZERO);
            assert!(node == 0 || at.since(before) == slots.slot);
            assert_eq!(slots.next(node, at), at);
            assert_eq!(slots.next(node, at.after(1)).since(at), slots.period());
            before = at;
        }
        assert!(before.after(slots.slot).as_nanos() <= slots.period());
    }
}
