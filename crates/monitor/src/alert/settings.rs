//! The file for `--alerts`: channels, and what differs from the usual. Read once, at the start.

use super::channel::{Channel, Secrets};
use super::condition::{self, CONDITIONS, Condition, Severity};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long changes are gathered before they are told together.
const GATHER: Duration = Duration::from_secs(10);
/// How long an alert must be gone before it is called resolved: one that comes and goes is one.
const CLEARS: Duration = Duration::from_secs(30);
/// How many notices a channel gets in five minutes.
const AT_MOST: usize = 10;

/// Why alerts cannot be set up.
#[derive(Debug)]
pub struct AlertSettingsError(String);

impl fmt::Display for AlertSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AlertSettingsError {}

impl AlertSettingsError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// As it is written.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SettingsFile {
    channels: BTreeMap<String, ChannelEntry>,
    conditions: BTreeMap<String, Overrides>,
    #[serde(deserialize_with = "duration")]
    gather: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    clear: Option<Duration>,
    at_most: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelEntry {
    kind: String,
    #[serde(default)]
    severities: Vec<Severity>,
    #[serde(default)]
    projects: Vec<String>,
    #[serde(default, deserialize_with = "duration")]
    repeat: Option<Duration>,
    #[serde(flatten)]
    fields: serde_json::Map<String, serde_json::Value>,
}

/// What differs of one condition.
#[derive(Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Overrides {
    off: bool,
    #[serde(deserialize_with = "duration")]
    after: Option<Duration>,
    limit: Option<f64>,
    severity: Option<Severity>,
}

/// `10s`, `5m`, `2h 30m`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = humantime::parse_duration(&text);
    parsed.map(Some).map_err(|error| {
        serde::de::Error::custom(format!("{text:?} is no duration such as 30s, 5m or 2h: {error}"))
    })
}

/// Everything that alerts need to know.
#[derive(Clone)]
pub struct AlertSettings {
    /// Where the state is kept; nowhere, if it need not survive a restart.
    pub(super) state: Option<PathBuf>,
    pub(super) tuning: Tuning,
    pub(super) channels: Vec<Route>,
    pub(super) gather_ms: i64,
    pub(super) at_most: usize,
}

/// A channel, and what goes to it.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) channel: Channel,
    /// All, if empty.
    severities: Vec<Severity>,
    projects: Vec<String>,
    /// How often it is told again of what still fires.
    pub(super) repeat_ms: Option<i64>,
}

impl Route {
    /// Whether it must be told again and again, because it forgets.
    pub(super) fn forgets(&self) -> bool {
        self.channel.kind.repeat.is_some()
    }

    pub(super) fn takes(&self, severity: Severity, project: Option<&str>) -> bool {
        let of_project = |wanted: &String| Some(wanted.as_str()) == project;
        (self.severities.is_empty() || self.severities.contains(&severity))
            && (self.projects.is_empty() || self.projects.iter().any(of_project))
    }
}

/// How the conditions are judged here.
#[derive(Clone)]
pub(super) struct Tuning {
    overrides: BTreeMap<String, Overrides>,
    clear_ms: i64,
}

/// One of them.
pub(super) struct Tuned {
    pub(super) off: bool,
    pub(super) after_ms: i64,
    pub(super) clear_ms: i64,
    pub(super) limit: f64,
    pub(super) severity: Severity,
}

impl Tuning {
    pub(super) fn of(&self, condition: &Condition) -> Tuned {
        let own = self.overrides.get(condition.name).cloned().unwrap_or_default();
        let after = own.after.unwrap_or(condition.after);
        Tuned {
            off: own.off,
            after_ms: ms(after),
            clear_ms: self.clear_ms,
            limit: own.limit.unwrap_or(condition.limit),
            severity: own.severity.unwrap_or(condition.severity),
        }
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            state: None,
            tuning: Tuning {
                overrides: BTreeMap::new(),
                clear_ms: ms(CLEARS),
            },
            channels: Vec::new(),
            gather_ms: ms(GATHER),
            at_most: AT_MOST,
        }
    }
}

impl AlertSettings {
    /// Reads the file at `path`; `${NAME}` in it is looked up with `env`.
    pub fn read(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, AlertSettingsError> {
        let failed = |why: String| AlertSettingsError(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &Secrets { folder, env }).map_err(|error| failed(error.0))
    }

    /// The same, with its state kept in that file.
    #[must_use]
    pub fn kept_in(self, state: Option<PathBuf>) -> Self {
        Self { state, ..self }
    }

    /// The channel of that name.
    pub(crate) fn channel(&self, name: &str) -> Option<&Channel> {
        let mut routes = self.channels.iter();
        routes
            .find(|route| route.name == name)
            .map(|route| &route.channel)
    }

    pub(crate) fn channel_names(&self) -> Vec<&str> {
        self.channels.iter().map(|route| route.name.as_str()).collect()
    }

    pub(super) fn parse(text: &str, secrets: &Secrets<'_>) -> Result<Self, AlertSettingsError> {
        let file: SettingsFile =
            serde_json::from_str(text).map_err(|error| AlertSettingsError(error.to_string()))?;
        let mut settings = Self::default();
        for (name, entry) in file.channels {
            settings.channels.push(route(name, entry, secrets)?);
        }
        for (name, own) in &file.conditions {
            if condition::named(name).is_none() {
                let known: Vec<&str> = CONDITIONS.iter().map(|condition| condition.name).collect();
                let known = known.join(", ");
                return Err(AlertSettingsError(format!(
                    "conditions.{name}: there is none of that name; there are {known}"
                )));
            }
            if own.limit.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
                return Err(AlertSettingsError(format!(
                    "conditions.{name}.limit: must be 0 or more"
                )));
            }
        }
        settings.tuning = Tuning {
            overrides: file.conditions,
            clear_ms: file.clear.map_or(settings.tuning.clear_ms, ms),
        };
        settings.gather_ms = file.gather.map_or(settings.gather_ms, ms);
        settings.at_most = file.at_most.unwrap_or(AT_MOST);
        if settings.at_most == 0 {
            return Err(AlertSettingsError("atMost: must be 1 or more".to_owned()));
        }
        Ok(settings)
    }
}

fn route(name: String, entry: ChannelEntry, secrets: &Secrets<'_>) -> Result<Route, AlertSettingsError> {
    let of = |error: AlertSettingsError| AlertSettingsError(format!("channels.{name}: {}", error.0));
    let fields = serde_json::Value::Object(entry.fields);
    let channel = Channel::make(&entry.kind, fields, secrets).map_err(of)?;
    let repeat = entry.repeat.or(channel.kind.repeat);
    Ok(Route {
        channel,
        severities: entry.severities,
        projects: entry.projects,
        repeat_ms: repeat.map(ms),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AlertSettings, String> {
        let env = |name: &str| (name == "HOOK").then(|| "https://hooks.example/x".to_owned());
        let secrets = Secrets {
            folder: Path::new("/nowhere"),
            env: &env,
        };
        AlertSettings::parse(text, &secrets).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_says_what_differs_from_the_usual() {
        let settings = parse(
            r#"{"channels": {"ops": {"kind": "slack", "url": "${HOOK}", "severities": ["critical"], "projects": ["shop"]}},
                "conditions": {"lag": {"after": "2m", "limit": 2, "severity": "critical"}, "clock": {"off": true}},
                "gather": "30s", "atMost": 3}"#,
        )
        .unwrap();
        let lag = settings.tuning.of(condition::named("lag").unwrap());
        assert_eq!(
            (lag.after_ms, lag.limit, lag.severity),
            (120_000, 2.0, Severity::Critical)
        );
        assert!(settings.tuning.of(condition::named("clock").unwrap()).off);
        assert_eq!((settings.gather_ms, settings.at_most), (30_000, 3));
        let ops = &settings.channels[0];
        assert!(ops.takes(Severity::Critical, Some("shop")));
        assert!(!ops.takes(Severity::Warning, Some("shop")));
        assert!(!ops.takes(Severity::Critical, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, wants) in [
            ("{", "line 1"),
            (r#"{"chanels": {}}"#, "unknown field `chanels`"),
            (
                r#"{"conditions": {"lagg": {}}}"#,
                "conditions.lagg: there is none of that name",
            ),
            (
                r#"{"conditions": {"lag": {"after": "soon"}}}"#,
                "\"soon\" is no duration",
            ),
            (
                r#"{"conditions": {"lag": {"limit": -1}}}"#,
                "conditions.lag.limit",
            ),
            (r#"{"atMost": 0}"#, "atMost"),
            (
                r#"{"channels": {"x": {"kind": "pigeon"}}}"#,
                "channels.x: there is no kind \"pigeon\"",
            ),
            (
                r#"{"channels": {"x": {"kind": "slack"}}}"#,
                "channels.x: missing field `url`",
            ),
            (
                r#"{"channels": {"x": {"kind": "slack", "url": "${NONE}"}}}"#,
                "NONE is not set",
            ),
            (
                r#"{"channels": {"x": {"kind": "slack", "url": "file:none"}}}"#,
                "/nowhere/none",
            ),
            (
                r#"{"channels": {"x": {"kind": "slack", "url": "ftp://x"}}}"#,
                "must begin with http",
            ),
        ] {
            let why = parse(text).err().unwrap();
            assert!(why.contains(wants), "{text}: {why}");
        }
    }
}
