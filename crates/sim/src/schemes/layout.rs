//! Fixed layouts: fields one after the other, nothing optional.

use crate::Error;

/// Takes fields off the front of a message.
pub(super) struct Fields<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn of(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (field, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Error::Malformed { what: self.what, why: "it is too short" })?;
        self.rest = rest;
        Ok(*field)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::Malformed { what: self.what, why: "it is too long" })
        }
    }
}

/// The fields one after the other. Their lengths are those of the layout, which each message's test checks.
pub(super) fn join<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    debug_assert_eq!(fields.iter().map(|field| field.len()).sum::<usize>(), N);
    let mut out = [0; N];
    out.iter_mut().zip(fields.iter().copied().flatten()).for_each(|(slot, byte)| *slot = *byte);
    out
}
