//! The clock and the random numbers of a gate in a world. A gate is given functions without state, so that these are of the
//! thread: a world runs on one.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use std::cell::{Cell, RefCell};

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
    static RANDOM: RefCell<Option<ChaCha20Rng>> = const { RefCell::new(None) };
}

/// Begins a world on this thread.
pub(super) fn begin(seed: [u8; 32]) {
    RANDOM.set(Some(ChaCha20Rng::from_seed(seed)));
}

/// It is now so late, milliseconds since 1970.
pub(super) fn set(now_ms: u64) {
    NOW_MS.set(now_ms);
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    NOW_MS.get()
}

/// 32 bytes; zeros before a world has begun.
pub(super) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    RANDOM.with_borrow_mut(|rng| {
        if let Some(rng) = rng {
            rng.fill_bytes(&mut bytes);
        }
    });
    bytes
}
