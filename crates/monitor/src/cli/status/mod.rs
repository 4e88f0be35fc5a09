//! `status`: how the replicas of a running monitor are, for people, scripts and Nagios.

mod answer;
mod judge;
mod summary;
mod table;

use super::Failure;
use super::remote::{Client, Remote};
use crate::clock::now_ms;
use answer::Answer;
use judge::{Grade, Judged, Note, general, projects, worst};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;
use summary::Summary;

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(2);
/// Clears the screen and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Tell how the replicas of a running monitor are.
///
/// Exit code 0: all is well. 1: something to look at (lag above its limit, drift, a missing grant…). 2: something is broken (down, two
/// masters, a broken link…). 3: nobody can tell, or the monitor cannot be asked. What is certainly bad outweighs what is unknown. These
/// are the codes of Nagios and its kin.
#[derive(clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    remote: Remote,
    /// Only this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// One JSON object on standard output
    #[arg(long, conflicts_with_all = ["watch", "nagios"])]
    json: bool,
    /// Draw it anew every 2 s, until Ctrl-C
    #[arg(long, conflicts_with = "nagios")]
    watch: bool,
    /// One line with performance data, then what is not well: a Nagios plugin's form
    #[arg(long)]
    nagios: bool,
}

/// What there is to show.
struct Look<'a> {
    general: Vec<Note>,
    projects: Vec<Judged<'a>>,
    summary: Summary,
}

impl Status {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let grade = match (self.remote.client(), self.watch) {
            (Ok(client), true) => self.watch(client, out),
            (Ok(client), false) => self.show(&ask(&client), out),
            // Whoever reads the exit code takes another one for the state of the replicas.
            (Err(Failure::Usage(why) | Failure::Failed(why)), _) => self.no_answer(&why, out),
            (Err(told), _) => Err(told),
        };
        match grade? {
            Grade::Ok => Ok(()),
            grade => Err(Failure::Told(grade as u8)),
        }
    }

    /// Ends by itself never: Ctrl-C ends it, with the code of the last look.
    fn watch(&self, client: Client, out: &mut dyn Write) -> Result<Grade, Failure> {
        let client = Arc::new(client);
        // Where nobody draws over the last one (a pipe), looks follow each other.
        let clear = if io::stdout().is_terminal() { CLEAR } else { "\n" };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let watched = runtime.block_on(async {
            let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
            let mut last = Grade::Unknown;
            loop {
                let client = Arc::clone(&client);
                let asked = tokio::task::spawn_blocking(move || ask(&client));
                let asked = tokio::select! {
                    _ = &mut stop => return Ok(last),
                    asked = asked => asked.unwrap_or_else(|error| Err(error.to_string())),
                };
                write!(out, "{clear}")?;
                last = self.show(&asked, out)?;
                out.flush()?;
                tokio::select! {
                    _ = &mut stop => return Ok(last),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        });
        // A question that is still open is nobody's business any more.
        runtime.shutdown_background();
        watched
    }

    fn show(&self, asked: &Result<Answer, String>, out: &mut dyn Write) -> Result<Grade, Failure> {
        let now = now_ms();
        let answer = match asked {
            Ok(answer) => answer,
            Err(why) => return self.no_answer(why, out),
        };
        let projects = projects(answer, self.project.as_deref(), now);
        if let (Some(name), true) = (&self.project, projects.is_empty()) {
            return self.no_answer(&format!("there is no project {name:?}"), out);
        }
        let general = general(answer, now);
        let summary = Summary::of(&general, &projects);
        let look = Look {
            general,
            projects,
            summary,
        };
        match (self.json, self.nagios) {
            (true, _) => writeln!(out, "{}", look.json(answer))?,
            (_, true) => look.nagios(out)?,
            _ => {
                let grade = look.summary.grade;
                let style = table::style(grade);
                let says = look.summary.sentence();
                writeln!(out, "{style}{}{style:#} - {says}", grade.word())?;
                table::tell(out, &look.general, 2)?;
                table::write(out, &look.projects, now)?;
            }
        }
        Ok(look.summary.grade)
    }

    fn no_answer(&self, why: &str, out: &mut dyn Write) -> Result<Grade, Failure> {
        let grade = Grade::Unknown;
        if self.json {
            let told = json!({ "status": grade, "code": grade as u8, "error": why });
            writeln!(out, "{told}")?;
        } else {
            writeln!(out, "{} - {}", grade.word(), summary::nagios_text(why))?;
        }
        Ok(grade)
    }
}

fn ask(client: &Client) -> Result<Answer, String> {
    let body = client.text("/api/snapshot").map_err(|why| why.to_string())?;
    let parsed = serde_json::from_str(&body);
    parsed.map_err(|error| {
        let base = client.base();
        format!("{base} answers something else than a snapshot: {error}")
    })
}

impl Look<'_> {
    fn nagios(&self, out: &mut dyn Write) -> io::Result<()> {
        let (grade, says) = (self.summary.grade.word(), self.summary.sentence());
        let data = self.summary.performance();
        writeln!(out, "{grade} - {} | {data}", summary::nagios_text(&says))?;
        for (name, note) in self.notes() {
            let text = summary::nagios_text(&format!("{name}{}", note.text));
            writeln!(out, "{}: {text}", note.grade.word())?;
        }
        Ok(())
    }

    /// Everything that is not well, with whom it concerns.
    fn notes(&self) -> impl Iterator<Item = (String, &Note)> {
        let general = self.general.iter().map(|note| (String::new(), note));
        let of_replicas = self.projects.iter().flat_map(|judged| {
            let project = &judged.project.name;
            judged.replicas.iter().flat_map(move |(replica, notes)| {
                let name = format!("{project} / {}: ", replica.name);
                notes.iter().map(move |note| (name.clone(), note))
            })
        });
        general
            .chain(of_replicas)
            .filter(|(_, note)| !note.text.is_empty())
    }

    fn json(&self, answer: &Answer) -> serde_json::Value {
        let told = |notes: &[Note]| -> Vec<Note> {
            let notes = notes.iter().filter(|note| !note.text.is_empty());
            notes.cloned().collect()
        };
        let replicas = |judged: &Judged<'_>| -> Vec<_> {
            let replicas = judged.replicas.iter();
            let one = |(replica, notes): &(&answer::Replica, Vec<Note>)| {
                json!({
                    "name": replica.name, "role": replica.role, "state": replica.state, "status": worst(notes),
                    "lag": replica.lag, "lagVerdict": replica.lag_verdict, "lagAsOf": replica.lag_as_of,
                    "lagTolerance": replica.lag_tolerance, "links": replica.observed.links.iter().map(|link| &link.state).collect::<Vec<_>>(),
                    "notes": told(notes),
                })
            };
            replicas.map(one).collect()
        };
        let projects: Vec<_> = self
            .projects
            .iter()
            .map(|judged| json!({ "name": judged.project.name, "replicas": replicas(judged) }))
            .collect();
        let grade = self.summary.grade;
        json!({ "status": grade, "code": grade as u8, "summary": self.summary.sentence(), "ts": answer.ts,
            "notes": told(&self.general), "projects": projects })
    }
}
