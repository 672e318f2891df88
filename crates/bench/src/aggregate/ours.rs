//! What each operation of our scheme costs.

use crate::processor::{seconds_each, spent};
use bodywire_aggregate::parameters::COEFFICIENTS;
use bodywire_aggregate::vector::{HEADER_BYTES, STORED_BYTES};
use bodywire_aggregate::{Encoding, Owner, PublicKey, SecretKey, Stored, Sum, TagKey, VectorRef};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::hint::black_box;

/// Readings are at most this, as in the peers' script.
pub(crate) const LARGEST: u32 = 300;
/// What the peers' script multiplies by.
const WEIGHT: u32 = 7;
/// So many vectors are read and added together, as a replica does: they are still in the second cache when they are added.
pub(crate) const TOGETHER: usize = 12;

/// Who encrypts, tags, verifies and decrypts.
pub(crate) struct Ends {
    pub(crate) secret: SecretKey,
    pub(crate) public: PublicKey,
    pub(crate) tags: TagKey,
    pub(crate) rng: ChaCha20Rng,
}

impl Ends {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let owner = Owner::generate(&mut rng);
        let secret = SecretKey::from_owner(&owner).expect("constant parameters");
        let public = PublicKey::generate(&secret, &mut rng).expect("constant parameters");
        Self { secret, public, tags: owner.tag_key(), rng }
    }

    /// Adds the tag to a vector's bytes.
    pub(crate) fn tagged(&self, name: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
        let tag = self.tags.tag(name, &VectorRef::parse(&bytes).expect("a vector just made"));
        bytes.extend(tag.to_bytes());
        bytes
    }

    /// So many readings.
    fn readings(&mut self, places: usize) -> Vec<u32> {
        (0..places).map(|_| self.rng.next_u32() % (LARGEST + 1)).collect()
    }
}

/// Different ciphertexts one after the other in memory, as they lie in a ledger.
pub(crate) struct Encrypted {
    ends: Ends,
    encoding: Encoding,
    bytes: Vec<u8>,
    names: Vec<[u8; 8]>,
    plain: Vec<u64>,
}

impl Encrypted {
    pub(crate) fn new(encoding: Encoding, vectors: usize) -> Self {
        let mut ends = Ends::new();
        let (mut bytes, mut plain) = (Vec::with_capacity(vectors * STORED_BYTES), vec![0; encoding.places()]);
        let names: Vec<[u8; 8]> = (0..vectors as u64).map(u64::to_be_bytes).collect();
        for name in &names {
            let values = ends.readings(encoding.places());
            plain.iter_mut().zip(&values).for_each(|(sum, value)| *sum += u64::from(*value));
            let vector = ends.public.encrypt(encoding, &values, LARGEST, &mut ends.rng);
            bytes.extend(ends.tagged(name, vector.expect("readings within their bound").to_bytes()));
        }
        Self { ends, encoding, bytes, names, plain }
    }

    /// The vectors, read.
    pub(crate) fn stored(&self) -> Vec<Stored<'_>> {
        self.bytes
            .chunks_exact(STORED_BYTES)
            .map(|one| Stored::parse(one).expect("a stored vector"))
            .collect()
    }

    /// Their coefficients as words.
    pub(crate) fn coefficients(&self) -> Vec<&[[u8; 8]]> {
        self.bytes
            .chunks_exact(STORED_BYTES)
            .filter_map(|one| one.get(HEADER_BYTES..HEADER_BYTES + 8 * COEFFICIENTS))
            .map(|words| words.as_chunks().0)
            .collect()
    }

    /// Reads and adds all, a few at a time.
    fn read_and_add(&self) -> Sum {
        let mut sum = Sum::new();
        for some in self.bytes.chunks(TOGETHER * STORED_BYTES) {
            let some: Vec<_> = some
                .chunks_exact(STORED_BYTES)
                .map(|one| Stored::parse(one).expect("a stored vector"))
                .collect();
            sum.add_all(&some).expect("within the bounds");
        }
        sum
    }

    fn terms(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.names.iter().map(|name| (&name[..], 1))
    }
}

/// Seconds of one ciphertext on a processor.
pub(crate) struct Costs {
    pub(crate) places: usize,
    pub(crate) encrypt: f64,
    pub(crate) tag: f64,
    pub(crate) add: f64,
    /// Reading, in which every coefficient is looked at, and adding.
    pub(crate) read_and_add: f64,
    pub(crate) scale: f64,
    /// The verification of the sum of all vectors at once.
    pub(crate) verify: f64,
    pub(crate) decrypt: f64,
}

/// Measures each operation for so many seconds. The sum of all vectors is compared with the plain one.
pub(crate) fn costs(encrypted: &mut Encrypted, seconds: f64) -> Costs {
    let encoding = encrypted.encoding;
    let vectors = encrypted.names.len() as f64;
    let values = encrypted.ends.readings(encoding.places());
    let Ends { public, rng, .. } = &mut encrypted.ends;
    let encrypt = seconds_each(seconds, || {
        black_box(public.encrypt(encoding, &values, LARGEST, rng).expect("readings within their bound"));
    });
    let encrypted = &*encrypted;
    let Ends { secret, public, tags, .. } = &encrypted.ends;
    let stored = encrypted.stored();
    let first = stored.first().expect("at least one vector");
    let tag = seconds_each(seconds, || {
        black_box(tags.tag(b"a name", &first.vector));
    });
    let add = seconds_each(seconds, || {
        let mut sum = Sum::new();
        sum.add_all(&stored).expect("within the bounds");
        black_box(sum.finish().expect("not empty"));
    });
    let read_and_add = seconds_each(seconds, || {
        black_box(encrypted.read_and_add());
    });
    // Into a sum that begins anew with each: few vectors of weight 7 fit the budget of one sum.
    let mut next = stored.iter().cycle();
    let scale = seconds_each(seconds, || {
        let mut sum = Sum::new();
        sum.add(next.next().unwrap_or(first), WEIGHT).expect("within the bounds");
        black_box(sum.finish().expect("not empty"));
    });
    let bytes = encrypted.read_and_add().to_bytes().expect("not empty");
    let result = Stored::parse(&bytes).expect("a sum just made");
    let verify = seconds_each(seconds, || {
        tags.verify(&result.vector, result.tag, encrypted.terms()).expect("an honest sum");
    });
    let sum = result.vector.to_vector();
    let decrypt = seconds_each(seconds, || {
        let opened = secret.open(&sum, public.id()).expect("an honest sum");
        assert_eq!(*opened, encrypted.plain, "the sum is that of integers");
    });
    let (add, read_and_add) = (add / vectors, read_and_add / vectors);
    Costs { places: encoding.places(), encrypt, tag, add, read_and_add, scale, verify, decrypt }
}

/// Seconds of the parts of one run: so many batches encrypted, tagged, summed, verified, decrypted.
pub(crate) fn run(batches: usize) -> [(&'static str, f64); 5] {
    let mut ends = Ends::new();
    let readings: Vec<_> = (0..batches).map(|_| ends.readings(Encoding::Series.places())).collect();
    let names: Vec<_> = (0..batches as u64).map(u64::to_be_bytes).collect();
    let (vectors, encrypt) = spent(|| {
        let Ends { public, rng, .. } = &mut ends;
        let encrypt = |values: &Vec<u32>| public.encrypt(Encoding::Series, values, LARGEST, rng);
        let vectors = readings.iter().map(encrypt).map(|vector| vector.expect("readings within their bound"));
        vectors.map(|vector| vector.to_bytes()).collect::<Vec<_>>()
    });
    let (stored, tag) = spent(|| {
        let pairs = vectors.into_iter().zip(&names);
        pairs.map(|(bytes, name)| ends.tagged(name, bytes)).collect::<Vec<_>>()
    });
    let (bytes, add) = spent(|| {
        let mut sum = Sum::new();
        for some in stored.chunks(TOGETHER) {
            let some: Vec<_> = some.iter().map(|one| Stored::parse(one).expect("a stored vector")).collect();
            sum.add_all(&some).expect("within the bounds");
        }
        sum.to_bytes().expect("not empty")
    });
    let (result, verify) = spent(|| {
        let result = Stored::parse(&bytes).expect("a sum just made");
        let terms = names.iter().map(|name| (&name[..], 1));
        ends.tags.verify(&result.vector, result.tag, terms).expect("an honest sum");
        result.vector.to_vector()
    });
    let (opened, decrypt) = spent(|| ends.secret.open(&result, ends.public.id()).expect("an honest sum"));
    for (place, got) in opened.iter().enumerate() {
        let plain: u64 = readings.iter().filter_map(|values| values.get(place)).map(|v| u64::from(*v)).sum();
        assert_eq!(*got, plain, "the sum is that of integers");
    }
    [
        ("encrypted", encrypt),
        ("tagged", tag),
        ("read and summed", add),
        ("verified", verify),
        ("decrypted", decrypt),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_measured_and_the_sum_is_right() {
        for encoding in Encoding::ALL {
            let costs = costs(&mut Encrypted::new(encoding, 3), 0.0);
            let all = [costs.encrypt, costs.tag, costs.add, costs.read_and_add, costs.scale, costs.verify];
            assert!(all.iter().chain([&costs.decrypt]).all(|cost| *cost > 0.0));
        }
        assert_eq!(run(3).len(), 5);
    }
}
