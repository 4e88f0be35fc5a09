//! How long is waited before a session that broke off is begun again.

use std::time::Duration;

/// Between two tries when something is broken, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Until tables that are left alone are looked at again: the target may have been mended. At first and at most.
const REVIEW: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// From session to session.
pub(super) struct Patience {
    pause: Duration,
    /// Until what is left alone is looked at again.
    pub(super) review: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self {
            pause: PAUSE.0,
            review: REVIEW.0,
        }
    }

    /// A session lasted so long, and left the same tables alone as the one before.
    pub(super) fn learn(&mut self, lasted: Duration, is_same: bool) {
        if lasted > PAUSE.1 {
            self.pause = PAUSE.0;
        }
        self.review = match is_same {
            true => (self.review * 2).min(REVIEW.1),
            false => REVIEW.0,
        };
    }

    /// How long to wait now.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE.1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_again_waits_longer_and_who_lasted_begins_anew() {
        let mut patience = Patience::new();
        let pauses = [patience.pause(), patience.pause(), patience.pause()];
        assert_eq!(pauses, [500, 1000, 2000].map(Duration::from_millis));
        assert_eq!((0..9).map(|_| patience.pause()).last(), Some(PAUSE.1));
        patience.learn(Duration::from_secs(31), true);
        assert_eq!((patience.pause(), patience.review), (PAUSE.0, REVIEW.0 * 2));
    }
}
