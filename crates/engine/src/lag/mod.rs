//! The one clock: when was the oldest data written that a replica does not have?
//!
//! Every few moments the master's position is noted with the monitor's own clock. A replica's applied position, looked up in
//! that record, gives the time at which the next thing it lacks was written: its lag. Clocks of servers, their idle times and
//! their own figures never enter. Measured against a writer of numbered rows, this was the one way that did not
//! lie in any case tried; see docs/guides/lag.md.

mod beats;
mod position;
mod ring;
mod timeline;

pub use beats::Beats;
pub use position::{Epoch, Intervals, Position, SameHistory, Writes};
pub use ring::Written;
pub use timeline::{Measured, Timeline};
