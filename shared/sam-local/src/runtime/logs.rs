//! What functions print: kept in a file per function, sent to whoever listens, and the part of one invocation kept
//! for `X-Amz-Log-Type: Tail`, for its access-log line and for the explanation of a crash.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::{Notify, broadcast};
use tokio::time::{Instant, timeout_at};

use super::invocation::{AccessLog, LogLine, LoggedMetric};

/// Bytes of `X-Amz-Log-Result`.
const TAIL: usize = 4 * 1024;
/// A function that has printed nothing for so long has printed all.
const SETTLED_AFTER: Duration = Duration::from_millis(10);
/// A function that prints all the time is not waited for.
const SETTLED_LATEST: Duration = Duration::from_millis(100);
/// Metrics of one invocation that are shown.
const METRICS: usize = 20;
/// Lines of standard error that explain a crash.
const EXPLANATION_LINES: usize = 20;
/// A log file of more bytes is set aside at the next start.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Where the lines of one function go.
pub(super) struct FunctionLog {
    function: String,
    file: Mutex<File>,
    lines: broadcast::Sender<LogLine>,
}

impl FunctionLog {
    /// Appends to `<directory>/<function>.log`. A file that has grown large is first renamed to `….log.1`.
    pub(super) fn open(
        directory: &Path,
        function: &str,
        lines: broadcast::Sender<LogLine>,
    ) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(format!("{function}.log"));
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > FILE_LIMIT) {
            fs::rename(&path, directory.join(format!("{function}.log.1")))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { function: function.to_owned(), file: Mutex::new(file), lines })
    }

    fn write(&self, text: &str, is_standard_error: bool) {
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            // A full disk must not stop the function whose log this is.
            let _ignored = file.write_all(format!("{text}\n").as_bytes());
        }
        // An error here means that nobody listens.
        let _nobody = self.lines.send(LogLine {
            function: self.function.clone(),
            text: text.to_owned(),
            is_standard_error,
        });
    }
}

/// What one execution environment has printed lately.
#[derive(Default)]
pub(super) struct RecentLog {
    recent: Mutex<Recent>,
    changed: Notify,
}

#[derive(Default)]
struct Recent {
    tail: VecDeque<String>,
    tail_bytes: usize,
    standard_error: VecDeque<String>,
    access: VecDeque<AccessLog>,
    /// Those that no line about their invocation has come after yet.
    metrics: Vec<LoggedMetric>,
}

impl RecentLog {
    fn lock(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &str, is_standard_error: bool) {
        let mut recent = self.lock();
        recent.tail_bytes += line.len() + 1;
        recent.tail.push_back(line.to_owned());
        while recent.tail_bytes > TAIL && recent.tail.len() > 1 {
            let dropped = recent.tail.pop_front().map_or(0, |line| line.len() + 1);
            recent.tail_bytes -= dropped;
        }
        if is_standard_error {
            recent.standard_error.push_back(line.to_owned());
            if recent.standard_error.len() > EXPLANATION_LINES {
                recent.standard_error.pop_front();
            }
        } else if let Some(mut access) = AccessLog::parse(line) {
            access.metrics = std::mem::take(&mut recent.metrics);
            recent.access.push_back(access);
        } else {
            recent.metrics.extend(LoggedMetric::parse(line));
            // Of a function that logs no line about its invocations.
            recent.metrics.truncate(METRICS);
        }
        drop(recent);
        self.changed.notify_waiters();
    }

    /// Forgets what was printed before the invocation that begins now. Access-log lines stay: they are taken one by
    /// one, in the order of the invocations, and a late one still belongs to the invocation before.
    pub(super) fn begin_invocation(&self) {
        let mut recent = self.lock();
        recent.tail.clear();
        recent.tail_bytes = 0;
        recent.standard_error.clear();
    }

    /// What was printed since the invocation began, at most the last 4 KiB.
    pub(super) fn tail(&self) -> String {
        let recent = self.lock();
        let text: String = recent.tail.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        let start = text.len().saturating_sub(TAIL);
        let start = (start..=text.len()).find(|&index| text.is_char_boundary(index)).unwrap_or_default();
        text[start..].to_owned()
    }

    /// Waits until the function has stopped printing: what it wrote before it answered takes a moment to arrive.
    pub(super) async fn settle(&self) {
        let latest = Instant::now() + SETTLED_LATEST;
        loop {
            let quiet = (Instant::now() + SETTLED_AFTER).min(latest);
            if timeout_at(quiet, self.changed.notified()).await.is_err() {
                return;
            }
        }
    }

    /// The last lines of standard error since the invocation began.
    pub(super) fn standard_error(&self) -> String {
        self.lock().standard_error.make_contiguous().join("\n")
    }

    /// The oldest access-log line that nobody has taken. A function writes it before it answers, but it arrives on
    /// another channel than the answer: waits for it up to `patience`.
    pub(super) async fn take_access(&self, patience: Duration) -> Option<AccessLog> {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(access) = self.lock().access.pop_front() {
                    return access;
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, found).await.ok()
    }
}

/// Reads lines until the process closes its end. Bytes that are not UTF-8 are replaced, not lost with their line.
pub(super) async fn read_lines(
    source: impl AsyncRead + Unpin,
    is_standard_error: bool,
    recent: &RecentLog,
    log: &FunctionLog,
) {
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        match source.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\n', '\r']);
                recent.add(text, is_standard_error);
                log.write(text, is_standard_error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_the_last_four_kibibytes() {
        let recent = RecentLog::default();
        for number in 0..1_000 {
            recent.add(&format!("line {number} äöü"), false);
        }
        let tail = recent.tail();
        assert!(tail.len() <= TAIL && tail.len() > TAIL - 64, "{}", tail.len());
        assert!(tail.ends_with("line 999 äöü\n"));
        recent.add(&"ö".repeat(TAIL), false);
        assert!(recent.tail().len() <= TAIL);
        recent.begin_invocation();
        assert_eq!(recent.tail(), "");
    }

    #[tokio::test]
    async fn access_lines_are_taken_in_order() {
        let recent = RecentLog::default();
        recent.add(r#"{"level":"INFO","message":"no access"}"#, false);
        recent
            .add(r#"{"access_log":true,"method":"GET","route":"/a","status":200,"write_units":1.5}"#, false);
        recent.add(r#"{"access_log":true,"method":"GET","route":"/b","status":404}"#, false);
        let first = recent.take_access(Duration::ZERO).await.unwrap();
        assert_eq!((first.route.as_str(), first.status, first.write_units), ("/a", 200, 1.5));
        assert_eq!(recent.take_access(Duration::ZERO).await.unwrap().route, "/b");
        assert_eq!(recent.take_access(Duration::from_millis(5)).await, None);
    }

    #[tokio::test]
    async fn metrics_belong_to_the_line_that_comes_after_them() {
        let recent = RecentLog::default();
        let metric = |name: &str, unit: &str, value: f64| {
            let directive = json!({"Metrics": [{"Name": name, "Unit": unit}]});
            json!({"_aws": {"CloudWatchMetrics": [directive]}, name: value}).to_string()
        };
        recent.add(&metric("Made", "Count", 1.0), false);
        recent.add(r#"{"level":"INFO","message":"about \"_aws\"","_aws":5}"#, false);
        recent.add(&metric("Waited", "Milliseconds", 9.5), false);
        recent.add(r#"{"invocation_log":true,"read_units":1.5}"#, false);
        recent.add(r#"{"access_log":true,"method":"GET","route":"/b","status":404}"#, false);
        let first = recent.take_access(Duration::ZERO).await.unwrap();
        let shown: Vec<_> =
            first.metrics.iter().map(|one| (&*one.name, one.value, one.unit.as_deref())).collect();
        assert_eq!(shown, [("Made", 1.0, Some("Count")), ("Waited", 9.5, Some("Milliseconds"))]);
        assert!((first.read_units - 1.5).abs() < f64::EPSILON && first.route.is_empty());
        assert_eq!(recent.take_access(Duration::ZERO).await.unwrap().metrics, []);
    }

    #[test]
    fn large_files_are_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("F.log");
        File::create(&path).unwrap().set_len(FILE_LIMIT + 1).unwrap();
        let log = FunctionLog::open(directory.path(), "F", broadcast::channel(1).0).unwrap();
        log.write("first", false);
        assert_eq!(fs::read_to_string(path).unwrap(), "first\n");
        assert!(directory.path().join("F.log.1").exists());
    }
}
