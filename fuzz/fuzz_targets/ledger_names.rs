#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| _ = bodywire_fuzz::ledger::names(data));
