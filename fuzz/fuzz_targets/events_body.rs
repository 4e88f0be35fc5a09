//! Any body of `POST /api/events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| replica_monitor::fuzzing::events_body(data));
