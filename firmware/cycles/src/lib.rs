//! A plugin for QEMU's instruction translator that counts what an emulated Cortex-M3 executes between two marker
//! instructions, and models how many cycles the real core would need for it.
//!
//! QEMU is exact about instructions and memory accesses and knows nothing of cycles. The cycles come from the timing
//! table of the core's manual ("Cortex-M3 Technical Reference Manual" r2p1, ARM DDI 0337, table 3-1), see [`model`].
//! They are modelled, not measured.
//!
//! ```text
//! qemu-system-arm ... -plugin libbodywire_cycles.so,out=FILE[,profile=FILE]
//! ```
//!
//! A counted region begins behind a `SEV` and ends before the next `DSB`, two instructions that no compiler emits by
//! itself. For each region one line goes to `out`: see [`count::Region`].

pub mod count;
pub mod decode;
pub mod flash;
pub mod model;
// Its functions are QEMU's: they exist only inside a running QEMU, so a test program could not be linked.
#[cfg(not(test))]
mod plugin;
