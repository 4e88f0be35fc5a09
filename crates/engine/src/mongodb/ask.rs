//! What is asked of a member: `hello` always, and what `clusterMonitor` may see.

use super::connect::{fault, open};
use super::document::number;
use super::{MONITOR, look};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use ::mongodb::bson::{Document, doc};
use ::mongodb::error::{Error, ErrorKind};
use ::mongodb::{Client, Database};
use replica_core::Name;
use std::time::Duration;
use tokio::time::Instant;

/// A right that was missing is asked for again after this long.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// Unauthorized.
const NO_RIGHT: i32 = 13;

/// A client of one server, and what is known of it for longer than a look.
pub(super) struct Session {
    admin: Database,
    version: Option<Name>,
    /// Whether it is a member that has data, and so has more to tell than `hello`.
    has_more: bool,
    /// The set's configuration, as of its version.
    config: Option<Document>,
    denied: Option<Instant>,
}

impl Session {
    /// Logs in and finds out what kind of server it is.
    pub(super) async fn start(target: &Target) -> Result<Self, Fault> {
        let client = open(target).await?;
        let hello = greet(&client).await?;
        let admin = client.database("admin");
        let build = tell(&admin, doc! { "buildInfo": 1 }).await;
        let build = build.map_err(|error| fault(&error))?;
        let version = build.get_str("version").ok();
        Ok(Self {
            version: version.map(|version| format!("MongoDB {version}").into()),
            has_more: look::has_more(&hello),
            config: None,
            denied: None,
            admin,
        })
    }

    /// One look: two questions at once, each over its own connection, so that `hello` is timed alone.
    pub(super) async fn look(&mut self) -> Result<Look, Fault> {
        let may_ask = self.denied.is_none_or(|denied| denied.elapsed() > ASK_AGAIN);
        let (hello, more) = tokio::join!(hello(&self.admin), more(&self.admin, self.has_more && may_ask));
        let (mut look, hello) = hello?;
        let more = more?;
        if may_ask {
            self.denied = more.denied.then(Instant::now);
        }
        if self.denied.is_some() {
            look.missing.push(MONITOR);
        }
        self.keep_config(&hello).await?;
        self.has_more = look::has_more(&hello);
        look.version.clone_from(&self.version);
        let facts = look::Facts {
            hello: &hello,
            status: more.status.as_ref(),
            figures: more.figures.as_ref(),
            config: self.config.as_ref(),
        };
        look::read(&facts, &mut look);
        Ok(look)
    }

    /// The configuration changes seldom, and `hello` tells its version.
    async fn keep_config(&mut self, hello: &Document) -> Result<(), Fault> {
        let known = self.config.as_ref().and_then(|config| number(config, "version"));
        let current = number(hello, "setVersion");
        if !look::has_more(hello) || self.denied.is_some() || (current.is_some() && known == current) {
            return Ok(());
        }
        let asked = tell(&self.admin, doc! { "replSetGetConfig": 1 }).await;
        self.config = granted(asked)?
            .ok()
            .and_then(|answer| answer.get_document("config").ok().cloned());
        Ok(())
    }
}

/// What only some may see.
#[derive(Default)]
struct More {
    status: Option<Document>,
    figures: Option<Document>,
    denied: bool,
}

async fn more(admin: &Database, wanted: bool) -> Result<More, Fault> {
    if !wanted {
        return Ok(More::default());
    }
    let status = granted(tell(admin, doc! { "replSetGetStatus": 1 }).await)?;
    // All sections that are on by default and not looked at are left out: some of them take locks.
    let figures = doc! { "serverStatus": 1, "repl": 0, "metrics": 0, "locks": 0, "wiredTiger": 0, "tcmalloc": 0,
    "opLatencies": 0, "transactions": 0, "flowControl": 0, "network": 0, "globalLock": 0, "mirroredReads": 0 };
    let figures = granted(tell(admin, figures).await)?;
    Ok(More {
        denied: status.is_err() || figures.is_err(),
        status: status.ok(),
        figures: figures.ok(),
    })
}

/// What the server refuses for want of a right is no failure of the look.
struct Denied;

fn granted(answer: Result<Document, Error>) -> Result<Result<Document, Denied>, Fault> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if command.code == NO_RIGHT => Ok(Err(Denied)),
            _ => Err(fault(&error)),
        },
    }
}

/// `hello`, and a look that is timed by it.
async fn hello(admin: &Database) -> Result<(Look, Document), Fault> {
    let asked = Instant::now();
    let answer = tell(admin, doc! { "hello": 1 }).await;
    let answer = answer.map_err(|error| fault(&error))?;
    Ok((Look::since(asked), answer))
}

/// Makes sure that the server lets us in.
pub(super) async fn greet(client: &Client) -> Result<Document, Fault> {
    let admin = client.database("admin");
    hello(&admin).await.map(|(_, answer)| answer)
}

async fn tell(admin: &Database, command: Document) -> Result<Document, Error> {
    admin.run_command(command).await
}

#[cfg(test)]
mod tests;
