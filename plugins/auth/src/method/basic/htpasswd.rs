//! A file of users, as `htpasswd` writes it: `USER:HASH`, one a line.

use std::fs;
use std::time::SystemTime;

use plugin_sdk::{Error, Result, log};

use super::User;
use super::hash::PasswordHash;

/// The file, and who stood in it.
#[derive(Debug)]
pub(super) struct File {
    path: String,
    users: Vec<User>,
    stamp: Option<(SystemTime, u64)>,
    looked: i64,
}

/// How often the file is looked at, in seconds.
const EVERY: i64 = 10;
/// A file of a hundred thousand users.
const LARGEST: u64 = 8 << 20;

impl File {
    pub(super) fn open(path: String) -> Result<Self> {
        let mut file = Self { path, users: Vec::new(), stamp: None, looked: i64::MIN };
        file.read()?;
        Ok(file)
    }

    pub(super) fn users(&self) -> &[User] {
        &self.users
    }

    /// Reads the file again if it has changed. Whether it did. A file that is wrong
    /// changes nothing.
    pub(super) fn renew(&mut self, now: i64) -> bool {
        if now.saturating_sub(self.looked) < EVERY {
            return false;
        }
        self.looked = now;
        if self.stamp.is_some() && stamp(&self.path).ok() == self.stamp {
            return false;
        }
        match self.read() {
            Ok(()) => true,
            Err(error) => {
                log::warn!("{error}; the users stay as they were");
                false
            }
        }
    }

    fn read(&mut self) -> Result<()> {
        let within = |e: Error| e.within(format_args!("`{}`", self.path));
        let read = |e: std::io::Error| {
            within(Error::from(e)).within("grant its directory in `capabilities.files`")
        };
        let stamp = stamp(&self.path).map_err(read)?;
        if stamp.1 > LARGEST {
            return Err(within(Error::new("the file is larger than 8 MiB")));
        }
        let text = fs::read_to_string(&self.path).map_err(read)?;
        let users = parse(&text).map_err(within)?;
        self.users = users;
        self.stamp = Some(stamp);
        Ok(())
    }
}

fn stamp(path: &str) -> std::io::Result<(SystemTime, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

fn parse(text: &str) -> Result<Vec<User>> {
    let mut users: Vec<User> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let within = |e: Error| e.within(format_args!("line {}", number + 1));
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, hash) =
            line.split_once(':').ok_or_else(|| within(Error::new("there is no `USER:HASH`")))?;
        if users.iter().any(|user| user.name == name) {
            return Err(within(Error::new("the user stands twice")));
        }
        let hash = PasswordHash::parse(hash).map_err(within)?;
        users.push(User { name: name.to_owned(), hash, groups: Vec::new() });
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_users() {
        let users = parse("# staff\n\nann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").expect("a file");
        assert_eq!(users[0].name, "ann");
        assert!(users[0].hash.verify(b"password"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = |text: &str| parse(text).expect_err(text).to_string();
        assert!(error("\nann").starts_with("line 2: "));
        assert!(error("ann:plain").contains("line 1: "));
        let twice = "a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n".repeat(2);
        assert!(error(&twice).contains("line 2: the user stands twice"));
    }
}
