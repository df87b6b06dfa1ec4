//! Files below the directories that the operator granted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use networks::Networks;
use plugin_sdk::{Error, Result, log};

/// How long a changed list may go unnoticed.
const REFRESH: Duration = Duration::from_secs(10);

/// Where a file is: a relative path is looked for in each granted directory.
pub(crate) fn find(path: &str) -> Result<PathBuf> {
    let directories = directories();
    let mut candidates: Vec<PathBuf> = Vec::new();
    if !Path::new(path).is_absolute() {
        candidates.extend(directories.iter().map(|directory| Path::new(directory).join(path)));
    }
    candidates.push(path.into());
    let found = candidates.into_iter().find(|candidate| candidate.is_file());
    found.ok_or_else(|| {
        Error::new(match directories.as_slice() {
            [] => format!(
                "there is no file `{path}`: grant its directory, with `capabilities = {{ files = [\"DIRECTORY\"] }}`"
            ),
            granted => format!("there is no file `{path}` in {}", granted.join(", ")),
        })
    })
}

/// The whole of a file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>> {
    let found = find(path)?;
    std::fs::read(&found).map_err(|e| Error::from(e).within(format_args!("`{path}`")))
}

#[cfg(target_family = "wasm")]
fn directories() -> Vec<String> {
    let granted = wasip2::filesystem::preopens::get_directories();
    granted.into_iter().map(|(_, path)| path).collect()
}

#[cfg(not(target_family = "wasm"))]
fn directories() -> Vec<String> {
    Vec::new()
}

/// Networks in the configuration and in files, which are read again when they have
/// changed.
pub(crate) struct Lists {
    inline: Vec<String>,
    files: Vec<File>,
    networks: Networks,
    looked: Instant,
}

struct File {
    path: String,
    stamp: Option<Stamp>,
}

/// What changes when a file does.
type Stamp = (u64, SystemTime);

impl Lists {
    pub(crate) fn new(inline: Vec<String>, files: &[String]) -> Result<Self> {
        let files = files.iter().map(|path| File { path: path.clone(), stamp: None }).collect();
        let mut lists =
            Self { inline, files, networks: Networks::default(), looked: Instant::now() };
        lists.networks = Networks::parse(lists.inline.iter().map(String::as_str))
            .map_err(|e| Error::from(e).within("networks"))?;
        lists.read().map_err(|e| e.within("network_files"))?;
        Ok(lists)
    }

    pub(crate) fn networks(&self) -> &Networks {
        &self.networks
    }

    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Looks after the files, if that is due. What cannot be read leaves everything
    /// as it is, and a line in the log.
    pub(crate) fn refresh(&mut self, now: Instant, rule: &str) {
        if now.saturating_duration_since(self.looked) < REFRESH {
            return;
        }
        self.looked = now;
        let changed = |file: &File| stamp(&file.path).ok() != file.stamp;
        if !self.files.iter().any(changed) {
            return;
        }
        match self.read() {
            Ok(()) => log::info!("the networks of `{rule}` were read again"),
            Err(error) => log::warn!("the networks of `{rule}` stay as they are: {error}"),
        }
    }

    fn read(&mut self) -> Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let mut stamps = Vec::with_capacity(self.files.len());
        let mut texts = self.inline.clone();
        for File { path, .. } in &self.files {
            // Taken first: a change while it is read is then noticed the next time.
            stamps.push(stamp(path)?);
            let text = String::from_utf8(read(path)?)
                .map_err(|_| Error::new(format!("`{path}` is not UTF-8")))?;
            Networks::parse([text.as_str()])
                .map_err(|e| Error::from(e).within(format_args!("`{path}`")))?;
            texts.push(text);
        }
        let networks = Networks::parse(texts.iter().map(String::as_str))?;
        self.networks = networks;
        for (file, stamp) in self.files.iter_mut().zip(stamps) {
            file.stamp = Some(stamp);
        }
        Ok(())
    }
}

fn stamp(path: &str) -> Result<Stamp> {
    let found = find(path)?;
    let metadata = std::fs::metadata(&found)?;
    Ok((metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_changed_list_is_read_again_and_a_bad_one_is_not_taken() {
        let path = std::env::temp_dir().join(format!("wasmgate-access-{}.txt", std::process::id()));
        let write = |text: &str| std::fs::write(&path, text).expect("a writable directory");
        let name = path.to_str().expect("a path in UTF-8").to_owned();
        write("192.0.2.1\n");
        let mut lists = Lists::new(vec!["10.0.0.0/8".to_owned()], &[name]).expect("good lists");
        let holds =
            |lists: &Lists, last| lists.networks().contains(Ipv4Addr::new(192, 0, 2, last).into());
        assert!(holds(&lists, 1) && !holds(&lists, 2));

        write("192.0.2.1\n192.0.2.2\n");
        let mut now = Instant::now();
        lists.refresh(now, "r");
        assert!(!holds(&lists, 2), "it is not due");
        now += REFRESH;
        lists.refresh(now, "r");
        assert!(holds(&lists, 2));
        assert!(lists.networks().contains(Ipv4Addr::new(10, 1, 1, 1).into()));

        write("192.0.2.3\nnonsense\n");
        now += REFRESH;
        lists.refresh(now, "r");
        assert!(holds(&lists, 2) && !holds(&lists, 3));

        std::fs::remove_file(&path).expect("it is there");
        now += REFRESH;
        lists.refresh(now, "r");
        assert!(holds(&lists, 2), "a list that is gone refuses and admits as before");
    }
}
