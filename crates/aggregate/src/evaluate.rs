//! Eval: sums and weighted sums, made by whoever stores the vectors. It needs no key.

use crate::bounds::Bounds;
use crate::error::Error;
use crate::kernel;
use crate::parameters::COEFFICIENTS;
use crate::tag::Tag;
use crate::vector::{Header, Stored, Vector};

/// A sum under way. Bounds are brought up to date before a ciphertext is touched, so that a refusal leaves the sum as it was.
///
/// The noise of different vectors is independent, and that of one vector with itself is not: a vector that is to count twice is
/// one term of weight 2, and not two terms. Whoever takes terms from outside must refuse repetitions.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    so_far: Option<(Vector, Tag)>,
}

impl Sum {
    /// A sum of nothing.
    pub const fn new() -> Self {
        Self { so_far: None }
    }

    /// Adds `weight` times a vector, and its tag with it.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`], [`Error::EncodingMismatch`], [`Error::LaneOverflow`], [`Error::NoiseBudget`],
    /// [`Error::ZeroWeight`]; the sum is then as before.
    pub fn add(&mut self, one: &Stored<'_>, weight: u32) -> Result<(), Error> {
        let bounds = self.joined([(&one.vector.header, weight)])?;
        let (vector, tag) = self.begun(&one.vector.header);
        vector.header.bounds = bounds;
        if weight == 1 {
            kernel::add_all(&mut vector.coefficients, &[one.vector.coefficients]);
        } else {
            kernel::add_scaled(&mut vector.coefficients, one.vector.coefficients, weight);
        }
        *tag = tag.plus(one.tag, weight);
        Ok(())
    }

    /// Adds many vectors, each once: three at a time go through the processor, which is faster than one after the other.
    ///
    /// # Errors
    /// As [`Self::add`]; then none of them is added.
    pub fn add_all(&mut self, all: &[Stored<'_>]) -> Result<(), Error> {
        let Some(first) = all.first() else { return Ok(()) };
        let bounds = self.joined(all.iter().map(|one| (&one.vector.header, 1)))?;
        let (vector, tag) = self.begun(&first.vector.header);
        vector.header.bounds = bounds;
        let inputs: Vec<_> = all.iter().map(|one| one.vector.coefficients).collect();
        kernel::add_all(&mut vector.coefficients, &inputs);
        *tag = all.iter().fold(*tag, |tag, one| tag.plus(one.tag, 1));
        Ok(())
    }

    /// The bounds after these terms.
    fn joined<'h>(&self, terms: impl IntoIterator<Item = (&'h Header, u32)>) -> Result<Bounds, Error> {
        let mut total = self.so_far.as_ref().map(|(vector, _)| vector.header);
        for (header, weight) in terms {
            total = Some(combine(total, header, weight)?);
        }
        total.map(|header| header.bounds).ok_or(Error::Empty)
    }

    /// The sum, which begins as zero of the kind of the first vector.
    fn begun(&mut self, first: &Header) -> &mut (Vector, Tag) {
        self.so_far.get_or_insert_with(|| {
            let coefficients = vec![0; COEFFICIENTS].into_boxed_slice();
            (Vector { header: *first, coefficients }, Tag::ZERO)
        })
    }

    /// The sum and its tag.
    ///
    /// # Errors
    /// [`Error::Empty`] when nothing was added.
    pub fn finish(self) -> Result<(Vector, Tag), Error> {
        self.so_far.ok_or(Error::Empty)
    }

    /// The bytes of the sum and its tag, as [`Stored::parse`] reads them.
    ///
    /// # Errors
    /// [`Error::Empty`] when nothing was added.
    pub fn to_bytes(self) -> Result<Vec<u8>, Error> {
        let (vector, tag) = self.finish()?;
        let mut bytes = vector.to_bytes();
        bytes.extend_from_slice(&tag.to_bytes());
        Ok(bytes)
    }
}

/// The header of a sum with one more term: also what its owner expects, worked out from the headers of the inputs alone.
///
/// # Errors
/// As [`Sum::add`].
pub fn combine(so_far: Option<Header>, next: &Header, weight: u32) -> Result<Header, Error> {
    let scaled = next.bounds.scaled(weight, next.encoding)?;
    let Some(before) = so_far else { return Ok(Header { bounds: scaled, ..*next }) };
    if before.key != next.key {
        return Err(Error::KeyMismatch(before.key, next.key));
    }
    if before.encoding != next.encoding {
        return Err(Error::EncodingMismatch(before.encoding, next.encoding));
    }
    Ok(Header { bounds: before.bounds.plus(scaled, next.encoding)?, ..before })
}
