//! Which folders must be watched so that no way of replacing a file goes unnoticed.
//!
//! Watching the file itself would lose it at the first rename over it. Watched are the folders that
//! hold it, every symbolic link on the way to it, or the nearest folder that exists.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Links that lead on to links: beyond this many it is a loop.
const MAX_LINKS: usize = 40;

/// The folders to watch for `file`.
pub(super) fn folders(file: &Path) -> BTreeSet<PathBuf> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut folders = BTreeSet::new();
    let mut at = PathBuf::new();
    let mut ahead = parts(&absolute);
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        let next = if part == ".." { parent(&at) } else { at.join(&part) };
        match fs::symlink_metadata(&next) {
            Err(_) => {
                folders.insert(at.clone());
                return folders;
            }
            Ok(found) if found.is_symlink() && links < MAX_LINKS => {
                links += 1;
                folders.insert(at.clone());
                let target = fs::read_link(&next).unwrap_or_default();
                let mut onward = parts(&target);
                onward.append(&mut ahead);
                ahead = onward;
                if target.is_absolute() {
                    at = PathBuf::new();
                }
            }
            Ok(_) => {
                if ahead.is_empty() {
                    folders.insert(at.clone());
                }
                at = next;
            }
        }
    }
    folders
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let wanted = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir));
    wanted.map(|part| part.as_os_str().to_owned()).collect()
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_link_on_the_way_is_watched() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        fs::create_dir(home.join("v1")).unwrap();
        fs::write(home.join("v1/tree.json"), "{}").unwrap();
        symlink("v1", home.join("data")).unwrap();
        symlink("data/tree.json", home.join("tree.json")).unwrap();
        assert_eq!(
            folders(&home.join("tree.json")),
            BTreeSet::from([home.clone(), home.join("v1")])
        );
        assert_eq!(
            folders(&home.join("none/yet/tree.json")),
            BTreeSet::from([home.clone()])
        );
        symlink("loop", home.join("loop")).unwrap();
        assert!(folders(&home.join("loop")).contains(&home));
    }
}
