//! What differs between the protocols: how a request looks, and what an answer means.

use super::series::Batch;
use super::{otlp, remote_write};
use ureq::http::StatusCode;

/// How metrics are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Prometheus's remote write 1.0: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.
    RemoteWrite,
    /// OpenTelemetry's OTLP over HTTP, in its binary form: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.
    Otlp,
}

impl Protocol {
    /// In labels of metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote_write",
            Self::Otlp => "otlp",
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote write",
            Self::Otlp => "OTLP",
        }
    }

    /// The path of an address that has none.
    pub(super) fn default_path(self) -> &'static str {
        match self {
            Self::RemoteWrite => "/",
            Self::Otlp => "/v1/metrics",
        }
    }

    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::RemoteWrite => &[
                ("content-type", "application/x-protobuf"),
                ("content-encoding", "snappy"),
                ("x-prometheus-remote-write-version", "0.1.0"),
            ],
            Self::Otlp => &[
                ("content-type", "application/x-protobuf"),
                ("content-encoding", "gzip"),
            ],
        }
    }

    /// The body of a request. Nothing, if it cannot be packed.
    pub(super) fn pack(self, batch: &Batch<'_>) -> Option<Vec<u8>> {
        match self {
            Self::RemoteWrite => remote_write::pack(batch),
            Self::Otlp => otlp::pack(batch),
        }
    }

    /// Whether a request with that answer may be taken later. For remote write that is any 5xx; OTLP names those that are.
    pub(super) fn may_be_taken_later(self, status: StatusCode) -> bool {
        match self {
            _ if status == StatusCode::TOO_MANY_REQUESTS => true,
            Self::RemoteWrite => !status.is_client_error(),
            Self::Otlp => matches!(
                status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            ),
        }
    }

    /// What of a request the receiver did not take although it took the request, in its words.
    pub(super) fn rejected(self, answer: &[u8]) -> Option<String> {
        match self {
            Self::RemoteWrite => None,
            Self::Otlp => otlp::rejected(answer),
        }
    }
}
