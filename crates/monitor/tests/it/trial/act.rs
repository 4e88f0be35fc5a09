//! What is done to the servers, and what is known of them because of it.

use super::load::Told;
use super::record::Fact;
use super::{Scene, Watched};
use anyhow::Result;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How late the proxy makes everything for `r`: beyond the limit at any moment.
const LATE: Duration = Duration::from_millis(1500);

/// One thing that is done, to `r` where nobody else is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Nothing,
    Lag,
    Heal,
    Freeze,
    Thaw,
    Kill,
    Restore,
    FreezePrimary,
    ThawPrimary,
}

/// When an act began, and when the next one did.
pub(crate) struct Phase {
    pub(crate) act: Act,
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

impl Phase {
    pub(crate) fn has(&self, told: &Told) -> bool {
        (self.begin..self.end).contains(&told.sent)
    }
}

impl Act {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "all is well",
            Self::Lag => "replica lagged",
            Self::Heal => "caught up",
            Self::Freeze => "replica frozen",
            Self::Thaw => "thawed",
            Self::Kill => "replica killed",
            Self::Restore => "restored",
            Self::FreezePrimary => "primary frozen",
            Self::ThawPrimary => "thawed",
        }
    }

    /// Does it, and lets the world be like that for so long.
    pub(super) async fn play(self, scene: &Scene, long: Duration) -> Result<Phase> {
        let begin = Instant::now();
        self.begin(scene).await?;
        let end = begin + long;
        sleep_until(end).await;
        Ok(Phase {
            act: self,
            begin,
            end,
        })
    }

    async fn begin(self, scene: &Scene) -> Result<()> {
        let (r, m) = (&scene.r, &scene.m);
        match self {
            Self::Nothing => {}
            Self::Lag => scene.proxy.slow(LATE),
            Self::Heal => scene.proxy.heal(),
            Self::Freeze => freeze(r),
            Self::Thaw => thaw(r),
            Self::FreezePrimary => {
                scene.stop_writing().await?;
                freeze(m);
            }
            Self::ThawPrimary => {
                thaw(m);
                scene.go_on_writing();
            }
            Self::Kill => {
                r.server.daemon().kill().await?;
                r.witness.impose(Some(Fact::Silent));
            }
            Self::Restore => {
                // Until it follows it is a second primary, and nobody can say which of the two is the one.
                m.witness.impose(Some(Fact::Unclear));
                r.witness.impose(None);
                r.server.start().await?;
                r.server.follow(scene.proxy.port()).await?;
                m.witness.impose(None);
            }
        }
        Ok(())
    }
}

fn freeze(one: &Watched) {
    one.server.daemon().freeze();
    one.witness.impose(Some(Fact::Silent));
}

fn thaw(one: &Watched) {
    one.witness.impose(None);
    one.server.daemon().thaw();
}
