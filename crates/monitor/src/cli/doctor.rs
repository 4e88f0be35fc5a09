//! `doctor`: connects to everything once and says what is wrong, what is missing and what will bite, with the cure.

use super::Failure;
use super::settings::tree_path;
use super::tree;
use anstyle::{AnsiColor, Style};
use replica_core::Role;
use replica_engine::doctor::{Answer, Examined, examine};
use replica_engine::driver::Advice;
use replica_engine::{Fault, FaultKind};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// A clock that is off by more is worth a word.
const CLOCK_MS: i64 = 1000;

/// Connect to every replica once: what can be reached, which grants are missing, which settings will bite.
///
/// Exit code 0: everything answered, and nothing is missing. 1: something has to be mended, or the tree cannot be read. Advice
/// alone is no failure. Nothing is changed anywhere.
#[derive(clap::Args)]
pub(super) struct Doctor {
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// How long each replica may take to answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    deadline: u64,
    /// One JSON object on standard output instead of lines
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let path = tree_path(self.tree.as_deref())?;
        let tree = tree::read(&path)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let found = runtime.block_on(examine(&tree, Duration::from_millis(self.deadline)));
        runtime.shutdown_background();
        match self.json {
            true => writeln!(
                out,
                "{}",
                json!({ "ok": found.iter().all(is_well), "replicas": found.iter().map(as_json).collect::<Vec<_>>() })
            )?,
            false => tell(out, &found)?,
        }
        match found.iter().all(is_well) {
            true => Ok(()),
            // What is wrong is the message.
            false => Err(Failure::Failed(String::new())),
        }
    }
}

fn is_well(examined: &Examined) -> bool {
    examined
        .answer
        .as_ref()
        .is_ok_and(|answer| answer.missing.is_empty() && !plays_another_role(examined, answer))
}

/// Only a master that follows: what a slave is, is told by more than one look.
fn plays_another_role(examined: &Examined, answer: &Answer) -> bool {
    examined.declared == Role::Master && answer.role == Some(Role::Slave)
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const QUIET: Style = Style::new().dimmed();

fn tell(out: &mut dyn Write, found: &[Examined]) -> Result<(), Failure> {
    for examined in found {
        let (project, replica) = (&examined.key.project, &examined.key.replica);
        match &examined.answer {
            Ok(answer) => {
                let style = if is_well(examined) { GOOD } else { WARN };
                let word = if is_well(examined) { "ok" } else { "mend" };
                let version = answer.version.as_deref().unwrap_or("answers");
                let ms = answer.took.as_secs_f64() * 1000.0;
                let role = answer.role.map_or("no role", |role| role.word());
                writeln!(
                    out,
                    "{style}{word:<5}{style:#} {project} / {replica}: {version}, {role}, answered in {ms:.1} ms"
                )?;
                tell_answer(out, examined, answer)?;
            }
            Err(fault) => {
                writeln!(out, "{BAD}fail {BAD:#} {project} / {replica}: {fault}")?;
                writeln!(out, "      {QUIET}do:{QUIET:#} {}", cure(fault))?;
            }
        }
    }
    let advice = tell_advice(out, found)?;
    let failed = found.iter().filter(|examined| examined.answer.is_err()).count();
    let mend = found
        .iter()
        .filter(|examined| examined.answer.is_ok() && !is_well(examined))
        .count();
    writeln!(
        out,
        "asked {}: {failed} failed, {mend} to mend, {advice} pieces of advice",
        found.len()
    )?;
    Ok(())
}

/// Each piece once, with those whom it concerns: a fleet is set up alike. Returns how many there are.
fn tell_advice(out: &mut dyn Write, found: &[Examined]) -> Result<usize, Failure> {
    let mut pieces: Vec<(&Advice, Vec<String>)> = Vec::new();
    for examined in found {
        let name = format!("{} / {}", examined.key.project, examined.key.replica);
        for advice in examined.answer.iter().flat_map(|answer| &answer.advice) {
            match pieces.iter_mut().find(|(known, _)| *known == advice) {
                Some((_, names)) => names.push(name.clone()),
                None => pieces.push((advice, vec![name.clone()])),
            }
        }
    }
    for (advice, names) in &pieces {
        writeln!(out, "{WARN}note{WARN:#}  {}: {}", advice.about, advice.why)?;
        writeln!(out, "      {QUIET}do:{QUIET:#} {}", advice.fix)?;
        writeln!(out, "      {QUIET}at:{QUIET:#} {}", names.join(", "))?;
    }
    Ok(pieces.len())
}

fn tell_answer(out: &mut dyn Write, examined: &Examined, answer: &Answer) -> Result<(), Failure> {
    if plays_another_role(examined, answer) {
        writeln!(
            out,
            "      {WARN}role{WARN:#}  declared a master, but it follows another server"
        )?;
    }
    for missing in &answer.missing {
        writeln!(out, "      {WARN}grant{WARN:#} unseen: {}", missing.what)?;
        writeln!(out, "            {QUIET}do:{QUIET:#} {}", missing.grant)?;
    }
    if let Some(offset) = answer.clock_offset_ms.filter(|offset| offset.abs() > CLOCK_MS) {
        let seconds = offset as f64 / 1000.0;
        writeln!(
            out,
            "      {WARN}clock{WARN:#} off by {seconds:+.1} s; measured lag is not affected, the server's own figures are"
        )?;
    }
    Ok(())
}

/// What to do about a server that did not answer.
fn cure(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Refused => {
            "check that the server runs and that its address and port in the tree are right"
        }
        FaultKind::TimedOut | FaultKind::Closed => {
            "check firewalls, the server's load and its dialect in the tree; a longer --deadline tells slow from dead"
        }
        FaultKind::Starting => "wait until it has started; its log tells how far it is",
        FaultKind::Saturated => "raise its limit of connections, or find who holds them",
        FaultKind::Misconfigured => {
            "mend the user, password, database or TLS options of its entry, or grant what the message names"
        }
        FaultKind::NotAsked => "mend its entry in the tree, or leave it: it is shown as unknown",
        FaultKind::Strange => "check that its dialect in the tree is what runs there",
    }
}

fn as_json(examined: &Examined) -> Value {
    let mut object = json!({
        "project": &*examined.key.project,
        "replica": &*examined.key.replica,
        "role": examined.declared.word(),
        "ok": is_well(examined),
    });
    let more = match &examined.answer {
        Err(fault) => json!({ "error": fault.to_string(), "do": cure(fault) }),
        Ok(answer) => json!({
            "version": answer.version.as_deref(),
            "observedRole": answer.role.map(|role| role.word()),
            "tookMs": answer.took.as_secs_f64() * 1000.0,
            "clockOffset": answer.clock_offset_ms,
            "missing": answer.missing.iter().map(|missing| json!({ "what": missing.what, "grant": missing.grant })).collect::<Vec<_>>(),
            "advice": answer.advice.iter().map(|advice| json!({ "about": advice.about, "why": advice.why, "fix": advice.fix })).collect::<Vec<_>>(),
        }),
    };
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}
