//! A new key for the database: every encrypted column is sealed again.

use crate::Store;
use crate::error::Error;
use crate::sealed::{self, SEALED, Sealed};
use crate::vault::{DatabaseKey, Vault};
use sqlx::{Any, Transaction};

impl Store {
    /// Seals every encrypted column under another key, in one transaction: after an error or a crash the old key is still
    /// the one for all of them. `progress` is told how many values are done.
    ///
    /// Stop everything else that has this database first. Handles that were cloned from this one keep the old key, which
    /// opens nothing any more; a backup from before needs it.
    pub async fn rotate_key(
        &mut self,
        new: &DatabaseKey,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let (clinic, pairs) = (Vault::new(new, sealed::CLINIC)?, Vault::new(new, sealed::PAIRS)?);
        let mut transaction = self.pools.begin().await?;
        let mut done = 0;
        for column in &SEALED {
            let (from, to) = match column.group {
                sealed::PAIRS => (&self.pairs.vault, &pairs),
                _ => (&self.vault, &clinic),
            };
            seal_again(&mut transaction, column, from, to, &mut done, &mut progress).await?;
        }
        transaction.commit().await?;
        (self.vault, self.pairs.vault) = (clinic, pairs);
        // What was sealed under the old key stands in SQLite's log until it is emptied.
        self.pools.wipe().await
    }
}

async fn seal_again(
    transaction: &mut Transaction<'static, Any>,
    column: &Sealed,
    from: &Vault,
    to: &Vault,
    done: &mut u64,
    progress: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let mut at = column.start();
    loop {
        let rows = column.page(&mut **transaction, &at).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let (place, identity, value) = column.read(row)?;
            let plain = from.open(column.name, &identity, &value)?;
            column.write(&mut **transaction, &place, to.seal(column.name, &identity, &plain)?).await?;
            at = place;
            *done += 1;
        }
        progress(*done);
    }
}
