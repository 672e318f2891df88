//! The plugin itself: QEMU's interface, declared here after its documentation ("QEMU TCG Plugins") rather than taken
//! from its header, which is under another licence.
//!
//! This is the only place of the project with `unsafe`: a plugin is a shared object that calls C and is called by it.

use crate::count::{Counter, Instruction};
use crate::decode::Class;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which version of the interface this plugin was written for; QEMU reads it before anything else.
// SAFETY: the name is QEMU's for exactly this value of this type, and no other symbol here has it.
#[unsafe(no_mangle)]
static qemu_plugin_version: c_int = if cfg!(feature = "api-3") { 3 } else { 1 };

/// `enum qemu_plugin_cb_flags`: the callbacks read no registers.
const NO_REGISTERS: c_int = 0;
/// `enum qemu_plugin_mem_rw`: reads and writes.
const READS_AND_WRITES: c_int = 3;

/// A block of translated instructions. Only ever behind a pointer of QEMU's.
#[repr(C)]
struct Block {
    _opaque: [u8; 0],
}

/// An instruction of a [`Block`]. Only ever behind a pointer of QEMU's.
#[repr(C)]
struct Translated {
    _opaque: [u8; 0],
}

// SAFETY: names, arguments and results as QEMU documents them for the version above; enums of C are `int` in its ABI.
unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, callback: extern "C" fn(u64, *mut Block));
    fn qemu_plugin_register_atexit_cb(id: u64, callback: extern "C" fn(u64, *mut c_void), data: *mut c_void);
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Translated;
    fn qemu_plugin_insn_vaddr(instruction: *const Translated) -> u64;
    fn qemu_plugin_insn_size(instruction: *const Translated) -> usize;
    #[cfg(not(feature = "api-3"))]
    fn qemu_plugin_insn_data(instruction: *const Translated) -> *const u8;
    #[cfg(feature = "api-3")]
    fn qemu_plugin_insn_data(instruction: *const Translated, to: *mut u8, len: usize) -> usize;
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Translated,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_mem_cb(
        instruction: *mut Translated,
        callback: extern "C" fn(c_uint, u32, u64, *mut c_void),
        flags: c_int,
        accesses: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_mem_is_store(access: u32) -> bool;
    fn qemu_plugin_mem_size_shift(access: u32) -> c_uint;
}

/// Where the results go.
#[derive(Default)]
struct Outputs {
    regions: Option<String>,
    profile: Option<String>,
}

static COUNTER: Mutex<Counter> = Mutex::new(Counter::new());
static OUTPUTS: Mutex<Outputs> = Mutex::new(Outputs { regions: None, profile: None });

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called by QEMU once, when it has loaded the plugin. Not 0 stops QEMU.
// SAFETY: the name is QEMU's for exactly this function, and no other symbol here has it.
#[unsafe(no_mangle)]
extern "C" fn qemu_plugin_install(
    id: u64,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let mut outputs = Outputs::default();
    for i in 0..usize::try_from(argc).unwrap_or(0) {
        // SAFETY: QEMU hands over `argc` pointers to strings that end with a zero and live as long as this call.
        let argument = unsafe { CStr::from_ptr(*argv.add(i)) }.to_string_lossy().into_owned();
        match argument.split_once('=') {
            Some(("out", file)) => outputs.regions = Some(file.to_owned()),
            Some(("profile", file)) => outputs.profile = Some(file.to_owned()),
            _ => {
                eprintln!(
                    "bodywire-cycles: unknown argument {argument}; known are out=FILE and profile=FILE"
                );
                return 1;
            }
        }
    }
    *lock(&OUTPUTS) = outputs;
    // SAFETY: both functions are called with the id just received; the callbacks are functions of this shared object,
    // which QEMU keeps loaded until it ends.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        qemu_plugin_register_atexit_cb(id, finished, std::ptr::null_mut());
    }
    0
}

/// A block was translated: asks to be called for each of its instructions.
extern "C" fn translated(_id: u64, block: *mut Block) {
    let mut counter = lock(&COUNTER);
    // SAFETY: `block` is valid during this callback, indices stay below its length, and the instructions' pointers are
    // used only here. What the callbacks are given is a number, not a pointer.
    unsafe {
        for i in 0..qemu_plugin_tb_n_insns(block) {
            let instruction = qemu_plugin_tb_get_insn(block, i);
            let address = qemu_plugin_insn_vaddr(instruction) as u32;
            let [a, b, c, d] = bytes_of(instruction, qemu_plugin_insn_size(instruction));
            // Not QEMU's size: at the end of a page QEMU 7 and 8 count the beginning of the next instruction, too.
            let first = u16::from_le_bytes([a, b]);
            let size = Class::bytes(first);
            let class = Class::of(first, (size == 4).then(|| u16::from_le_bytes([c, d])));
            let data = counter.translated(address, size as u32, class) as *mut c_void;
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, executes, NO_REGISTERS, data);
            qemu_plugin_register_vcpu_mem_cb(instruction, accesses, NO_REGISTERS, READS_AND_WRITES, data);
        }
    }
}

/// The instruction's first four bytes, as far as QEMU has read them.
///
/// # Safety
/// `instruction` comes from QEMU inside a callback for its block, and `size` is QEMU's size of it.
unsafe fn bytes_of(instruction: *const Translated, size: usize) -> [u8; 4] {
    let mut bytes = [0u8; 4];
    let len = size.min(bytes.len());
    #[cfg(not(feature = "api-3"))]
    // SAFETY: QEMU's pointer leads to `size` bytes, at most four of which are read.
    unsafe {
        let data = qemu_plugin_insn_data(instruction);
        bytes[..len].copy_from_slice(std::slice::from_raw_parts(data, len));
    }
    #[cfg(feature = "api-3")]
    // SAFETY: QEMU writes at most `len` bytes to an array that holds as many.
    unsafe {
        qemu_plugin_insn_data(instruction, bytes.as_mut_ptr(), len);
    }
    bytes
}

extern "C" fn executes(_cpu: c_uint, data: *mut c_void) {
    lock(&COUNTER).executes(data as usize);
}

extern "C" fn accesses(_cpu: c_uint, access: u32, address: u64, _data: *mut c_void) {
    // SAFETY: `access` is the value this callback was given for the access that is going on.
    let (writes, shift) = unsafe { (qemu_plugin_mem_is_store(access), qemu_plugin_mem_size_shift(access)) };
    lock(&COUNTER).accesses(address as u32, 1 << shift, writes);
}

extern "C" fn finished(_id: u64, _data: *mut c_void) {
    let (counter, outputs) = (lock(&COUNTER), lock(&OUTPUTS));
    if let Some(file) = &outputs.regions {
        let text: String = counter.regions().iter().map(|region| format!("{region}\n")).collect();
        write(file, &text);
    }
    if let Some(file) = &outputs.profile {
        let mut text = String::new();
        for Instruction { address, executed, cycles, class, .. } in counter.instructions() {
            if *executed > 0 {
                let _ = writeln!(text, "{address:08x} {executed} {cycles} {class:?}");
            }
        }
        write(file, &text);
    }
}

fn write(file: &str, text: &str) {
    if let Err(error) = std::fs::write(file, text) {
        eprintln!("bodywire-cycles: {file} could not be written: {error}");
    }
}
