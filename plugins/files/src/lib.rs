//! Files below the directories that the operator granted with `capabilities.files`, by
//! their absolute path or by one below such a directory.
//!
//! ```no_run
//! let page = files::read("down.html", 1 << 20)?;
//! let before = files::stamp("down.html");
//! // ... and later:
//! let changed = files::stamp("down.html") != before;
//! # Ok::<(), plugin_sdk::Error>(())
//! ```
//!
//! In a native test nothing is granted and every absolute path can be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plugin_sdk::{Error, Result};

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// How many octets the file has.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// The whole of a file that has so many octets at most.
///
/// # Errors
/// There is no such file in a granted directory, it is too large, or cannot be read.
pub fn read(path: &str, most: u64) -> Result<Vec<u8>> {
    let found = find(path)?;
    let unread = |error: std::io::Error| Error::from(error).within(format_args!("`{path}`"));
    let size = fs::metadata(&found).map_err(unread)?.len();
    if size > most {
        return Err(Error::new(format!("`{path}` has {size} octets; {most} is the most")));
    }
    fs::read(&found).map_err(unread)
}

/// The same for a text.
///
/// # Errors
/// As for [`read`], or it is not UTF-8.
pub fn read_text(path: &str, most: u64) -> Result<String> {
    let octets = read(path, most)?;
    String::from_utf8(octets).map_err(|_| Error::new(format!("`{path}` is not UTF-8")))
}

/// The stamp of a file; none if it is not there, or cannot be looked at.
pub fn stamp(path: &str) -> Option<Stamp> {
    let metadata = fs::metadata(find(path).ok()?).ok()?;
    Some(Stamp { length: metadata.len(), modified: metadata.modified().ok() })
}

/// Where a file would be that need not exist yet.
///
/// # Errors
/// Its directory is not granted, or there are several for a relative path.
pub fn place(path: &str) -> Result<PathBuf> {
    let granted = granted();
    let place = match granted.as_slice() {
        _ if Path::new(path).is_absolute() => PathBuf::from(path),
        [directory] => Path::new(directory).join(path),
        [] => return Err(not_granted(path, &granted)),
        _ => {
            return Err(Error::new(format!(
                "`{path}` could be in {}; write an absolute path",
                granted.join(" or in ")
            )));
        }
    };
    // A directory that was not granted looks like a file that never exists.
    match place.parent().map(fs::metadata) {
        Some(Ok(directory)) if directory.is_dir() => Ok(place),
        _ => Err(not_granted(path, &granted)),
    }
}

fn find(path: &str) -> Result<PathBuf> {
    let granted = granted();
    let candidates = match Path::new(path).is_absolute() {
        true => vec![PathBuf::from(path)],
        false => granted.iter().map(|directory| Path::new(directory).join(path)).collect(),
    };
    let found = candidates.into_iter().find(|candidate| candidate.is_file());
    found.ok_or_else(|| not_granted(path, &granted))
}

fn not_granted(path: &str, granted: &[String]) -> Error {
    let hint = "grant its directory with `capabilities = { files = [\"DIRECTORY\"] }`";
    Error::new(match granted {
        [] => format!("`{path}` cannot be read; {hint}"),
        granted => format!("`{path}` is not in {}; {hint}", granted.join(", ")),
    })
}

#[cfg(target_family = "wasm")]
fn granted() -> Vec<String> {
    let directories = wasip2::filesystem::preopens::get_directories();
    directories.into_iter().map(|(_, path)| path).collect()
}

#[cfg(not(target_family = "wasm"))]
fn granted() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_changes_its_stamp() {
        let path = std::env::temp_dir().join(format!("wasmgate-files-{}", std::process::id()));
        let path = path.to_str().expect("a text").to_owned();
        assert_eq!(stamp(&path), None);
        fs::write(&path, "four").expect("a file");
        assert_eq!(read(&path, 4).expect("it is there"), b"four");
        let error = read(&path, 3).expect_err("too large").to_string();
        assert!(error.contains("has 4 octets; 3 is the most"), "{error}");
        let before = stamp(&path);
        fs::write(&path, "fifth").expect("a file");
        assert_ne!(stamp(&path), before);
        fs::write(&path, b"\xff").expect("a file");
        assert!(read_text(&path, 9).expect_err("no text").to_string().contains("UTF-8"));
        fs::remove_file(&path).expect("it is there");
        assert!(place(&path).is_ok());
    }

    #[test]
    fn what_is_not_granted_is_told_with_the_remedy() {
        for path in ["a.txt", "/nowhere/a.txt"] {
            for error in [read(path, 1).map(drop), place(path).map(drop)] {
                let error = error.expect_err(path).to_string();
                assert!(error.contains("capabilities = { files"), "{error}");
            }
        }
    }
}
