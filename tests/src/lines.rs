//! What a process prints, line by line, as it prints it.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::within;

/// The lines that a process has printed to one of its outputs so far.
#[derive(Clone, Debug)]
pub struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

impl Lines {
    /// Follows an output until it ends. A thread, and not a task, so that the
    /// last words of a process are there even when the test is already failing.
    pub(crate) fn follow(output: impl Read + Send + 'static) -> (Self, JoinHandle<()>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                let mut lines = locked(&kept);
                lines.push(String::from_utf8_lossy(&line).into_owned());
                counted.send_replace(lines.len());
            }
        });
        (Self { lines, count }, reader)
    }

    /// All lines so far.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        locked(&self.lines).clone()
    }

    /// All lines so far, as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.all().join("\n")
    }

    /// How many lines there are so far; a place for [`Lines::find_after`].
    #[must_use]
    pub fn len(&self) -> usize {
        locked(&self.lines).len()
    }

    /// Whether nothing has been printed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first line that fits, awaited if need be.
    pub async fn find(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        self.find_after(0, what, fits).await
    }

    /// The first line that fits among those after the first `skip`.
    pub async fn find_after(&self, skip: usize, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let mut count = self.count.clone();
        let search = async {
            let mut next = skip;
            loop {
                count.borrow_and_update();
                {
                    let lines = locked(&self.lines);
                    if let Some(line) = lines.iter().skip(next).find(|line| fits(line)) {
                        return line.clone();
                    }
                    next = next.max(lines.len());
                }
                assert!(count.changed().await.is_ok(), "output ended without: {what}");
            }
        };
        within(what, search).await
    }
}

fn locked(lines: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
