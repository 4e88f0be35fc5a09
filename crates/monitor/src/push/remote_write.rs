//! Prometheus's remote write 1.0: its messages, as its `.proto` has them, and their packed form.
//!
//! The numbers are those of `prompb/remote.proto` and `prompb/types.proto` in <https://github.com/prometheus/prometheus>.

use super::series::{Batch, Series};
use prost::Message;

/// The value that means "ended": one particular NaN.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`; its labels are sorted by name.
#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

/// `prometheus.Label`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `prometheus.Sample`; the time is in milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The body of a request: snappy's block form, which is what the protocol wants. Nothing, if it were larger than that form can hold.
pub(super) fn pack(batch: &Batch<'_>) -> Option<Vec<u8>> {
    snap::raw::Encoder::new()
        .compress_vec(&request(batch).encode_to_vec())
        .ok()
}

fn request(batch: &Batch<'_>) -> WriteRequest {
    let samples = batch.samples.iter();
    let timeseries = samples.map(|(series, value)| TimeSeries {
        labels: labels(batch.common, series),
        samples: vec![Sample {
            value: value.unwrap_or(f64::from_bits(STALE)),
            timestamp: batch.at_ms,
        }],
    });
    WriteRequest {
        timeseries: timeseries.collect(),
    }
}

fn labels(common: &[(String, String)], series: &Series) -> Vec<Label> {
    let label = |name: &str, value: &str| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let pairs = common.iter().chain(&series.labels);
    let mut labels: Vec<Label> = pairs.map(|(name, value)| label(name, value)).collect();
    labels.push(label("__name__", &series.name));
    labels.sort();
    labels
}

#[cfg(test)]
mod tests {
    use super::super::series::Teller;
    use super::*;

    fn told(series: &TimeSeries) -> Vec<(&str, &str)> {
        let labels = series.labels.iter();
        labels.map(|label| (&*label.name, &*label.value)).collect()
    }

    #[test]
    fn labels_are_sorted_and_an_end_is_the_one_nan() {
        let mut teller = Teller::new(&[("job".to_owned(), "j".to_owned())], 0);
        teller.take("a{z=\"1\",b=\"2\"} 2.5\n", 7);
        let living = request(&teller.batches(9).next().unwrap());
        let wanted = [("__name__", "a"), ("b", "2"), ("job", "j"), ("z", "1")];
        assert_eq!(told(&living.timeseries[0]), wanted);
        let sample = living.timeseries[0].samples[0];
        assert_eq!((sample.value, sample.timestamp), (2.5, 7));
        teller.take("", 8);
        let ended = request(&teller.batches(9).next().unwrap());
        assert_eq!(told(&ended.timeseries[0]), wanted);
        assert_eq!(ended.timeseries[0].samples[0].value.to_bits(), STALE);
    }
}
