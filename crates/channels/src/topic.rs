//! Names of MQTT topics. A broker logs them, so they say nothing: no patient, no device, no signal.
//!
//! ```text
//! bw/1/<shard>/<opaque>/f      fragments, hub to clinic            <opaque> from the session, one for each path
//! bw/1/<shard>/<opaque>/a      acknowledgements and orders,        the same
//!                              clinic to hub
//! bw/1/<shard>/<opaque>/i      start of a session, hub to clinic   <opaque> from the hub's rendezvous secret
//! bw/1/<shard>/<opaque>/p      prekey, clinic to hub, retained     the same
//! bw/1/<shard>/<opaque>/s      state of the hub's connection       the same
//! ```

use crate::error::Error;
use crate::keys::{Secret, SessionKeys};

/// Random-looking bytes in a topic name, written in hexadecimal.
pub const OPAQUE_BYTES: usize = 12;

/// A group of hubs that one clinic process serves; a topic level of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard(String);

/// Longest shard name.
pub const SHARD_BYTES_MAX: usize = 32;

impl Shard {
    /// A shard name of 1 to 32 letters, digits and hyphens.
    pub fn new(name: &str) -> Result<Self, Error> {
        let ok = !name.is_empty()
            && name.len() <= SHARD_BYTES_MAX
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if ok {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::Misuse("a shard is 1 to 32 letters, digits, hyphens"))
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    fn topic(&self, opaque: &[u8; OPAQUE_BYTES], leaf: &str) -> String {
        let hex: String = opaque.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("bw/1/{}/{hex}/{leaf}", self.0)
    }

    /// The filter with which a clinic receives all fragments of its shard.
    pub fn fragments_filter(&self) -> String {
        format!("bw/1/{}/+/f", self.0)
    }

    /// The filter with which a clinic receives the start of all sessions of its shard.
    pub fn sessions_filter(&self) -> String {
        format!("bw/1/{}/+/i", self.0)
    }

    /// The filter with which a clinic receives the states of its hubs' connections.
    pub fn states_filter(&self) -> String {
        format!("bw/1/{}/+/s", self.0)
    }

    /// Where the fragments of a session go on `path`.
    pub fn fragments(&self, keys: &SessionKeys, path: usize) -> Option<String> {
        keys.paths.get(path).map(|p| self.topic(&p.fragment_topic, "f"))
    }

    /// Where the acknowledgements and orders of a session go on `path`.
    pub fn acks(&self, keys: &SessionKeys, path: usize) -> Option<String> {
        keys.paths.get(path).map(|p| self.topic(&p.ack_topic, "a"))
    }
}

/// The secret from which a hub and its clinic derive the names where they find each other. It protects the names
/// only: prekeys and sessions are signed.
#[derive(Debug, Clone)]
pub struct Rendezvous(Secret);

impl Rendezvous {
    /// Takes over 32 secret random bytes, given to both when the hub was enrolled.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Secret(bytes))
    }

    /// Where the clinic leaves its prekey for the hub on `path`.
    pub fn prekey_topic(&self, shard: &Shard, path: usize) -> Result<String, Error> {
        Ok(shard.topic(&self.0.expand(&format!("prekey topic {path}"))?, "p"))
    }

    /// Where the hub starts sessions on `path`.
    pub fn session_topic(&self, shard: &Shard, path: usize) -> Result<String, Error> {
        Ok(shard.topic(&self.0.expand(&format!("session topic {path}"))?, "i"))
    }

    /// Where the hub says whether it is connected on `path`, and its will lies.
    pub fn state_topic(&self, shard: &Shard, path: usize) -> Result<String, Error> {
        Ok(shard.topic(&self.0.expand(&format!("state topic {path}"))?, "s"))
    }

    /// The key under which the state on `path` is authenticated.
    pub(crate) fn state_key(&self, path: usize) -> Result<Secret, Error> {
        self.0.derive(&format!("state key {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_path_and_purpose_and_match_the_filters() {
        let shard = Shard::new("ward-4b").unwrap();
        let rendezvous = Rendezvous::new([1; 32]);
        let names: std::collections::BTreeSet<_> = (0..3)
            .flat_map(|p| {
                [
                    rendezvous.prekey_topic(&shard, p).unwrap(),
                    rendezvous.session_topic(&shard, p).unwrap(),
                    rendezvous.state_topic(&shard, p).unwrap(),
                ]
            })
            .collect();
        assert_eq!(names.len(), 9);
        assert!(names.iter().all(|name| name.starts_with("bw/1/ward-4b/") && name.split('/').count() == 5));
        assert_eq!(shard.fragments_filter(), "bw/1/ward-4b/+/f");
    }

    #[test]
    fn wildcards_and_separators_are_no_shard() {
        assert!(["", "a/b", "+", "#", "ward 4"].into_iter().all(|name| Shard::new(name).is_err()));
    }
}
