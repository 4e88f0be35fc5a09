//! What `scaffold` writes, and that it runs: each kind in a fresh folder, started for real where this machine can.
//!
//! Docker and Kubernetes are not started: their files are parsed, and the commands in them are run as they are.

use crate::support::DEADLINE;
use saphyr::{LoadableYamlNode, Yaml};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_replica-monitor");
const TREE: &str =
    r#"{"replicas":{"shop":{"main":{"role":"master","dialect":"postgres","uri":"postgres://h/shop"}}}}"#;

// ---- results, and what is left alone

#[test]
fn every_kind_is_created_then_skipped_then_overwritten() {
    for (kind, files) in [
        ("node", &["services/monitor.mjs", "services/replicator.mjs"][..]),
        ("rust", &["examples/monitor.rs"]),
        ("systemd", &["replica-monitor.service", "replica-monitor.env"]),
        ("compose", &["compose.yaml"]),
        ("k8s", &["replica-monitor.yaml"]),
    ] {
        let project = Project::new();
        let report = |outcome: &str| -> Vec<String> {
            files.iter().map(|file| format!("{outcome}  {file}")).collect()
        };
        assert_eq!(project.report(&["--kind", kind, "--dry-run"]), report("dry-run"));
        assert_eq!(
            project.files(),
            Vec::<String>::new(),
            "{kind}: --dry-run writes nothing"
        );

        assert_eq!(project.report(&["--kind", kind]), report("created"));
        let mut expected: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        expected.sort();
        assert_eq!(project.files(), expected, "{kind}: no draft is left behind");

        project.write(files[0], "mine");
        let said = text(&project.scaffold(&["--kind", kind]).stdout);
        assert!(said.contains("--force overwrites it"), "{said}");
        assert_eq!(project.report(&["--kind", kind]), report("skipped (exists)"));
        assert_eq!(
            project.report(&["--kind", kind, "--dry-run"]),
            report("skipped (exists)")
        );
        assert_eq!(
            project.report(&["--kind", kind, "--dry-run", "--force"]),
            report("dry-run")
        );
        assert_eq!(project.read(files[0]), "mine");

        assert_eq!(
            project.report(&["--kind", kind, "--force"]),
            report("overwritten")
        );
        assert_ne!(project.read(files[0]), "mine");
    }
}

#[test]
fn the_kind_is_found_in_the_project() {
    let project = Project::new();
    project.write("Cargo.toml", "[package]\n");
    assert_eq!(project.report(&[]), ["created  examples/monitor.rs"]);
    assert_eq!(project.read("Cargo.toml"), "[package]\n");
    project.write("package.json", "{}\n");
    assert_eq!(
        project.report(&[]),
        [
            "created  services/monitor.mjs",
            "created  services/replicator.mjs",
            "created  package.json scripts.monitor"
        ]
    );
}

#[test]
fn a_folder_that_is_no_project_is_told_the_kinds() {
    let project = Project::new();
    project.refused(&[], "choose with --kind: node, rust, systemd, compose, k8s");
    project.refused(&["--kind", "cobol"], "node, rust, systemd, compose, k8s");
    project.refused(&["--dir", "nowhere"], "nowhere is not a folder");
}

#[test]
fn the_path_moves_the_main_file_and_the_script_follows() {
    let project = Project::new();
    project.write("package.json", "{}");
    let report = project.report(&["--path", "./my services/watch.mjs"]);
    assert_eq!(report[0], "created  my services/watch.mjs");
    let package: serde_json::Value = serde_json::from_str(&project.read("package.json")).unwrap();
    assert_eq!(package["scripts"]["monitor"], r#"node "my services/watch.mjs""#);

    let report = project.report(&["--kind", "systemd", "--path", "deploy/watch.service"]);
    assert_eq!(
        report,
        [
            "created  deploy/watch.service",
            "created  deploy/replica-monitor.env"
        ]
    );
}

#[test]
fn a_path_that_leaves_the_project_is_refused() {
    let project = Project::new();
    let absolute = project.path("x.mjs");
    project.write("taken", "");
    project.write("folder.mjs/x", "");
    for (path, reason) in [
        ("../x.mjs", "must not contain `..`"),
        ("a/../../x.mjs", "must not contain `..`"),
        (absolute.to_str().unwrap(), "must be relative to --dir"),
        ("monitor.js", "must end in .mjs"),
        ("taken/x.mjs", "taken is not a folder"),
        ("folder.mjs", "is a folder"),
        ("", "value is required"),
    ] {
        project.refused(&["--kind", "node", "--path", path], reason);
    }
    assert_eq!(project.files(), ["folder.mjs/x", "taken"]);
}

#[cfg(unix)]
#[test]
fn links_that_leave_the_project_are_refused_and_others_followed() {
    use std::os::unix::fs::symlink;
    let (project, outside) = (Project::new(), Project::new());
    symlink(outside.path(""), project.path("services")).unwrap();
    project.refused(&["--kind", "node"], "services is a link that leads outside");
    project.refused(
        &["--kind", "node", "--path", "services/deep/x.mjs"],
        "leads outside",
    );

    outside.write("package.json", "{}");
    symlink(outside.path("package.json"), project.path("package.json")).unwrap();
    let output = project.scaffold(&["--path", "x.mjs"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("package.json is a link that leads outside"));
    assert_eq!(outside.files(), ["package.json"]);
    assert_eq!(outside.read("package.json"), "{}");

    // --force replaces a link, it does not write through it.
    outside.write("theirs.rs", "theirs");
    symlink(outside.path("theirs.rs"), project.path("mine.rs")).unwrap();
    assert_eq!(
        project.report(&["--kind", "rust", "--path", "mine.rs"]),
        ["skipped (exists)  mine.rs"]
    );
    project.report(&["--kind", "rust", "--path", "mine.rs", "--force"]);
    assert_eq!(outside.read("theirs.rs"), "theirs");

    fs::create_dir(project.path("real")).unwrap();
    symlink("real", project.path("alias")).unwrap();
    project.report(&["--kind", "rust", "--path", "alias/x.rs"]);
    assert!(project.path("real/x.rs").is_file());
}

#[test]
fn package_json_keeps_every_byte_but_the_script() {
    let script = r#""monitor": "node services/monitor.mjs""#;
    for (before, after) in [
        (
            "{\n\t\"scripts\": {\n\t\t\"test\": \"t\"\n\t},\n\t\"b\": 1.50,\n\t\"a\": [1,2]\n}\n",
            "{\n\t\"scripts\": {\n\t\t\"test\": \"t\",\n\t\tSCRIPT\n\t},\n\t\"b\": 1.50,\n\t\"a\": [1,2]\n}\n",
        ),
        (
            "{\r\n    \"name\": \"n\",\r\n    \"scripts\": {\r\n        \"test\": \"t\"\r\n    }\r\n}",
            "{\r\n    \"name\": \"n\",\r\n    \"scripts\": {\r\n        \"test\": \"t\",\r\n        SCRIPT\r\n    }\r\n}",
        ),
        (
            "{\n    \"name\": \"n\"\n}",
            "{\n    \"name\": \"n\",\n    \"scripts\": {\n        SCRIPT\n    }\n}",
        ),
        (
            "{ \"scripts\": { \"test\": \"t\" } }\n",
            "{ \"scripts\": { \"test\": \"t\", SCRIPT } }\n",
        ),
    ] {
        let project = Project::new();
        project.write("package.json", before);
        project.report(&["--dry-run"]);
        assert_eq!(project.read("package.json"), before);
        project.report(&[]);
        assert_eq!(project.read("package.json"), after.replace("SCRIPT", script));
        assert_eq!(
            project.report(&["--force"]),
            [
                "overwritten  services/monitor.mjs",
                "overwritten  services/replicator.mjs",
                "skipped (exists)  package.json scripts.monitor"
            ]
        );
        assert_eq!(project.read("package.json"), after.replace("SCRIPT", script));
    }
}

#[test]
fn a_monitor_script_of_the_projects_own_stays() {
    let project = Project::new();
    let before = "{\"scripts\": {\"monitor\": \"top\"}}";
    project.write("package.json", before);
    assert_eq!(
        project.report(&["--force"])[2],
        "skipped (exists)  package.json scripts.monitor"
    );
    assert_eq!(project.read("package.json"), before);
}

#[test]
fn a_broken_package_json_stops_everything_before_the_first_file() {
    let project = Project::new();
    project.write("package.json", "{ \"scripts\": ");
    project.refused(&[], "package.json: EOF while parsing");
    assert_eq!(project.files(), ["package.json"]);
}

#[cfg(unix)]
#[test]
fn files_for_secrets_are_their_owners_alone_and_others_keep_their_mode() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    let mode = |file: &str| fs::metadata(project.path(file)).unwrap().permissions().mode() & 0o777;
    project.report(&["--kind", "systemd"]);
    assert_eq!(mode("replica-monitor.env"), 0o600);
    project.write("package.json", "{}");
    fs::set_permissions(project.path("package.json"), fs::Permissions::from_mode(0o640)).unwrap();
    project.report(&[]);
    assert_eq!(mode("package.json"), 0o640);
}

// ---- node

#[test]
fn the_launcher_runs_the_monitor_and_ends_with_it() {
    let Some(node) = tool("node") else { return };
    let project = Project::node();
    for (signal, code) in [("TERM", 0), ("INT", 0)] {
        let mut launcher = project.command(&node);
        launcher.arg("services/monitor.mjs").env("MONITOR_BIN", BINARY);
        let mut monitor = Running::start(launcher.args(["--port", "0"]));
        assert_eq!(get(monitor.address(), "/healthz").0, 200);
        monitor.signal(signal);
        // The pipe ends when neither the launcher nor the monitor holds it any more.
        assert_eq!(monitor.wait(), Some(code), "{signal}");
        assert!(
            TcpStream::connect(monitor.address()).is_err(),
            "the monitor outlived its launcher"
        );
    }
}

#[cfg(feature = "drivers")]
#[test]
fn the_replicator_keeps_rules_going_and_ends_as_they_do() {
    let Some(node) = tool("node") else { return };
    let project = Project::node();
    project.write("elsewhere.json", TREE);
    let mut launcher = project.command(&node);
    launcher
        .args(["services/replicator.mjs", "copy"])
        .env("MONITOR_BIN", BINARY)
        .env("MONITOR_TREE", "elsewhere.json");
    let output = launcher.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no rule \"copy\""), "{said}");
}

#[test]
fn the_launcher_reads_the_environment_and_finds_the_program_in_path() {
    let Some(node) = tool("node") else { return };
    let project = Project::node();
    project.write("elsewhere.json", TREE);
    let mut launcher = project.command(&node);
    let folder = PathBuf::from(BINARY).parent().unwrap().to_owned();
    launcher.arg("services/monitor.mjs").env("PATH", folder);
    launcher
        .env("MONITOR_PORT", "0")
        .env("MONITOR_TREE", "elsewhere.json")
        .env("MONITOR_TOKEN", "s3cret");
    let monitor = Running::start(&mut launcher);
    assert_eq!(get(monitor.address(), "/api/replicas").0, 401);
    let (status, body) = get(monitor.address(), "/api/replicas?token=s3cret");
    assert_eq!(status, 200);
    assert!(body.contains("shop"), "{body}");
}

#[test]
fn the_launcher_ends_as_the_program_ends() {
    let Some(node) = tool("node") else { return };
    let project = Project::node();
    let run = |binary: &str, args: &[&str]| {
        let mut launcher = project.command(&node);
        launcher
            .arg("services/monitor.mjs")
            .env("MONITOR_BIN", binary)
            .args(args);
        launcher.output().unwrap()
    };
    let output = run("./no-such-program", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("set MONITOR_BIN"),
        "{}",
        text(&output.stderr)
    );
    let output = run("services", &[]);
    assert_eq!(output.status.code(), Some(1), "a folder is no program");
    let output = run(BINARY, &["--poll", "0"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let output = run(&node, &["-e", "process.kill(process.pid, 'SIGKILL')"]);
    assert_eq!(output.status.code(), Some(128 + 9));
}

#[test]
fn the_launcher_forwards_a_hangup() {
    let Some(node) = tool("node") else { return };
    let project = Project::node();
    let program =
        "process.on('SIGHUP', () => process.exit(7)); setInterval(() => {}, 1e4); console.log('up')";
    let mut launcher = project.command(&node);
    launcher
        .arg("services/monitor.mjs")
        .env("MONITOR_BIN", &node)
        .args(["-e", program]);
    let mut running = Running::start_unheard(&mut launcher);
    running.line_with("up");
    running.signal("HUP");
    assert_eq!(running.wait(), Some(7));
}

#[test]
fn emit_is_heard_refused_or_told_that_nobody_is_there() {
    let Some(node) = tool("node") else { return };
    let project = Project::node();
    let mut serve = project.command(BINARY);
    let monitor = Running::start(
        serve
            .args(["--port", "0"])
            .env("MONITOR_OPERATOR_TOKEN", "0perator"),
    );
    let (port, free) = (monitor.address().port().to_string(), free_port().to_string());
    // The token must not follow it.
    let redirect = "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n";
    let elsewhere = answering(redirect);
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    project.write(
        ".mostajs/config.env",
        "# ours\nexport MONITOR_OPERATOR_TOKEN=\"0perator\" # quoted\n",
    );
    project.write(
        ".env",
        &format!("MONITOR_OPERATOR_TOKEN=overruled\r\nMONITOR_PORT={port}   # here\r\n"),
    );
    let cases = format!(
        r#"
        import {{ emit }} from './services/monitor.mjs';
        const told = (event, options) => emit(event, options).then(String, (error) => error.message);
        const env = process.env;
        console.log(await told({{ type: 'deploy', version: '1.2' }}));
        console.log(await told({{ version: 'no type' }}));
        env.MONITOR_HOST = '0.0.0.0';
        console.log(await told({{ type: 'deploy' }}));
        env.MONITOR_URL = 'http://localhost:{port}/';
        console.log(await told({{ type: 'deploy' }}));
        env.MONITOR_OPERATOR_TOKEN = 'wrong';
        console.log(await told({{ type: 'deploy' }}));
        env.MONITOR_OPERATOR_TOKEN = '';
        console.log(await told({{ type: 'deploy' }}));
        env.MONITOR_OPERATOR_TOKEN = '0perator';
        env.MONITOR_URL = 'http://127.0.0.1:{free}';
        console.log(await told({{ type: 'deploy' }}));
        env.MONITOR_URL = '{silent_url}';
        console.log(await told({{ type: 'deploy' }}, {{ timeoutMs: 100 }}));
        env.MONITOR_URL = 'not a url';
        console.log(await told({{ type: 'deploy' }}));
        env.MONITOR_URL = 'http://127.0.0.1:{elsewhere}';
        console.log(await told({{ type: 'deploy' }}));
        "#
    );
    let mut application = project.command(&node);
    // Importing starts nothing: this program would fail.
    application.env("MONITOR_BIN", "./no-such-program");
    let output = application
        .args(["--input-type=module", "-e", &cases])
        .output()
        .unwrap();
    let told: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(told.len(), 10, "{told:#?}");
    assert_eq!(told[0], "true");
    assert!(
        told[1].starts_with("emit: the monitor answered 400: "),
        "{}",
        told[1]
    );
    assert!(told[1].contains("`type` must be"), "{}", told[1]);
    assert_eq!(told[2], "true");
    assert_eq!(told[3], "true");
    assert!(
        told[4].starts_with("emit: the monitor answered 40"),
        "{}",
        told[4]
    );
    assert!(
        told[5].contains("MONITOR_OPERATOR_TOKEN is not set"),
        "{}",
        told[5]
    );
    assert_eq!((told[6].as_str(), told[7].as_str()), ("false", "false"));
    assert!(told[8].contains("not a url"), "{}", told[8]);
    assert!(told[9].contains("answered 307"), "{}", told[9]);

    let events =
        poll(|| Some(get(monitor.address(), "/api/events").1).filter(|body| body.contains("deploy")));
    assert!(events.contains(r#""version":"1.2""#), "{events}");
}

// ---- rust

#[test]
fn the_rust_example_is_the_one_that_this_workspace_compiles() {
    let project = Project::new();
    project.report(&["--kind", "rust"]);
    assert_eq!(
        project.read("examples/monitor.rs"),
        include_str!("../../examples/monitor.rs")
    );
}

// ---- systemd

#[test]
fn the_unit_is_accepted_by_systemd_and_exposes_little() {
    let Some(analyze) = tool("systemd-analyze") else {
        return;
    };
    let project = Project::new();
    project.report(&["--kind", "systemd"]);
    let unit = project.read("replica-monitor.service");
    let exec = "ExecStart=/usr/local/bin/replica-monitor\n";
    assert!(unit.contains(exec));
    // The one thing that only an installed machine has.
    project.write(
        "replica-monitor.service",
        &unit.replace(exec, &format!("ExecStart={BINARY}\n")),
    );
    let run = |args: &[&str]| {
        let output = Command::new(&analyze)
            .args(args)
            .arg(project.path("replica-monitor.service"))
            .output()
            .unwrap();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let (accepted, said) = run(&["verify", "--man=no", "--recursive-errors=no"]);
    assert!(accepted && !said.contains("replica-monitor.service"), "{said}");
    // Tenths of the 0 to 10 that it judges units by; what is left is mostly that it talks over the network.
    let (safe, said) = run(&["security", "--offline=yes", "--threshold=20", "--no-pager"]);
    assert!(safe, "{said}");
}

#[test]
fn the_monitor_takes_the_units_command_and_settings() {
    let project = Project::with_tree();
    project.report(&["--kind", "systemd"]);
    let unit = project.read("replica-monitor.service");
    let exec = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    assert_eq!(exec, "/usr/local/bin/replica-monitor");
    let mut monitor = project.command(BINARY);
    let env = project.read("replica-monitor.env");
    for line in env
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, value) = line.split_once('=').unwrap();
        monitor.env(name, value);
    }
    monitor
        .env("MONITOR_PORT", "0")
        .env("MONITOR_TREE", Project::TREE_FILE);
    assert_eq!(get(Running::start(&mut monitor).address(), "/healthz").0, 200);
}

// ---- containers

#[test]
fn the_compose_file_parses_and_its_commands_work() {
    let project = Project::with_tree();
    project.report(&["--kind", "compose"]);
    let file = project.read("compose.yaml");
    let documents = Yaml::load_from_str(&file).unwrap();
    let service = &documents[0]["services"]["monitor"];
    assert_eq!(service["ports"][0].as_str(), Some("127.0.0.1:14499:14499"));
    assert_eq!(service["read_only"].as_bool(), Some(true));
    assert_eq!(service["cap_drop"][0].as_str(), Some("ALL"));
    assert_eq!(
        service["security_opt"][0].as_str(),
        Some("no-new-privileges:true")
    );
    assert!(service["volumes"][0].as_str().unwrap().ends_with(":ro"));

    project.write("token", "s3cret\n");
    let mut monitor = project.command(BINARY);
    monitor.args(strings(&service["command"]).iter().map(|arg| match arg.as_str() {
        "/etc/replica-monitor/replicator-tree.json" => Project::TREE_FILE,
        "/run/secrets/monitor_token" => "token",
        "14499" => "0",
        other => other,
    }));
    let mut monitor = Running::start(&mut monitor);
    assert_eq!(get(monitor.address(), "/api/replicas").0, 401);

    let check = strings(&service["healthcheck"]["test"]);
    assert_eq!(&check[..3], ["CMD", "bash", "-c"]);
    let Some(bash) = tool("bash") else { return };
    let healthy = |port: u16| {
        // Compose turns $$ into $.
        let script = check[3].replace("$$", "$").replace("/14499", &format!("/{port}"));
        Command::new(&bash)
            .args(["-c", &script])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    let port = monitor.address().port();
    assert!(healthy(port));
    assert!(!healthy(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")));
    monitor.signal("TERM");
    assert_eq!(monitor.wait(), Some(0));
    assert!(!healthy(port));
}

#[test]
fn the_kubernetes_file_parses_and_its_command_and_probes_work() {
    let project = Project::with_tree();
    project.report(&["--kind", "k8s"]);
    let file = project.read("replica-monitor.yaml");
    let documents = Yaml::load_from_str(&file).unwrap();
    let kinds: Vec<_> = documents
        .iter()
        .map(|document| document["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Deployment", "Service"]);
    let pod = &documents[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"].as_str(),
        Some("RuntimeDefault")
    );
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"].as_bool(),
        Some(false)
    );
    assert_eq!(
        container["securityContext"]["capabilities"]["drop"][0].as_str(),
        Some("ALL")
    );
    assert_eq!(
        pod["volumes"][0]["secret"]["defaultMode"].as_integer(),
        Some(0o440)
    );
    assert!(container["volumeMounts"][0].as_mapping_get("subPath").is_none());
    assert_eq!(container["env"][0]["name"].as_str(), Some("MONITOR_TOKEN"));
    let labels = &documents[0]["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels, &documents[0]["spec"]["selector"]["matchLabels"]);
    assert_eq!(labels, &documents[1]["spec"]["selector"]);

    let mut monitor = project.command(BINARY);
    monitor.env("MONITOR_TOKEN", "s3cret");
    monitor.args(strings(&container["args"]).iter().map(|arg| match arg.as_str() {
        "/etc/replica-monitor/replicator-tree.json" => Project::TREE_FILE,
        "14499" => "0",
        other => other,
    }));
    let monitor = Running::start(&mut monitor);
    for probe in ["livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        poll(|| (get(monitor.address(), path).0 == 200).then_some(()));
    }
    assert_eq!(get(monitor.address(), "/api/replicas").0, 401);
}

fn strings(list: &Yaml<'_>) -> Vec<String> {
    let items = list.as_vec().unwrap();
    items
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

// ---- the project

/// A fresh folder, and the command in it.
struct Project(TempDir);

impl Project {
    const TREE_FILE: &str = ".mostajs/replicator-tree.json";

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with_tree() -> Self {
        let project = Self::new();
        project.write(Self::TREE_FILE, TREE);
        project
    }

    fn node() -> Self {
        let project = Self::with_tree();
        project.report(&["--kind", "node"]);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Every file below the folder, sorted.
    fn files(&self) -> Vec<String> {
        let mut folders = vec![self.path("")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => files.push(entry.path()),
                }
            }
        }
        let name = |file: &PathBuf| {
            file.strip_prefix(self.0.path())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let mut names: Vec<String> = files.iter().map(name).collect();
        names.sort();
        names
    }

    /// A program started in the folder, without the settings of whoever runs the tests.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("MONITOR_")) {
                command.env_remove(name);
            }
        }
        command
    }

    fn scaffold(&self, args: &[&str]) -> Output {
        self.command(BINARY).arg("scaffold").args(args).output().unwrap()
    }

    /// What became of each file.
    fn report(&self, args: &[&str]) -> Vec<String> {
        let output = self.scaffold(args);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?}: {}",
            text(&output.stderr)
        );
        let said = text(&output.stdout);
        let (report, next_steps) = said.split_once("\n\n").unwrap();
        assert!(next_steps.contains("next steps"), "{said}");
        assert!(
            !next_steps.contains("{path}") && !next_steps.contains("{name}"),
            "{said}"
        );
        report.lines().map(str::to_owned).collect()
    }

    fn refused(&self, args: &[&str], reason: &str) {
        let output = self.scaffold(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(reason), "{args:?}: {said}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}

// ---- processes and sockets

/// A program that is ended with the test, and the lines that it writes.
struct Running {
    child: Child,
    lines: Receiver<String>,
    address: Option<SocketAddr>,
}

impl Running {
    /// Starts a monitor and waits for the line that says where it serves.
    fn start(command: &mut Command) -> Self {
        let mut running = Self::start_unheard(command);
        let line = running.line_with("http://");
        let address = line.split("http://").nth(1).unwrap();
        let port = address.trim_end_matches('/').rsplit(':').next().unwrap();
        running.address = Some(SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())));
        running
    }

    fn start_unheard(command: &mut Command) -> Self {
        // A group of its own, so that it can be ended together with what it starts.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        command.env("MONITOR_LOG", "error");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once the test is over.
                let _ = send.send(line);
            }
        });
        Self {
            child,
            lines,
            address: None,
        }
    }

    fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    fn line_with(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE).unwrap();
            if line.contains(part) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// The exit code, once every process that holds the output has ended.
    fn wait(&mut self) -> Option<i32> {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code(),
                Err(RecvTimeoutError::Timeout) => panic!("still running after {DEADLINE:?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group: a launcher that fails its test must not leave its monitor behind.
        let kill = format!("kill -KILL -{} 2>&-", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own: status and body.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Asks until there is an answer.
fn poll<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no answer after {DEADLINE:?}");
    }
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The port of a server that answers one connection with these bytes.
fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(answer.as_bytes());
        // Until the other side has read it and closes.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    port
}

/// The path of a program; without it the test is skipped aloud, and fails where all of them must be there.
fn tool(name: &str) -> Option<String> {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{name} is missing, and CI must have it"
        );
        // Around the test's captured output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {name} is not installed");
    }
    found.map(|path| path.to_str().unwrap().to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
