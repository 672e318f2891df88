//! Revocation lists, one for each issuer, never going back to an earlier one.

use super::held::Held;
use bodywire_proto::access::{Certificate, IssuerKey, Revocation, RevocationList};

/// The lists that were taken, as their bytes.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: Vec<Vec<u8>>,
}

impl Lists {
    pub(super) fn take(&mut self, bytes: &[u8], issuers: &[IssuerKey]) -> Result<(), String> {
        let list = RevocationList::parse(bytes).map_err(|error| error.to_string())?;
        if !issuers.iter().any(|issuer| issuer.made(&list)) {
            return Err("the list is of no issuer of this house".to_owned());
        }
        for kept in &mut self.kept {
            let Ok(old) = RevocationList::parse(kept) else { continue };
            if old.issuer != list.issuer {
                continue;
            }
            if list.supersedes(&old) {
                *kept = bytes.to_vec();
                return Ok(());
            }
            if *kept == bytes {
                return Ok(());
            }
            return Err(format!("list {} is older than list {}, which is kept", list.number, old.number));
        }
        self.kept.push(bytes.to_vec());
        Ok(())
    }

    /// What is known of a certificate.
    pub(super) fn about(&self, certificate: &Certificate, now_ms: u64) -> Revocation {
        let said = self.kept.iter().filter_map(|bytes| RevocationList::parse(bytes).ok());
        let said = said.map(|list| list.about(certificate, now_ms));
        said.fold(Revocation::Missing, |worst, one| if worst == Revocation::Missing { one } else { worst })
    }

    /// Whether a grant's certificate has been revoked since.
    pub(super) fn revokes(&self, held: &Held) -> bool {
        let lists = self.kept.iter().filter_map(|bytes| RevocationList::parse(bytes).ok());
        lists.into_iter().any(|list| held.is_named_by(&list))
    }
}
