//! What a process that is killed leaves behind: the file and its log, as they are at that point.

use super::*;

/// What a kill leaves: copies of the file and its log. The index of the log is made anew.
fn killed(path: &Path, to: &Path) {
    std::fs::copy(path, to).unwrap();
    let with = |path: &Path, ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    std::fs::copy(with(path, "-wal"), with(to, "-wal")).unwrap();
}

#[test]
fn after_a_kill_at_any_point_everything_flushed_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (mut fleet, mut dice) = (Fleet::new(11, 2000), Dice(12));
    let mut live = store(&path, 2000);
    let (mut flushed_ms, mut kills) = (BEGIN, 0);
    for tick in 0..BLOCK + 1000 {
        let at_ms = BEGIN + tick * 2000;
        let said = fleet.say(at_ms);
        live.take_in(at_ms, said).unwrap();
        if dice.roll(3) == 0 {
            live.flush().unwrap();
            flushed_ms = at_ms + 2000;
        }
        // Every step of its own is tried: a stretch put away, a block put away, and all between.
        let (stretch, block) = (tick % 150 < 2, tick % BLOCK < 3 || tick % BLOCK > BLOCK - 3);
        if !(dice.roll(70) == 0 || stretch && dice.roll(4) == 0 || block) {
            continue;
        }
        kills += 1;
        let copy = folder.path().join(format!("killed-{tick}.db"));
        killed(&path, &copy);
        let mut again = store(&copy, 2000);
        let kept = all(&Reader::open(&copy).unwrap());
        // Putting a stretch away writes all before it too.
        let end = kept
            .values()
            .filter_map(|said| Some(said.last()?.0 + 2000))
            .max()
            .unwrap_or(BEGIN);
        assert!(end >= flushed_ms, "{end} {flushed_ms}");
        let least = fleet.until(flushed_ms);
        assert!(
            least
                .iter()
                .all(|(key, said)| kept.get(key).is_some_and(|kept| kept.starts_with(said)))
        );
        assert_eq!(kept, fleet.until(end), "killed at {tick}");
        // And it goes on.
        let next = at_ms + 2000;
        assert!(again.take_in(next, vec![(lag("a"), Value::Known(1))]).unwrap());
        again.flush().unwrap();
        let reader = Reader::open(&copy).unwrap();
        is_sound(&reader);
        let samples = reader.samples(&lag("a"), next - 1, i64::MAX).unwrap();
        assert_eq!(samples, [(next, Value::Known(1))]);
        std::fs::remove_file(&copy).unwrap();
    }
    assert!(kills >= 100, "{kills}");
}

#[test]
fn a_file_that_was_just_begun_is_no_foreign_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;")
        .unwrap_or(());
    drop(connection);
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    store(&path, 2000).flush().unwrap();
    is_sound(&Reader::open(&path).unwrap());
}
