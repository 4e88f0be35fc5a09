//! What `pgoutput` writes, version 1 of its protocol: <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>.

use super::lsn::Lsn;
use bytes::{Buf, Bytes, TryGetError};

/// Between 1970 and 2000, where the server's clock begins.
const EPOCH_MS: i64 = 946_684_800_000;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// A transaction begins; all of it is committed already.
    Begin {
        /// Where its commit is.
        commit: Lsn,
        /// When, in milliseconds since 1970.
        at_ms: i64,
        xid: u32,
    },
    /// It ends there.
    Commit {
        end: Lsn,
    },
    /// What the tables of the following rows look like.
    Relation(Relation),
    Insert {
        relation: u32,
        new: Tuple,
    },
    Update {
        relation: u32,
        old: Option<Old>,
        new: Tuple,
    },
    Delete {
        relation: u32,
        old: Old,
    },
    Truncate {
        relations: Vec<u32>,
    },
    /// Types, origins, messages of applications.
    Other,
}

/// A table as it was when the rows that follow were written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relation {
    pub(super) id: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// Name and type of each.
    pub(super) columns: Vec<(String, u32)>,
}

/// A row as it was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Old {
    /// Whether all of it is told; otherwise what is not of the replica identity says null.
    pub(super) is_whole: bool,
    pub(super) values: Tuple,
}

/// The values of a row, column by column.
pub(super) type Tuple = Vec<Value>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    /// Stored apart, and not changed: it is not told.
    Unchanged,
    Text(Bytes),
}

/// What was sent is not what the protocol allows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<TryGetError> for Malformed {
    fn from(_: TryGetError) -> Self {
        Self
    }
}

impl Message {
    pub(super) fn parse(mut data: Bytes) -> Result<Self, Malformed> {
        Ok(match data.try_get_u8()? {
            b'B' => Self::Begin {
                commit: Lsn(data.try_get_u64()?),
                at_ms: EPOCH_MS + data.try_get_i64()? / 1000,
                xid: data.try_get_u32()?,
            },
            b'C' => {
                let (_flags, _commit) = (data.try_get_u8()?, data.try_get_u64()?);
                Self::Commit {
                    end: Lsn(data.try_get_u64()?),
                }
            }
            b'R' => Self::Relation(relation(&mut data)?),
            b'I' => Self::Insert {
                relation: data.try_get_u32()?,
                new: match data.try_get_u8()? {
                    b'N' => tuple(&mut data)?,
                    _ => return Err(Malformed),
                },
            },
            b'U' => {
                let relation = data.try_get_u32()?;
                let (old, next) = match data.try_get_u8()? {
                    kind @ (b'K' | b'O') => (Some(old(kind, &mut data)?), data.try_get_u8()?),
                    next => (None, next),
                };
                match next {
                    b'N' => Self::Update {
                        relation,
                        old,
                        new: tuple(&mut data)?,
                    },
                    _ => return Err(Malformed),
                }
            }
            b'D' => Self::Delete {
                relation: data.try_get_u32()?,
                old: match data.try_get_u8()? {
                    kind @ (b'K' | b'O') => old(kind, &mut data)?,
                    _ => return Err(Malformed),
                },
            },
            b'T' => {
                let (count, _options) = (data.try_get_u32()?, data.try_get_u8()?);
                let relations = (0..count).map(|_| data.try_get_u32());
                Self::Truncate {
                    relations: relations.collect::<Result<_, _>>()?,
                }
            }
            _ => Self::Other,
        })
    }
}

fn relation(data: &mut Bytes) -> Result<Relation, Malformed> {
    let id = data.try_get_u32()?;
    let (schema, name) = (text(data)?, text(data)?);
    let (_identity, count) = (data.try_get_u8()?, data.try_get_u16()?);
    let column = |_| {
        // Whether it is of the replica identity is no matter: the catalogue tells the key.
        let _flags = data.try_get_u8()?;
        let column = (text(data)?, data.try_get_u32()?);
        let _modifier = data.try_get_i32()?;
        Ok(column)
    };
    Ok(Relation {
        id,
        schema,
        name,
        columns: (0..count).map(column).collect::<Result<_, Malformed>>()?,
    })
}

fn old(kind: u8, data: &mut Bytes) -> Result<Old, Malformed> {
    Ok(Old {
        is_whole: kind == b'O',
        values: tuple(data)?,
    })
}

fn tuple(data: &mut Bytes) -> Result<Tuple, Malformed> {
    let count = data.try_get_u16()?;
    let value = |_| {
        Ok(match data.try_get_u8()? {
            b'n' => Value::Null,
            b'u' => Value::Unchanged,
            b't' => {
                let length = data.try_get_u32()? as usize;
                match data.len() >= length {
                    true => Value::Text(data.split_to(length)),
                    false => return Err(Malformed),
                }
            }
            _ => return Err(Malformed),
        })
    };
    (0..count).map(value).collect()
}

/// Up to its zero byte.
fn text(data: &mut Bytes) -> Result<String, Malformed> {
    let end = data.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
    let text = data.split_to(end);
    data.advance(1);
    String::from_utf8(text.to_vec()).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
        Message::parse(Bytes::copy_from_slice(bytes))
    }

    const UPDATE: &[u8] = b"U\0\0\0\x05K\0\x02t\0\0\0\x011nN\0\x02t\0\0\0\x012u";

    #[test]
    fn an_update_tells_the_old_key_and_what_did_not_change() {
        let text = |text: &'static [u8]| Value::Text(Bytes::from_static(text));
        let wants = Message::Update {
            relation: 5,
            old: Some(Old {
                is_whole: false,
                values: vec![text(b"1"), Value::Null],
            }),
            new: vec![text(b"2"), Value::Unchanged],
        };
        assert_eq!(parse(UPDATE), Ok(wants));
    }

    #[test]
    fn a_relation_names_its_columns() {
        let bytes = b"R\0\0\0\x05public\0people\0d\0\x01\x01id\0\0\0\0\x17\xff\xff\xff\xff";
        let Ok(Message::Relation(relation)) = parse(bytes) else {
            panic!("no relation");
        };
        assert_eq!((relation.id, relation.name.as_str()), (5, "people"));
        assert_eq!(relation.columns, [("id".to_owned(), 23)]);
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        for end in 0..UPDATE.len() {
            assert_eq!(parse(&UPDATE[..end]), Err(Malformed), "{end}");
        }
        assert_eq!(parse(b"Y\0\0"), Ok(Message::Other));
    }
}
