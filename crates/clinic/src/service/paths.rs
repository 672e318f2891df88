//! What the clinic knows of its paths: whose broker is there, how well each carries, what hubs say of theirs, and orders to hubs.

use super::{Clinic, now_ms};
use crate::Error;
use crate::asks::SensorAsk;
use crate::board::{AlarmInput, PathCondition, Priority};
use crate::ingest::PathQuality;
use bodywire_channels::Refusal;
use bodywire_channels::session::HubNumber;
use bodywire_channels::state::State;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Clinic {
    /// What a hub, or its will, says of its connection to this path's broker. A hint: it decides nothing.
    pub(super) fn hub_state(&mut self, path: usize, topic: &str, bytes: &[u8]) {
        let said = self.config.hubs.iter().find_map(|card| {
            let its_topic = card.rendezvous.state_topic(&self.config.shard, path).ok()?;
            (its_topic == topic).then(|| (card.hub, State::from_bytes(&card.rendezvous, path, bytes)))
        });
        let Some((hub, Ok(state))) = said else {
            tracing::debug!(path, "a state that no hub has said was ignored");
            return;
        };
        let heard = self.presence.entry((path, hub)).or_insert(state);
        // A broker may repeat the will of a connection that was replaced long ago.
        if state.online || state.connection == heard.connection {
            *heard = state;
        }
    }

    pub(super) fn listen(&self, path: usize) {
        let shard = &self.config.shard;
        let filters = [shard.fragments_filter(), shard.sessions_filter(), shard.states_filter()];
        let asked = self.paths.get(path).is_some_and(|p| filters.iter().all(|filter| p.subscribe(filter)));
        if !asked {
            tracing::warn!(path, "the path takes nothing now; it will be asked again at its next connection");
        }
    }

    /// Says of each path that is up how well it carries what it is given.
    pub(super) fn judge_paths(&self, now: Duration) -> Result<(), Error> {
        for (path, config) in self.config.paths.iter().enumerate() {
            if self.up.get(path) != Some(&true) {
                continue;
            }
            let (condition, reason) = match self.ingest.quality(now, path) {
                PathQuality::Good if self.hub_is_away(path) => {
                    (PathCondition::Degraded, "a hub is not connected".to_owned())
                }
                PathQuality::Good => (PathCondition::Up, String::new()),
                PathQuality::Losing(loss) => {
                    (PathCondition::Degraded, format!("{:.0} % of the fragments are missing", loss * 100.0))
                }
                PathQuality::Lying => (PathCondition::Degraded, "forged fragments were refused".to_owned()),
            };
            if let Some(counters) = self.counters.paths.get(path) {
                counters.degraded.store(u64::from(condition == PathCondition::Degraded), Ordering::Relaxed);
            }
            let Ok(index) = u8::try_from(path) else { continue };
            self.board.path_state(index, &config.name, condition, &reason)?;
        }
        Ok(())
    }

    fn hub_is_away(&self, path: usize) -> bool {
        self.presence.iter().any(|((on, _), state)| *on == path && !state.online)
    }

    pub(super) fn set_up(&mut self, path: usize, up: bool) {
        if let Some(slot) = self.up.get_mut(path) {
            *slot = up;
        }
        if let Some(counters) = self.counters.paths.get(path) {
            counters.up.store(u64::from(up), Ordering::Relaxed);
        }
        // What was heard on an earlier connection is heard again: states are retained.
        self.presence.retain(|(on, _), _| *on != path);
    }

    pub(super) fn show_path(&self, path: usize, condition: PathCondition, reason: &str) -> Result<(), Error> {
        let Some((index, config)) = u8::try_from(path).ok().zip(self.config.paths.get(path)) else {
            return Ok(());
        };
        self.board.path_state(index, &config.name, condition, reason)?;
        let name = format!("path.{index}");
        if condition == PathCondition::Up {
            self.board.end_alarm(&name, now_ms());
        } else {
            let name_in_print = config.name.to_uppercase();
            let text = if name_in_print.starts_with("PATH") {
                format!("{name_in_print} DOWN")
            } else {
                format!("PATH {name_in_print} DOWN")
            };
            let (priority, at_ms) = (Priority::Technical, now_ms());
            let input = AlarmInput { condition: name, priority, text, at_ms, evidence: None, strip: None };
            if let Err(error) = self.board.raise_alarm(input) {
                tracing::error!(%error, "a path's alarm cannot be shown; its tile shows it all the same");
            }
        }
        Ok(())
    }

    /// Has a sensor asked, from now on.
    pub(super) fn ask(&mut self, ask: &SensorAsk) {
        self.asks.take(self.started.elapsed(), ask);
        self.give_orders();
    }

    pub(super) fn give_orders(&mut self) {
        for (hub, order) in self.asks.due(self.started.elapsed()) {
            let publications = self.ingest.order(HubNumber(hub.0), &order);
            self.publish(publications);
        }
    }

    /// Brings the counters by path up to date.
    pub(super) fn count_paths(&self) {
        for ((path, counters), verified) in self.counters.paths.iter().enumerate().zip(self.ingest.verified())
        {
            let of_path = self.ingest.refusals().iter().filter(|((on, _), _)| *on == path);
            let (mut forged, mut refused) = (0, 0);
            for ((_, refusal), count) in of_path {
                match refusal {
                    Refusal::BadTag | Refusal::Inconsistent | Refusal::BadMessage => forged += count,
                    Refusal::Replayed => {}
                    _ => refused += count,
                }
            }
            counters.verified.store(verified, Ordering::Relaxed);
            counters.forged.store(forged, Ordering::Relaxed);
            counters.refused.store(refused, Ordering::Relaxed);
        }
        self.counters.sessions.store(self.ingest.sessions() as u64, Ordering::Relaxed);
        self.counters.waiting_bytes.store(self.ingest.waiting_bytes() as u64, Ordering::Relaxed);
    }
}
