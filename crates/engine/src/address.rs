//! Databases without a driver: whether something listens at their address is all that is asked.

use crate::driver::Probe;
use crate::fault::{Fault, FaultKind};
use crate::look::Look;
use crate::target::Target;
use replica_core::Dialect;
use replica_core::source::Pending;
use tokio::net::TcpStream;

/// Where products listen that no driver here speaks to.
const PORTS: [(&str, u16); 7] = [
    ("cassandra", 9042),
    ("db2", 50_000),
    ("firebird", 3050),
    ("hana", 30_015),
    ("hsqldb", 9001),
    ("oracle", 1521),
    ("sybase", 5000),
];

/// The usual port of a product without a driver.
pub(crate) fn port_of(dialect: &Dialect) -> Option<u16> {
    let known = PORTS.iter().find(|(name, _)| *name == dialect.name());
    known.map(|(_, port)| *port)
}

/// Knocks, and asks nothing.
pub(crate) struct AddressProbe(pub(crate) Target);

impl Probe for AddressProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let target = &self.0;
            let no_driver = format!(
                "no driver for {}, only its address is checked",
                target.dialect().name()
            );
            if target.host().is_empty() || target.port() == 0 {
                let why = format!(
                    "no driver for {}, and its address names no server and port",
                    target.dialect().name()
                );
                return Err(Fault::new(FaultKind::NotAsked, why));
            }
            match TcpStream::connect((target.host(), target.port())).await {
                Ok(_) => Err(Fault::new(
                    FaultKind::NotAsked,
                    format!("{no_driver}: something listens there"),
                )),
                Err(error) => {
                    let fault = Fault::from_io(&error);
                    Err(Fault::new(fault.kind, format!("{no_driver}: {}", fault.message)))
                }
            }
        })
    }
}
