//! Files with redirects.

use plugin_sdk::{Error, Result};
use serde::Deserialize;

use crate::config;

/// 100,000 redirects of 160 octets; what is read is kept in every instance.
const FILE_MAX: u64 = 16 << 20;

/// The parser takes about sixteen times the text, which has to fit into an instance.
const TOML_MAX: u64 = 2 << 20;

/// The form of a TOML file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    redirects: Vec<config::Redirect>,
}

/// Hands every redirect of a file to `add`, and says where it stands if that fails.
///
/// # Errors
/// The file cannot be read, or has a mistake; the text names the line of a CSV file and
/// the place in the list of a TOML file.
pub(crate) fn read(file: &str, add: &mut dyn FnMut(&config::Redirect) -> Result<()>) -> Result<()> {
    match file.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => csv(&files::read(file, FILE_MAX)?, add),
        Some("toml") => {
            let text = files::read_text(file, TOML_MAX)
                .map_err(|e| Error::new(format!("{e}; a CSV file may have {FILE_MAX}")))?;
            let document: Document = toml::from_str(&text)?;
            let each = |(index, redirect)| {
                add(&redirect).map_err(|e| e.within(format!("redirects[{index}]")))
            };
            document.redirects.into_iter().enumerate().try_for_each(each)
        }
        _ => Err(Error::new("is neither a `.csv` nor a `.toml` file")),
    }
}

/// `from,to` or `from,to,status` on each line; a line that begins with `#` says nothing.
fn csv(octets: &[u8], add: &mut dyn FnMut(&config::Redirect) -> Result<()>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(octets);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let within = |e: Error| e.within(format!("line {line}"));
        let (from, to, status) = match record.iter().collect::<Vec<_>>()[..] {
            // What a spreadsheet writes first.
            ["from", "to"] | ["from", "to", "status"] if line == 1 => continue,
            [from, to] | [from, to, ""] => (from, to, None),
            [from, to, status] => {
                let status = status
                    .parse()
                    .map_err(|_| within(Error::new(format!("status: `{status}` is no number"))))?;
                (from, to, Some(status))
            }
            _ => return Err(within(Error::new("a line has `from,to` or `from,to,status`"))),
        };
        add(&config::Redirect { from: from.to_owned(), to: to.to_owned(), status })
            .map_err(within)?;
    }
    Ok(())
}
