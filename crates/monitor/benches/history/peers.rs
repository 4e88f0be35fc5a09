//! The same samples in what others keep them in: VictoriaMetrics and Prometheus, where Debian's packages are installed.

use super::fleet::{Dice, Lag, TICK_MS};
use replica_lab::lab::free_port;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Each series with its times, in milliseconds.
pub(crate) fn series(number: u64, count: usize, begin: i64, jitter: bool) -> (Vec<i64>, Vec<i64>) {
    let (mut lag, mut dice) = (Lag::of(number), Dice::new(number + 77));
    let values = (0..count).map(|_| lag.next()).collect();
    let times = (0..count as i64).map(|tick| begin + tick * TICK_MS + late(&mut dice, jitter));
    (times.collect(), values)
}

/// A few milliseconds around the tick.
pub(crate) fn late(dice: &mut Dice, jitter: bool) -> i64 {
    if jitter { dice.below(7) - 3 } else { 0 }
}

/// How many bytes the files under `path` have.
pub(crate) fn size(path: &Path) -> u64 {
    let Ok(found) = std::fs::metadata(path) else {
        return 0;
    };
    if !found.is_dir() {
        return found.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}

fn installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

/// Ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes that VictoriaMetrics takes for `replicas` series of `count` samples, and how long the import took.
pub(crate) fn victoria(
    folder: &Path,
    replicas: u64,
    count: usize,
    begin: i64,
    jitter: bool,
) -> Option<(u64, Duration)> {
    if !installed("victoria-metrics") {
        return None;
    }
    let (data, port) = (folder.join("victoria"), free_port().unwrap());
    let child = Command::new("victoria-metrics")
        .arg(format!("-storageDataPath={}", data.display()))
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .arg("-retentionPeriod=12")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "VictoriaMetrics does not answer");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let started = Instant::now();
    for number in 0..replicas {
        let (times, values) = series(number, count, begin, jitter);
        let mut line = format!(
            r#"{{"metric":{{"__name__":"lag_ms","replica":"r{number}"}},"values":{values:?},"timestamps":{times:?}}}"#
        );
        line.push('\n');
        post(port, "/api/v1/import", line.as_bytes());
    }
    let took = started.elapsed();
    post(port, "/internal/force_flush", b"");
    post(port, "/internal/force_merge", b"");
    // Asked to end, it writes and merges what is left.
    let asked = Command::new("kill").arg(running.0.id().to_string()).status();
    assert!(asked.unwrap().success());
    running.0.wait().unwrap();
    Some((size(&data.join("data")) + size(&data.join("indexdb")), took))
}

fn post(port: u16, path: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status).unwrap();
    assert!(status.contains(" 20"), "{path}: {status}");
    let _ = reader.read_to_end(&mut Vec::new());
}

/// Bytes of the blocks that promtool makes for `replicas` series of `count` samples, and how long that took.
pub(crate) fn prometheus(
    folder: &Path,
    replicas: u64,
    count: usize,
    begin: i64,
    jitter: bool,
) -> Option<(u64, Duration)> {
    if !installed("promtool") {
        return None;
    }
    let (text, data) = (folder.join("samples.txt"), folder.join("prometheus"));
    let mut file = BufWriter::new(std::fs::File::create(&text).unwrap());
    writeln!(file, "# TYPE lag_ms gauge").unwrap();
    let mut lines = String::new();
    for number in 0..replicas {
        let (times, values) = series(number, count, begin, jitter);
        lines.clear();
        for (time, value) in times.iter().zip(values) {
            let (whole, part) = (time / 1000, time % 1000);
            writeln!(lines, "lag_ms{{replica=\"r{number}\"}} {value} {whole}.{part:03}").unwrap();
        }
        file.write_all(lines.as_bytes()).unwrap();
    }
    writeln!(file, "# EOF").unwrap();
    file.flush().unwrap();
    drop(file);
    let started = Instant::now();
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&text, &data])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let took = started.elapsed();
    std::fs::remove_file(&text).unwrap();
    made.success().then(|| (size(&data), took))
}
