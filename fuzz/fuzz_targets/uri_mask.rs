//! Any text as an address, and a secret planted in one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| replica_monitor::fuzzing::uri_mask(data));
