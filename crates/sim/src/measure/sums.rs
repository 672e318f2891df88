//! What each operation of sums over encrypted vital signs costs.

use super::{Stopwatch, failed, wrong};
use crate::Error;
use bodywire_aggregate::parameters::COEFFICIENTS;
use bodywire_aggregate::vector::{HEADER_BYTES, STORED_BYTES};
use bodywire_aggregate::{Encoding, Owner, PublicKey, SecretKey, Stored, Sum, TagKey, VectorRef};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::hint::black_box;

/// Readings are at most this, as in the peers' script.
pub const LARGEST: u32 = 300;
/// What the peers' script multiplies by.
const WEIGHT: u32 = 7;
/// So many vectors are read and added together, as a replica does: they are still in the second cache when they are added.
pub const TOGETHER: usize = 12;
const WHAT: &str = "sums over encrypted vital signs";

/// Who encrypts, tags, verifies and decrypts.
pub struct Ends {
    /// Decrypts.
    pub secret: SecretKey,
    /// Encrypts.
    pub public: PublicKey,
    /// Tags and verifies.
    pub tags: TagKey,
    /// Readings and nonces.
    pub rng: ChaCha20Rng,
}

impl Ends {
    /// Fresh keys.
    ///
    /// # Errors
    /// [`Error::Measured`] when the scheme refuses its own parameters.
    pub fn new(seed: u64) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let owner = Owner::generate(&mut rng);
        let secret = SecretKey::from_owner(&owner).map_err(failed(WHAT))?;
        let public = PublicKey::generate(&secret, &mut rng).map_err(failed(WHAT))?;
        Ok(Self { secret, public, tags: owner.tag_key(), rng })
    }

    /// Adds the tag to a vector's bytes.
    ///
    /// # Errors
    /// [`Error::Measured`] when the bytes are no vector.
    pub fn tagged(&self, name: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let tag = self.tags.tag(name, &VectorRef::parse(&bytes).map_err(failed(WHAT))?);
        bytes.extend(tag.to_bytes());
        Ok(bytes)
    }

    /// So many readings.
    pub fn readings(&mut self, places: usize) -> Vec<u32> {
        (0..places).map(|_| self.rng.next_u32() % (LARGEST + 1)).collect()
    }
}

/// Different ciphertexts one after the other in memory, as they lie in a ledger.
pub struct Encrypted {
    ends: Ends,
    encoding: Encoding,
    bytes: Vec<u8>,
    names: Vec<[u8; 8]>,
    plain: Vec<u64>,
}

impl Encrypted {
    /// So many vectors, encrypted and tagged.
    ///
    /// # Errors
    /// [`Error::Measured`] when the scheme refuses.
    pub fn new(encoding: Encoding, vectors: usize, seed: u64) -> Result<Self, Error> {
        let mut ends = Ends::new(seed)?;
        let (mut bytes, mut plain) = (Vec::with_capacity(vectors * STORED_BYTES), vec![0; encoding.places()]);
        let names: Vec<[u8; 8]> = (0..vectors as u64).map(u64::to_be_bytes).collect();
        for name in &names {
            let values = ends.readings(encoding.places());
            plain.iter_mut().zip(&values).for_each(|(sum, value)| *sum += u64::from(*value));
            let vector = ends.public.encrypt(encoding, &values, LARGEST, &mut ends.rng);
            bytes.extend(ends.tagged(name, vector.map_err(failed(WHAT))?.to_bytes())?);
        }
        Ok(Self { ends, encoding, bytes, names, plain })
    }

    /// The vectors, read.
    ///
    /// # Errors
    /// [`Error::Measured`] when they are none.
    pub fn stored(&self) -> Result<Vec<Stored<'_>>, Error> {
        let all = self.bytes.chunks_exact(STORED_BYTES);
        all.map(|one| Stored::parse(one).map_err(failed(WHAT))).collect()
    }

    /// Their coefficients as words.
    pub fn coefficients(&self) -> Vec<&[[u8; 8]]> {
        self.bytes
            .chunks_exact(STORED_BYTES)
            .filter_map(|one| one.get(HEADER_BYTES..HEADER_BYTES + 8 * COEFFICIENTS))
            .map(|words| words.as_chunks().0)
            .collect()
    }

    /// Reads and adds all, a few at a time.
    fn read_and_add(&self) -> Result<Sum, Error> {
        let mut sum = Sum::new();
        for some in self.bytes.chunks(TOGETHER * STORED_BYTES) {
            let some: Result<Vec<_>, _> = some.chunks_exact(STORED_BYTES).map(Stored::parse).collect();
            sum.add_all(&some.map_err(failed(WHAT))?).map_err(failed(WHAT))?;
        }
        Ok(sum)
    }

    fn terms(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.names.iter().map(|name| (&name[..], 1))
    }
}

/// Seconds of one ciphertext on a processor.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// Numbers in one ciphertext.
    pub places: usize,
    /// Encryption.
    pub encrypt: f64,
    /// Making the tag.
    pub tag: f64,
    /// Addition.
    pub add: f64,
    /// Reading, in which every coefficient is looked at, and adding.
    pub read_and_add: f64,
    /// Multiplication by a weight.
    pub scale: f64,
    /// The verification of the sum of all vectors at once.
    pub verify: f64,
    /// Decryption with the guard against too much noise.
    pub decrypt: f64,
}

/// Measures each operation. The sum of all vectors is compared with the plain one.
///
/// # Errors
/// [`Error::Measured`] when the scheme refuses, or a sum is not that of integers.
pub fn costs(encrypted: &mut Encrypted, watch: &impl Stopwatch) -> Result<Costs, Error> {
    let encoding = encrypted.encoding;
    let vectors = encrypted.names.len() as f64;
    let values = encrypted.ends.readings(encoding.places());
    let Ends { public, rng, .. } = &mut encrypted.ends;
    let encrypt = watch.seconds_each(&mut || {
        black_box(public.encrypt(encoding, &values, LARGEST, rng).map_err(failed(WHAT))?);
        Ok(())
    })?;
    let encrypted = &*encrypted;
    let Ends { secret, public, tags, .. } = &encrypted.ends;
    let stored = encrypted.stored()?;
    let first = stored.first().ok_or_else(|| wrong(WHAT, "there is no vector"))?;
    let tag = watch.seconds_each(&mut || {
        black_box(tags.tag(b"a name", &first.vector));
        Ok(())
    })?;
    let add = watch.seconds_each(&mut || {
        let mut sum = Sum::new();
        sum.add_all(&stored).map_err(failed(WHAT))?;
        black_box(sum.finish().map_err(failed(WHAT))?);
        Ok(())
    })?;
    let read_and_add = watch.seconds_each(&mut || {
        black_box(encrypted.read_and_add()?);
        Ok(())
    })?;
    // Into a sum that begins anew with each: few vectors of weight 7 fit the budget of one sum.
    let mut next = stored.iter().cycle();
    let scale = watch.seconds_each(&mut || {
        let mut sum = Sum::new();
        sum.add(next.next().unwrap_or(first), WEIGHT).map_err(failed(WHAT))?;
        black_box(sum.finish().map_err(failed(WHAT))?);
        Ok(())
    })?;
    let bytes = encrypted.read_and_add()?.to_bytes().map_err(failed(WHAT))?;
    let result = Stored::parse(&bytes).map_err(failed(WHAT))?;
    let verify = watch.seconds_each(&mut || {
        tags.verify(&result.vector, result.tag, encrypted.terms()).map_err(failed(WHAT))
    })?;
    let sum = result.vector.to_vector();
    let decrypt = watch.seconds_each(&mut || {
        let opened = secret.open(&sum, public.id()).map_err(failed(WHAT))?;
        if *opened == encrypted.plain { Ok(()) } else { Err(wrong(WHAT, "the sum is not that of integers")) }
    })?;
    let (add, read_and_add) = (add / vectors, read_and_add / vectors);
    Ok(Costs { places: encoding.places(), encrypt, tag, add, read_and_add, scale, verify, decrypt })
}

#[cfg(test)]
mod tests {
    use super::super::Once;
    use super::*;

    #[test]
    fn every_operation_is_run_and_the_sum_is_right() {
        for encoding in Encoding::ALL {
            let costs = costs(&mut Encrypted::new(encoding, 3, 1).unwrap(), &Once).unwrap();
            assert_eq!((costs.places, costs.encrypt, costs.add), (encoding.places(), 1.0, 1.0 / 3.0));
        }
    }
}
