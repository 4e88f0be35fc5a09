//! A column of whole numbers as bytes: one number where all are the same, else whatever is shortest.
//!
//! What the numbers mean, and which of them are missing, is the business of [`super::cells`].

use super::HistoryError;
use super::varint::{Bytes, put, put_signed};
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DEFAULT_COMPRESSION_LEVEL};

const SAME: u8 = 0;
const STEPS: u8 = 1;
const PACKED: u8 = 2;
/// Up to here a column of steps may be shorter than a packed one with its tables.
const SHORT: usize = 512;

/// Appends `numbers`; how many there are must be known to whoever reads them.
pub(super) fn put_column(out: &mut Vec<u8>, numbers: &[i64]) -> Result<(), HistoryError> {
    let Some((first, rest)) = numbers.split_first() else {
        return Ok(());
    };
    if rest.iter().all(|number| number == first) {
        out.push(SAME);
        put_signed(out, *first);
        return Ok(());
    }
    let config = ChunkConfig::default().with_compression_level(DEFAULT_COMPRESSION_LEVEL);
    let steps = (numbers.len() <= SHORT).then(|| steps(numbers));
    // A handful of numbers is never shorter packed.
    let packed = match &steps {
        Some(steps) if steps.len() < 24 => None,
        _ => Some(
            simple_compress(numbers, &config)
                .map_err(|_| HistoryError::Damaged("a column cannot be packed"))?,
        ),
    };
    let (tag, bytes) = match (steps, packed) {
        (Some(steps), Some(packed)) if steps.len() > packed.len() => (PACKED, packed),
        (Some(steps), _) => (STEPS, steps),
        (None, packed) => (PACKED, packed.unwrap_or_default()),
    };
    out.push(tag);
    put(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
    Ok(())
}

fn steps(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len());
    let mut before = 0_i64;
    for number in numbers {
        put_signed(&mut out, number.wrapping_sub(before));
        before = *number;
    }
    out
}

/// Reads a column of `count` numbers.
pub(super) fn take_column(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<i64>, HistoryError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let tag = bytes.take(1)?.first().copied();
    if tag == Some(SAME) {
        return Ok(vec![bytes.signed()?; count]);
    }
    let length = bytes.count(bytes.0.len())?;
    let mut packed = Bytes(bytes.take(length)?);
    let mut numbers = vec![0; count];
    match tag {
        Some(STEPS) => {
            let mut before = 0_i64;
            for number in &mut numbers {
                before = before.wrapping_add(packed.signed()?);
                *number = before;
            }
        }
        Some(PACKED) => {
            let progress = simple_decompress_into(packed.0, &mut numbers)
                .map_err(|_| HistoryError::Damaged("a column cannot be unpacked"))?;
            if progress.n_processed != count {
                return Err(HistoryError::SHORT);
            }
        }
        _ => return Err(HistoryError::Damaged("a column of no known kind")),
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_come_back(numbers in prop_oneof![
            proptest::collection::vec(any::<i64>(), 0..700),
            proptest::collection::vec(0_i64..4, 0..700),
            (any::<i64>(), 0_usize..700).prop_map(|(number, count)| vec![number; count]),
        ]) {
            let mut out = Vec::new();
            put_column(&mut out, &numbers).unwrap();
            out.push(77);
            let mut bytes = Bytes(&out);
            prop_assert_eq!(take_column(&mut bytes, numbers.len()).unwrap(), numbers);
            prop_assert_eq!(bytes.0, &[77][..]);
        }
    }
}
