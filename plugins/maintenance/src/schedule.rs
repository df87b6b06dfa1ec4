//! When it is.

use std::path::PathBuf;

use plugin_sdk::{Error, Result, log};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock;
use crate::config::{self, Config, Period};

/// How long what was found out about the flag file is believed, in seconds.
const FLAG_SECONDS: i64 = 1;

pub(crate) struct Schedule {
    enabled: bool,
    windows: Vec<Window>,
    flag: Option<Flag>,
}

/// In seconds since 1970.
struct Window {
    start: i64,
    length: i64,
    period: Option<i64>,
}

struct Flag {
    file: PathBuf,
    exists: bool,
    checked: Option<i64>,
}

/// That it is, and for how many more seconds if that is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Active {
    pub(crate) seconds: Option<i64>,
}

impl Schedule {
    /// Checks the configuration.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let says_when = !config.windows.is_empty() || config.flag_file.is_some();
        if config.enabled.is_none() && !says_when {
            return Err(Error::new("nothing says when: set `enabled`, `windows` or `flag_file`"));
        }
        let windows = config.windows.iter().enumerate();
        let windows = windows.map(|(index, window)| {
            Window::parse(window).map_err(|e| e.within(format!("windows[{index}]")))
        });
        let flag = config.flag_file.as_deref().map(Flag::new).transpose();
        Ok(Self {
            enabled: config.enabled == Some(true),
            windows: windows.collect::<Result<_>>()?,
            flag: flag.map_err(|e| e.within("flag_file"))?,
        })
    }

    /// Whether it is now.
    pub(crate) fn active(&mut self) -> Option<Active> {
        if self.enabled {
            return Some(Active { seconds: None });
        }
        if self.windows.is_empty() && self.flag.is_none() {
            return None;
        }
        let now = clock::now();
        if self.flag.as_mut().is_some_and(|flag| flag.exists(now)) {
            return Some(Active { seconds: None });
        }
        let left = self.windows.iter().filter_map(|window| window.left(now)).max();
        left.map(|seconds| Active { seconds: Some(seconds) })
    }
}

impl Window {
    fn parse(window: &config::Window) -> Result<Self> {
        let start = moment(&window.start).map_err(|e| e.within("start"))?;
        let end = moment(&window.end).map_err(|e| e.within("end"))?;
        let length = end - start;
        if length <= 0 {
            return Err(Error::new("it ends before it begins").within("end"));
        }
        let period = window.every.map(|period| match period {
            Period::Day => 24 * 60 * 60,
            Period::Week => 7 * 24 * 60 * 60,
        });
        if period.is_some_and(|period| length > period) {
            return Err(Error::new("it comes again before it ends").within("every"));
        }
        Ok(Self { start, length, period })
    }

    /// The seconds to its end, if it is open.
    fn left(&self, now: i64) -> Option<i64> {
        let since = now - self.start;
        let since = match self.period {
            Some(period) if since >= 0 => since % period,
            _ => since,
        };
        (0..self.length).contains(&since).then(|| self.length - since)
    }
}

impl Flag {
    fn new(file: &str) -> Result<Self> {
        Ok(Self { file: files::place(file)?, exists: false, checked: None })
    }

    fn exists(&mut self, now: i64) -> bool {
        // A clock that was set back must not make an old answer hold for long.
        let fresh = self.checked.is_some_and(|at| (at..at + FLAG_SECONDS).contains(&now));
        if !fresh {
            self.checked = Some(now);
            match self.file.try_exists() {
                Ok(exists) => self.exists = exists,
                Err(error) => log::warn!("{}: {error}", self.file.display()),
            }
        }
        self.exists
    }
}

fn moment(text: &str) -> Result<i64> {
    OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp).map_err(|_| {
        Error::new(format!(
            "`{text}` is no time; write date, time and offset, such as `2026-12-01T02:00:00Z`"
        ))
    })
}
