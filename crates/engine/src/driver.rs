//! The extension point: one [`Driver`] for each database, one line in [`DRIVERS`].
//!
//! Nothing here opens a connection; the database modules do.

use replica_core::source::Pending;
use replica_core::tree::Uri;
use replica_core::{Dialect, Lag, State};

/// What a database module offers.
pub struct Driver {
    /// The dialects that it answers for.
    pub dialects: &'static [&'static str],
    /// URL schemes it takes, without `://`.
    pub schemes: &'static [&'static str],
    /// The least privileges a probe needs, as the statements that grant them.
    pub grants: &'static str,
    /// Opens a probe. Connecting happens at the first [`Probe::look`].
    pub open_probe: fn(uri: &Uri) -> Box<dyn Probe>,
}

/// Reads one replica's health over one kept connection, and never writes.
pub trait Probe: Send {
    /// One look. The caller holds the deadline and drops the probe when it passes.
    fn look(&mut self) -> Pending<'_, Observation>;
}

/// What one look saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Whether the server answered.
    pub state: State,
    /// The lag, with its verdict.
    pub lag: Lag,
}

/// Every driver compiled in, in documentation order. Empty until the live half of the engine is there.
pub static DRIVERS: &[&Driver] = &[];

/// The driver of a dialect, if one is compiled in.
pub fn driver_of(dialect: &Dialect) -> Option<&'static Driver> {
    DRIVERS
        .iter()
        .copied()
        .find(|driver| driver.dialects.contains(&dialect.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn dialects_and_schemes_are_unique_and_known() {
        let (mut dialects, mut schemes) = (HashSet::new(), HashSet::new());
        for driver in DRIVERS {
            assert!(driver.schemes.iter().all(|scheme| schemes.insert(*scheme)));
            for dialect in driver.dialects {
                assert!(dialects.insert(*dialect) && Dialect::new(dialect).is_known());
                assert!(driver_of(&Dialect::new(dialect)).is_some_and(|found| std::ptr::eq(found, *driver)));
            }
        }
        assert!(driver_of(&Dialect::new("no such dialect")).is_none());
    }

    #[test]
    fn every_driver_tells_its_grants() {
        assert!(DRIVERS.iter().all(|driver| !driver.grants.trim().is_empty()));
    }
}
