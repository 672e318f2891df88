//! What a broker should let a hub and a clinic do, and nobody else: `docs/wire.md`, section 1.

use serde::Serialize;
use std::fmt;

/// Last levels of the topics that a hub publishes on and reads; a clinic does the opposite.
const HUB_WRITES: [&str; 3] = ["f", "i", "s"];
const HUB_READS: [&str; 2] = ["a", "p"];

/// The same rules in the words of two brokers.
#[derive(Debug, Serialize)]
pub(crate) struct Lists {
    /// For Mosquitto's `acl_file`.
    mosquitto: String,
    /// For the `authorization` of a NATS server.
    nats: String,
}

impl Lists {
    /// The rules of a shard, for logins named `hub` and `clinic`.
    pub(crate) fn of(shard: &str) -> Self {
        let mosquitto = |user: &str, writes: &[&str], reads: &[&str]| {
            let line = |(what, leaf): (&str, &&str)| format!("topic {what} bw/1/{shard}/+/{leaf}\n");
            let writes: String = writes.iter().map(|leaf| line(("write", leaf))).collect();
            let reads: String = reads.iter().map(|leaf| line(("read", leaf))).collect();
            format!("user {user}\n{writes}{reads}")
        };
        let nats = |user: &str, writes: &[&str], reads: &[&str]| {
            let subjects = |leaves: &[&str]| {
                let quoted: Vec<String> =
                    leaves.iter().map(|leaf| format!("\"bw.1.{shard}.*.{leaf}\"")).collect();
                quoted.join(", ")
            };
            format!(
                "  {{ user: {user}, password: \"...\", permissions: {{ publish: [{}], subscribe: [{}, \"$MQTT.>\"] }} }}\n",
                subjects(writes),
                subjects(reads)
            )
        };
        Self {
            mosquitto: mosquitto("hub", &HUB_WRITES, &HUB_READS)
                + &mosquitto("clinic", &HUB_READS, &HUB_WRITES),
            nats: format!(
                "authorization {{ users: [\n{}{}] }}\n",
                nats("hub", &HUB_WRITES, &HUB_READS),
                nats("clinic", &HUB_READS, &HUB_WRITES)
            ),
        }
    }
}

impl fmt::Display for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Access that each broker should give, for Mosquitto:\n\n{}\nand for NATS:\n\n{}",
            self.mosquitto, self.nats
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_reads_what_a_clinic_writes_and_nothing_else() {
        let lists = Lists::of("ward-4");
        let (hub, clinic) = lists.mosquitto.split_once("user clinic").unwrap();
        for leaf in ["f", "i", "s", "a", "p"] {
            let (write, read) =
                (format!("write bw/1/ward-4/+/{leaf}\n"), format!("read bw/1/ward-4/+/{leaf}\n"));
            assert_ne!(hub.contains(&write), hub.contains(&read));
            assert_eq!(
                (hub.contains(&write), hub.contains(&read)),
                (clinic.contains(&read), clinic.contains(&write))
            );
        }
        assert!(!lists.mosquitto.contains('#') && lists.nats.contains("bw.1.ward-4.*.f"));
    }
}
