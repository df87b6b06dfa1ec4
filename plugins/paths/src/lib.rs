//! Path prefixes as the operator writes them: whole segments only, so that `/a` is no
//! prefix of `/ab`. A slash at the end makes no difference.
//!
//! ```
//! use paths::Prefix;
//! let prefix = Prefix::parse("/shop").unwrap();
//! assert!(prefix.contains("/shop") && prefix.contains("/shop/cart"));
//! assert!(!prefix.contains("/shopping") && !prefix.contains("/"));
//! ```

use plugin_sdk::{Error, Result};

/// A prefix, without the slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// Reads a prefix; `/` is that of every path.
    ///
    /// # Errors
    /// It does not begin with one slash, or holds what no path does.
    pub fn parse(text: &str) -> Result<Self> {
        let legal = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b);
        if !text.starts_with('/') || text.starts_with("//") || !text.bytes().all(legal) {
            return Err(Error::new(format!(
                "`{text}` is no path prefix: it starts with one `/` and holds no `?` or `#`"
            )));
        }
        Ok(Self(text.trim_end_matches('/').into()))
    }

    /// Reads a list.
    ///
    /// # Errors
    /// One is no prefix; the text names its place.
    pub fn all(texts: &[String]) -> Result<Vec<Self>> {
        let parse = |(index, text): (usize, &String)| {
            Self::parse(text).map_err(|e| e.within(format!("[{index}]")))
        };
        texts.iter().enumerate().map(parse).collect()
    }

    /// Whether the path is the prefix, or is below it.
    pub fn contains(&self, path: &str) -> bool {
        self.strip(path).is_some()
    }

    /// What follows the prefix: nothing, or something that starts with a slash.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&*self.0)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// The prefix, without a slash at its end; empty for that of every path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_are_whole() {
        let strip = |prefix: &str, path| {
            Prefix::parse(prefix).expect("a prefix").strip(path).map(str::to_owned)
        };
        for (prefix, path, rest) in [
            ("/a", "/a", Some("")),
            ("/a/", "/a", Some("")),
            ("/a/", "/a/b", Some("/b")),
            ("/a", "/ab", None),
            ("/a", "/", None),
            ("/", "/a", Some("/a")),
            ("/a", "/A", None),
        ] {
            assert_eq!(strip(prefix, path).as_deref(), rest, "{prefix} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_a_mistake() {
        for text in ["", "a", "//a", "/a?b", "/a#b", "/a b", "/\u{e4}"] {
            let error = Prefix::all(&["/ok".to_owned(), text.to_owned()]).expect_err(text);
            assert!(error.to_string().starts_with("[1]: "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_below_a_prefix_is_in_it(
            prefix in "(/[a-z]{1,3}){1,3}/?", rest in "(/[a-z]{0,3}){0,3}",
        ) {
            let prefix = Prefix::parse(&prefix).expect("a prefix");
            let path = format!("{}{rest}", prefix.as_str());
            prop_assert_eq!(prefix.strip(&path), Some(rest.as_str()));
            if !rest.is_empty() {
                let longer = format!("{}x{rest}", prefix.as_str());
                prop_assert!(!prefix.contains(&longer));
            }
        }
    }
}
