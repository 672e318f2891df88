//! The checker's own tree arithmetic, written from the definition in RFC 6962 section 2.1 and not from the writer's.

use crate::Hash;

/// Merkle tree hash of some leaf or subtree hashes, by the recursive definition.
pub(super) fn tree_hash(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::empty_root(),
        [only] => *only,
        _ => {
            let mut half = 1;
            while half * 2 < hashes.len() {
                half *= 2;
            }
            let (left, right) = hashes.split_at(half);
            Hash::node(&tree_hash(left), &tree_hash(right))
        }
    }
}

/// A growing tree as a row of complete subtrees with their sizes, for the root after each frame.
#[derive(Clone, Default)]
pub(super) struct Replay {
    row: Vec<(u64, Hash)>,
}

impl Replay {
    pub(super) fn add(&mut self, leaf: Hash) {
        self.row.push((1, leaf));
        while let [.., (left_size, left), (size, right)] = self.row.as_slice() {
            if left_size != size {
                break;
            }
            let joined = (left_size + size, Hash::node(left, right));
            self.row.truncate(self.row.len() - 2);
            self.row.push(joined);
        }
    }

    pub(super) fn root(&self) -> Hash {
        let joined =
            self.row.iter().rev().map(|(_, hash)| *hash).reduce(|right, left| Hash::node(&left, &right));
        joined.unwrap_or_else(Hash::empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::Frontier;

    #[test]
    fn three_ways_to_the_root_agree() {
        let (mut replay, mut frontier, mut leaves) = (Replay::default(), Frontier::new(), Vec::new());
        assert_eq!(replay.root(), tree_hash(&leaves));
        for i in 0..300u32 {
            let leaf = Hash::leaf(&i.to_be_bytes());
            replay.add(leaf);
            frontier.append(leaf, |_, _| {});
            leaves.push(leaf);
            assert_eq!(replay.root(), tree_hash(&leaves), "{i}");
            assert_eq!(replay.root(), frontier.root(), "{i}");
        }
    }
}
