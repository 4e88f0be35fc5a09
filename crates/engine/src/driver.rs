//! The extension point: one [`Driver`] for each database, one line in [`DRIVERS`].
//!
//! Nothing here opens a connection; the database modules do. Deadlines, retries and the meaning of what was seen are the
//! [manager](crate::manager)'s and the [meter](crate::lag)'s.

use crate::address::{self, AddressProbe};
use crate::beat::{Beat, Seen};
use crate::connection::Connection;
use crate::fault::Fault;
use crate::look::Look;
use crate::rules::Ends;
use crate::target::Target;
use replica_core::Dialect;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;

/// What a database module offers.
pub struct Driver {
    /// The dialects that it answers for.
    pub dialects: &'static [&'static str],
    /// The port of an address that names none; none for files.
    pub default_port: Option<u16>,
    /// What a probe needs beyond the right to log in, and the statements that grant it.
    pub grants: &'static [MissingGrant],
    /// The versions that the tests ran against, for people; honest where there were none.
    pub tested: &'static str,
    /// Makes a probe. Connecting happens at the first [`Probe::look`].
    pub probe: fn(Target) -> Box<dyn Probe>,
    /// Opens a connection for an application to borrow.
    pub connect: fn(Target) -> Pending<'static, Result<Connection, Fault>>,
    /// Makes a writer of heartbeats, where there can be one. Connecting happens at the first beat.
    pub beat: Option<fn(Target) -> Box<dyn Beat>>,
    /// Where rules can read and write it.
    pub rules: Option<&'static Ends>,
}

/// Reads one server's health over one kept connection, and never writes.
pub trait Probe: Send {
    /// One look, in one round trip where the protocol allows. Connects first if need be. The caller holds the
    /// deadline; when it passes, it drops the probe and with it the connection.
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>>;

    /// Reads the heartbeat of that id. Asked only where heartbeats are wanted, after a look that went well.
    fn seen_beat(&mut self, _id: i16) -> Pending<'_, Result<Seen, Fault>> {
        Box::pin(std::future::ready(Ok(Seen::NotAsked)))
    }

    /// Settings that will bite one day, and how to mend them.
    fn examine(&mut self) -> Pending<'_, Result<Vec<Advice>, Fault>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// A setting that will bite one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The setting and its value.
    pub about: String,
    /// What it will do.
    pub why: &'static str,
    /// The statement or edit that mends it.
    pub fix: String,
}

/// Every driver compiled in, in documentation order.
pub static DRIVERS: &[&Driver] = &[
    #[cfg(feature = "postgres")]
    &crate::postgres::DRIVER,
    #[cfg(feature = "mysql")]
    &crate::mysql::DRIVER,
    #[cfg(feature = "redis")]
    &crate::redis::DRIVER,
    #[cfg(feature = "sqlite")]
    &crate::sqlite::DRIVER,
    #[cfg(feature = "mongodb")]
    &crate::mongodb::DRIVER,
    #[cfg(feature = "mssql")]
    &crate::mssql::DRIVER,
    #[cfg(feature = "clickhouse")]
    &crate::clickhouse::DRIVER,
];

/// The driver of a dialect, if one is compiled in.
pub fn driver_of(dialect: &Dialect) -> Option<&'static Driver> {
    DRIVERS
        .iter()
        .copied()
        .find(|driver| driver.dialects.contains(&dialect.name()))
}

/// A probe for that server: of its dialect's driver, or one that only knocks.
pub fn probe_of(target: Target) -> Box<dyn Probe> {
    match driver_of(target.dialect()) {
        Some(driver) => (driver.probe)(target),
        None => Box::new(AddressProbe(target)),
    }
}

/// The port of an address that names none.
pub fn default_port(dialect: &Dialect) -> Option<u16> {
    match driver_of(dialect) {
        Some(driver) => driver.default_port,
        None => address::port_of(dialect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn dialects_are_unique_and_known() {
        let mut dialects = HashSet::new();
        for driver in DRIVERS {
            assert!(!driver.dialects.is_empty());
            for dialect in driver.dialects {
                assert!(dialects.insert(*dialect) && Dialect::new(dialect).is_known());
                assert!(driver_of(&Dialect::new(dialect)).is_some_and(|found| std::ptr::eq(found, *driver)));
            }
        }
        assert!(driver_of(&Dialect::new("no such dialect")).is_none());
    }

    #[test]
    fn every_driver_tells_what_it_was_tried_with() {
        assert!(DRIVERS.iter().all(|driver| !driver.tested.trim().is_empty()));
    }

    #[test]
    fn every_driver_has_a_guide_with_its_grants() {
        for driver in DRIVERS {
            let name = driver.dialects[0];
            let path = format!("{}/../../docs/guides/{name}.md", env!("CARGO_MANIFEST_DIR"));
            let guide = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            // Where a line breaks in the text does not matter.
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let guide = words(&guide);
            assert!(guide.contains(&words(driver.tested)), "{path}: {}", driver.tested);
            for grant in driver.grants {
                assert!(!grant.what.is_empty() && !grant.grant.is_empty());
                assert!(guide.contains(grant.grant), "{path}: {}", grant.grant);
            }
        }
    }
}
