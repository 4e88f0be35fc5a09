//! What PostgreSQL's log does not tell, or tells too early: each trap is a test.

use crate::ends::*;
use crate::stream::*;
use crate::support::*;
use anyhow::ensure;
use replica_engine::rules::Phase;
use replica_lab::{Lab, wait_for};

macro_rules! case {
    ($test:ident, |$source:ident, $target:ident| $body:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            with_servers(async {
                let lab = Lab::new()?;
                let ($source, $target) = (
                    postgres(&lab, "source").await?,
                    sqlite(&lab, "target").await?,
                );
                $body
            })
            .await;
        }
    };
}

/// Incompressible, so that it is stored apart from its row.
const BIG: &str = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n)";

// A large value that did not change is not in the log: the target keeps it.
case!(a_large_value_that_did_not_change_stays, |source, target| {
    source
        .execute(&[
            "CREATE TABLE docs (id int PRIMARY KEY, n int, body text)",
            &format!("INSERT INTO docs VALUES (1, 1, {BIG}), (2, 1, {BIG})"),
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    source
        .execute(&[
            "UPDATE docs SET n = 2",
            // Told whole by the first statement, and not by the second, which moves the row as well.
            "BEGIN; UPDATE docs SET body = body || 'x' WHERE id = 2; UPDATE docs SET n = 3, id = 20 WHERE id = 2; COMMIT",
        ])
        .await?;
    same(&source, &target, &stream, "docs", "id n length(body)").await?;
    // With the old row whole in the log, nothing has to be asked for.
    source
        .execute(&[
            "ALTER TABLE docs REPLICA IDENTITY FULL",
            "UPDATE docs SET n = 4",
            "DELETE FROM docs WHERE id = 1",
        ])
        .await?;
    same(&source, &target, &stream, "docs", "id n length(body)").await?;
    stream.stopped().await?;
    Ok(())
});

case!(what_is_emptied_is_emptied, |source, target| {
    source.execute(&PEOPLE).await?;
    let stream = streaming(&source, &target).await?;
    source
        .execute(&["BEGIN; INSERT INTO people VALUES (8, 'h'); TRUNCATE people; INSERT INTO people VALUES (9, 'i'); COMMIT"])
        .await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    stream.stopped().await?;
    Ok(())
});

// A column that is added with a default gives every row a value of which the log does not tell.
case!(a_column_that_is_added_brings_its_default, |source, target| {
    source.execute(&PEOPLE).await?;
    let stream = streaming(&source, &target).await?;
    target
        .execute(&["ALTER TABLE people ADD COLUMN score INTEGER"])
        .await?;
    source
        .execute(&[
            "INSERT INTO people VALUES (4, 'd')",
            "ALTER TABLE people ADD COLUMN score int DEFAULT 7",
            "UPDATE people SET score = 8 WHERE id = 2",
        ])
        .await?;
    same(&source, &target, &stream, "people", "id mail coalesce(score,0)").await?;
    // Without any row that follows, too, and while nobody reads.
    stream.stopped().await?;
    target
        .execute(&["ALTER TABLE people ADD COLUMN rank INTEGER"])
        .await?;
    source
        .execute(&[
            "UPDATE people SET mail = 'old' WHERE id = 1",
            "ALTER TABLE people ADD COLUMN rank int DEFAULT 3",
            "UPDATE people SET rank = 4 WHERE id = 3",
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    same(
        &source,
        &target,
        &stream,
        "people",
        "id mail score coalesce(rank,0)",
    )
    .await?;
    target
        .execute(&["ALTER TABLE people ADD COLUMN last INTEGER"])
        .await?;
    source
        .execute(&["ALTER TABLE people ADD COLUMN last int DEFAULT 5"])
        .await?;
    until_there(
        &target,
        "SELECT count(*) FROM people WHERE last = 5",
        "4",
        &stream,
    )
    .await?;
    stream.stopped().await?;
    Ok(())
});

case!(a_table_that_is_made_anew_is_copied_anew, |source, target| {
    source.execute(&PEOPLE).await?;
    let stream = streaming(&source, &target).await?;
    source
        .execute(&["BEGIN; DROP TABLE people; CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT); INSERT INTO people VALUES (7, 'g'); COMMIT",
            "CREATE TABLE later (id INTEGER PRIMARY KEY)", "INSERT INTO later VALUES (1)"])
        .await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    source.execute(&["INSERT INTO later VALUES (2)"]).await?;
    until_there(&target, "SELECT count(*) FROM later", "2", &stream).await?;
    stream.stopped().await?;
    Ok(())
});

case!(a_slot_that_is_gone_is_no_silent_loss, |source, target| {
    source.execute(&PEOPLE).await?;
    let lost = [
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots",
        "DELETE FROM people WHERE id = 1",
        "INSERT INTO people VALUES (4, 'd')",
    ];
    let mended = ["DROP PUBLICATION p", "UPDATE people SET mail = 'z' WHERE id = 2"];
    streaming(&source, &target).await?.stopped().await?;
    let publication = source.query("SELECT pubname FROM pg_publication").await?;
    let drop = mended[0].replace(" p", &format!(" \"{publication}\""));
    for (trouble, why) in [
        (lost.to_vec(), "is gone, and with it"),
        (vec![drop.as_str(), mended[1]], "the publication"),
    ] {
        source.execute(&trouble).await?;
        let stream = start(&plan(&source, &target)?);
        let mut seen = stream.seen.clone();
        let copying =
            seen.wait_for(|report| matches!(report.phase, Phase::Copying { .. } | Phase::Streaming));
        let phase = tokio::time::timeout(SOON, copying).await??.phase.clone();
        ensure!(
            matches!(&phase, Phase::Copying { why: told, .. } if told.contains(why)),
            "{why}: {phase:?}"
        );
        same(&source, &target, &stream, "people", "id mail").await?;
        stream.stopped().await?;
    }
    // Moved by somebody else: what it passed over was never seen.
    source
        .execute(&[
            "UPDATE people SET mail = 'passed over' WHERE id = 3",
            "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots",
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    stream.stopped().await?;
    Ok(())
});

// A commit that waits for a standby stands in the log, and no query sees it.
case!(
    a_commit_that_nobody_sees_yet_is_not_overwritten,
    |source, target| {
        source
            .execute(&[
                "CREATE TABLE docs (id int PRIMARY KEY, n int, body text)",
                &format!("INSERT INTO docs VALUES (1, 1, {BIG})"),
            ])
            .await?;
        let stream = streaming(&source, &target).await?;
        source
            .execute(&[
                "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
                "SELECT pg_reload_conf()",
            ])
            .await?;
        wait_for("the setting", SOON, async || {
            source
                .query("SHOW synchronous_standby_names")
                .await
                .is_ok_and(|names| names == "nobody")
        })
        .await?;
        let mut writer = source.client().await?;
        let commits = tokio::spawn(async move { writer.execute("UPDATE docs SET n = 2").await });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        until_there(&source, waits, "1", &stream).await?;
        assert_eq!(source.query("SELECT n FROM docs").await?, "1");
        // A new table is copied at a moment that shows it, so only once it is seen.
        source
            .execute(&[
                "SET synchronous_commit = local; CREATE TABLE later (id int PRIMARY KEY)",
                "SET synchronous_commit = local; INSERT INTO later VALUES (1)",
            ])
            .await?;
        source
            .execute(&[
                "ALTER SYSTEM RESET synchronous_standby_names",
                "SELECT pg_reload_conf()",
            ])
            .await?;
        commits.await??;
        same(&source, &target, &stream, "docs", "id n length(body)").await?;
        until_there(&target, "SELECT count(*) FROM later", "1", &stream).await?;
        stream.stopped().await?;
        Ok(())
    }
);

// 40 000 rows in one transaction, killed in the middle of it: each has its effect once.
case!(a_large_transaction_goes_on_where_it_was, |source, target| {
    source
        .execute(&[
            "CREATE TABLE many (id int PRIMARY KEY, n int)",
            "CREATE TABLE other (id int PRIMARY KEY)",
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    source
        .execute(&["BEGIN; INSERT INTO many SELECT n, n FROM generate_series(1, 40000) n; UPDATE many SET n = -n WHERE id % 2 = 0; DELETE FROM many WHERE id % 3 = 0; COMMIT"])
        .await?;
    let mut killed = 0;
    let mut stream = stream;
    let within = async || {
        target
            .query("SELECT count(*) FROM _rm_cursor WHERE position LIKE '%+%'")
            .await
            .is_ok_and(|found| found == "1")
    };
    for _ in 0..3 {
        wait_for("a piece", SOON, async || {
            within().await
                || target
                    .query("SELECT count(*) FROM many")
                    .await
                    .is_ok_and(|count| count == "26667")
        })
        .await?;
        killed += u32::from(within().await);
        stream.killed().await;
        stream = start(&plan(&source, &target)?);
    }
    ensure!(killed > 0, "it was never within the transaction");
    same(&source, &target, &stream, "many", "id n").await?;
    stream
        .until("an empty log", |report| report.backlog == Some(0))
        .await?;
    stream.stopped().await?;
    // 40 000 inserted, 20 000 changed, 13 333 deleted: those that fall into one piece are written once.
    let written: u64 = target
        .query("SELECT rows_written FROM _rm_cursor")
        .await?
        .parse()?;
    ensure!((40_000..=73_333).contains(&written), "{written}");
    Ok(())
});

case!(a_table_that_the_log_cannot_tell_of_says_why, |source, target| {
    source.execute(&PEOPLE).await?;
    source
        .execute(&[
            "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)",
            "CREATE TABLE nameless (id int PRIMARY KEY)",
            "ALTER TABLE nameless REPLICA IDENTITY NOTHING",
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    let refused = stream.now().refused;
    ensure!(
        refused["fleeting"].contains("SET LOGGED")
            && refused["nameless"].contains("REPLICA IDENTITY DEFAULT"),
        "{refused:?}"
    );
    // Its owner can still write to it.
    source
        .execute(&[
            "INSERT INTO nameless VALUES (1)",
            "UPDATE nameless SET id = 2",
            "ALTER TABLE nameless REPLICA IDENTITY DEFAULT",
        ])
        .await?;
    until_there(&target, "SELECT id FROM nameless", "2", &stream).await?;
    stream.stopped().await?;
    Ok(())
});

// Every type arrives by the log as it arrives by a copy: a second copy finds nothing to mend.
case!(the_log_and_a_copy_bring_the_same, |source, target| {
    let columns = "id int PRIMARY KEY, b boolean, s smallint, f4 real, f8 double precision, d numeric(10,3), n numeric, c char(5), v varchar(9), y bytea, ts timestamptz, t timestamp, da date, ti time, u uuid, j jsonb, js json, a int[], i interval, e inet";
    let row = |id: i32| {
        format!(
            "INSERT INTO kinds VALUES ({id}, true, -3, 0.1, 0.1, 1.5, 12345678901234567890.5, 'ab', 'ü', '\\x00ff', '2026-11-26 14:02:31.04+02', '2026-11-26 14:02:31', '2026-11-26', '01:02:03.5', '0e37df36-f698-11e6-8dd4-cb9ced3df976', '{{\"b\": 1, \"a\": [1]}}', '{{ \"x\":1}}', '{{1,2}}', '1 day 02:03', '10.0.0.1/8')"
        )
    };
    source
        .execute(&[&format!("CREATE TABLE kinds ({columns})"), &row(1)])
        .await?;
    let stream = streaming(&source, &target).await?;
    source
        .execute(&[
            &row(2),
            "INSERT INTO kinds (id, f4, f8) VALUES (3, '-Infinity', 'Infinity'), (4, 'NaN', 0)",
        ])
        .await?;
    until_there(&target, "SELECT count(*) FROM kinds", "3", &stream).await?;
    // SQLite would take it for nothing.
    stream
        .until("a row that is not taken", |report| {
            report.owed.iter().any(|owed| owed.why.contains("knows no NaN"))
        })
        .await?;
    source.execute(&["DELETE FROM kinds WHERE id = 4"]).await?;
    stream
        .until("nothing to be owed", |report| report.owed.is_empty())
        .await?;
    stream.stopped().await?;
    target.execute(&["DELETE FROM _rm_cursor"]).await?;
    let stream = streaming(&source, &target).await?;
    let done = stream.stopped().await?.details["kinds"].clone();
    assert_eq!(
        (done.skipped, done.created, done.updated, done.errors),
        (3, 0, 0, 0),
        "{done:?}"
    );
    Ok(())
});

// Everything that can break, breaks: both servers, one after the other, while somebody writes.
case!(servers_that_die_and_come_back_are_waited_for, |source, target| {
    source.execute(&PEOPLE).await?;
    let Db::Postgres(server) = &source else {
        unreachable!()
    };
    let stream = streaming(&source, &target).await?;
    for round in 0..3 {
        turbulence(&source, round, 50).await?;
        server.daemon().kill().await?;
        stream
            .until("waiting", |report| matches!(report.phase, Phase::Waiting { .. }))
            .await?;
        server.start().await?;
        turbulence(&source, round + 10, 50).await?;
    }
    same(&source, &target, &stream, "people", "id mail").await?;
    stream.stopped().await?;
    Ok(())
});
