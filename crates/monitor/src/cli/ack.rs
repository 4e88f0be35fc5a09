//! `ack`: somebody takes an alert on.

use super::Failure;
use super::remote::Remote;
use crate::words::plain;
use serde_json::{Value, json};
use std::io::Write;

/// Take an alert of a running monitor on: it is shown who has, and nobody is reminded of it. Needs the operator's token.
#[derive(clap::Args)]
pub(super) struct Acknowledge {
    #[command(flatten)]
    remote: Remote,
    /// The alert, as `alerts` lists it: `lag:shop/replica-1`
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for whoever comes next
    #[arg(long, value_name = "TEXT")]
    why: String,
}

impl Acknowledge {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let _: Value = client.post("/api/alerts/ack", &json!({ "id": self.id, "why": self.why }))?;
        Ok(writeln!(out, "{} is yours", plain(&self.id))?)
    }
}
