//! An answer rendered once and handed out many times: its bytes, its ETag, its compressed forms.
//!
//! Which body belongs to which path is the server's business.

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::OnceLock;

/// Below this size compressing costs more than it saves.
const COMPRESS_FROM: usize = 1024;

/// How a client takes its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are.
    Identity,
    /// gzip.
    Gzip,
    /// Brotli.
    Brotli,
}

impl Encoding {
    /// The best one that an `accept-encoding` header allows.
    pub(crate) fn of(accept: &str) -> Self {
        match allows(accept, "br") {
            true => Self::Brotli,
            false => Self::gzip_at_best(accept),
        }
    }

    /// The best one that is not Brotli.
    pub(crate) fn gzip_at_best(accept: &str) -> Self {
        match allows(accept, "gzip") {
            true => Self::Gzip,
            false => Self::Identity,
        }
    }

    /// The `content-encoding` header.
    pub(crate) fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

fn allows(accept: &str, encoding: &str) -> bool {
    accept.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(encoding));
        named && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The body.
#[derive(Debug)]
pub(crate) struct Body {
    plain: Bytes,
    etag: String,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

impl Body {
    /// A body of these bytes.
    pub(crate) fn new(plain: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&plain);
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        Self {
            plain,
            etag,
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }
    }

    /// A body of JSON. Our own types always serialise.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::new(
            serde_json::to_vec(value)
                .unwrap_or_else(|_| b"null".to_vec())
                .into(),
        )
    }

    /// Changes when, and only when, the bytes change.
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// The bytes in that form, however few they are.
    pub(crate) fn packed(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Identity => self.plain.clone(),
            Encoding::Gzip => gzip(&self.plain),
            Encoding::Brotli => brotli(&self.plain),
        }
    }

    /// The bytes in the best form for a client that takes `encoding`, and which form that is.
    pub(crate) fn encoded(&self, encoding: Encoding) -> (Bytes, Encoding) {
        let packed = match encoding {
            _ if self.plain.len() < COMPRESS_FROM => return (self.plain.clone(), Encoding::Identity),
            Encoding::Identity => return (self.plain.clone(), Encoding::Identity),
            Encoding::Gzip => self.gzip.get_or_init(|| gzip(&self.plain)),
            Encoding::Brotli => self.brotli.get_or_init(|| brotli(&self.plain)),
        };
        match packed.is_empty() {
            true => (self.plain.clone(), Encoding::Identity),
            false => (packed.clone(), encoding),
        }
    }
}

// Both write to memory, which cannot fail; were it to, an empty result means "send it as it is".

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

fn brotli(plain: &[u8]) -> Bytes {
    let mut packed = Vec::with_capacity(plain.len() / 4);
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 3,
        ..Default::default()
    };
    match brotli::BrotliCompress(&mut &plain[..], &mut packed, &parameters) {
        Ok(_) => packed.into(),
        Err(_) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn encodings_are_negotiated() {
        assert_eq!(Encoding::of(""), Encoding::Identity);
        assert_eq!(Encoding::of("gzip, deflate, br"), Encoding::Brotli);
        assert_eq!(Encoding::of("gzip;q=1.0, br;q=0"), Encoding::Gzip);
        assert_eq!(Encoding::gzip_at_best("gzip, deflate, br"), Encoding::Gzip);
        assert_eq!(Encoding::gzip_at_best("br"), Encoding::Identity);
        assert_eq!(Encoding::of("GZIP"), Encoding::Gzip);
        assert_eq!(Encoding::of("xgzip, *;q=0"), Encoding::Identity);
    }

    #[test]
    fn packed_bodies_unpack_to_the_same() {
        let body = Body::new(vec![b'a'; 5000].into());
        let (packed, encoding) = body.encoded(Encoding::Gzip);
        assert_eq!(encoding, Encoding::Gzip);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, vec![b'a'; 5000]);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &body.encoded(Encoding::Brotli).0[..], &mut unpacked).unwrap();
        assert_eq!(unpacked, vec![b'a'; 5000]);
        assert_eq!(
            Body::new("small".into()).encoded(Encoding::Brotli).1,
            Encoding::Identity
        );
    }
}
