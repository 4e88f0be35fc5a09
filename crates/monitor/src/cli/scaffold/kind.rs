//! What can be scaffolded: one [`Recipe`] per [`Kind`] of project, all of them in [`KINDS`].
//!
//! The files themselves are under `templates/`, written exactly as they are read here; nothing is filled in.

use clap::ValueEnum;

/// The kinds of project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Launchers of the monitor and of its rules, and a helper to send events, for a Node.js application
    Node,
    /// An example that embeds the library in a Rust crate
    Rust,
    /// A hardened service unit and its settings
    Systemd,
    /// A container for Docker Compose
    Compose,
    /// A Deployment and a Service for Kubernetes
    K8s,
}

/// What one kind of project gets.
pub(super) struct Recipe {
    /// The kind it is for.
    pub(super) kind: Kind,
    /// The file by which a project of this kind is recognised, if it can be.
    pub(super) marker: Option<&'static str>,
    /// The file that `--path` moves.
    pub(super) main: Template,
    /// What the name of the main file may end with: its reader decides by that.
    pub(super) extensions: &'static [&'static str],
    /// Files that go into the folder of the main one.
    pub(super) beside: &'static [Template],
    /// What remains for the person to do; `{path}` is the main file, `{name}` its name without extension.
    pub(super) next_steps: &'static str,
}

/// One file as it is written.
pub(super) struct Template {
    /// Where it goes by default.
    pub(super) path: &'static str,
    /// What is in it.
    pub(super) text: &'static str,
    /// Whether secrets will be written into it, so that only its owner may read it.
    pub(super) private: bool,
}

/// Every kind, in the order in which a project is asked whether it is one.
pub(super) static KINDS: &[Recipe] = &[
    Recipe {
        kind: Kind::Node,
        marker: Some("package.json"),
        main: Template::public("services/monitor.mjs", include_str!("templates/monitor.mjs")),
        extensions: &["mjs"],
        beside: &[Template::public(
            "replicator.mjs",
            include_str!("templates/replicator.mjs"),
        )],
        next_steps: include_str!("templates/next/node.txt"),
    },
    Recipe {
        kind: Kind::Rust,
        marker: Some("Cargo.toml"),
        // Our own example, so that every build of this workspace compiles what is handed out.
        main: Template::public(
            "examples/monitor.rs",
            include_str!("../../../examples/monitor.rs"),
        ),
        extensions: &["rs"],
        beside: &[],
        next_steps: include_str!("templates/next/rust.txt"),
    },
    Recipe {
        kind: Kind::Systemd,
        marker: None,
        main: Template::public(
            "replica-monitor.service",
            include_str!("templates/replica-monitor.service"),
        ),
        extensions: &["service"],
        beside: &[Template::private(
            "replica-monitor.env",
            include_str!("templates/replica-monitor.env"),
        )],
        next_steps: include_str!("templates/next/systemd.txt"),
    },
    Recipe {
        kind: Kind::Compose,
        marker: None,
        main: Template::public("compose.yaml", include_str!("templates/compose.yaml")),
        extensions: &["yaml", "yml"],
        beside: &[],
        next_steps: include_str!("templates/next/compose.txt"),
    },
    Recipe {
        kind: Kind::K8s,
        marker: None,
        main: Template::public(
            "replica-monitor.yaml",
            include_str!("templates/replica-monitor.yaml"),
        ),
        extensions: &["yaml", "yml"],
        beside: &[],
        next_steps: include_str!("templates/next/k8s.txt"),
    },
];

impl Kind {
    /// How it is called on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Template {
    const fn public(path: &'static str, text: &'static str) -> Self {
        Self {
            path,
            text,
            private: false,
        }
    }

    const fn private(path: &'static str, text: &'static str) -> Self {
        Self {
            path,
            text,
            private: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_kind_has_one_recipe() {
        for kind in Kind::value_variants() {
            assert_eq!(
                KINDS.iter().filter(|recipe| recipe.kind == *kind).count(),
                1,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_default_path_keeps_the_recipes_own_rules() {
        for Recipe {
            kind,
            main,
            extensions,
            beside,
            ..
        } in KINDS
        {
            let extension = Path::new(main.path)
                .extension()
                .and_then(|ext| ext.to_str())
                .unwrap();
            assert!(extensions.contains(&extension), "{kind:?}");
            assert!(
                beside
                    .iter()
                    .all(|file| Path::new(file.path).components().count() == 1),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn texts_end_with_one_line_end_and_hold_no_tab() {
        for Recipe {
            kind,
            main,
            beside,
            next_steps,
            ..
        } in KINDS
        {
            for text in beside
                .iter()
                .map(|file| file.text)
                .chain([main.text, *next_steps])
            {
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{kind:?}");
                assert!(!text.contains(['\t', '\r']), "{kind:?}");
            }
        }
    }
}
