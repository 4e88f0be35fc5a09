//! Any address and headers of a request, and a right token among them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| replica_monitor::fuzzing::query_token(data));
