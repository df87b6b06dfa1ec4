//! The Core Rule Set and its regression tests, which are not part of this
//! repository: where they are, and how their files are read.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests, outside of test functions"
)]

pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod suite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seclang::{Detectors, Directory, Engine, Lazy, LoadError, Loader, Patterns, Rules};

/// The directory with `crs/` in it; none if it is not here.
pub(crate) fn data() -> Option<PathBuf> {
    let given = std::env::var_os("WASMGATE_WAF_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/waf");
    let path = given.unwrap_or(beside);
    path.join("crs/rules").is_dir().then_some(path)
}

/// Says that a test could not run, for whoever reads its output.
pub(crate) fn say_missing(test: &str) {
    eprintln!(
        "{test}: NOT RUN: the Core Rule Set is missing. Set WASMGATE_WAF_DATA to a directory \
         with crs/rules and crs/tests."
    );
}

/// The files of the rule set, and one of our own.
struct Files {
    directory: Directory,
    own: BTreeMap<&'static str, String>,
}

impl Loader for Files {
    fn read(&self, name: &str, from: &str) -> Result<Vec<u8>, String> {
        match self.own.get(name) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.directory.read(name, from),
        }
    }

    fn expand(&self, pattern: &str, from: &str) -> Result<Vec<String>, String> {
        self.directory.expand(pattern, from)
    }
}

/// What the set expects around it: body processors by content type, and strictness
/// about bodies.
const AROUND: &str = r#"
SecRequestBodyAccess On
SecResponseBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 1048576
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimitAction ProcessPartial
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application(?:/soap\+|/)|text/)xml" \
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z0-9.-]+[+])?json" \
    "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" \
    "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',\
    logdata:'%{reqbody_error_msg}',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" \
    "id:200003,phase:2,t:none,log,deny,status:400,\
    msg:'Multipart request body failed strict validation.'"
Include crs-setup.conf.example
"#;

/// The rule set as its tests want it: everything detected, nothing refused.
pub(crate) const AS_TESTED: &str = r#"
SecRuleEngine DetectionOnly
SecAction "id:900005,phase:1,nolog,pass,setvar:tx.blocking_paranoia_level=4,\
    setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,\
    setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,\
    setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"
"#;

/// The rule set as it protects a site.
pub(crate) const AS_INSTALLED: &str = "SecRuleEngine On\n";

/// Compiles the rule set with some directives before it.
pub(crate) fn engine(data: &Path, before: &str) -> Result<Engine, LoadError> {
    engine_with(data, before, &Lazy)
}

/// The same, with patterns of one's own.
pub(crate) fn engine_with(
    data: &Path,
    before: &str,
    patterns: &dyn Patterns,
) -> Result<Engine, LoadError> {
    let main = format!("{AROUND}{before}Include rules/*.conf\n");
    let files = Files {
        directory: Directory(data.join("crs")),
        own: BTreeMap::from([("main.conf", main)]),
    };
    let rules = Rules::load(&files, "main.conf")?;
    Engine::compile(&rules, Detectors::libinjection(), patterns)
}
