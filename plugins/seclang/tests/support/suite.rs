//! The tests of the Core Rule Set, in the format of go-ftw.

use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

use super::request::Request;

/// A test: requests and what the log shall say of them.
pub(crate) struct Test {
    /// `942100-3`
    pub(crate) name: String,
    /// The directory of its file: a rule family.
    pub(crate) family: String,
    pub(crate) stages: Vec<Stage>,
}

/// A request and what is expected of it.
pub(crate) struct Stage {
    pub(crate) request: Request,
    pub(crate) expected: Vec<u64>,
    pub(crate) unexpected: Vec<u64>,
    pub(crate) matching: Option<String>,
    pub(crate) not_matching: Option<String>,
}

impl Stage {
    fn asserts(&self) -> bool {
        !self.expected.is_empty()
            || !self.unexpected.is_empty()
            || self.matching.is_some()
            || self.not_matching.is_some()
    }
}

/// All tests that assert on the log.
pub(crate) fn load(data: &Path) -> Vec<Test> {
    let mut tests = Vec::new();
    let root = data.join("crs/tests/regression/tests");
    for family in sorted(&root) {
        for file in sorted(&family) {
            let text = std::fs::read_to_string(&file).unwrap();
            let documents = YamlLoader::load_from_str(&text)
                .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let name = family.file_name().unwrap().to_string_lossy().into_owned();
            documents.iter().for_each(|document| add(document, &name, &mut tests));
        }
    }
    tests.retain(|test: &Test| test.stages.iter().any(Stage::asserts));
    tests
}

fn sorted(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn add(document: &Yaml, family: &str, tests: &mut Vec<Test>) {
    let rule = document["rule_id"].as_i64().unwrap_or(0);
    for test in document["tests"].as_vec().into_iter().flatten() {
        let number = test["test_id"].as_i64().unwrap_or(0);
        let stages = test["stages"].as_vec().into_iter().flatten().map(stage).collect();
        tests.push(Test { name: format!("{rule}-{number}"), family: family.to_owned(), stages });
    }
}

fn stage(stage: &Yaml) -> Stage {
    let log = &stage["output"]["log"];
    let ids = |key: &str| {
        let list = log[key].as_vec().into_iter().flatten();
        list.filter_map(|id| u64::try_from(id.as_i64()?).ok()).collect()
    };
    let text = |key: &str| log[key].as_str().map(str::to_owned);
    Stage {
        request: request(&stage["input"]),
        expected: ids("expect_ids"),
        unexpected: ids("no_expect_ids"),
        matching: text("match_regex"),
        not_matching: text("no_match_regex"),
    }
}

/// The request, completed as the runner of the suite does: a length and a type
/// for a body that has none, and an end of the connection.
fn request(input: &Yaml) -> Request {
    if let Some(encoded) = input["encoded_request"].as_str() {
        let clean: Vec<u8> = encoded.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        return Request::parse(&seclang::Transform::Base64Decode.apply(&clean).unwrap_or_default());
    }
    let text = |key: &str, default: &str| input[key].as_str().unwrap_or(default).to_owned();
    let mut request = Request {
        method: text("method", "GET"),
        target: text("uri", "/").into_bytes(),
        protocol: text("version", "HTTP/1.1"),
        body: text("data", "").into_bytes(),
        headers: Vec::new(),
    };
    for (name, value) in input["headers"].as_hash().into_iter().flatten() {
        let text = |yaml: &Yaml| match yaml {
            Yaml::Integer(number) => number.to_string(),
            Yaml::Real(number) => number.clone(),
            Yaml::Boolean(b) => b.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        request.headers.push((text(name), text(value).into_bytes()));
    }
    if input["autocomplete_headers"].as_bool() != Some(false) {
        if !request.body.is_empty() && request.header("content-type").is_none() {
            request.set("Content-Type", "application/x-www-form-urlencoded");
        }
        let body = !request.body.is_empty() || matches!(&*request.method, "POST" | "PUT" | "PATCH");
        if body && request.header("content-length").is_none() {
            request.set("Content-Length", &request.body.len().to_string());
        }
        if request.header("connection").is_none() {
            request.set("Connection", "close");
        }
    }
    request
}
