//! The tree file as a source: read when it changes, watched where the system can tell, polled otherwise.
//!
//! The last good tree stays while the file is missing, unreadable or broken, and the problem goes with it. Databases
//! are not asked anything here.

use super::watched;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use replica_core::source::{Pending, Wake};
use replica_core::tree::{self, Tree};
use replica_core::{Name, Problem, ReplicaKey, Snapshot, Source, SourceError};
#[cfg(feature = "drivers")]
use replica_engine::driver::default_port;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A tree file larger than this is refused: 100 000 replicas take a quarter of it.
const MAX_BYTES: u64 = 128 << 20;
/// A file that cannot be used is looked at again this often before that is called a problem: it
/// may be half-written, or between two renames.
const RETRIES: u32 = 5;
/// How long between two of those looks.
const RETRY_AFTER: Duration = Duration::from_millis(40);
/// A file changed more recently than this is read again at the next poll, because two writes within one tick of
/// the file system's clock look alike.
const SETTLED_AFTER: Duration = Duration::from_millis(50);

/// A source that reads `path`; a missing or unreadable file is an error here, and only here: later it
/// is a problem that the snapshot shows. A file with a problem in it is no error.
pub fn read_tree(path: impl Into<PathBuf>) -> io::Result<TreeFile> {
    TreeFile::open(path, true)
}

/// A tree file.
pub struct TreeFile {
    path: PathBuf,
    label: Name,
    watch: bool,
    /// Whether the tree itself is kept beside its snapshot: only who connects needs its addresses.
    keep: bool,
    state: Mutex<State>,
    watcher: Arc<Mutex<Option<Watching>>>,
}

/// What is remembered between two looks.
struct State {
    seen: Option<Fingerprint>,
    snapshot: Arc<Snapshot>,
    tree: Option<Arc<Tree>>,
}

/// Tells one content of a path from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    file: (u64, u64),
    bytes: u64,
    modified: Option<SystemTime>,
    changed: (i64, i64),
}

struct Watching {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl TreeFile {
    /// Reads `path` for the first time; `watch` asks the system to tell of changes.
    pub fn open(path: impl Into<PathBuf>, watch: bool) -> io::Result<Self> {
        Self::open_keeping(path, watch, false)
    }

    /// The same; with `keep`, the tree itself is there for who connects, addresses and passwords included.
    pub(crate) fn open_keeping(path: impl Into<PathBuf>, watch: bool, keep: bool) -> io::Result<Self> {
        let path = path.into();
        let label: Name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into();
        let seen = fingerprint(&path).ok().filter(Fingerprint::is_settled);
        let parsed = tree::parse(&read(&path)?, &label);
        let tree = parsed.tree.unwrap_or_default();
        let state = State {
            seen,
            snapshot: Arc::new(tree.snapshot(label.clone(), parsed.problems)),
            tree: keep.then(|| Arc::new(tree)),
        };
        Ok(Self {
            path,
            label,
            watch,
            keep,
            state: Mutex::new(state),
            watcher: Arc::default(),
        })
    }

    /// The path that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last good tree, the same one while it does not change.
    #[cfg_attr(
        not(feature = "drivers"),
        expect(dead_code, reason = "a live source asks for it")
    )]
    pub(super) fn tree(&self) -> Option<Arc<Tree>> {
        self.lock().tree.clone()
    }

    pub(super) async fn look(&self) -> Arc<Snapshot> {
        self.rearm();
        let now = fingerprint(&self.path).ok();
        if now.is_some() && now == self.lock().seen {
            return Arc::clone(&self.lock().snapshot);
        }
        for _ in 0..RETRIES {
            if let Some(good) = self.take_good() {
                return good;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
        match self.take_good() {
            Some(good) => good,
            None => self.take_bad(),
        }
    }

    /// Reads the file and takes it over, if it is a tree.
    fn take_good(&self) -> Option<Arc<Snapshot>> {
        let seen = fingerprint(&self.path).ok()?;
        let parsed = tree::parse(&read(&self.path).ok()?, &self.label);
        let tree = parsed.tree?;
        let mut state = self.lock();
        state.seen = seen.is_settled().then_some(seen);
        let new = tree.snapshot(self.label.clone(), parsed.problems);
        if new != *state.snapshot {
            state.snapshot = Arc::new(new.sharing(&state.snapshot));
        }
        // An address may have changed while the snapshot, which carries none, did not.
        if self.keep && state.tree.as_deref() != Some(&tree) {
            state.tree = Some(Arc::new(tree));
        }
        Some(Arc::clone(&state.snapshot))
    }

    /// The last good tree, with what is wrong now.
    fn take_bad(&self) -> Arc<Snapshot> {
        let seen = fingerprint(&self.path).ok();
        let problems = match read(&self.path) {
            Ok(bytes) => tree::parse(&bytes, &self.label).problems,
            Err(error) => {
                let message = format!("cannot be read: {error}; the last good tree stays");
                vec![Problem {
                    file: Some(self.label.clone()),
                    ..Problem::error(message)
                }]
            }
        };
        let mut state = self.lock();
        state.seen = seen.filter(Fingerprint::is_settled);
        if problems != state.snapshot.problems {
            state.snapshot = Arc::new(Snapshot {
                problems,
                ..(*state.snapshot).clone()
            });
        }
        Arc::clone(&state.snapshot)
    }

    /// Watches the folders that matter now; links and missing parents change which ones do.
    fn rearm(&self) {
        let mut guard = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(watching) = guard.as_mut() else { return };
        let wanted = watched::folders(&self.path);
        for gone in watching.folders.difference(&wanted) {
            // It may be gone already; either way nobody listens to it any more.
            let _ = watching.watcher.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for folder in wanted {
            // A folder that was replaced under the same name needs a new watch; watching twice does no harm.
            match watching.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "cannot watch; polling goes on")
                }
            }
        }
        watching.folders = watched;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "drivers")]
impl super::Declares for TreeFile {
    fn tree(&self) -> Option<Arc<Tree>> {
        Self::tree(self)
    }
}

impl Source for TreeFile {
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>> {
        Box::pin(async { Ok(self.look().await) })
    }

    fn on_change(&self, wake: Wake) {
        if !self.watch {
            return;
        }
        let told = move |event: notify::Result<notify::Event>| {
            // Our own reading must not wake us.
            if !event.is_ok_and(|event| event.kind.is_access() && !is_written(&event.kind)) {
                wake();
            }
        };
        match notify::recommended_watcher(told) {
            Ok(watcher) => {
                let watching = Watching {
                    watcher,
                    folders: BTreeSet::new(),
                };
                *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watching);
                self.rearm();
            }
            Err(error) => tracing::warn!(%error, "cannot watch the tree file; it is polled instead"),
        }
    }

    /// Read anew: addresses are kept only where somebody connects.
    fn addresses(&self) -> Vec<(ReplicaKey, String)> {
        let tree = read(&self.path)
            .ok()
            .and_then(|bytes| tree::parse(&bytes, &self.label).tree);
        tree.unwrap_or_default().addresses(default_port)
    }
}

/// Only the drivers know the usual ports.
#[cfg(not(feature = "drivers"))]
fn default_port(_: &replica_core::Dialect) -> Option<u16> {
    None
}

fn is_written(kind: &notify::EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    matches!(kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    if found.len() > MAX_BYTES {
        let message = format!("it has {} bytes, more than the limit of {MAX_BYTES}", found.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    fs::read(path)
}

fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    let found = fs::metadata(path)?;
    #[cfg(unix)]
    let (file, changed) = {
        use std::os::unix::fs::MetadataExt;
        ((found.dev(), found.ino()), (found.ctime(), found.ctime_nsec()))
    };
    #[cfg(not(unix))]
    let (file, changed) = ((0, 0), (0, 0));
    Ok(Fingerprint {
        file,
        bytes: found.len(),
        modified: found.modified().ok(),
        changed,
    })
}

impl Fingerprint {
    fn is_settled(&self) -> bool {
        self.modified
            .is_some_and(|modified| modified.elapsed().is_ok_and(|age| age > SETTLED_AFTER))
    }
}
