//! The tree against the Certificate Transparency test vectors and against an independent implementation.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

use bodywire_ledger::{
    Error, Hash,
    merkle::{self, Frontier, Node},
};
use ct_merkle::{HashableLeaf, digest::Update, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;

struct Leaf(Vec<u8>);

impl HashableLeaf for Leaf {
    fn hash<H: Update>(&self, hasher: &mut H) {
        hasher.update(&self.0);
    }
}

/// All leaf hashes of a tree; subtree hashes by the recursive definition.
struct Leaves(Vec<Hash>);

impl Leaves {
    fn of(count: u64) -> (Self, MemoryBackedTree<sha2::Sha256, Leaf>) {
        let (mut own, mut other) = (Vec::new(), MemoryBackedTree::new());
        for i in 0..count {
            let data = i.to_be_bytes().to_vec();
            own.push(Hash::leaf(&data));
            other.push(Leaf(data));
        }
        (Self(own), other)
    }

    fn read(&self, node: Node) -> Result<Hash, Error> {
        let width = 1usize << node.level;
        let start = node.index as usize * width;
        let mut frontier = Frontier::new();
        self.0[start..start + width].iter().for_each(|leaf| frontier.append(*leaf, |_, _| {}));
        Ok(frontier.root())
    }

    fn root(&self, size: u64) -> Hash {
        merkle::root(size, |node| self.read(node)).unwrap()
    }
}

fn flat(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn roots_are_those_of_the_certificate_transparency_vectors() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    for (leaf, root) in leaves.iter().zip(roots) {
        frontier.append(Hash::leaf(leaf), |_, _| {});
        assert_eq!(frontier.root().to_string(), root);
    }
    // PROOF(6, D[8]) of the same vectors.
    let leaves = Leaves(leaves.iter().map(|leaf| Hash::leaf(leaf)).collect());
    let proof = merkle::consistency_proof(6, 8, |node| leaves.read(node)).unwrap();
    let expected = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(proof.iter().map(Hash::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn every_proof_up_to_70_leaves_is_that_of_ct_merkle() {
    for size in 1..=70u64 {
        let (leaves, other) = Leaves::of(size);
        assert_eq!(leaves.root(size).0, other.root().as_bytes().as_slice());
        for index in 0..size {
            let proof = merkle::inclusion_proof(index, size, |node| leaves.read(node)).unwrap();
            assert_eq!(flat(&proof), other.prove_inclusion(index as usize).as_bytes(), "{index} of {size}");
        }
        for first in 1..=size {
            let proof = merkle::consistency_proof(first, size, |node| leaves.read(node)).unwrap();
            let theirs = other.prove_consistency((size - first) as usize);
            assert_eq!(flat(&proof), theirs.as_bytes(), "{first} to {size}");
        }
    }
}

#[test]
fn wrong_sizes_are_refused() {
    let (leaves, _) = Leaves::of(5);
    assert!(merkle::inclusion_proof(5, 5, |node| leaves.read(node)).is_err());
    assert!(merkle::consistency_proof(6, 5, |node| leaves.read(node)).is_err());
    let root = leaves.root(5);
    assert!(merkle::verify_inclusion(leaves.0[0], 5, 5, &[], &root).is_err());
    assert!(merkle::verify_inclusion(leaves.0[0], 0, 0, &[], &root).is_err());
    assert!(merkle::verify_consistency((5, &root), (4, &root), &[]).is_err());
    assert!(merkle::verify_consistency((3, &root), (5, &root), &[]).is_err());
    let empty = Hash::empty_root();
    merkle::verify_consistency((0, &empty), (5, &root), &[]).unwrap();
    assert!(merkle::verify_consistency((0, &root), (5, &root), &[]).is_err());
    assert!(merkle::verify_consistency((0, &empty), (0, &root), &[]).is_err());
}

proptest! {
    #[test]
    fn inclusion_proofs_hold_for_their_entry_alone(
        size in 1u64..700,
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let (leaves, _) = Leaves::of(size);
        let (index, root) = (at.index(size as usize) as u64, leaves.root(size));
        let leaf = leaves.0[index as usize];
        let proof = merkle::inclusion_proof(index, size, |node| leaves.read(node)).unwrap();
        prop_assert!(proof.len() <= 10);
        merkle::verify_inclusion(leaf, index, size, &proof, &root).unwrap();
        let wrong = other.index(size as usize) as u64;
        if wrong != index {
            prop_assert!(merkle::verify_inclusion(leaf, wrong, size, &proof, &root).is_err());
            prop_assert!(merkle::verify_inclusion(leaves.0[wrong as usize], index, size, &proof, &root).is_err());
        }
        let longer = [proof.clone(), vec![leaf]].concat();
        prop_assert!(merkle::verify_inclusion(leaf, index, size, &longer, &root).is_err());
        if !proof.is_empty() {
            prop_assert!(merkle::verify_inclusion(leaf, index, size, &proof[1..], &root).is_err());
            let mut bad = proof.clone();
            bad[flip.0.index(proof.len())].0[usize::from(flip.1 % 32)] ^= 1;
            prop_assert!(merkle::verify_inclusion(leaf, index, size, &bad, &root).is_err());
        }
    }

    #[test]
    fn consistency_proofs_hold_for_their_trees_alone(
        second in 1u64..700,
        at in any::<prop::sample::Index>(),
        flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let (leaves, _) = Leaves::of(second);
        let first = at.index(second as usize) as u64 + 1;
        let (old, new) = (leaves.root(first), leaves.root(second));
        let proof = merkle::consistency_proof(first, second, |node| leaves.read(node)).unwrap();
        merkle::verify_consistency((first, &old), (second, &new), &proof).unwrap();
        if first < second {
            let forged = Hash::of(&old.0);
            prop_assert!(merkle::verify_consistency((first, &forged), (second, &new), &proof).is_err());
            prop_assert!(merkle::verify_consistency((first, &old), (second, &forged), &proof).is_err());
            let mut bad = proof.clone();
            bad[flip.0.index(proof.len())].0[usize::from(flip.1 % 32)] ^= 1;
            prop_assert!(merkle::verify_consistency((first, &old), (second, &new), &bad).is_err());
            prop_assert!(merkle::verify_consistency((first, &old), (second, &new), &proof[1..]).is_err());
        }
    }

    #[test]
    fn any_proof_is_refused_without_panic(
        index in any::<u64>(), size in any::<u64>(), count in 0usize..70, first in any::<u64>(),
    ) {
        let hashes = vec![Hash::ZERO; count];
        let root = Hash::of(b"root");
        prop_assert!(merkle::verify_inclusion(Hash::ZERO, index, size, &hashes, &root).is_err());
        if first != size {
            prop_assert!(merkle::verify_consistency((first, &root), (size, &root), &hashes).is_err());
        }
    }
}
