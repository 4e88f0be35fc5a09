//! What the catalogue says of the tables that a log is to tell of.

use super::message::Relation;
use crate::fault::Fault;
use crate::postgres::connect::fault;
use crate::postgres::statements::quoted;
use crate::rules::Table;
use std::collections::HashMap;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Of each column that the log tells: its table, what the log needs to know of that, its name and its type.
const COLUMNS: &str = "SELECT c.oid, c.relname::text, c.relpersistence::text, c.relreplident::text, coalesce(r.indisprimary, false),
        a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    LEFT JOIN pg_index r ON r.indrelid = c.oid AND r.indisreplident
    WHERE c.relnamespace = to_regnamespace(current_schema()::text) AND c.relname = ANY($1) ORDER BY c.oid, a.attnum";
/// Changes with every table, column, type and primary key of the user's own tables.
const SIGNATURE: &str = "SELECT md5(coalesce(string_agg(concat_ws(' ', c.oid, c.relname, c.relreplident, i.indexrelid, a.attnum, a.attname, a.atttypid, a.attnotnull),
        ',' ORDER BY c.oid, a.attnum), ''))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = to_regnamespace(current_schema()::text)";

/// A table that is followed.
pub(super) struct Known {
    /// Its place among those that the log was opened with.
    pub(super) at: usize,
    pub(super) id: u32,
    /// As the log tells them: name and type.
    columns: Vec<(String, u32)>,
    /// The types of the key's columns, as statements write them.
    pub(super) key_types: Vec<String>,
}

/// The tables of a log.
pub(super) struct Catalogue {
    pub(super) schema: String,
    pub(super) known: Vec<Known>,
    pub(super) refused: Vec<(usize, String)>,
    signature: String,
}

/// How the rows of a table in the log become rows of a table as it is.
pub(super) struct Mapped {
    pub(super) at: usize,
    /// Of each column: where the log has it, and its type there.
    pub(super) places: Vec<Option<(usize, u32)>>,
}

/// What a table in the log is to us.
pub(super) enum Meaning {
    /// It is followed.
    Followed(Mapped),
    /// It is none of ours, or one that is gone.
    Foreign,
    /// It is ours, and is not what it was when the log was opened.
    Altered(usize),
}

impl Catalogue {
    pub(super) async fn read(client: &Client, tables: &[Table]) -> Result<Self, Fault> {
        // Read before the columns: what is altered meanwhile shows as another one later.
        let signature = signature(client).await?;
        let schema = client.query_one("SELECT current_schema()::text", &[]).await;
        let schema = schema.map_err(|error| fault(&error))?.get(0);
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let rows = client.query_typed(COLUMNS, &[(&names, Type::TEXT_ARRAY)]).await;
        let rows = rows.map_err(|error| fault(&error))?;
        let (mut known, mut refused) = (Vec::new(), Vec::new());
        for (at, table) in tables.iter().enumerate() {
            let of = |row: &&tokio_postgres::Row| row.get::<_, &str>(1) == table.name;
            let rows: Vec<_> = rows.iter().filter(of).collect();
            let Some(first) = rows.first() else {
                refused.push((at, "it is gone".to_owned()));
                continue;
            };
            if let Some(why) = refusal(&table.name, first.get(2), first.get(3), first.get(4)) {
                refused.push((at, why));
                continue;
            }
            let types: HashMap<&str, &str> = rows.iter().map(|row| (row.get(5), row.get(7))).collect();
            let key_type = |name: &str| types.get(name).copied().unwrap_or("text").to_owned();
            known.push(Known {
                at,
                id: first.get(0),
                columns: rows.iter().map(|row| (row.get(5), row.get(6))).collect(),
                key_types: table.key_columns().map(|column| key_type(&column.name)).collect(),
            });
        }
        Ok(Self {
            schema,
            known,
            refused,
            signature,
        })
    }

    /// Whether something was created, altered or dropped since.
    pub(super) async fn is_other(&self, client: &Client) -> Result<bool, Fault> {
        Ok(signature(client).await? != self.signature)
    }

    /// What a table in the log is; `later` where it was told of after this was read.
    pub(super) fn meaning(&self, tables: &[Table], relation: &Relation, later: bool) -> Meaning {
        if relation.schema != self.schema {
            return Meaning::Foreign;
        }
        let by_id = self.known.iter().find(|known| known.id == relation.id);
        let by_name = || {
            self.known
                .iter()
                .find(|known| tables[known.at].name == relation.name)
        };
        match by_id {
            Some(known)
                if later && (known.columns != relation.columns || tables[known.at].name != relation.name) =>
            {
                Meaning::Altered(known.at)
            }
            Some(known) => Meaning::Followed(mapped(known.at, &tables[known.at], relation)),
            // One of that name that was dropped before is no matter; one that was made since is.
            None => match by_name().filter(|_| later) {
                Some(known) => Meaning::Altered(known.at),
                None => Meaning::Foreign,
            },
        }
    }
}

async fn signature(client: &Client) -> Result<String, Fault> {
    let row = client.query_one(SIGNATURE, &[]).await;
    Ok(row.map_err(|error| fault(&error))?.get(0))
}

/// Why the log cannot tell the changes of a table, with what mends it.
fn refusal(name: &str, persistence: &str, identity: &str, by_primary: bool) -> Option<String> {
    let name = quoted(name);
    match (persistence, identity) {
        ("u", _) => Some(format!(
            "it is unlogged, so its changes are in no log: ALTER TABLE {name} SET LOGGED"
        )),
        // Its own updates and deletes would be refused once it is published.
        (_, "n") => Some(format!(
            "it has no replica identity: ALTER TABLE {name} REPLICA IDENTITY DEFAULT"
        )),
        (_, "i") if !by_primary => Some(format!(
            "its replica identity is another index than the primary key: ALTER TABLE {name} REPLICA IDENTITY DEFAULT"
        )),
        _ => None,
    }
}

fn mapped(at: usize, table: &Table, relation: &Relation) -> Mapped {
    let place = |name: &str| {
        let place = relation.columns.iter().position(|(column, _)| column == name)?;
        Some((place, relation.columns[place].1))
    };
    let columns = table.columns.iter();
    Mapped {
        at,
        places: columns.map(|column| place(&column.name)).collect(),
    }
}
