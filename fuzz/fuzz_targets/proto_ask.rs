#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = bodywire_fuzz::proto::ask(data);
});
