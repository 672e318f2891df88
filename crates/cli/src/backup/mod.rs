//! `bodywire backup`: the database of a clinic or a hub, copied, checked and put back.
//!
//! ```text
//! bodywire.db      the database; secrets in it stay encrypted
//! erasures.json    who was erased, as it was then
//! checkpoint       how far the ledger was: the larger of what was published and what the database knows, signed
//! key.vkey         the public key of the ledger
//! manifest.json    size and SHA-256 of each of them
//! manifest.sha256  that of the manifest, as sha256sum writes it; comes last
//! ```
//!
//! Keys are not in it: whoever has a backup alone has nothing. The sums find damage; the database's rows are encrypted and
//! authenticated, and the checkpoint is signed.

mod erasures;
mod examine;
mod make;
mod manifest;
mod place;
mod restore;
mod verify;

pub use make::make;
pub use restore::restore;
pub use verify::verify;

/// Names in a backup.
const DATABASE: &str = "bodywire.db";
const ERASURES: &str = "erasures.json";
