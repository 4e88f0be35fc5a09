//! The manager's tree on disk: read, changed, written back.

use super::support::{TICK, entry};
use anyhow::Result;
use replica_core::{ReplicaKey, Role, Routing, Secret};
use replica_engine::{Pace, ReplicationManager, SaveError};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const TREE: &str = r#"{
  "owner": 1.50, // keep me
  "replicas": { "p": {
      "m": { "role": "master", "dialect": "sqlite", "uri": "m.db" },
      "r": { "dialect": "postgres", "uri": "postgresql://u:***@127.0.0.1:1/db" } } }
}
"#;

fn load(path: &Path) -> Result<ReplicationManager> {
    let (manager, problems) = ReplicationManager::load(path, Pace::every(TICK))?;
    assert_eq!(problems.len(), 1, "the masked password: {problems:?}");
    Ok(manager)
}

#[tokio::test]
async fn changes_are_saved_where_it_is_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, link) = (folder.path().join("tree.json"), folder.path().join("link.json"));
    fs::write(&path, TREE)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    symlink(&path, &link)?;
    let manager = load(&link)?;

    manager.set_routing("p", Routing::Random)?;
    assert_eq!(fs::read_to_string(&path)?, TREE, "nobody asked for it");
    manager.auto_persist(Some(link.clone()));
    manager.add_replica("p", entry("new", Role::Slave, "sqlite", "new.db"))?;
    assert!(!manager.set_routing("nobody", Routing::Random)?);

    let text = fs::read_to_string(&path)?;
    assert!(
        text.contains("1.50, // keep me") && text.contains("\"new\""),
        "{text}"
    );
    assert!(text.contains("\"random\""), "{text}");
    assert_eq!(text.matches("***").count(), 1, "neither lost nor written again");
    assert!(fs::symlink_metadata(&link)?.is_symlink());
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
    assert_eq!(load(&link)?.tree(), manager.tree());

    assert!(manager.remove_replica(&ReplicaKey::new("p", "new"))?);
    assert!(!fs::read_to_string(&path)?.contains("\"new\""));
    Ok(())
}

#[tokio::test]
async fn a_password_that_is_known_only_masked_is_not_written_anywhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, other) = (folder.path().join("tree.json"), folder.path().join("other.json"));
    fs::write(&path, TREE)?;
    let manager = load(&path)?;
    assert!(matches!(manager.save(&other), Err(SaveError::Text(..))));
    assert!(!other.exists());

    let mut mended = manager.tree().projects[0].replicas[1].clone();
    mended.uri = Some(Secret::new("postgresql://u:s3cret@127.0.0.1:1/db".into()));
    manager.add_replica("p", mended)?;
    manager.save(&other)?;
    let text = fs::read_to_string(&other)?;
    assert!(text.contains("s3cret") && !text.contains("***"));
    assert_eq!(fs::metadata(&other)?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

#[tokio::test]
async fn a_change_that_cannot_be_saved_is_not_made() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tree.json");
    fs::write(&path, TREE)?;
    let manager = load(&path)?;
    manager.auto_persist(Some(path.clone()));
    fs::write(&path, "{ half of a")?;
    let refused = manager.remove_replica(&ReplicaKey::new("p", "m"));
    let error = refused.expect_err("the file is no tree").to_string();
    assert!(
        error.contains("tree.json") && error.contains("cannot be edited"),
        "{error}"
    );
    assert_eq!(manager.tree().projects[0].replicas.len(), 2);
    assert_eq!(fs::read_to_string(&path)?, "{ half of a");
    Ok(())
}
