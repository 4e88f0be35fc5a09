//! A log sequence number, numeric(25,0), as a number of 64 bits.

/// How many bits each part is given.
const BLOCK_BITS: u32 = 28;
const SLOT_BITS: u32 = 12;

/// The number, in the same order; none if it does not fit, for then two of them could not be told apart.
///
/// Written out it is a virtual log file (10 digits), a block in that (10) and a record in that (5): 80 bits if all were used.
/// They are not. A block is 512 bytes of a virtual log file, so 28 bits are enough for files of 128 GB; a block of 60 kB holds
/// fewer than 4096 records, of 24 bytes at the least; and 24 bits are left, for 16 million virtual log files.
///
/// Where a master passes into its next file between two samples the numbers jump, and what lies between is taken for written at
/// one end of that tick: off by no more than the tick.
pub(super) fn packed(lsn: &str) -> Option<u64> {
    let whole: u128 = lsn.trim().parse().ok()?;
    let (file, rest) = (whole / 10_u128.pow(15), whole % 10_u128.pow(15));
    let (block, slot) = (rest / 100_000, rest % 100_000);
    let fits = file < 1 << (64 - BLOCK_BITS - SLOT_BITS) && block < 1 << BLOCK_BITS && slot < 1 << SLOT_BITS;
    let packed = file << (BLOCK_BITS + SLOT_BITS) | block << SLOT_BITS | slot;
    u64::try_from(packed).ok().filter(|_| fits && whole > 0)
}

/// As the server's own tools write it: `0000002d:00000a50:0001`.
pub(super) fn text(lsn: &str) -> Option<String> {
    let whole: u128 = lsn.trim().parse().ok()?;
    let (file, rest) = (whole / 10_u128.pow(15), whole % 10_u128.pow(15));
    Some(format!(
        "{file:08x}:{:08x}:{:04x}",
        rest / 100_000,
        rest % 100_000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept() {
        let sorted = [
            "45000000264000001",
            "45000000264000002",
            "45000000265000001",
            "46000000001000001",
            "16777215026843545504095",
        ];
        let packed: Vec<u64> = sorted.iter().map(|lsn| packed(lsn).unwrap()).collect();
        assert!(packed.is_sorted_by(|one, other| one < other), "{packed:?}");
    }

    #[test]
    fn what_does_not_fit_is_no_position() {
        assert_eq!(packed("16777216000000000000001"), None);
        assert_eq!(packed("45000000000004096"), None);
        assert_eq!(packed("0"), None);
        assert_eq!(packed(""), None);
        assert_eq!(
            text("45000000264000001").as_deref(),
            Some("0000002d:00000a50:0001")
        );
    }
}
