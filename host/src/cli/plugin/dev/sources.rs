//! What a plugin is built from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::plugin::artifact::{Digest, digest};

/// A project's files, without what is made from them.
pub(super) struct Sources {
    folder: PathBuf,
    folders: Vec<PathBuf>,
    seen: Option<Digest>,
}

/// Bounds on one look: a project is no archive.
const FOLDERS_MAX: usize = 1000;
const FILES_MAX: usize = 10_000;
const FILE_MAX: u64 = 4 << 20;

/// Folders that languages build into, or keep other people's code in. Hidden ones are
/// left out in any case.
const MADE: [&str; 6] = ["target", "node_modules", "dist", "__pycache__", "venv", "vendor"];

impl Sources {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, folders: Vec::new(), seen: None }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folders to watch, as of the last look.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// Whether anything is other than at the last look. By content: a build that writes
    /// the same files again is no change.
    pub(super) fn look(&mut self) -> bool {
        let mut files = Vec::new();
        self.folders = walk(&self.folder, &mut files);
        let mut all = Vec::new();
        for file in &files {
            all.extend_from_slice(file.as_os_str().as_encoded_bytes());
            all.push(0);
            all.extend_from_slice(&digest(&fs::read(file).unwrap_or_default()));
        }
        let now = digest(&all);
        self.seen.replace(now) != Some(now)
    }
}

/// The folders below, this one included, and their files.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            // Not of what a link leads to: links may lead in circles.
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() && !MADE.contains(&&*name) && folders.len() < FOLDERS_MAX {
                folders.push(entry.path());
            }
            let small = || entry.metadata().is_ok_and(|metadata| metadata.len() <= FILE_MAX);
            if kind.is_file() && !name.ends_with(".wasm") && files.len() < FILES_MAX && small() {
                files.push(entry.path());
            }
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count_and_only_their_contents() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "1");
        let mut sources = Sources::new(root.to_owned());
        assert!(sources.look());
        assert!(!sources.look());
        write("src/lib.rs", "1");
        write("target/x", "made");
        write("node_modules/y/z.js", "others'");
        write(".git/index", "hidden");
        write("guard.wasm", "made");
        assert!(!sources.look());
        write("src/lib.rs", "2");
        assert!(sources.look());
        write("src/deep/er.rs", "new");
        assert!(sources.look());
        fs::remove_file(root.join("src/deep/er.rs")).unwrap();
        assert!(sources.look());
        let folders: Vec<_> = sources.folders().collect();
        assert_eq!(folders, [root, &root.join("src"), &root.join("src/deep")]);
    }
}
