//! Any bytes as a tree file, and edits of what is one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| replica_monitor::fuzzing::tree_parse(data));
