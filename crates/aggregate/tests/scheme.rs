//! The whole scheme: sums are those of integers, and whatever is wrong is an error and never a number.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

use bodywire_aggregate::evaluate::combine;
use bodywire_aggregate::parameters::{COEFFICIENTS, DEGREE, MODULUS};
use bodywire_aggregate::vector::{Header, STORED_BYTES, VECTOR_BYTES};
use bodywire_aggregate::{
    Bounds, Encoding, Error, Owner, PublicKey, SecretKey, Stored, Sum, Tag, TagKey, Vector, VectorRef,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::sync::OnceLock;

struct Ward {
    secret: SecretKey,
    public: PublicKey,
    tags: TagKey,
}

fn ward(seed: u64) -> Ward {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let owner = Owner::generate(&mut rng);
    let secret = SecretKey::from_owner(&owner).unwrap();
    let public = PublicKey::generate(&secret, &mut rng).unwrap();
    Ward { secret, public, tags: owner.tag_key() }
}

fn shared() -> &'static Ward {
    static WARD: OnceLock<Ward> = OnceLock::new();
    WARD.get_or_init(|| ward(1))
}

impl Ward {
    /// A vector as the ledger holds it.
    fn stored(&self, name: &[u8], encoding: Encoding, values: &[u32], largest: u32) -> Vec<u8> {
        let mut rng = ChaCha20Rng::seed_from_u64(values.len() as u64 ^ u64::from(largest));
        let mut bytes = self.public.encrypt(encoding, values, largest, &mut rng).unwrap().to_bytes();
        let tag = self.tags.tag(name, &VectorRef::parse(&bytes).unwrap());
        bytes.extend(tag.to_bytes());
        bytes
    }
}

/// Bytes of a vector made of its parts, for what no program would make.
fn assemble(header: Header, coefficients: &[u64]) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut vector = shared().public.encrypt(header.encoding, &[], 1, &mut rng).unwrap();
    vector.header = header;
    let mut bytes = vector.to_bytes();
    let at = bytes.len() - 8 * COEFFICIENTS;
    for (to, from) in bytes[at..].chunks_exact_mut(8).zip(coefficients) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn weighted_sums_equal_those_of_integers(
        batches in prop::collection::vec((prop::collection::vec(0u32..=300, 1..200), 1u32..9), 1..12),
        wide in any::<bool>(),
    ) {
        let encoding = if wide { Encoding::Wide } else { Encoding::Series };
        let ward = shared();
        let names: Vec<[u8; 8]> = (0..batches.len() as u64).map(u64::to_be_bytes).collect();
        let all: Vec<_> = batches.iter().zip(&names).map(|((values, _), name)| ward.stored(name, encoding, values, 300)).collect();
        let mut sum = Sum::new();
        let mut expected = None;
        for (bytes, (_, weight)) in all.iter().zip(&batches) {
            let stored = Stored::parse(bytes).unwrap();
            expected = Some(combine(expected, &stored.vector.header, *weight).unwrap());
            sum.add(&stored, *weight).unwrap();
        }
        let bytes = sum.to_bytes().unwrap();
        prop_assert_eq!(bytes.len(), STORED_BYTES);
        let result = Stored::parse(&bytes).unwrap();
        prop_assert_eq!(Some(result.vector.header), expected);
        let terms = names.iter().zip(&batches).map(|(name, (_, weight))| (&name[..], *weight));
        ward.tags.verify(&result.vector, result.tag, terms).unwrap();
        let opened = ward.secret.open(&result.vector.to_vector(), ward.public.id()).unwrap();
        for (place, got) in opened.iter().enumerate() {
            let plain: u64 = batches.iter().map(|(values, weight)| u64::from(*values.get(place).unwrap_or(&0)) * u64::from(*weight)).sum();
            prop_assert_eq!(*got, plain, "place {}", place);
        }
    }

    #[test]
    fn no_altered_result_verifies(place in 0..COEFFICIENTS, by in 1..MODULUS, times in 0u32..4) {
        let ward = shared();
        let (a, b) = (ward.stored(b"a", Encoding::Series, &[1, 2], 9), ward.stored(b"b", Encoding::Series, &[3], 9));
        let mut sum = Sum::new();
        sum.add_all(&[Stored::parse(&a).unwrap(), Stored::parse(&b).unwrap()]).unwrap();
        let bytes = sum.to_bytes().unwrap();
        let good = Stored::parse(&bytes).unwrap();
        let terms = [(&b"a"[..], 1), (&b"b"[..], 1)];
        prop_assert!(ward.tags.verify(&good.vector, good.tag, terms).is_ok());
        // One coefficient.
        let mut altered = bytes.clone();
        let at = VECTOR_BYTES - 8 * COEFFICIENTS + 8 * place;
        let was = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let now = ((u128::from(was) + u128::from(by)) % u128::from(MODULUS)) as u64;
        altered[at..at + 8].copy_from_slice(&now.to_le_bytes());
        let altered = Stored::parse(&altered).unwrap();
        prop_assert_eq!(ward.tags.verify(&altered.vector, altered.tag, terms), Err(Error::NotAuthentic));
        // The tag.
        let was = u64::from_be_bytes(good.tag.to_bytes());
        let other = ((u128::from(was) + u128::from(by)) % u128::from(MODULUS)) as u64;
        let other = Tag::from_bytes(other.to_be_bytes()).unwrap();
        prop_assert_eq!(ward.tags.verify(&good.vector, other, terms), Err(Error::NotAuthentic));
        // Terms left out, repeated, weighted, or of another name.
        for forged in [vec![terms[0]], vec![terms[0], terms[0]], vec![terms[0], (&b"c"[..], 1)], vec![terms[0], (&b"b"[..], times + 2)], vec![]] {
            prop_assert_eq!(ward.tags.verify(&good.vector, good.tag, forged), Err(Error::NotAuthentic));
        }
    }
}

#[test]
fn a_thousand_vectors_of_a_full_ward_add_up_exactly() {
    let ward = shared();
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let (mut plain, mut sum) = (vec![0u64; 2 * DEGREE], Sum::new());
    for round in 0..125u32 {
        let batch: Vec<Vec<u8>> = (0..8u32)
            .map(|one| {
                let values: Vec<u32> = (0..2 * DEGREE as u32)
                    .map(|i| i.wrapping_mul(2_654_435_761 ^ (round * 8 + one)) % 301)
                    .collect();
                plain.iter_mut().zip(&values).for_each(|(sum, value)| *sum += u64::from(*value));
                ward.public.encrypt(Encoding::Series, &values, 300, &mut rng).unwrap().to_bytes()
            })
            .collect();
        let batch: Vec<_> = batch
            .iter()
            .map(|bytes| Stored { vector: VectorRef::parse(bytes).unwrap(), tag: Tag::ZERO })
            .collect();
        if round % 2 == 0 {
            sum.add_all(&batch).unwrap();
        } else {
            batch.iter().for_each(|one| sum.add(one, 1).unwrap());
        }
    }
    let (vector, _) = sum.finish().unwrap();
    assert_eq!(vector.header.bounds, Bounds { largest: 300_000, weights: 1_000, batches: 1_000 });
    assert_eq!(*ward.secret.open(&vector, ward.public.id()).unwrap(), plain);
}

#[test]
fn a_sum_that_could_wrap_is_refused_and_stays_as_it_was() {
    let ward = shared();
    let large = ward.stored(b"large", Encoding::Series, &[600_000], 600_000);
    let large = Stored::parse(&large).unwrap();
    let mut sum = Sum::new();
    sum.add(&large, 1).unwrap();
    let refused = sum.add(&large, 1);
    assert_eq!(refused, Err(Error::LaneOverflow { largest: 1_200_000, limit: 1_048_575, max_batches: 1 }));
    let small = ward.stored(b"small", Encoding::Series, &[1], 1);
    let small = Stored::parse(&small).unwrap();
    assert!(matches!(sum.add(&small, 60), Err(Error::NoiseBudget { weights: 3_600, .. })));
    assert!(sum.add_all(&[small, large]).is_err());
    let (vector, tag) = sum.finish().unwrap();
    assert_eq!(vector, large.vector.to_vector());
    assert_eq!(tag, large.tag);
}

#[test]
fn other_keys_and_encodings_do_not_mix() {
    let (ward, other) = (shared(), ward(2));
    let ours = ward.stored(b"a", Encoding::Wide, &[5], 9);
    let theirs = other.stored(b"a", Encoding::Wide, &[5], 9);
    let series = ward.stored(b"b", Encoding::Series, &[5], 9);
    let mut sum = Sum::new();
    sum.add(&Stored::parse(&ours).unwrap(), 1).unwrap();
    assert!(matches!(sum.add(&Stored::parse(&theirs).unwrap(), 1), Err(Error::KeyMismatch(..))));
    assert!(matches!(sum.add(&Stored::parse(&series).unwrap(), 1), Err(Error::EncodingMismatch(..))));
    assert_eq!(sum.add(&Stored::parse(&ours).unwrap(), 0), Err(Error::ZeroWeight));
    assert_eq!(Sum::new().finish().unwrap_err(), Error::Empty);
    let foreign = Stored::parse(&theirs).unwrap().vector.to_vector();
    assert!(matches!(ward.secret.open(&foreign, ward.public.id()), Err(Error::KeyMismatch(..))));
    // A vector that claims our key and is under another: what comes out is noise, and is refused as such.
    let mut claimed = foreign;
    claimed.header.key = ward.public.id();
    assert_eq!(ward.secret.open(&claimed, ward.public.id()).unwrap_err(), Error::NoiseExceeded);
}

#[test]
fn noise_beyond_the_budget_is_refused_and_never_a_wrong_number() {
    let ward = shared();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let fresh = ward.public.encrypt(Encoding::Series, &[7; 100], 7, &mut rng).unwrap();
    let (mut right, mut refused) = (0, 0);
    for power in 0..22 {
        // A weight that the bounds would never allow, and a header that lies about it.
        let weight = 3u64 << power;
        let bytes = fresh.to_bytes();
        let at = bytes.len() - 8 * COEFFICIENTS;
        let scaled: Vec<u64> = bytes[at..]
            .chunks_exact(8)
            .map(|c| u64::from_le_bytes(c.try_into().unwrap()))
            .map(|c| (u128::from(c) * u128::from(weight) % u128::from(MODULUS)) as u64)
            .collect();
        let header = Header { bounds: Bounds { largest: 1_048_575, weights: 1, batches: 1 }, ..fresh.header };
        let forged = Vector::parse(&assemble(header, &scaled)).unwrap();
        match ward.secret.open(&forged, ward.public.id()) {
            Ok(values) => {
                assert!(values[..100].iter().all(|value| *value == 7 * weight), "weight {weight}");
                right += 1;
            }
            Err(error) => {
                assert_eq!(error, Error::NoiseExceeded);
                refused += 1;
            }
        }
    }
    assert!(right >= 6 && refused >= 6, "{right} right, {refused} refused");
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let ward = shared();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut encrypt =
        |encoding, values: &[u32], largest| ward.public.encrypt(encoding, values, largest, &mut rng);
    assert_eq!(
        encrypt(Encoding::Wide, &[1, 9, 10], 9).unwrap_err(),
        Error::ValueOutOfRange { place: 2, bound: 9 }
    );
    assert!(matches!(encrypt(Encoding::Series, &[0], 1 << 20), Err(Error::LaneOverflow { .. })));
    assert!(matches!(encrypt(Encoding::Wide, &[0], u32::MAX), Err(Error::LaneOverflow { .. })));
    assert!(matches!(
        encrypt(Encoding::Wide, &[0; 4097], 1),
        Err(Error::TooManyValues { values: 4097, places: 4096 })
    ));
    assert!(encrypt(Encoding::Series, &[1; 8192], 1).is_ok());
}

#[test]
fn two_encryptions_of_the_same_differ_and_a_kept_secret_still_opens_them() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let owner = Owner::generate(&mut rng);
    let public = PublicKey::generate(&SecretKey::from_owner(&owner).unwrap(), &mut rng).unwrap();
    let first = public.encrypt(Encoding::Wide, &[1, 2, 3], 3, &mut rng).unwrap();
    let second = public.encrypt(Encoding::Wide, &[1, 2, 3], 3, &mut rng).unwrap();
    assert_ne!(first, second);
    let kept = PublicKey::parse(public.to_bytes()).unwrap();
    assert_eq!(kept.id(), public.id());
    let secret = SecretKey::from_owner(&Owner::from_bytes(*owner.to_bytes())).unwrap();
    for vector in [first, second] {
        assert_eq!(secret.open(&vector, kept.id()).unwrap()[..4], [1, 2, 3, 0]);
    }
}

#[test]
fn damaged_public_keys_are_refused_or_are_other_keys() {
    let bytes = shared().public.to_bytes().to_vec();
    for at in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(key) = PublicKey::parse(&damaged) {
            assert_ne!(key.id(), shared().public.id());
        }
    }
    for len in [0, 7, 8, 9, 100, bytes.len() - 1] {
        assert!(PublicKey::parse(&bytes[..len]).is_err(), "{len}");
    }
    assert!(PublicKey::parse(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn secrets_do_not_print() {
    let ward = shared();
    let owner = Owner::from_bytes([0xAB; 32]);
    let printed = format!("{:?} {:?} {:?} {:?}", ward.secret, ward.tags, owner, ward.public);
    assert!(!printed.contains("171") && !printed.to_lowercase().contains("abab"), "{printed}");
    assert!(printed.len() < 120, "{printed}");
}
