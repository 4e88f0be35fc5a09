//! Samples as a table of Apache Parquet: typed columns, null where a figure is unknown, with the reason beside it.

use super::line::Line;
use crate::cli::Failure;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::sync::Arc;

const SCHEMA: &str = "message sample {
    REQUIRED INT64 time_ms (TIMESTAMP(MILLIS, true));
    OPTIONAL BYTE_ARRAY project (UTF8);
    OPTIONAL BYTE_ARRAY replica (UTF8);
    OPTIONAL BYTE_ARRAY rule (UTF8);
    REQUIRED BYTE_ARRAY metric (UTF8);
    OPTIONAL INT64 value;
    OPTIONAL BYTE_ARRAY unknown (UTF8);
}";
/// Rows that are held in memory, and then written together.
const GROUP: usize = 100_000;

/// A file that is being written.
pub(super) struct Table {
    writer: SerializedFileWriter<File>,
    rows: Vec<Line>,
}

impl Table {
    pub(super) fn begin(file: File) -> Result<Self, Failure> {
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()));
        Ok(Self {
            writer: writer.map_err(failed)?,
            rows: Vec::with_capacity(GROUP),
        })
    }

    pub(super) fn add(&mut self, line: Line) -> Result<(), Failure> {
        self.rows.push(line);
        match self.rows.len() < GROUP {
            true => Ok(()),
            false => self.write(),
        }
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.write()?;
        self.writer.close().map(drop).map_err(failed)
    }

    fn write(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.rows);
        let number = |read: fn(&Line) -> Option<i64>| rows.iter().map(read).collect();
        let text = |read: fn(&Line) -> Option<&str>| -> Vec<Option<ByteArray>> {
            rows.iter().map(|line| read(line).map(ByteArray::from)).collect()
        };
        let mut write = || -> Result<(), ParquetError> {
            let mut group = self.writer.next_row_group()?;
            column::<Int64Type>(&mut group, number(|line| Some(line.time_ms)), true)?;
            column::<ByteArrayType>(&mut group, text(|line| line.project.as_deref()), false)?;
            column::<ByteArrayType>(&mut group, text(|line| line.replica.as_deref()), false)?;
            column::<ByteArrayType>(&mut group, text(|line| line.rule.as_deref()), false)?;
            column::<ByteArrayType>(&mut group, text(|line| Some(&line.metric)), true)?;
            column::<Int64Type>(&mut group, number(|line| line.value), false)?;
            column::<ByteArrayType>(&mut group, text(|line| line.unknown.as_deref()), false)?;
            group.close().map(drop)
        };
        write().map_err(failed)
    }
}

/// The next column of the group. Only the values that are there are stored; levels tell where.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: Vec<Option<T::T>>,
    required: bool,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let missing = || ParquetError::General("the schema has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let levels = (!required).then_some(&levels[..]);
    column.typed::<T>().write_batch(&values, levels, None)?;
    column.close()
}

fn failed(error: ParquetError) -> Failure {
    Failure::Failed(format!("the table cannot be written: {error}"))
}
