//! A tree file whose databases are asked: what the file declares, as the live manager finds it.

use super::TreeFile;
use replica_core::source::{Pending, Wake};
use replica_core::tree::Tree;
use replica_core::{ReplicaKey, Snapshot, Source, SourceError};
use replica_engine::{Pace, ReplicationManager};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A source that reads `path`, follows its changes, and looks at every replica in it. Must be called on a tokio runtime.
pub fn watch_live(path: impl Into<PathBuf>, pace: Pace) -> io::Result<LiveTree> {
    LiveTree::open(path, true, pace)
}

/// A tree file and its live manager.
pub struct LiveTree {
    file: TreeFile,
    manager: ReplicationManager,
    applied: Mutex<Arc<Tree>>,
    /// What was said last, so that the same is said with the same pointer.
    said: Mutex<Option<Arc<Snapshot>>>,
}

impl LiveTree {
    /// Reads `path` and starts to look; `watch` asks the system to tell of changes to the file.
    pub fn open(path: impl Into<PathBuf>, watch: bool, pace: Pace) -> io::Result<Self> {
        let file = TreeFile::open_keeping(path, watch, true)?;
        let tree = file.tree().unwrap_or_default();
        Ok(Self {
            manager: ReplicationManager::of(&tree, pace),
            file,
            applied: Mutex::new(tree),
            said: Mutex::default(),
        })
    }

    /// The manager, for who wants to borrow connections.
    pub fn manager(&self) -> &ReplicationManager {
        &self.manager
    }

    fn follow(&self) {
        let Some(tree) = self.file.tree() else { return };
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&applied, &tree) {
            self.manager.apply(&tree);
            *applied = tree;
        }
    }

    async fn look(&self) -> Arc<Snapshot> {
        let declared = self.file.look().await;
        self.follow();
        let live = self.manager.status();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot {
            source: replica_core::SourceInfo {
                label: declared.source.label.clone(),
                ..live.source.clone()
            },
            problems: declared.problems.clone(),
            ..(*live).clone()
        };
        if let Some(same) = said.as_ref().filter(|said| ***said == snapshot) {
            return Arc::clone(same);
        }
        let snapshot = Arc::new(snapshot);
        *said = Some(Arc::clone(&snapshot));
        snapshot
    }
}

impl super::Declares for LiveTree {
    fn tree(&self) -> Option<Arc<Tree>> {
        self.file.tree()
    }
}

impl Source for LiveTree {
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>> {
        Box::pin(async { Ok(self.look().await) })
    }

    fn on_change(&self, wake: Wake) {
        self.file.on_change(Arc::clone(&wake));
        self.manager.on_change(wake);
    }

    fn addresses(&self) -> Vec<(ReplicaKey, String)> {
        self.manager.addresses()
    }
}
