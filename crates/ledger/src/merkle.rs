//! The RFC 6962 Merkle tree: append, root, inclusion and consistency proofs (RFC 9162 section 2.1 has the
//! verification algorithms spelled out).
//!
//! Nothing here keeps the tree. [`Frontier`] holds the at most 64 hashes that an append needs; a proof asks a closure
//! for the hashes of complete subtrees, which come from tile files.

#![deny(clippy::indexing_slicing)]

use crate::{Error, Hash};

/// A complete subtree: the `index`-th run of 2^`level` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Height over the leaves, 0 to 63.
    pub level: u32,
    /// Position among the subtrees of the same height.
    pub index: u64,
}

/// The roots of the complete subtrees that make up a tree, largest first: all that is needed to append and to know
/// the root. At most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of `size` leaves whose complete subtrees, largest first, have these roots.
    pub(crate) fn from_peaks(size: u64, peaks: Vec<Hash>) -> Self {
        Self { size, peaks }
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash and reports every subtree that it completes, the leaf first.
    pub fn append(&mut self, leaf: Hash, mut completed: impl FnMut(Node, Hash)) {
        let mut node = Node { level: 0, index: self.size };
        let mut hash = leaf;
        completed(node, hash);
        while node.index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = Hash::node(&left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            completed(node, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree head (RFC 6962 section 2.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut from_right = self.peaks.iter().rev().copied();
        let Some(last) = from_right.next() else { return Hash::empty_root() };
        from_right.fold(last, |right, left| Hash::node(&left, &right))
    }
}

/// Largest power of two below `n`, for `n` of at least 2 (RFC 6962's k).
fn split(n: u64) -> u64 {
    match n.checked_sub(1).and_then(u64::checked_ilog2) {
        Some(log) => 1 << log,
        None => 1,
    }
}

/// Root of the leaves `low..high`, where `low` is a multiple of the largest power of two that fits.
fn range_root<E>(low: u64, high: u64, read: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let count = high - low;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return read(Node { level, index: low >> level });
    }
    let middle = low + split(count);
    let left = range_root(low, middle, read)?;
    let right = range_root(middle, high, read)?;
    Ok(Hash::node(&left, &right))
}

/// Root of the first `size` leaves of the tree that `read` knows.
///
/// # Errors
/// Whatever `read` fails with.
pub fn root<E>(size: u64, mut read: impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(Hash::empty_root()) } else { range_root(0, size, &mut read) }
}

/// Inclusion proof PATH(index, D\[size\]) of RFC 6962 section 2.1.1, from the leaf's sibling upwards; at most 64 hashes.
///
/// # Errors
/// [`Error::NoSuchEntry`] unless `index < size`; whatever `read` fails with.
pub fn inclusion_proof<E: From<Error>>(
    index: u64,
    size: u64,
    mut read: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if index >= size {
        return Err(Error::NoSuchEntry { index, size }.into());
    }
    let (mut low, mut high) = (0, size);
    let mut proof = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            proof.push(range_root(middle, high, &mut read)?);
            high = middle;
        } else {
            proof.push(range_root(low, middle, &mut read)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Consistency proof PROOF(first, D\[second\]) of RFC 6962 section 2.1.2; empty for equal sizes and for `first` 0.
///
/// # Errors
/// [`Error::NoSuchEntry`] if `first > second`; whatever `read` fails with.
pub fn consistency_proof<E: From<Error>>(
    first: u64,
    second: u64,
    mut read: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if first > second {
        return Err(Error::NoSuchEntry { index: first, size: second }.into());
    }
    let mut proof = Vec::new();
    if first == 0 || first == second {
        return Ok(proof);
    }
    let (mut low, mut high) = (0, second);
    let mut known_to_verifier = true;
    while first != high {
        let middle = low + split(high - low);
        if first <= middle {
            proof.push(range_root(middle, high, &mut read)?);
            high = middle;
        } else {
            proof.push(range_root(low, middle, &mut read)?);
            low = middle;
            known_to_verifier = false;
        }
    }
    if !known_to_verifier {
        proof.push(range_root(low, high, &mut read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Verifies an inclusion proof (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`Error::ProofRejected`] if the proof does not lead from `leaf` at `index` to `root` of a tree of `size` leaves.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), Error> {
    let rejected = || Error::ProofRejected { what: "the inclusion proof" };
    if index >= size {
        return Err(rejected());
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(rejected());
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(rejected()) }
}

/// Verifies a consistency proof (RFC 9162 section 2.1.4.2). The empty tree is consistent with every tree.
///
/// # Errors
/// [`Error::ProofRejected`] if the tree of `second` leaves is not shown to begin with the tree of `first`.
pub fn verify_consistency(
    (first, first_root): (u64, &Hash),
    (second, second_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), Error> {
    let rejected = || Error::ProofRejected { what: "the consistency proof" };
    let check = |holds: bool| if holds { Ok(()) } else { Err(rejected()) };
    if first == 0 {
        let same = second != 0 || second_root == &Hash::empty_root();
        return check(proof.is_empty() && first_root == &Hash::empty_root() && same);
    }
    if first >= second {
        return check(first == second && proof.is_empty() && first_root == second_root);
    }
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let mut hashes = proof.iter();
    let start = if first.is_power_of_two() { first_root } else { hashes.next().ok_or_else(rejected)? };
    let (mut old, mut new) = (*start, *start);
    for sibling in hashes {
        if last == 0 {
            return Err(rejected());
        }
        if node & 1 == 1 || node == last {
            old = Hash::node(sibling, &old);
            new = Hash::node(sibling, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = Hash::node(&new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    check(last == 0 && old == *first_root && new == *second_root)
}
