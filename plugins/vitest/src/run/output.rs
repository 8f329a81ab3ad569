//! The two streams of a run, of which only a little is kept.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use llmbench_plugin::node_tools::Group;

/// The longest result that is read.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;
/// How much of the last words is kept.
const MAX_WORDS_BYTES: usize = 4 * 1024;

/// What comes out of a run.
pub(super) struct Output {
    /// The first line that begins with the nonce, without it.
    pub(super) result: Receiver<String>,
    words: Receiver<String>,
}

impl Output {
    /// Reads both streams to their ends, in threads of their own.
    pub(super) fn read(group: &mut Group, nonce: &str) -> Self {
        let (send, result) = mpsc::channel();
        if let Some(stdout) = group.take_stdout() {
            let prefix = format!("{nonce} ");
            std::thread::spawn(move || {
                let mut found = Some(send);
                each_line(stdout, |line| {
                    if let Some(text) = line.strip_prefix(&prefix)
                        && let Some(send) = found.take()
                    {
                        // The error would be that nobody waits any more.
                        let _ = send.send(text.to_owned());
                    }
                });
            });
        }
        let (send, words) = mpsc::channel();
        if let Some(stderr) = group.take_stderr() {
            std::thread::spawn(move || {
                let mut kept = String::new();
                each_line(stderr, |line| {
                    if kept.len() + line.len() < MAX_WORDS_BYTES {
                        kept.push_str(line);
                        kept.push('\n');
                    }
                });
                let _ = send.send(kept);
            });
        }
        Self { result, words }
    }

    /// The first lines of standard error, once the process has ended.
    pub(super) fn last_words(&self) -> String {
        let words = self.words.recv_timeout(Duration::from_secs(1));
        words.unwrap_or_default().trim().to_owned()
    }
}

/// Lines up to the limit; the rest of a longer one counts as another.
fn each_line(stream: impl Read, mut take: impl FnMut(&str)) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(read) if read > 0 => take(String::from_utf8_lossy(&line).trim_end()),
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let mut longest = 0;
        let stream = std::io::repeat(b'x').take(3 * MAX_LINE_BYTES);
        each_line(stream, |line| longest = longest.max(line.len() as u64));
        assert_eq!(longest, MAX_LINE_BYTES);
    }
}
