//! `scaffold`: puts the files into a project that run the monitor beside it.
//!
//! It never overwrites without `--force`, never writes outside of `--dir`, and asks nothing. It installs
//! nothing either: what remains to be done is printed.

mod error;
mod kind;
mod package_json;
mod place;

pub(crate) use error::ScaffoldError;

use anyhow::Context;
use kind::{KINDS, Kind, Recipe, Template};
use place::Root;
use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The script that starts the launcher.
const SCRIPT: &str = "monitor";

/// Put the files into a project that run the monitor beside it.
#[derive(Debug, clap::Args)]
pub(crate) struct Scaffold {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    /// What to write; without it, node if DIR has a package.json, or else rust if it has a Cargo.toml
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Kind>,

    /// Where the main file goes inside of DIR, if not at its usual place
    #[arg(long, value_name = "P")]
    path: Option<PathBuf>,

    /// Overwrite files that exist
    #[arg(long)]
    force: bool,

    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Scaffold {
    /// Writes the files, and into `out` what became of each of them and what to do next.
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let root = Root::open(&self.dir)?;
        let recipe = self.recipe(&root)?;
        let main = self.main_path(recipe)?;
        // Everything that can be refused is refused before the first file is written.
        let changes = self.changes(&root, recipe, &main)?;
        for change in &changes {
            if !self.dry_run {
                change.make()?;
            }
            writeln!(out, "{}  {}", change.outcome(self.dry_run), change.what)?;
        }
        if let Some(Action::Skip) = changes.first().map(|main| &main.action) {
            writeln!(
                out,
                "\nWhat exists was kept: --force overwrites it, --path writes elsewhere."
            )?;
        }
        write!(out, "\n{}", next_steps(recipe, &main))?;
        Ok(())
    }

    /// The recipe that was asked for, or else the first one whose project this is.
    fn recipe(&self, root: &Root) -> Result<&'static Recipe, ScaffoldError> {
        let fits = |recipe: &&Recipe| match self.kind {
            Some(kind) => recipe.kind == kind,
            None => recipe.marker.is_some_and(|marker| root.has(marker)),
        };
        KINDS.iter().find(fits).ok_or_else(|| ScaffoldError::UnknownKind {
            dir: self.dir.clone(),
        })
    }

    fn main_path(&self, recipe: &Recipe) -> Result<PathBuf, ScaffoldError> {
        let Some(path) = &self.path else {
            return Ok(PathBuf::from(recipe.main.path));
        };
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| recipe.extensions.contains(&extension)) {
            // Without `.` parts, so that the same place is always printed the same.
            return Ok(path
                .components()
                .filter(|part| *part != std::path::Component::CurDir)
                .collect());
        }
        let (kind, endings) = (recipe.kind.name(), recipe.extensions.join(" or ."));
        Err(ScaffoldError::path(
            path,
            format!("the main file of kind {kind} must end in .{endings}"),
        ))
    }

    fn changes(&self, root: &Root, recipe: &Recipe, main: &Path) -> anyhow::Result<Vec<Change>> {
        let mut changes = vec![self.file(root, &recipe.main, main)?];
        for template in recipe.beside {
            changes.push(self.file(root, template, &main.with_file_name(template.path))?);
        }
        if recipe.kind == Kind::Node && root.has("package.json") {
            changes.push(script(root, main)?);
        }
        Ok(changes)
    }

    fn file(&self, root: &Root, template: &Template, path: &Path) -> Result<Change, ScaffoldError> {
        let place = root.place(path)?;
        let action = match place.symlink_metadata() {
            Err(_) => Action::Create,
            Ok(_) if self.force => Action::Overwrite,
            Ok(_) => Action::Skip,
        };
        let text = Cow::Borrowed(template.text);
        Ok(Change {
            what: path.display().to_string(),
            place,
            text,
            private: template.private,
            action,
        })
    }
}

/// One line of the report, and what is behind it.
struct Change {
    /// How it is called in the report.
    what: String,
    /// The file that it is made in.
    place: PathBuf,
    /// Everything that the file will hold.
    text: Cow<'static, str>,
    /// Whether only the owner may read the file.
    private: bool,
    /// What is done.
    action: Action,
}

/// What is done about a file.
enum Action {
    Create,
    Overwrite,
    Skip,
}

impl Change {
    fn make(&self) -> anyhow::Result<()> {
        if matches!(self.action, Action::Skip) {
            return Ok(());
        }
        place::write_whole(&self.place, &self.text, self.private)
            .with_context(|| format!("cannot write {}", self.place.display()))
    }

    fn outcome(&self, dry_run: bool) -> &'static str {
        match self.action {
            Action::Skip => "skipped (exists)",
            _ if dry_run => "dry-run",
            Action::Create => "created",
            Action::Overwrite => "overwritten",
        }
    }
}

/// The `monitor` script of package.json. One that exists stays, `--force` or not: it is the project's own.
fn script(root: &Root, main: &Path) -> anyhow::Result<Change> {
    let place = root.resolve("package.json")?;
    let before = fs::read_to_string(&place).context("cannot read package.json")?;
    let command = package_json::start_command(&with_slashes(main));
    let (text, action) = match package_json::with_script(&before, SCRIPT, &command)? {
        Some(after) => (after, Action::Create),
        None => (before, Action::Skip),
    };
    let what = format!("package.json scripts.{SCRIPT}");
    Ok(Change {
        what,
        place,
        text: Cow::Owned(text),
        private: false,
        action,
    })
}

fn next_steps(recipe: &Recipe, main: &Path) -> String {
    let name = main.file_stem().unwrap_or_default().to_string_lossy();
    recipe
        .next_steps
        .replace("{path}", &with_slashes(main))
        .replace("{name}", &name)
}

/// The path as scripts write it on every system.
fn with_slashes(path: &Path) -> String {
    let names: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    names.join("/")
}
