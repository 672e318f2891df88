//! A frame and its acknowledgement: from the first symbol to the next frame, the next try, or giving up.

use super::{Event, Fate, Medium, NO_FRAME, Phase, Plan, Reason, SLOT_RETRIES_MAX};
use crate::agenda::Time;
use crate::radio::air::{Flight, Frame};
use crate::radio::config::Access;
use crate::radio::csma::PRIORITY_RETRIES_MAX;

impl Medium {
    pub(super) fn acknowledge(&mut self, now: Time, node: usize) {
        if let Some((to, number)) = self.nodes[node].acknowledges {
            self.counts.acks += 1;
            self.put_on_air(now, node, Frame::Ack { to, number }, self.standard.ack_bytes);
        }
    }

    /// A node's frame ends.
    pub(super) fn end(&mut self, now: Time, node: usize) {
        let Some(flight) = self.air.end(now, node, &mut self.rng) else { return };
        self.nodes[node].on_air = false;
        self.air.listen(now.after(self.standard.ack_gap), node);
        match flight.frame {
            Frame::Data { to, number } => self.data_ends(now, node, &flight, to, number),
            Frame::Ack { to, number } => {
                self.nodes[node].acknowledges = None;
                self.resume(now, node);
                for reception in flight.receptions.iter().filter(|reception| !reception.spoiled) {
                    if !self.standard.ack_names_receiver || reception.node == to {
                        self.acknowledged(now, reception.node, number);
                    }
                }
            }
        }
        self.air.recycle(flight);
    }

    pub(super) fn data_ends(&mut self, now: Time, node: usize, flight: &Flight, to: usize, number: u8) {
        let turn = self.next_turn(node);
        let reception = flight.receptions.iter().find(|reception| reception.node == to);
        let this = &mut self.nodes[node];
        this.phase = Phase::Awaiting;
        this.fate = match reception {
            Some(reception) if !reception.spoiled => Fate::Heard,
            Some(reception) if !reception.met => Fate::Noise,
            _ => Fate::Collision,
        };
        self.counts.collisions += u64::from(this.fate == Fate::Collision);
        let heard = this.fate == Fate::Heard;
        self.air.awaiting.insert(node);
        self.turn_mode(now, node);
        self.plan(now.after(self.standard.ack_wait), Plan::GiveUp { node: node as u32, turn });
        if heard {
            self.arrive(now, node, to, number);
        }
    }

    /// A data frame is whole at its receiver.
    pub(super) fn arrive(&mut self, now: Time, from: usize, to: usize, number: u8) {
        let all = self.nodes.len();
        let seen = &mut self.nodes[to].seen;
        seen.resize(all, NO_FRAME);
        if seen[from] == u16::from(number) {
            self.counts.duplicates += 1;
        } else {
            seen[from] = u16::from(number);
            if let Some(message) = self.nodes[from].queue.front() {
                message.arrived += 1;
                if message.arrived == self.standard.frames(message.length) {
                    let bytes = core::mem::take(&mut message.bytes);
                    let sent_at = message.sent_at;
                    self.events.push_back(Event::Delivered { to, from, bytes, sent_at });
                }
            }
        }
        let this = &mut self.nodes[to];
        this.acknowledges = Some((from, number));
        match this.phase {
            Phase::Contending => {
                self.next_turn(to);
            }
            Phase::Awaiting => {
                this.phase = Phase::Interrupted;
                self.air.awaiting.remove(to);
                self.next_turn(to);
            }
            _ => {}
        }
        self.air.deafen(to);
        self.turn_mode(now, to);
        self.plan(now.after(self.standard.ack_gap), Plan::Acknowledge { node: to as u32 });
    }

    /// Goes on with what an acknowledgement has interrupted.
    pub(super) fn resume(&mut self, now: Time, node: usize) {
        match self.nodes[node].phase {
            Phase::Contending => self.contend(now, node),
            Phase::Interrupted => self.not_acknowledged(now, node),
            Phase::Idle => self.idle(now, node),
            _ => {}
        }
        self.turn_mode(now, node);
    }

    /// An acknowledgement has arrived. One with another number ends the try as if none had come (802.15.4, 7.5.6.4.3).
    pub(super) fn acknowledged(&mut self, now: Time, node: usize, number: u8) {
        if self.nodes[node].phase != Phase::Awaiting {
            return;
        }
        self.air.awaiting.remove(node);
        let turn = self.next_turn(node);
        if self.nodes[node].number != number {
            self.not_acknowledged(now, node);
            return;
        }
        let this = &mut self.nodes[node];
        this.number = this.number.wrapping_add(1);
        this.phase = Phase::Spacing;
        let Some(message) = this.queue.front() else { return };
        let bytes = self.standard.frame_bytes(message.length, message.frame);
        message.frame += 1;
        if message.frame >= self.standard.frames(message.length) {
            let tag = message.tag;
            this.queue.pop(now);
            self.events.push_back(Event::Done { from: node, tag });
        }
        self.turn_mode(now, node);
        self.plan(now.after(self.standard.space(bytes)), Plan::Spaced { node: node as u32, turn });
    }

    pub(super) fn not_acknowledged(&mut self, now: Time, node: usize) {
        let retries_max = match self.access {
            Access::Contention(parameters) => parameters.retries_max,
            Access::Priority(_) => PRIORITY_RETRIES_MAX,
            Access::Slots(_) => SLOT_RETRIES_MAX,
        };
        let this = &mut self.nodes[node];
        if this.retries < retries_max {
            this.retries += 1;
            if let Access::Priority(priority) = self.access {
                this.window.failed(priority);
            }
            self.contend(now, node);
            return;
        }
        let reason = if this.fate == Fate::Collision { Reason::Collision } else { Reason::NoAck };
        self.give_up(now, node, reason);
    }

    pub(super) fn give_up(&mut self, now: Time, node: usize, reason: Reason) {
        self.next_turn(node);
        let this = &mut self.nodes[node];
        this.number = this.number.wrapping_add(1);
        if let Some(message) = this.queue.pop(now) {
            self.events.push_back(Event::Lost { from: node, tag: message.tag, reason });
        }
        self.idle(now, node);
    }
}
