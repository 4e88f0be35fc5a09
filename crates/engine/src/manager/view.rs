//! What is known of a project's replicas at one instant, copied out of their slots, and who leads it.

use super::slot::Slot;
use crate::fault::Fault;
use crate::look::{LinkSeen, Look};
use replica_core::tree::TreeReplica;
use replica_core::{Name, Role, State};
use std::sync::Arc;
use tokio::time::Instant;

/// One replica at one instant.
pub(super) struct View {
    pub(super) slot: Arc<Slot>,
    pub(super) declared: Arc<TreeReplica>,
    /// The last look that succeeded, which may be old.
    pub(super) look: Option<Arc<Look>>,
    pub(super) before: Option<Arc<Look>>,
    pub(super) look_ms: Option<i64>,
    pub(super) fault: Option<Fault>,
    pub(super) misses: u32,
    pub(super) clock_offset_ms: Option<i64>,
}

impl View {
    pub(super) fn of(slot: &Arc<Slot>) -> Self {
        let declared = slot.declared();
        let seen = slot.seen();
        Self {
            declared,
            look: seen.look.clone(),
            before: seen.before.clone(),
            look_ms: seen.look_ms,
            fault: seen.fault.clone(),
            misses: seen.misses,
            clock_offset_ms: seen.clock_offset_ms(),
            slot: Arc::clone(slot),
        }
    }

    pub(super) fn state(&self) -> State {
        match (&self.fault, &self.look) {
            (Some(fault), _) => fault.state(self.misses),
            (None, Some(_)) => State::Up,
            (None, None) => State::Unknown,
        }
    }

    /// The last look, if nothing went wrong since.
    pub(super) fn answer(&self) -> Option<&Look> {
        self.look.as_deref().filter(|_| self.fault.is_none())
    }

    pub(super) fn is_declared(&self, role: Role) -> bool {
        self.declared.role == role
    }

    /// Whether it was a master when last seen.
    pub(super) fn leads(&self) -> bool {
        let declared = self.is_declared(Role::Master);
        self.look.as_deref().is_some_and(|look| match look.role {
            // A logical subscriber is no standby, yet it follows.
            Some(Role::Master) => declared || look.links.is_empty(),
            Some(Role::Slave) => false,
            None => declared,
        })
    }

    /// Whether it answers, leads and takes writes.
    pub(super) fn takes_writes(&self) -> bool {
        self.leads() && self.answer().is_some_and(|look| look.writable != Some(false))
    }

    pub(super) fn name(&self) -> &Name {
        &self.slot.key.replica
    }

    /// When its positions were last recorded as a master's.
    pub(super) fn recorded(&self) -> Option<Instant> {
        self.slot.seen().timeline.looked()
    }
}

/// The one that the others of its project are measured against.
pub(super) fn root(views: &[View]) -> Result<usize, &'static str> {
    let declared = views.iter().position(|view| view.is_declared(Role::Master));
    let leading: Vec<usize> = (0..views.len()).filter(|&i| views[i].leads()).collect();
    let writing: Vec<usize> = leading
        .iter()
        .copied()
        .filter(|&i| views[i].takes_writes())
        .collect();
    match (declared, &*leading, &*writing) {
        (Some(master), ..) if views[master].takes_writes() => Ok(master),
        // The declared one is gone or was demoted, and exactly one other leads: a failover behind our back.
        (_, _, [other]) => Ok(*other),
        (Some(master), ..) if views[master].leads() => Ok(master),
        (_, [other], _) => Ok(*other),
        (None, [], _) => Err("no master is declared in its project"),
        (Some(master), [], _) if views[master].look.is_some() => {
            Err("its project's master follows another server, and no other leads")
        }
        (Some(_), [], _) => Err("its project's master has not answered yet"),
        _ => Err("several servers of its project lead, and none of them is the declared master"),
    }
}

/// Which of `views` a link comes from, by what names the server, or by its address.
pub(super) fn upstream(link: &LinkSeen, views: &[&View]) -> Option<usize> {
    let by_server = link.upstream_server.as_ref().and_then(|wanted| {
        let is = |view: &&View| view.look.as_ref().and_then(|look| look.server.as_ref()) == Some(wanted);
        only(views, is)
    });
    by_server.or_else(|| {
        let wanted = link.upstream.as_deref()?;
        only(views, |view| {
            view.slot
                .target
                .as_ref()
                .is_ok_and(|target| same_address(&target.address(), wanted))
        })
    })
}

/// The place of the only one; several are as good as none.
fn only(views: &[&View], is: impl Fn(&&View) -> bool) -> Option<usize> {
    let mut found = (0..views.len()).filter(|&place| is(&views[place]));
    found.next().filter(|_| found.next().is_none())
}

/// Whether two addresses are one, as far as their text tells.
pub(super) fn same_address(one: &str, other: &str) -> bool {
    let plain = |address: &str| address.to_ascii_lowercase().replace("localhost:", "127.0.0.1:");
    plain(one) == plain(other)
}
