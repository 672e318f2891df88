//! Who may see which class of sensors' data: the decision as one pure function, and what it is decided from (paper B,
//! sections 3.3 and 3.4, Algorithms 2 and 3).
//!
//! ```text
//! certificate ─┐
//! revocation ──┤
//! request ─────┤                       ┌─ Grant      classes, until
//! relation ────┼─ Facts ── decide() ───┼─ AskSensor  class III; what is granted meanwhile
//! authority ───┤                       ├─ Refuse     reason, is break-glass open
//! condition ───┤                       └─ Override   break-glass: classes, until
//! consent ─────┘                              │
//!                                         on record (grant)
//! ```
//!
//! The paper certifies a doctor "according to the ID" in the message. An ID is no credential; here it is a short-lived
//! certificate, and a request signed with its key over a challenge of the decider.
//!
//! [`decide`] verifies no signature, opens no consent and keeps no time: whoever calls does ([`verify`]), and states the
//! result in [`Facts`]. Class III data is sealed by the sensor ([`crate::consent`]):
//! a decision opens it only together with the key, which the sensor alone gives away.
//!
//! The clinic's gate carries the decision out; `docs/access.md` says how.

pub mod authority;
pub mod certificate;
pub mod condition;
pub mod decide;
pub mod facts;
pub mod grant;
pub mod reason;
pub mod relation;
pub mod request;
pub mod revocation;
pub mod verify;

pub use authority::Policy;
pub use certificate::{Certificate, Role, Validity};
pub use condition::Condition;
pub use decide::{Decision, Terms, decide};
pub use facts::{Consent, Facts};
pub use reason::Reason;
pub use relation::Relation;
pub use request::{Purpose, Request};
pub use revocation::{Revocation, RevocationList};
pub use verify::IssuerKey;

/// Length of an Ed25519 signature (RFC 8032).
pub const SIGNATURE_BYTES: usize = 64;

/// How far the clocks of issuer, hub and clinic may be apart, in milliseconds. Five minutes, as Kerberos allows (RFC 4120):
/// what is dated further ahead was not made by a working clock.
pub const CLOCK_SKEW_MAX_MS: u64 = 5 * 60 * 1000;

/// A person, a program or a patient as a holder of certificates: sixteen opaque bytes that the house draws at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person(pub [u8; 16]);

/// Who issues certificates and revocation lists: the first half of the SHA-256 of its public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(pub [u8; 16]);

/// Number of a patient at the clinic; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientNumber(pub u64);

/// A bed: the number of its hub at the clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bed(pub u16);

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_signed_for_one_use_reads_as_another() {
        let contexts = [super::certificate::CONTEXT, super::request::CONTEXT, super::revocation::CONTEXT];
        // Those of the channels' prekeys and sessions are signed with other keys, but should a key be shared, they differ.
        let all = [&contexts[..], &[b"bodywire prekey", b"bodywire session"]].concat();
        for (i, one) in all.iter().enumerate() {
            for (j, other) in all.iter().enumerate() {
                assert!(i == j || !other.starts_with(one), "{i} begins {j}");
            }
        }
    }
}
