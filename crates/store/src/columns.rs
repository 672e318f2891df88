//! Columns of a row as the types they stand for. Numbers in the database are 64 bits and signed.

use crate::error::Error;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A number that must fit.
pub(crate) fn number<T: TryFrom<i64>>(row: &AnyRow, column: &'static str) -> Result<T, Error> {
    row.try_get::<i64, _>(column)?.try_into().map_err(|_| Error::Damaged(column))
}

/// A number that was unsigned when it was written.
pub(crate) fn unsigned(row: &AnyRow, column: &'static str) -> Result<u64, Error> {
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

/// The same, when it may be missing.
pub(crate) fn unsigned_or_none(row: &AnyRow, column: &'static str) -> Result<Option<u64>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
}

/// Bytes of a fixed length that are no secret.
pub(crate) fn array<const N: usize>(row: &AnyRow, column: &'static str) -> Result<[u8; N], Error> {
    row.try_get::<Vec<u8>, _>(column)?.try_into().map_err(|_| Error::Damaged(column))
}

/// A random name as the vault takes a row's identity.
pub(crate) fn identity_of_name(name: &[u8; 16]) -> [i64; 2] {
    let number = u128::from_be_bytes(*name);
    [((number >> 64) as u64).cast_signed(), (number as u64).cast_signed()]
}
