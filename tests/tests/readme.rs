//! The README's tour, run as it is printed: each `bash` block in one and the same shell, each `text` block compared
//! with what the block before it printed, where `…` stands for anything.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use chairbook_tests::stack_process::StackProcess;

/// Where the README says that the stack is.
const ADDRESS: &str = "127.0.0.1:3000";

/// What the shell prints when a block is done.
const END: &str = "=== end of block ===";

/// A fenced block: what is on its fence, and its text.
struct Block<'t> {
    language: &'t str,
    text: &'t str,
}

/// The part of the README under a heading.
fn section<'t>(readme: &'t str, heading: &str) -> &'t str {
    let (_, rest) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// The fenced blocks of a section, in their order.
fn blocks(section: &str) -> Vec<Block<'_>> {
    let inside_fences = section.split("```").skip(1).step_by(2);
    inside_fences
        .filter_map(|block| block.split_once('\n'))
        .map(|(language, text)| Block { language, text })
        .collect()
}

/// A shell that keeps its variables from block to block, as a person's does.
struct Shell {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn open() -> Self {
        let mut process = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut shell = Self { process, input, output };
        // So that a failed check shows what a command complained of.
        assert_eq!(shell.run("exec 2>&1"), "");
        shell
    }

    /// Runs a block and returns what it printed.
    fn run(&mut self, block: &str) -> String {
        writeln!(self.input, "{block}\nprintf '\\n%s\\n' '{END}'").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the shell has ended: {printed}");
            if line.trim_end() == END {
                // A terminal does not show the carriage returns of a calendar file.
                return printed.replace('\r', "").trim().to_owned();
            }
            printed.push_str(&line);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Whether a text is what was promised; `…` in the promise stands for anything.
fn is_as_promised(promise: &str, text: &str) -> bool {
    let mut parts = promise.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
        last = Some(part);
    }
    match last {
        // What follows the last wildcard must be at the very end, not just somewhere.
        Some(last) => text.ends_with(last),
        None => rest.is_empty(),
    }
}

#[test]
fn a_promise_may_leave_things_out() {
    assert!(is_as_promised("a…c…", "abcd"));
    assert!(is_as_promised("…c", "abcabc"));
    assert!(is_as_promised("abc", "abc"));
    for (promise, text) in [("abc", "abcd"), ("a…c", "abcd"), ("b…", "abc"), ("a…x…", "abcd"), ("", "a")]
    {
        assert!(!is_as_promised(promise, text), "{promise} and {text}");
    }
}

/// A person who does not see a mail yet looks again. A block that waits may be run again: it changes nothing until
/// what it waits for is there.
const LOOKS: u32 = 10;

#[test]
fn the_tour_works_as_printed() {
    let readme = include_str!("../../README.md");
    let data = tempfile::tempdir().unwrap();
    let mut shell = Shell::open();
    let mut stack: Option<StackProcess> = None;
    let mut definitions = None;
    let (mut commands, mut printed) = (String::new(), String::new());
    let mut promises = 0;
    for block in blocks(section(readme, "A five-minute tour")) {
        match (block.language, block.text.strip_prefix("cargo run")) {
            ("bash", Some(arguments)) => {
                // Nobody wants to wait half a minute in every test run.
                let arguments = arguments.replace("=30s", "=2s");
                let arguments: Vec<_> =
                    arguments.split_whitespace().filter(|argument| *argument != "--").collect();
                if let Some(before) = stack.take() {
                    before.kill();
                }
                let started = StackProcess::start(data.path(), &arguments);
                if let Some(definitions) = definitions {
                    // It listens on another port now.
                    shell.run(&at(definitions, &started));
                }
                stack = Some(started);
            }
            ("bash", None) => {
                let stack = stack.as_ref().expect("the tour begins with `cargo run`");
                definitions.get_or_insert(block.text);
                commands = at(block.text, stack).replace("sleep 30", "sleep 2");
                printed = shell.run(&commands);
            }
            ("text", _) => {
                let promise = at(block.text, stack.as_ref().unwrap());
                for _ in 1..LOOKS {
                    if is_as_promised(promise.trim(), &printed) || !commands.starts_with("sleep ") {
                        break;
                    }
                    printed = shell.run(&commands);
                }
                assert!(
                    is_as_promised(promise.trim(), &printed),
                    "{commands}\npromised:\n{promise}\nprinted:\n{printed}"
                );
                promises += 1;
            }
            (language, _) => panic!("a block in {language:?}"),
        }
    }
    assert!(promises >= 10, "the tour promises only {promises} outputs");
}

/// A block for the port that a stack listens on.
fn at(block: &str, stack: &StackProcess) -> String {
    let address = stack.url.strip_prefix("http://").unwrap();
    block.replace(ADDRESS, address)
}
