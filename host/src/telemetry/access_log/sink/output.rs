//! The file, and whether it takes what is written.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use super::Observer;
use crate::config::LogTarget;

/// Between attempts while the file takes nothing.
const RETRY: Duration = Duration::from_secs(1);

/// Between attempts on a pipe that is full and does not block.
const RETRY_FULL_PIPE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Output {
    target: LogTarget,
    sink: Sink,
    /// Whether the last attempt failed. Only changes are reported.
    is_failing: bool,
}

#[derive(Debug)]
enum Sink {
    File(File),
    Observer(Observer),
}

impl Output {
    pub(super) fn open(target: &LogTarget, observer: Option<&Observer>) -> io::Result<Self> {
        Ok(Self { target: target.clone(), sink: open(target, observer)?, is_failing: false })
    }

    /// Keeps the file that is open if that fails.
    pub(super) fn reopen(&mut self) {
        // An observer is told everything from its beginning.
        let Sink::File(_) = self.sink else { return };
        match open(&self.target, None) {
            Ok(sink) => self.sink = sink,
            Err(error) => tracing::error!(
                target = %self.name(),
                %error,
                "the access log cannot be opened again and goes on where it is"
            ),
        }
    }

    /// Writes what follows the first `written` octets, and counts on. On failure
    /// says when to try again.
    pub(super) fn write_all(&mut self, lines: &[u8], written: &mut usize) -> Result<(), Duration> {
        while *written < lines.len() {
            match self.sink.write(&lines[*written..]) {
                Ok(0) => return Err(self.failed(&ErrorKind::WriteZero.into())),
                Ok(octets) => *written += octets,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(RETRY_FULL_PIPE),
                Err(error) => return Err(self.failed(&error)),
            }
        }
        if self.is_failing {
            self.is_failing = false;
            tracing::info!(target = %self.name(), "the access log is written again");
        }
        Ok(())
    }

    fn failed(&mut self, error: &io::Error) -> Duration {
        if !self.is_failing {
            self.is_failing = true;
            tracing::error!(
                target = %self.name(),
                %error,
                "the access log cannot be written; lines wait in memory, then are dropped"
            );
        }
        RETRY
    }

    fn name(&self) -> String {
        match &self.target {
            LogTarget::Stdout => "stdout".to_owned(),
            LogTarget::File(path) => path.display().to_string(),
            LogTarget::Observer => "observer".to_owned(),
        }
    }
}

impl Sink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Observer(observer) => {
                // Whoever listened has heard enough.
                let _ = observer.send(lines.to_vec());
                Ok(lines.len())
            }
        }
    }
}

fn open(target: &LogTarget, observer: Option<&Observer>) -> io::Result<Sink> {
    match (target, observer) {
        // Past the buffer of `io::stdout`, which would break the lines at its size.
        (LogTarget::Stdout, _) => Ok(Sink::File(io::stdout().as_fd().try_clone_to_owned()?.into())),
        (LogTarget::File(path), _) => {
            OpenOptions::new().append(true).create(true).open(path).map(Sink::File)
        }
        (LogTarget::Observer, Some(observer)) => Ok(Sink::Observer(observer.clone())),
        (LogTarget::Observer, None) => Err(ErrorKind::NotFound.into()),
    }
}
