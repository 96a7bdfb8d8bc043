//! Writes positions on a map as a table: dataset, key, x, y; Parquet, or CSV.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionRow {
    /// Display name of the dataset.
    pub dataset: Arc<str>,
    /// The sample's key.
    pub key: String,
    /// Where it stands.
    pub position: [f32; 2],
}

/// Writes comma-separated values with a header.
///
/// # Errors
/// A sentence.
pub fn write_csv(rows: &[PositionRow], out: impl Write) -> Result<(), String> {
    let mut writer = csv::Writer::from_writer(out);
    let mut line = |fields: [&str; 4]| writer.write_record(fields).map_err(|error| error.to_string());
    line(["dataset", "key", "x", "y"])?;
    for PositionRow { dataset, key, position: [x, y] } in rows {
        line([dataset, key, &x.to_string(), &y.to_string()])?;
    }
    writer.flush().map_err(|error| error.to_string())
}

/// Writes Parquet.
///
/// # Errors
/// A sentence.
pub fn write_parquet(rows: &[PositionRow], out: impl Write + Send) -> Result<(), String> {
    let column = |axis: usize| Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| row.position[axis])));
    let columns: [(&str, ArrayRef); 4] = [
        ("dataset", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &*row.dataset)))),
        ("key", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.key)))),
        ("x", column(0)),
        ("y", column(1)),
    ];
    let batch = RecordBatch::try_from_iter(columns).map_err(|error| error.to_string())?;
    let mut writer = ArrowWriter::try_new(out, batch.schema(), None).map_err(|error| error.to_string())?;
    writer.write(&batch).map_err(|error| error.to_string())?;
    writer.close().map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    #[test]
    fn both_tables_say_the_same() {
        let row = |key: &str, x: f32| PositionRow { dataset: "shop".into(), key: key.to_owned(), position: [x, -1.5] };
        let rows = [row("a,b", 0.1), row("c", 2.0)];
        let mut csv = Vec::new();
        write_csv(&rows, &mut csv).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap(), "dataset,key,x,y\nshop,\"a,b\",0.1,-1.5\nshop,c,2,-1.5\n");
        let mut parquet = Vec::new();
        write_parquet(&rows, &mut parquet).unwrap();
        let mut reader =
            ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet)).unwrap().build().unwrap();
        let batch = reader.next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 4));
        let keys = batch.column(1).as_any().downcast_ref::<StringArray>().unwrap();
        let x = batch.column(2).as_any().downcast_ref::<Float32Array>().unwrap();
        assert_eq!((keys.value(0), x.value(0), x.value(1)), ("a,b", 0.1, 2.0));
    }
}
