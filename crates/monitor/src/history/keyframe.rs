//! The flight recorder: the snapshot as it was served, without the figures that are sampled anyway.
//!
//! It is kept in pieces, each once however often it comes back: the frame, each project, each few replicas. A change
//! costs the piece that it is in. Whoever reads puts the sampled figures over it.

use super::HistoryError;
use super::sample::Moment;
use super::stripped::{without_counts, without_figures};
use super::varint::{Bytes, put};
use crate::wire::{ProjectInfo, ReplicaInfo, SnapshotInfo};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use replica_core::{Project, Replica, Snapshot};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

/// Replicas to a piece.
const GROUP: usize = 16;
/// A damaged piece must not fill the memory.
const LARGEST: u64 = 64 << 20;

type Hash = [u8; 16];

/// A piece, packed; its first byte tells what it is of.
#[derive(Clone, Debug)]
struct Piece {
    hash: Hash,
    packed: Arc<[u8]>,
}

impl Piece {
    fn of(kind: u8, json: &[u8]) -> Result<Self, HistoryError> {
        let mut hash = Hash::default();
        let plain = [&[kind], json].concat();
        hash.copy_from_slice(&Sha256::digest(&plain)[..16]);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain)?;
        Ok(Self {
            hash,
            packed: encoder.finish()?.into(),
        })
    }
}

/// What was last written of a project.
#[derive(Debug)]
struct Known {
    project: Arc<Project>,
    /// What stands in `pieces`, as it was compared.
    stripped: Vec<Replica>,
    pieces: Vec<Piece>,
}

/// Notices what changed since the last keyframe.
#[derive(Debug, Default)]
pub(super) struct Keyframes {
    frame: Option<(Snapshot, Option<i64>, Piece)>,
    projects: Vec<Known>,
    /// Not written yet.
    pending: Vec<(i64, Vec<Piece>)>,
}

impl Keyframes {
    pub(super) fn take_in(&mut self, moment: &Moment) -> Result<(), HistoryError> {
        let mut changed = self.frame_changed(moment)?;
        let mut known: HashMap<Arc<str>, Known> = self
            .projects
            .drain(..)
            .map(|known| (Arc::clone(&known.project.name), known))
            .collect();
        changed |= known.len() != moment.snapshot.projects.len();
        for project in &moment.snapshot.projects {
            let (now, other) = of_project(project, known.remove(&project.name))?;
            changed |= other;
            self.projects.push(now);
        }
        if changed && let Some((_, _, frame)) = &self.frame {
            let pieces = self.projects.iter().flat_map(|known| &known.pieces);
            let pieces = std::iter::once(frame).chain(pieces).cloned().collect();
            self.pending.push((moment.at_ms, pieces));
        }
        Ok(())
    }

    fn frame_changed(&mut self, moment: &Moment) -> Result<bool, HistoryError> {
        let snapshot = &moment.snapshot;
        let frame = Snapshot {
            source: snapshot.source.clone(),
            capabilities: snapshot.capabilities.clone(),
            projects: Vec::new(),
            rules: snapshot.rules.iter().map(without_counts).collect(),
            problems: snapshot.problems.clone(),
        };
        let stalled = moment.stalled_since_ms;
        if matches!(&self.frame, Some((same, since, _)) if *same == frame && *since == stalled) {
            return Ok(false);
        }
        let piece = Piece::of(
            b'f',
            &json(&SnapshotInfo::new(&frame, 0, 0, moment.poll_ms, stalled)),
        )?;
        self.frame = Some((frame, stalled, piece));
        Ok(true)
    }

    pub(super) fn write(&self, tx: &Transaction<'_>) -> Result<(), HistoryError> {
        for (ts, pieces) in &self.pending {
            let mut list = Vec::new();
            for piece in pieces {
                put(&mut list, body(tx, piece)? as u64);
            }
            let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO keyframe(ts, bodies) VALUES(?, ?)")?;
            insert.execute(params![ts, list])?;
        }
        Ok(())
    }

    pub(super) fn written(&mut self) {
        self.pending.clear();
    }
}

/// The row of a piece, written if it is new.
fn body(tx: &Transaction<'_>, piece: &Piece) -> Result<i64, HistoryError> {
    let mut find = tx.prepare_cached("SELECT id FROM body WHERE hash = ?")?;
    if let Some(id) = find.query_row([&piece.hash[..]], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let mut insert = tx.prepare_cached("INSERT INTO body(hash, data) VALUES(?, ?)")?;
    Ok(insert.insert(params![&piece.hash[..], &piece.packed[..]])?)
}

/// What is to be written of `project`, and whether it differs from what was.
fn of_project(project: &Arc<Project>, before: Option<Known>) -> Result<(Known, bool), HistoryError> {
    let before = match before {
        Some(known) if Arc::ptr_eq(&known.project, project) => return Ok((known, false)),
        other => other,
    };
    let stripped: Vec<Replica> = project.replicas.iter().map(without_figures).collect();
    let same = before
        .as_ref()
        .is_some_and(|known| known.stripped == stripped && known.project.routing == project.routing);
    let pieces = match before {
        Some(known) if same => known.pieces,
        _ => pieces(project, &stripped)?,
    };
    let project = Arc::clone(project);
    Ok((
        Known {
            project,
            stripped,
            pieces,
        },
        !same,
    ))
}

fn pieces(project: &Project, stripped: &[Replica]) -> Result<Vec<Piece>, HistoryError> {
    let alone = Project {
        name: Arc::clone(&project.name),
        routing: project.routing,
        replicas: Vec::new(),
    };
    let mut pieces = vec![Piece::of(b'p', &json(&ProjectInfo::from(&alone)))?];
    for group in stripped.chunks(GROUP) {
        let replicas: Vec<_> = group
            .iter()
            .map(|replica| json(&ReplicaInfo::from(replica)))
            .collect();
        pieces.push(Piece::of(b'r', &replicas.join(&b','))?);
    }
    Ok(pieces)
}

/// Our own types always serialise.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// When the keyframe was taken that held at `from`, and those until `to`.
pub(super) fn times(connection: &Connection, from: i64, to: i64) -> Result<Vec<i64>, HistoryError> {
    let mut find = connection.prepare_cached(
        "SELECT ts FROM keyframe WHERE ts <= ?2 AND ts >= coalesce((SELECT max(ts) FROM keyframe WHERE ts <= ?1), ?1) ORDER BY ts",
    )?;
    let found = find.query_map([from, to], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The last keyframe at or before `ts`: when it was taken, and its JSON, in the form of `/api/snapshot`.
pub(super) fn read(connection: &Connection, ts: i64) -> Result<Option<(i64, String)>, HistoryError> {
    let mut find = connection
        .prepare_cached("SELECT ts, bodies FROM keyframe WHERE ts <= ? ORDER BY ts DESC LIMIT 1")?;
    let found: Option<(i64, Vec<u8>)> = find
        .query_row([ts], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((ts, list)) = found else {
        return Ok(None);
    };
    let (mut bytes, mut frame, mut projects) = (Bytes(&list), Vec::new(), Vec::<Vec<u8>>::new());
    while !bytes.is_empty() {
        let plain = plain(connection, bytes.number()?)?;
        match (plain.split_first(), projects.last_mut()) {
            (Some((b'f', json)), _) => frame = json.to_vec(),
            (Some((b'p', json)), _) => projects.push(json.to_vec()),
            (Some((b'r', json)), Some(project)) => {
                // Before the end of its list of replicas.
                let end = project.len().saturating_sub(2);
                let comma: &[u8] = if project[..end].ends_with(b"[") { b"" } else { b"," };
                project.splice(end..end, [comma, json].concat());
            }
            _ => return Err(HistoryError::Damaged("a piece of a snapshot that fits nowhere")),
        }
    }
    let text = |bytes| String::from_utf8(bytes).map_err(|_| HistoryError::Damaged("a snapshot is no text"));
    // In a string its quotes would be escaped, so the first is the list itself.
    let list = format!("\"projects\":[{}]", text(projects.join(&b','))?);
    Ok(Some((ts, text(frame)?.replacen("\"projects\":[]", &list, 1))))
}

fn plain(connection: &Connection, id: u64) -> Result<Vec<u8>, HistoryError> {
    let mut find = connection.prepare_cached("SELECT data FROM body WHERE id = ?")?;
    let packed: Vec<u8> = find.query_row([id as i64], |row| row.get(0))?;
    let mut plain = Vec::new();
    let unpacked = ZlibDecoder::new(&packed[..])
        .take(LARGEST)
        .read_to_end(&mut plain);
    unpacked.map_err(|_| HistoryError::Damaged("a piece of a snapshot"))?;
    Ok(plain)
}
