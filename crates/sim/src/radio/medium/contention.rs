//! A node's way to the channel: from having something to send to the first symbol of a frame.

use super::{Medium, Phase, Plan};
use crate::agenda::Time;
use crate::radio::air::Frame;
use crate::radio::config::Access;
use crate::radio::csma::{Backoff, Window};
use crate::radio::energy::Mode;
use crate::radio::medium::Reason;

impl Medium {
    /// A node has nothing under way.
    pub(super) fn idle(&mut self, now: Time, node: usize) {
        self.nodes[node].phase = Phase::Idle;
        if !self.nodes[node].listening && self.nodes[node].acknowledges.is_none() {
            self.air.deafen(node);
        }
        self.begin(now, node);
        self.turn_mode(now, node);
    }

    /// Begins the next frame, if there is one and nothing is under way.
    pub(super) fn begin(&mut self, now: Time, node: usize) {
        let this = &mut self.nodes[node];
        if this.phase != Phase::Idle || this.acknowledges.is_some() || this.queue.is_empty() {
            return;
        }
        this.retries = 0;
        if let Access::Priority(priority) = self.access {
            this.window = Window::new(priority);
        }
        self.contend(now, node);
    }

    /// Begins a try at the channel.
    pub(super) fn contend(&mut self, now: Time, node: usize) {
        let turn = self.next_turn(node);
        self.nodes[node].phase = Phase::Contending;
        match self.access {
            Access::Contention(parameters) => {
                self.nodes[node].backoff = Backoff::new(&parameters);
                self.back_off(now, node);
            }
            Access::Priority(_) => {
                self.nodes[node].window.draw(&mut self.rng);
                // Slots are those of the star, not of the node.
                let slots = now.as_nanos().div_ceil(self.standard.slot);
                let at = Time::from_nanos(slots * self.standard.slot + self.standard.assessment);
                self.plan(at, Plan::Assess { node: node as u32, turn });
            }
            Access::Slots(slots) => {
                self.plan(slots.next(node, now), Plan::Transmit { node: node as u32, turn });
            }
        }
        if !self.nodes[node].listening {
            self.air.deafen(node);
            self.turn_mode(now, node);
        }
    }

    pub(super) fn back_off(&mut self, now: Time, node: usize) {
        let periods = self.nodes[node].backoff.periods(&mut self.rng);
        let at = now.after(periods * self.standard.slot + self.standard.assessment);
        let turn = self.nodes[node].turn;
        self.plan(at, Plan::Assess { node: node as u32, turn });
    }

    /// The end of listening.
    pub(super) fn assess(&mut self, now: Time, node: usize) {
        let since = Time::from_nanos(now.as_nanos().saturating_sub(self.standard.assessment));
        if !self.nodes[node].listening {
            self.nodes[node].meter.turn(since, Mode::Receive);
            self.turn_mode(now, node);
        }
        let busy = self.air.is_busy(node, since, self.forgets);
        self.counts.busy += u64::from(busy);
        match self.access {
            Access::Contention(parameters) if busy => {
                if self.nodes[node].backoff.busy(&parameters) {
                    self.back_off(now, node);
                } else {
                    self.give_up(now, node, Reason::ChannelAccess);
                }
                return;
            }
            Access::Priority(_) if busy || !self.nodes[node].window.free() => {
                let turn = self.nodes[node].turn;
                self.plan(now.after(self.standard.slot), Plan::Assess { node: node as u32, turn });
                return;
            }
            _ => {}
        }
        let turn = self.next_turn(node);
        self.nodes[node].phase = Phase::Turning;
        self.air.deafen(node);
        self.turn_mode(now, node);
        self.plan(now.after(self.standard.turnaround), Plan::Transmit { node: node as u32, turn });
    }

    pub(super) fn transmit(&mut self, now: Time, node: usize) {
        let this = &mut self.nodes[node];
        let Some(message) = this.queue.front() else { return };
        let bytes = self.standard.frame_bytes(message.length, message.frame);
        let frame = Frame::Data { to: message.to, number: this.number };
        this.phase = Phase::Sending;
        self.counts.data_frames += 1;
        self.put_on_air(now, node, frame, bytes);
    }

    pub(super) fn put_on_air(&mut self, now: Time, node: usize, frame: Frame, bytes: usize) {
        self.nodes[node].on_air = true;
        self.turn_mode(now, node);
        self.air.deafen(node);
        self.air.start(now, node, frame, &mut self.rng);
        let bits = 8 * bytes as u64;
        self.counts.bits += bits;
        let (Frame::Data { to, .. } | Frame::Ack { to, .. }) = frame;
        self.nodes[if node == 0 { to } else { node }].air_bits += bits;
        self.plan(now.after(self.standard.airtime(bytes)), Plan::End { node: node as u32 });
    }
}
