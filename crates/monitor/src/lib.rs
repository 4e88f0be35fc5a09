//! The door of the library: watch any [`Source`] and serve what it says.
//!
//! ```no_run
//! use replica_monitor::{Config, read_tree, start};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = read_tree(".mostajs/replicator-tree.json")?;
//! let monitor = start(Config::default(), source).await?;
//! println!("{}", monitor.url());
//! monitor.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A closure is a source too:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use replica_monitor::{Config, Project, Replica, Role, Snapshot, start};
//! let source = || Snapshot::named("mine").with_project(Project::new("shop", vec![Replica::new("master", Role::Master)]));
//! let monitor = start(Config { port: 0, ..Config::default() }, source).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With the databases asked (feature `drivers`, on by default):
//!
//! ```no_run
//! # #[cfg(feature = "drivers")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use replica_monitor::engine::Pace;
//! use replica_monitor::{Config, start, watch_live};
//! let config = Config::default();
//! let source = watch_live(".mostajs/replicator-tree.json", Pace::every(config.poll))?;
//! let monitor = start(config, source).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Databases are spoken to in `replica-engine`; words are defined in `replica-core`.

mod activity;
mod alert;
mod balance;
mod body;
pub mod cli;
mod clock;
mod config;
#[cfg(feature = "drivers")]
mod flow;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
pub mod history;
mod hub;
mod live;
mod metrics;
mod outbound;
mod published;
mod push;
mod server;
mod source;
mod stream_log;
mod tolerance;
mod wire;
mod words;

pub use alert::{AlertSettings, AlertSettingsError};
pub use config::Config;
pub use handle::{Handle, StartError, start};
pub use hub::{Busy, OnEvent};
pub use push::{Protocol, Push, PushError};
pub use replica_core::observed;
pub use replica_core::{
    Capabilities, Dialect, Event, EventKind, Lag, Link, LinkState, Observed, PoolUsage, Problem, Project,
    Replica, ReplicaKey, Role, Routing, Rule, RuleMode, Runway, Secret, Snapshot, Source, SourceError, State,
    SyncStats, Verdict,
};
#[cfg(feature = "drivers")]
pub use replica_engine as engine;
pub use server::token::{Token, TokenFileError, TokenRole};
pub use server::{TlsError, TlsFiles};
#[cfg(feature = "drivers")]
pub use source::{Declares, Keeping, KeptRules, LiveTree, Told, watch_live};
pub use source::{Recorded, TreeFile, read_tree};
