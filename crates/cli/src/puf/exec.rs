//! A PUF behind a program, for experiments with real hardware.
//!
//! The program is started once and asked line by line; for each line on its standard input it writes one on its standard
//! output. Challenge and response are hexadecimal, `bits` says how long the response has to be:
//!
//! ```text
//! {"challenge":"0000000000000007","bits":256}
//! {"response":"8f3a…"}           or {"error":"what is wrong"}
//! ```
//!
//! What it writes on standard error goes to ours.

use super::Trouble;
use crate::exit::Failure;
use bodywire_proto::puf::{Challenge, Puf, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Longest line of an answer: a response of 80 bytes takes 180, and the rest is for an error's text.
const LINE_BYTES_MAX: usize = 4096;
/// How long an answer may take: a board on a slow serial line, power cycle included.
const ANSWER_MAX: Duration = Duration::from_secs(10);

const NEXT: &str = "see that it answers each line {\"challenge\":HEX,\"bits\":N} with {\"response\":HEX}";

#[derive(Deserialize)]
struct Answer {
    response: Option<String>,
    error: Option<String>,
}

/// A program that answers for a PUF.
pub struct ExecPuf {
    program: PathBuf,
    child: Child,
    questions: ChildStdin,
    /// Lines as they come; the sender is gone when there will be no more.
    answers: Receiver<Result<Vec<u8>, String>>,
    answer_max: Duration,
    /// Nothing is asked any more.
    failed: bool,
    trouble: Trouble,
}

impl ExecPuf {
    /// Starts `program` directly, without a shell.
    pub fn start(program: &Path, arguments: &[&str], trouble: Trouble) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::path(program, error, "name a program that can be started"))?;
        let (Some(questions), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::path(program, "it has no standard input or output", NEXT));
        };
        // One line at most waits: a program that talks on its own is stopped by the full pipe.
        let (sender, answers) = sync_channel(1);
        std::thread::spawn(move || read_lines(output, &sender));
        let program = program.to_owned();
        Ok(Self { program, child, questions, answers, answer_max: ANSWER_MAX, failed: false, trouble })
    }

    fn ask(&mut self, challenge: &Challenge, bytes: usize) -> Result<Vec<u8>, String> {
        let hex = HEXLOWER_PERMISSIVE.encode(challenge.as_bytes());
        let question = format!("{{\"challenge\":\"{hex}\",\"bits\":{}}}\n", 8 * bytes);
        if self.questions.write_all(question.as_bytes()).and_then(|()| self.questions.flush()).is_err() {
            return Err(self.end());
        }
        let line = match self.answers.recv_timeout(self.answer_max) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("it has not answered within {} s", self.answer_max.as_secs_f64()));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(self.end()),
        };
        parse(&line, bytes)
    }

    /// How it ended, after its output has.
    fn end(&mut self) -> String {
        // It may still be on its way out; one that only closed its output is ended here.
        for _ in 0..50 {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!("it has ended ({status})"),
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(error) => return error.to_string(),
            }
        }
        "it has closed its output".to_owned()
    }
}

/// The bytes of an answer.
fn parse(line: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
    let shown = || String::from_utf8_lossy(line).chars().take(60).collect::<String>();
    let answer: Answer = serde_json::from_slice(line)
        .map_err(|error| format!("its answer `{}` is no JSON object: {error}", shown()))?;
    if let Some(error) = answer.error {
        return Err(format!("it says: {error}"));
    }
    let hex = answer.response.ok_or_else(|| format!("its answer `{}` has no response", shown()))?;
    let response = HEXLOWER_PERMISSIVE
        .decode(hex.as_bytes())
        .map_err(|_| format!("its response `{}` is not hexadecimal", shown()))?;
    if response.len() != bytes {
        return Err(format!("its response has {} bits, and {} were asked", 8 * response.len(), 8 * bytes));
    }
    Ok(response)
}

/// Passes on one line after the other until the output ends, a line is too long, or nobody listens.
fn read_lines(output: ChildStdout, sender: &SyncSender<Result<Vec<u8>, String>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let read = (&mut output).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) => return,
            Ok(_) if line.len() > LINE_BYTES_MAX => {
                Err(format!("it has answered with a line of more than {LINE_BYTES_MAX} bytes"))
            }
            Ok(_) => Ok(line),
            Err(error) => Err(format!("its output cannot be read: {error}")),
        };
        let over = line.is_err();
        if sender.send(line).is_err() || over {
            return;
        }
    }
}

impl Puf for ExecPuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        response.as_mut_bytes().fill(0);
        if self.failed {
            return;
        }
        match self.ask(challenge, response.as_bytes().len()) {
            Ok(answer) => response.as_mut_bytes().copy_from_slice(&answer),
            Err(why) => {
                self.failed = true;
                // After an answer that was late or wrong no later one can be trusted to be to its question.
                let _ = self.child.kill();
                self.trouble.keep(Failure::path(&self.program, why, NEXT));
            }
        }
    }
}

impl Drop for ExecPuf {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ExecPuf {
        ExecPuf::start(Path::new("sh"), &["-c", script], Trouble::default()).unwrap()
    }

    fn read(puf: &mut ExecPuf) -> Vec<u8> {
        let mut response = Response::new(&[7; 2]).unwrap();
        puf.respond(&Challenge::from([1; 8]), &mut response);
        response.as_bytes().to_vec()
    }

    fn trouble_with(script: &str) -> String {
        let mut puf = shell(script);
        puf.answer_max = Duration::from_millis(200);
        assert_eq!(read(&mut puf), [0, 0]);
        assert_eq!(read(&mut puf), [0, 0], "from then on");
        let failure = puf.trouble.check().unwrap_err();
        assert_eq!(failure.code(), 6);
        failure.to_string()
    }

    #[test]
    fn a_program_is_asked_line_by_line() {
        let question = r#"'{"challenge":"0101010101010101","bits":16}'"#;
        let script = format!(
            r#"i=10; while read -r line; do [ "$line" = {question} ] || exit 9
               echo "{{\"response\":\"Ab$i\"}}"; i=$((i+1)); done"#
        );
        let mut puf = shell(&script);
        let answers: Vec<_> = (0..3).map(|_| read(&mut puf)).collect();
        assert!(puf.trouble.check().is_ok());
        assert_eq!(answers, [[0xab, 0x10], [0xab, 0x11], [0xab, 0x12]]);
    }

    #[test]
    fn a_program_that_fails_is_named_with_what_it_did() {
        for (script, why) in [
            ("exit 3", "ended (exit status: 3)"),
            ("read line; exit 0", "ended"),
            ("read line; exec sleep 60", "not answered within 0.2 s"),
            ("read line; echo hello; exec sleep 60", "`hello\n` is no JSON object"),
            ("read line; echo '{\"answer\":1}'; exec sleep 60", "has no response"),
            ("read line; echo '{\"response\":\"xy00\"}'; exec sleep 60", "not hexadecimal"),
            ("read line; echo '{\"response\":\"00\"}'; exec sleep 60", "8 bits, and 16 were asked"),
            ("read line; echo '{\"error\":\"no power\"}'; exec sleep 60", "it says: no power"),
            ("read line; head -c 9000 /dev/zero; exec sleep 60", "more than 4096 bytes"),
        ] {
            let failure = trouble_with(script);
            assert!(failure.contains(why), "{script}: {failure}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_refused_at_once() {
        let refused = ExecPuf::start(Path::new("/no/such/program"), &[], Trouble::default());
        assert!(matches!(refused, Err(Failure::Configuration { .. })));
    }
}
