//! What the fuzz targets promise: each function takes any bytes and panics when a promise is broken.
//!
//! Not part of the product: only tests and `cargo fuzz` compile this. Each target in `fuzz/` is one call of one of these, so the
//! promises are linted with everything else, and every seed is tried on each run of the tests. See `docs/guides/fuzzing.md`.

#![expect(
    clippy::expect_used,
    reason = "panicking is how a fuzz target says what it found"
)]

mod client;
mod events_body;
mod house;
mod query_token;
mod sse_framing;
mod tree_parse;
mod uri_mask;

pub use events_body::events_body;
pub use query_token::query_token;
pub use sse_framing::sse_framing;
pub use tree_parse::tree_parse;
pub use uri_mask::uri_mask;

/// Separates the parts of an input; no text holds it, since no UTF-8 does.
const NEXT: u8 = 0xFF;

#[cfg(test)]
mod tests {
    //! Every seed, and so everything that fuzzing ever found, is tried on each run of the tests.

    use std::path::Path;

    #[expect(
        clippy::print_stdout,
        reason = "shown only when a test fails: which seed it was"
    )]
    fn each_seed(target: &str, promise: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/seeds")
            .join(target);
        let seeds = std::fs::read_dir(folder).unwrap();
        let mut seeds: Vec<_> = seeds.map(|seed| seed.unwrap().path()).collect();
        seeds.sort();
        assert!(!seeds.is_empty());
        for seed in seeds {
            println!("{}", seed.display());
            promise(&std::fs::read(&seed).unwrap());
        }
    }

    #[test]
    fn trees() {
        each_seed("tree_parse", super::tree_parse);
    }

    #[test]
    fn addresses() {
        each_seed("uri_mask", super::uri_mask);
    }

    #[test]
    fn tokens() {
        each_seed("query_token", super::query_token);
    }

    #[test]
    fn streams() {
        each_seed("sse_framing", super::sse_framing);
    }

    #[test]
    fn told_events() {
        each_seed("events_body", super::events_body);
    }
}
