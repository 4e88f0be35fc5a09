//! How far a long command is: a bar where somebody looks, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar until `whole`, in `unit`s; bytes are told as such.
pub(super) fn bar(whole: u64, unit: &'static str) -> ProgressBar {
    let figures = match unit {
        "bytes" => "{bytes} of {total_bytes}".to_owned(),
        unit => format!("{{pos}} of {{len}} {unit}"),
    };
    let template = format!("{{wide_bar}} {{percent}} %, {figures}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(whole).with_style(style)
}

/// What is being done, where nobody knows how much there is.
#[cfg(feature = "drivers")]
pub(in crate::cli) fn spinner() -> ProgressBar {
    ProgressBar::new_spinner()
}
