//! Some vectors, and the key that tells right sums from wrong ones.

use bodywire_aggregate::evaluate::combine;
use bodywire_aggregate::{Encoding, Owner, PublicKey, SecretKey, Stored, TagKey, VectorRef};
use bodywire_clinic::evaluators::{Input, inputs_hash};
use bodywire_ledger::Hash;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

pub(crate) const LOG: &str = "c0ffee";

pub(crate) struct Ward {
    secret: SecretKey,
    public: PublicKey,
    tags: TagKey,
    /// Of the entries 0 to 5, each of the value 10 times its index.
    pub(crate) vectors: Vec<Vec<u8>>,
}

impl Ward {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let owner = Owner::generate(&mut rng);
        let secret = SecretKey::from_owner(&owner).unwrap();
        let public = PublicKey::generate(&secret, &mut rng).unwrap();
        let tags = owner.tag_key();
        let vector = |index: u64| {
            let values = [index as u32 * 10; 3];
            let mut bytes = public.encrypt(Encoding::Wide, &values, 399, &mut rng).unwrap().to_bytes();
            let tag = tags.tag(&index.to_be_bytes(), &VectorRef::parse(&bytes).unwrap());
            bytes.extend(tag.to_bytes());
            bytes
        };
        let vectors = (0..6).map(vector).collect();
        Self { secret, public, tags, vectors }
    }

    pub(crate) fn inputs(&self, terms: &[(u64, u32)]) -> [u8; 32] {
        let input =
            |&(index, weight): &(u64, u32)| Input { index, weight, leaf: Hash::leaf(&index.to_be_bytes()) };
        inputs_hash(&terms.iter().map(input).collect::<Vec<_>>())
    }

    /// Whether a result is what these terms give, header and all.
    pub(crate) fn verifies(&self, result: &Stored<'_>, terms: &[(u64, u32)]) -> bool {
        let header = terms.iter().fold(None, |so_far, (index, weight)| {
            let stored = Stored::parse(&self.vectors[*index as usize]).unwrap();
            Some(combine(so_far, &stored.vector.header, *weight).unwrap())
        });
        let names: Vec<_> = terms.iter().map(|(index, weight)| (index.to_be_bytes(), *weight)).collect();
        let named = names.iter().map(|(name, weight)| (&name[..], *weight));
        header == Some(result.vector.header) && self.tags.verify(&result.vector, result.tag, named).is_ok()
    }

    /// The first number of a result.
    pub(crate) fn open(&self, result: &[u8]) -> u64 {
        let vector = Stored::parse(result).unwrap().vector.to_vector();
        self.secret.open(&vector, self.public.id()).unwrap()[0]
    }
}
