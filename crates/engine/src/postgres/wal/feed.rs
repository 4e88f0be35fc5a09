//! Reads the log ahead of whoever applies it, as far as memory allows, and keeps the server from thinking that nobody is there.

use super::lsn::Lsn;
use super::session::Session;
use crate::fault::{Fault, FaultKind};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, timeout_at};

/// Bytes that are handed over at a time; so many are read while nobody takes them.
const LOAD: usize = 256 << 10;
/// Loads that wait to be taken.
const AHEAD: usize = 8;
/// The server gives up on a reader that it does not hear of for a minute (`wal_sender_timeout`).
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// A piece of the log.
#[derive(Debug)]
pub(super) enum Frame {
    /// One message of the plugin.
    Data(Bytes),
    /// Everything up to there was looked through.
    Reached(Lsn),
}

/// The end that takes.
pub(super) struct Feed {
    loads: mpsc::Receiver<Result<Vec<Frame>, Fault>>,
    taken: VecDeque<Frame>,
    confirmed: watch::Sender<Lsn>,
}

impl Feed {
    /// Reads from a session that has been started, until this is dropped.
    pub(super) fn of(session: Session, from: Lsn) -> Self {
        let (sender, loads) = mpsc::channel(AHEAD);
        let (confirmed, confirming) = watch::channel(from);
        tokio::spawn(async move {
            if let Err(fault) = pump(session, &sender, confirming).await {
                // Nobody may be left to hear it.
                let _ = sender.send(Err(fault)).await;
            }
        });
        Self {
            loads,
            taken: VecDeque::new(),
            confirmed,
        }
    }

    /// The next piece; none if there is none until then.
    pub(super) async fn next(&mut self, until: Instant) -> Result<Option<Frame>, Fault> {
        if let Some(frame) = self.taken.pop_front() {
            return Ok(Some(frame));
        }
        match timeout_at(until, self.loads.recv()).await {
            Err(_) => Ok(None),
            Ok(Some(load)) => {
                self.taken = load?.into();
                Ok(self.taken.pop_front())
            }
            Ok(None) => Err(Fault::new(FaultKind::Closed, "the connection was closed")),
        }
    }

    /// Whether a piece can be had without waiting.
    pub(super) fn is_ready(&self) -> bool {
        !self.taken.is_empty() || !self.loads.is_empty()
    }

    /// Everything up to there need not be kept.
    pub(super) fn confirm(&self, done: Lsn) {
        self.confirmed.send_replace(done);
    }
}

async fn pump(
    mut session: Session,
    loads: &mpsc::Sender<Result<Vec<Frame>, Fault>>,
    mut confirmed: watch::Receiver<Lsn>,
) -> Result<(), Fault> {
    let mut alive = interval(SIGN_OF_LIFE);
    let (mut load, mut size) = (Vec::new(), 0);
    loop {
        tokio::select! {
            biased;
            changed = confirmed.changed() => match changed {
                Ok(()) => {
                    let done = *confirmed.borrow_and_update();
                    session.confirm(done).await?;
                }
                Err(_) => return Ok(()),
            },
            _ = alive.tick() => {
                let done = *confirmed.borrow();
                session.confirm(done).await?;
            }
            data = session.data(), if size < LOAD => {
                let data = data?;
                size += data.len() + size_of::<Frame>();
                let (frame, asked) = frame(data)?;
                load.push(frame);
                if asked {
                    let done = *confirmed.borrow();
                    session.confirm(done).await?;
                }
            }
            permit = loads.reserve(), if !load.is_empty() => match permit {
                Ok(permit) => {
                    permit.send(Ok(std::mem::take(&mut load)));
                    size = 0;
                }
                Err(_) => return Ok(()),
            },
        }
    }
}

/// What a piece of copy data is, and whether the server wants to hear of us at once.
fn frame(mut data: Bytes) -> Result<(Frame, bool), Fault> {
    let cut_off = |_| Fault::new(FaultKind::Strange, "a piece of the log is cut off");
    match data.try_get_u8().map_err(cut_off)? {
        // Where it begins, where the log ends, the time; then what the plugin wrote.
        b'w' if data.len() >= 24 => {
            data.advance(24);
            Ok((Frame::Data(data), false))
        }
        b'k' => {
            let end = Lsn(data.try_get_u64().map_err(cut_off)?);
            let _clock = data.try_get_i64().map_err(cut_off)?;
            Ok((Frame::Reached(end), data.try_get_u8().map_err(cut_off)? == 1))
        }
        _ => Err(Fault::new(
            FaultKind::Strange,
            "a piece of the log is of no kind that is known",
        )),
    }
}
