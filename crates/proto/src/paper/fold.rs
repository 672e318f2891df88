//! The XOR fold over authentication messages (paper B, Fig. 5): linear and without a key, so that anybody can forge it.

use super::{Block, SEED_BYTES};

const PARTS: usize = 5;
const BLOCKS: usize = 8;
const BLOCK_BYTES: usize = SEED_BYTES / (PARTS * BLOCKS);

/// Columns and result of the fold of 5 parts of 8 blocks of 2 bytes: the blocks at the same place of all parts are
/// XORed, then the columns.
pub fn fold(message: &Block) -> ([u8; BLOCKS * BLOCK_BYTES], [u8; BLOCK_BYTES]) {
    let (mut columns, mut result) = ([0u8; BLOCKS * BLOCK_BYTES], [0u8; BLOCK_BYTES]);
    for part in message.chunks_exact(BLOCKS * BLOCK_BYTES) {
        columns.iter_mut().zip(part).for_each(|(column, byte)| *column ^= byte);
    }
    for block in columns.chunks_exact(BLOCK_BYTES) {
        result.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
    }
    (columns, result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shake::Shake128;
    use shake::digest::{ExtendableOutput, Update, XofReader};

    #[test]
    fn reference_vectors() {
        let (columns, result) = fold(&core::array::from_fn(|i| i as u8));
        assert_eq!(columns, core::array::from_fn(|i| 0x40 + i as u8));
        assert_eq!(result, [0, 0]);
        let mut message = [0u8; SEED_BYTES];
        let mut xof = Shake128::default();
        xof.update(b"x");
        xof.finalize_xof().read(&mut message);
        let (columns, result) = fold(&message);
        assert_eq!(columns, 0xd2c8_97eb_e17b_4ed8_7f7e_2559_cb01_ed2b_u128.to_be_bytes());
        assert_eq!(result, [0x96, 0x8d]);
    }

    #[test]
    fn two_flips_in_one_column_are_missed() {
        let message: Block = core::array::from_fn(|i| 3 * i as u8);
        let mut other = message;
        other[4] ^= 0x20;
        other[46] ^= 0x20;
        assert_eq!(fold(&message).1, fold(&other).1);
    }
}
