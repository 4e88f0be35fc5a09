//! Any events through the stream's log, read back from every place.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| replica_monitor::fuzzing::sse_framing(data));
