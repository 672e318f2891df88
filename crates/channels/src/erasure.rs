//! Slices of a text of which any `k` of `n` bring it back, with as little copying as can be.
//!
//! The first `k` slices are the text, padded with zeros. With one more the parity is their exclusive or; with several it
//! is Reed-Solomon over GF(2^8), polynomial 0x11d.

use crate::error::Error;
use crate::{PATHS_MAX, Spread};
use reed_solomon_erasure::galois_8::ReedSolomon;

/// A text that is cut.
pub(crate) struct Slices<'a> {
    text: &'a [u8],
    slice_len: usize,
    k: usize,
    /// Parity of Reed-Solomon; empty when there is none or it is the exclusive or.
    parity: Vec<Vec<u8>>,
}

impl<'a> Slices<'a> {
    pub(crate) fn new(spread: Spread, text: &'a [u8], slice_len: usize) -> Result<Self, Error> {
        let k = spread.k();
        let mut slices = Self { text, slice_len, k, parity: Vec::new() };
        if spread.n() > k + 1 {
            let data: Vec<Vec<u8>> = (0..k).map(|index| slices.owned(index)).collect();
            let mut parity = vec![vec![0; slice_len]; spread.n() - k];
            code(spread)
                .and_then(|code| code.encode_sep(&data, &mut parity).ok())
                .ok_or(Error::Crypto("Reed-Solomon encode"))?;
            slices.parity = parity;
        }
        Ok(slices)
    }

    fn data(&self, index: usize) -> &[u8] {
        let from = (index * self.slice_len).min(self.text.len());
        let rest = self.text.get(from..).unwrap_or_default();
        rest.get(..self.slice_len).unwrap_or(rest)
    }

    fn owned(&self, index: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.slice_len);
        self.append(index, &mut out);
        out
    }

    /// Appends the slice to a fragment that is being written.
    pub(crate) fn append(&self, index: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        if index < self.k {
            out.extend_from_slice(self.data(index));
        } else if let Some(parity) = self.parity.get(index - self.k) {
            out.extend_from_slice(parity);
        } else {
            out.extend_from_slice(self.data(0));
            let written = out.get_mut(begin..).unwrap_or_default();
            (1..self.k).for_each(|index| add(written, self.data(index)));
        }
        out.resize(begin + self.slice_len, 0);
    }
}

/// The text of `text_len` bytes from `k` slices, each with its index. `None` when they are not `k` different ones of
/// equal length.
pub(crate) fn join<'a>(
    spread: Spread,
    text_len: usize,
    slices: impl IntoIterator<Item = (usize, &'a [u8])>,
) -> Option<Vec<u8>> {
    let (k, n) = (spread.k(), spread.n());
    let slice_len = text_len.div_ceil(k);
    let mut slots: [Option<&'a [u8]>; PATHS_MAX] = [None; PATHS_MAX];
    for (index, slice) in slices {
        *slots.get_mut(index)? = Some(slice).filter(|slice| slice.len() == slice_len);
    }
    let slots = slots.get(..n)?;
    if slots.iter().flatten().count() < k {
        return None;
    }
    let (data, parity) = slots.split_at_checked(k)?;
    // Room for the padding of the last slice.
    let mut text = Vec::with_capacity(k * slice_len);
    if data.iter().all(Option::is_some) {
        data.iter().flatten().for_each(|slice| text.extend_from_slice(slice));
    } else if n == k + 1 {
        for slice in data {
            match slice {
                Some(slice) => text.extend_from_slice(slice),
                // The sum of all slices is zero: the one that is not there is the sum of those that are.
                None => {
                    text.extend_from_slice(parity.first().copied().flatten()?);
                    let begin = text.len() - slice_len;
                    let lost = text.get_mut(begin..)?;
                    data.iter().flatten().for_each(|slice| add(lost, slice));
                }
            }
        }
    } else {
        let mut slots: Vec<Option<Vec<u8>>> = slots.iter().map(|slot| slot.map(<[u8]>::to_vec)).collect();
        code(spread)?.reconstruct_data(&mut slots).ok()?;
        slots.iter().take(k).flatten().for_each(|slice| text.extend_from_slice(slice));
    }
    text.truncate(text_len);
    Some(text)
}

fn code(spread: Spread) -> Option<ReedSolomon> {
    ReedSolomon::new(spread.k(), spread.n() - spread.k()).ok()
}

fn add(sum: &mut [u8], slice: &[u8]) {
    sum.iter_mut().zip(slice).for_each(|(sum, byte)| *sum ^= byte);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_k_slices_bring_the_text_back(k in 2u8..=8, extra in 0u8..=6, len in 1usize..700, lost in any::<u64>()) {
            let n = (k + extra).min(8);
            let spread = Spread::threshold(k, n).unwrap();
            let text: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
            let slices = Slices::new(spread, &text, len.div_ceil(spread.k())).unwrap();
            let all: Vec<Vec<u8>> = (0..spread.n()).map(|index| slices.owned(index)).collect();
            let mut some: Vec<(usize, &[u8])> = all.iter().map(Vec::as_slice).enumerate().collect();
            for round in 0..n - k {
                some.remove((lost >> (8 * round)) as usize % some.len());
            }
            prop_assert_eq!(join(spread, len, some.iter().copied()), Some(text));
            some.pop();
            prop_assert_eq!(join(spread, len, some.iter().copied()), None);
        }
    }

    #[test]
    fn slices_that_do_not_belong_together_are_refused() {
        let two_of_three = Spread::TWO_OF_THREE;
        assert_eq!(join(two_of_three, 4, [(0, &[1, 2][..]), (1, &[3][..])]), None);
        assert_eq!(join(two_of_three, 4, [(0, &[1, 2][..]), (0, &[1, 2][..])]), None);
        assert_eq!(join(two_of_three, 4, [(0, &[1, 2][..]), (3, &[1, 2][..])]), None);
        assert_eq!(
            join(two_of_three, 4, [(1, &[3, 4][..]), (2, &[1 ^ 3, 2 ^ 4][..])]),
            Some(vec![1, 2, 3, 4])
        );
    }
}
