//! Whole numbers in as few bytes as they need, and reading them back from bytes that may be damaged.

use super::HistoryError;

/// Appends `number`, seven bits a byte.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number that may be negative; small ones of either sign are short.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// What is left to read.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'b [u8], HistoryError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(HistoryError::SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, HistoryError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first().ok_or(HistoryError::SHORT)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(HistoryError::Damaged("a number without an end"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, HistoryError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A count of things that take memory: never more than `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, HistoryError> {
        let number = self.number()?;
        let count = usize::try_from(number).ok().filter(|count| *count <= most);
        count.ok_or(HistoryError::Damaged("a count that cannot be"))
    }

    pub(super) fn id(&mut self) -> Result<u32, HistoryError> {
        u32::try_from(self.number()?).map_err(|_| HistoryError::Damaged("an id that cannot be"))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, number);
            put(&mut out, number as u64);
            let mut bytes = Bytes(&out);
            assert_eq!(bytes.signed().unwrap(), number);
            assert_eq!(bytes.number().unwrap(), number as u64);
            assert!(bytes.is_empty());
            assert!(bytes.number().is_err());
        }
    }
}
