//! What MariaDB's binary log does not tell, or tells in a form of its own: each trap is a test.

use crate::ends::*;
use crate::stream::*;
use crate::support::*;
use anyhow::{Result, ensure};
use replica_engine::rules::Phase;
use replica_lab::{Lab, wait_for};

macro_rules! case {
    ($test:ident, |$source:ident, $target:ident| $body:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            with_servers(async {
                let lab = Lab::new()?;
                let ($source, $target) = (
                    mariadb(&lab, "source").await?,
                    sqlite(&lab, "target").await?,
                );
                $body
            })
            .await;
        }
    };
}

// A position is the last transaction of every domain: with one for all, another domain would be sent from its beginning.
case!(a_domain_that_appears_doubles_nothing, |source, target| {
    source.execute(&PEOPLE).await?;
    streaming(&source, &target).await?.stopped().await?;
    source
        .execute(&[
            "INSERT INTO people VALUES (4, 'd')",
            "SET SESSION gtid_domain_id = 77",
            "INSERT INTO people VALUES (5, 'e')",
            "UPDATE people SET mail = 'E' WHERE id = 5",
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    stream.stopped().await?;
    let before: u64 = target
        .query("SELECT rows_written FROM _rm_cursor")
        .await?
        .parse()?;
    let position = target.query("SELECT position FROM _rm_cursor").await?;
    ensure!(position.contains("77-"), "{position}");
    source.execute(&["INSERT INTO people VALUES (6, 'f')"]).await?;
    let stream = streaming(&source, &target).await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    stream.stopped().await?;
    let after: u64 = target
        .query("SELECT rows_written FROM _rm_cursor")
        .await?
        .parse()?;
    assert_eq!(after - before, 1, "only the new row");
    Ok(())
});

// What an ALTER TABLE gives to rows, and what a TRUNCATE takes, no row of the log tells.
case!(what_a_statement_does_to_a_table_is_copied, |source, target| {
    source.execute(&PEOPLE).await?;
    let stream = streaming(&source, &target).await?;
    target
        .execute(&["ALTER TABLE people ADD COLUMN score INTEGER"])
        .await?;
    source
        .execute(&[
            "INSERT INTO people VALUES (4, 'd')",
            "ALTER TABLE people ADD COLUMN score int DEFAULT 7 AFTER id",
            "UPDATE people SET score = 8 WHERE id = 2",
        ])
        .await?;
    same(&source, &target, &stream, "people", "id mail coalesce(score,0)").await?;
    source
        .execute(&["TRUNCATE TABLE people", "INSERT INTO people VALUES (9, 1, 'i')"])
        .await?;
    same(&source, &target, &stream, "people", "id mail score").await?;
    // While nobody reads, too; and a table of the same name and columns is another one.
    stream.stopped().await?;
    source
        .execute(&[
            "INSERT INTO people VALUES (10, 1, 'j')",
            "DROP TABLE people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, score int, mail TEXT)",
            "INSERT INTO people VALUES (11, 1, 'k')",
            "CREATE TABLE later (id INTEGER PRIMARY KEY)",
            "INSERT INTO later VALUES (1)",
        ])
        .await?;
    let stream = streaming(&source, &target).await?;
    same(&source, &target, &stream, "people", "id mail score").await?;
    source
        .execute(&["CREATE INDEX i ON people (score)", "INSERT INTO later VALUES (2)"])
        .await?;
    until_there(&target, "SELECT count(*) FROM later", "2", &stream).await?;
    stream.stopped().await?;
    Ok(())
});

// Rows that nobody can read are no silent loss: statements, rows without names, rows without their other columns.
case!(changes_that_cannot_be_read_are_copied, |source, target| {
    source.execute(&PEOPLE).await?;
    let stream = streaming(&source, &target).await?;
    for odd in [
        "SET SESSION binlog_format = 'STATEMENT'",
        "SET SESSION binlog_row_image = 'MINIMAL'",
    ] {
        source
            .execute(&[odd, "UPDATE people SET mail = concat(mail, '!')"])
            .await?;
        same(&source, &target, &stream, "people", "id mail").await?;
    }
    // The server's own setting is told as what stands in the way, with what mends it.
    source
        .execute(&[
            "SET GLOBAL binlog_row_metadata = 'NO_LOG'",
            "UPDATE people SET mail = 'nameless' WHERE id = 1",
        ])
        .await?;
    let told = |why: &str| why.contains("SET GLOBAL binlog_row_metadata = FULL");
    stream
        .until(
            "a reason",
            |report| matches!(&report.phase, Phase::Waiting { why } if told(why)),
        )
        .await?;
    source
        .execute(&["SET GLOBAL binlog_row_metadata = 'FULL'"])
        .await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    stream.stopped().await?;
    Ok(())
});

/// A file goes once the engine needs it no more to recover.
async fn purge(source: &Db) -> Result<()> {
    let oldest = async || source.query("SHOW BINARY LOGS").await;
    let before = oldest().await?;
    let purge = [
        "FLUSH BINARY LOGS",
        "PURGE BINARY LOGS BEFORE now() + INTERVAL 1 DAY",
    ];
    wait_for("the oldest file to go", SOON, async || {
        source.execute(&purge).await.is_ok() && oldest().await.is_ok_and(|name| name != before)
    })
    .await
}

case!(
    a_log_that_was_purged_or_reset_is_no_silent_loss,
    |source, target| {
        source.execute(&PEOPLE).await?;
        streaming(&source, &target).await?.stopped().await?;
        for (trouble, reset) in [
            ("DELETE FROM people WHERE id = 1", false),
            ("INSERT INTO people VALUES (5, 'e')", true),
        ] {
            // What somebody still reads is not purged.
            let readers = "SELECT count(*) FROM information_schema.processlist WHERE command LIKE 'Binlog%'";
            let gone = async || source.query(readers).await.is_ok_and(|count| count == "0");
            wait_for("nobody to read", SOON, gone).await?;
            source.execute(&[trouble]).await?;
            match reset {
                true => {
                    source
                        .execute(&["RESET MASTER", "UPDATE people SET mail = 'z' WHERE id = 2"])
                        .await?;
                }
                false => purge(&source).await?,
            }
            let stream = start(&plan(&source, &target)?);
            let mut seen = stream.seen.clone();
            let copying =
                seen.wait_for(|report| matches!(report.phase, Phase::Copying { .. } | Phase::Streaming));
            let phase = tokio::time::timeout(SOON, copying).await??.phase.clone();
            ensure!(
                matches!(&phase, Phase::Copying { why, .. } if why.contains("binary log does not have")),
                "{trouble:?}: {phase:?}"
            );
            same(&source, &target, &stream, "people", "id mail").await?;
            stream.stopped().await?;
        }
        Ok(())
    }
);

// Every type arrives by the log as it arrives by a copy: a second copy finds nothing to mend.
case!(the_log_and_a_copy_bring_the_same, |source, target| {
    let columns = "id int PRIMARY KEY, b boolean, t tinyint unsigned, s smallint, m mediumint unsigned, i int, u bigint unsigned, f float, d double,
        n decimal(20,3), c char(5), v varchar(9), l varchar(9) CHARACTER SET latin1, o varchar(9) CHARACTER SET greek, x text, y varbinary(9), z binary(4), bl blob,
        ts timestamp(3) NULL, dt datetime(6), da date, ti time(2), ye year, e enum('red','green'), st set('a','b','c'), bi bit(9), uu uuid, j json, ip inet6";
    let kinds = format!("CREATE TABLE kinds ({columns}) CHARACTER SET utf8mb4");
    let row = |id: i32| {
        format!("INSERT INTO kinds VALUES ({id}, true, 255, -3, 16777215, -5, 9223372036854775807, 0.1, 0.1,
        -12345678901234567.5, 'ab', 'ü', 'ü€', 'αβ', 'long ✓', x'00ff', x'0102', x'ff00',
        '2026-11-26 14:02:31.042', '2026-11-26 14:02:31.5', '2026-11-26', '-01:02:03.5', 2026, 'green', 'a,c', b'100000001', '0e37df36-f698-11e6-8dd4-cb9ced3df976', '{{\"b\": 1}}', '::1')")
    };
    source.execute(&[&kinds, &row(1)]).await?;
    let stream = streaming(&source, &target).await?;
    source
        .execute(&[
            &row(2),
            "INSERT INTO kinds (id) VALUES (3)",
            "UPDATE kinds SET e = 'red', l = 'é' WHERE id = 1",
        ])
        .await?;
    until_there(
        &target,
        "SELECT count(*) FROM kinds WHERE (id = 1 AND e = 'red' AND l = 'é') OR id > 1",
        "3",
        &stream,
    )
    .await?;
    let done = stream.stopped().await?;
    assert_eq!(done.owed, []);
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

// 40 000 rows in one transaction, killed in the middle of it: each has its effect once.
case!(a_large_transaction_goes_on_where_it_was, |source, target| {
    source
        .execute(&["CREATE TABLE many (id int PRIMARY KEY, n int)"])
        .await?;
    let mut stream = streaming(&source, &target).await?;
    source
        .execute(&[
            "BEGIN",
            "INSERT INTO many SELECT seq, seq FROM seq_1_to_40000",
            "UPDATE many SET n = -n WHERE id % 2 = 0",
            "DELETE FROM many WHERE id % 3 = 0",
            "COMMIT",
        ])
        .await?;
    let mut killed = 0;
    let within = async || {
        target
            .query("SELECT count(*) FROM _rm_cursor WHERE position LIKE '%+%'")
            .await
            .is_ok_and(|found| found == "1")
    };
    for _ in 0..3 {
        let there = "SELECT count(*) FROM many";
        wait_for("a piece", SOON, async || {
            within().await || target.query(there).await.is_ok_and(|count| count == "26667")
        })
        .await?;
        killed += u32::from(within().await);
        stream.killed().await;
        stream = start(&plan(&source, &target)?);
    }
    ensure!(killed > 0, "it was never within the transaction");
    same(&source, &target, &stream, "many", "id n").await?;
    stream.stopped().await?;
    Ok(())
});

case!(servers_that_end_and_come_back_are_waited_for, |source, target| {
    source.execute(&PEOPLE).await?;
    let Db::MariaDb(server) = &source else {
        unreachable!()
    };
    let stream = streaming(&source, &target).await?;
    for round in 0..2 {
        turbulence(&source, round, 50).await?;
        server.stop().await?;
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

// What is prepared stands in the log before anybody knows whether it is kept.
case!(a_prepared_transaction_counts_once_it_is_kept, |source, target| {
    source.execute(&PEOPLE).await?;
    let stream = streaming(&source, &target).await?;
    let prepared = |name: &str, id: u32, end: &str| {
        ["START", "END", "PREPARE", end].map(|step| match step {
            "END" => format!("INSERT INTO people VALUES ({id}, '{name}'); XA END '{name}'"),
            step => format!("XA {step} '{name}'"),
        })
    };
    for statements in [prepared("kept", 4, "COMMIT"), prepared("not", 5, "ROLLBACK")] {
        let split: Vec<&str> = statements.iter().flat_map(|step| step.split("; ")).collect();
        source.execute(&split).await?;
    }
    source.execute(&["INSERT INTO people VALUES (6, 'f')"]).await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    until_there(
        &target,
        "SELECT count(*) FROM people WHERE id IN (4, 6)",
        "2",
        &stream,
    )
    .await?;
    stream.stopped().await?;
    Ok(())
});
