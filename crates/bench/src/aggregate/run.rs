//! A thousand batches from the plain readings to the opened sum.

use crate::processor::spent;
use bodywire_aggregate::{Encoding, Stored, Sum};
use bodywire_sim::measure::sums::{Ends, LARGEST, TOGETHER};

const SEED: u64 = 1;

/// Seconds of the parts of one run: so many batches encrypted, tagged, summed, verified, decrypted.
pub(crate) fn run(batches: usize) -> [(&'static str, f64); 5] {
    let mut ends = Ends::new(SEED).expect("constant parameters");
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
        pairs.map(|(bytes, name)| ends.tagged(name, bytes).expect("a vector just made")).collect::<Vec<_>>()
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
    fn each_part_is_measured_and_the_sum_is_right() {
        assert_eq!(run(3).len(), 5);
    }
}
