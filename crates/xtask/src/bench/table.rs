//! Markdown tables, as docs/PERFORMANCE.md has them.

/// Prints the head of a table.
pub(super) fn head(columns: &[&str]) {
    println!("| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

/// Prints a row of it.
pub(super) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// A number with its thousands set apart, rounded to whole ones.
pub(super) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The middle of several figures.
pub(super) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [whole(7.4), whole(1000.0), whole(1_234_567.0)],
            ["7", "1 000", "1 234 567"]
        );
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }
}
