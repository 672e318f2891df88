//! Sums over the ward's encrypted vital signs: replicas compute them, and only the result is decrypted here.
//!
//! ```text
//! query ──► policy (cohort, differences, budget) ──► audit ──► replicas add ──► compared, tag verified, a part computed again
//!                                                                                   └──► opened ──► audit ──► answer
//! ```
//!
//! Source: paper M, section 3.2, "retrieving and comparing data without decrypting". `docs/aggregates.md` says what each place
//! sees.

mod answer;
mod difference;
mod evaluate;
mod policy;
mod query;
mod run;
mod standing;

pub use answer::{Answer, Outcome, ReplicaVerdict, Verdict};
pub use policy::{DIFFERENCES_MAX, Policy, Refusal};
pub use query::{Function, QUERY_BYTES_MAX, Query, TREND_WINDOWS_MAX, VECTORS_MAX};
pub use run::{Aggregates, Parts, Update};
pub use standing::Standing;

use bodywire_aggregate::layout::LARGEST;
use bodywire_aggregate::{Bounds, Encoding, Error, Owner, PublicKey, SecretKey, TagKey, VectorRef};

/// The ward's keys for sums. They never leave the clinic, but for the public one.
#[derive(Debug)]
pub struct WardKeys {
    /// Opens results.
    pub(crate) secret: SecretKey,
    /// What hubs encrypt under.
    pub public: PublicKey,
    /// Tags vectors and verifies sums.
    pub(crate) tags: TagKey,
}

impl WardKeys {
    /// The keys of an owner, with the public key that was given to the hubs.
    ///
    /// # Errors
    /// That of the library, which is a fault of the program.
    pub fn new(owner: &Owner, public: PublicKey) -> Result<Self, Error> {
        Ok(Self { secret: SecretKey::from_owner(owner)?, public, tags: owner.tag_key() })
    }

    /// Whether a vector is one that a bed of this ward makes: fresh, of the one layout, under the ward's key.
    pub(crate) fn takes(&self, vector: &[u8]) -> Result<(), Error> {
        let header = VectorRef::parse(vector)?.header;
        if header.key != self.public.id() {
            return Err(Error::KeyMismatch(self.public.id(), header.key));
        }
        if header.encoding != Encoding::Wide {
            return Err(Error::EncodingMismatch(Encoding::Wide, header.encoding));
        }
        if header.bounds != Bounds::fresh(u64::from(LARGEST)) {
            return Err(Error::Malformed { what: "vector", why: "it is not fresh, or of another layout" });
        }
        Ok(())
    }
}
