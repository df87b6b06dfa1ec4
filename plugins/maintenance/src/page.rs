//! What is answered.

use plugin_sdk::{Error, Reply, Result};

use crate::config::Config;

/// A page is kept in every instance.
const PAGE_MAX: u64 = 1 << 20;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

const DEFAULT_PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Down for maintenance</title>
<h1>Down for maintenance</h1>
<p>We are working on this site. Please come back soon.</p>
</html>
";

const DEFAULT_JSON: &str = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\
                            \"status\":503,\"detail\":\"down for maintenance\"}\n";

pub(crate) struct Pages {
    page: (&'static str, String),
    json: (&'static str, String),
    retry_after: u64,
}

impl Pages {
    /// Checks the configuration, and reads the file.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let page = match (&config.html, &config.html_file, &config.text) {
            (None, None, None) => (HTML, DEFAULT_PAGE.to_owned()),
            (Some(html), None, None) => (HTML, html.clone()),
            (None, Some(file), None) => {
                (HTML, files::read_text(file, PAGE_MAX).map_err(|e| e.within("html_file"))?)
            }
            (None, None, Some(text)) => (TEXT, text.clone()),
            _ => return Err(Error::new("`html`, `html_file` and `text` exclude each other")),
        };
        let json = match &config.json {
            None => ("application/problem+json", DEFAULT_JSON.to_owned()),
            Some(json) => {
                serde_json::from_str::<serde::de::IgnoredAny>(json)
                    .map_err(|e| Error::from(e).within("json"))?;
                ("application/json", json.clone())
            }
        };
        if !config.retry_after.is_whole_seconds() {
            return Err(Error::new(format!(
                "{} is no whole number of seconds",
                config.retry_after
            ))
            .within("retry_after"));
        }
        Ok(Self { page, json, retry_after: config.retry_after.as_secs() })
    }

    /// The answer, with the seconds that are left if they are known.
    pub(crate) fn reply(&self, json: bool, seconds: Option<i64>) -> Reply {
        let (content_type, body) = if json { &self.json } else { &self.page };
        let seconds = seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(self.retry_after);
        Reply::new(503)
            .header("retry-after", seconds.to_string())
            // Else a cache could show it when all is well again.
            .header("cache-control", "no-store")
            .header("vary", "accept")
            .header("content-type", *content_type)
            .body(body.as_str())
    }
}
