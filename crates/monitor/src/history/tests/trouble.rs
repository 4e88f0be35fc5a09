//! Files that are not ours, files that are damaged, disks that are full.

use super::*;

fn beside(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut aside: Vec<String> = names
        .filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    aside.sort();
    aside
}

#[track_caller]
fn begins_anew(folder: &Path, path: &Path, why: &str) {
    let before = beside(folder).len();
    let (history, notices) = History::open(path, settings(2000));
    let [Notice::MovedAside { to, why: said }] = &notices[..] else {
        panic!("{notices:?}")
    };
    assert!(to.exists() && said.contains(why), "{said}");
    assert!(history.record_figures(BEGIN, vec![(lag("a"), Value::Known(1))]));
    assert!(history.flush());
    assert_eq!(history.health(), Health::Writing);
    is_sound(&history.reader().unwrap());
    history.close();
    assert_eq!(beside(folder).len(), before + 1);
}

#[test]
fn what_is_not_ours_or_damaged_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    std::fs::write(
        &path,
        "no database at all, but long enough to be taken for one".repeat(100),
    )
    .unwrap();
    begins_anew(folder.path(), &path, "no SQLite database");
    std::fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE customers(id)")
        .unwrap();
    begins_anew(folder.path(), &path, "no history of this program");
    // Ours, with a page overwritten.
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
    }
    begins_anew(folder.path(), &path, "damaged");
}

#[test]
fn a_later_versions_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    store(&path, 2000).flush().unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version=9")
        .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (history, notices) = History::open(&path, settings(2000));
    assert!(
        matches!(&notices[..], [Notice::Off { why }] if why.contains("later version")),
        "{notices:?}"
    );
    assert!(matches!(history.health(), Health::Off { .. }));
    assert!(!history.record_figures(BEGIN, Vec::new()));
    assert!(!history.flush());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(matches!(history.reader(), Err(HistoryError::Newer(9))));
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let (history, notices) = History::open(Path::new("no/such/folder/h.db"), settings(2000));
    assert!(
        matches!(&notices[..], [Notice::Off { why }] if why.contains("cannot be opened")),
        "{notices:?}"
    );
    assert!(matches!(history.health(), Health::Off { .. }));
}

#[test]
fn a_damaged_chunk_is_found_by_the_check_and_by_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut live = store(&path, 2000);
    for tick in 0..=BLOCK {
        live.take_in(
            BEGIN + tick * 2000,
            vec![(lag("a"), Value::Known(tick * tick % 77))],
        )
        .unwrap();
    }
    live.flush().unwrap();
    drop(live);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let damage =
        "UPDATE chunk_raw SET data = CAST(substr(data, 1, 9) || x'00ff' || substr(data, 12) AS BLOB)";
    assert_eq!(connection.execute(damage, []).unwrap(), 1);
    let reader = Reader::open(&path).unwrap();
    let findings = reader.check().unwrap().findings;
    assert!(
        findings.len() == 1 && findings[0].contains("checksum"),
        "{findings:?}"
    );
    assert!(matches!(
        reader.samples(&lag("a"), 0, i64::MAX),
        Err(HistoryError::Damaged(_))
    ));
}

#[test]
fn a_full_disk_stops_the_history_which_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (history, _) = History::open(&path, settings(2000));
    let (mut dice, mut tick) = (Dice(1), 0);
    let mut record = |count: i64| {
        for _ in 0..count {
            let noise =
                (0..200).map(|name| (lag(&name.to_string()), Value::Known(dice.roll(1 << 30) as i64)));
            history.record_figures(BEGIN + tick * 2000, noise.collect());
            tick += 1;
        }
        history.flush()
    };
    assert!(record(20));
    assert!(history.tell(Message::LimitPages(1)));
    // The limit is never below what there is; the room within the last page does not last.
    let mut failed = false;
    for _ in 0..50 {
        failed |= !record(10);
    }
    assert!(failed);
    let Health::Stopped { why, .. } = history.health() else {
        panic!("{:?}", history.health())
    };
    assert_eq!(why, "the disk is full");
    let dropped = history.status().dropped_samples;
    assert!(
        dropped > 100,
        "what cannot be written is not heaped up: {dropped}"
    );
    let before = all(&history.reader().unwrap());
    // Room again.
    assert!(history.tell(Message::LimitPages(1 << 30)));
    assert!(history.flush());
    record(5);
    record(5);
    assert_eq!(history.health(), Health::Writing);
    let reader = history.reader().unwrap();
    is_sound(&reader);
    let after = all(&reader);
    assert!(after[&lag("0")].len() >= before[&lag("0")].len() + 10);
    assert!(after[&lag("0")].starts_with(&before[&lag("0")]));
}
