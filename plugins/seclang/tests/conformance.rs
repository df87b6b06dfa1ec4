//! The regression tests of the OWASP Core Rule Set, in process.

mod support;

use std::collections::BTreeMap;

use regex::Regex;
use seclang::Engine;
use support::run::{Outcome, play};
use support::suite::{Stage, Test};

/// At least so many of the tests that assert on the log must pass.
const BAR: usize = 3450;

#[test]
#[allow(clippy::print_stdout, reason = "the table is what one runs this test for")]
fn the_core_rule_set_behaves_as_its_tests_say() {
    let Some(data) = support::data() else {
        support::say_missing("conformance");
        return;
    };
    let engine = support::engine(&data, support::AS_TESTED).unwrap_or_else(|e| panic!("{e}"));
    let tests = support::suite::load(&data);
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    for test in &tests {
        let result = check(&engine, test);
        let (passed, all) = families.entry(&test.family).or_default();
        *all += 1;
        match result {
            Ok(()) => *passed += 1,
            Err(reason) => failures.push(format!("{}: {reason}", test.name)),
        }
    }
    println!("{:<50} {:>6} {:>6}", "rule family", "passed", "tests");
    for (family, (passed, all)) in &families {
        println!("{family:<50} {passed:>6} {all:>6}");
    }
    let passed = tests.len() - failures.len();
    println!("{:<50} {passed:>6} {:>6}", "all", tests.len());
    failures.iter().for_each(|failure| println!("{failure}"));
    assert!(passed >= BAR, "{passed} of {} tests passed, {BAR} must", tests.len());
}

fn check(engine: &Engine, test: &Test) -> Result<(), String> {
    test.stages.iter().try_for_each(|stage| {
        let outcome = play(engine, &stage.request);
        check_stage(stage, &outcome).map_err(|reason| {
            let ids: Vec<_> = outcome.matches.iter().map(|m| m.rule.to_string()).collect();
            format!("{reason}; logged: {}", ids.join(","))
        })
    })
}

#[allow(clippy::unwrap_used, reason = "patterns are those of the suite")]
fn check_stage(stage: &Stage, outcome: &Outcome) -> Result<(), String> {
    if let Some(id) = stage.expected.iter().find(|id| !outcome.has(**id)) {
        return Err(format!("{id} is missing"));
    }
    if let Some(id) = stage.unexpected.iter().find(|id| outcome.has(**id)) {
        return Err(format!("{id} must not match"));
    }
    let log = outcome.log();
    let matches = |pattern: &String| Regex::new(pattern).unwrap().is_match(&log);
    if stage.matching.as_ref().is_some_and(|pattern| !matches(pattern)) {
        return Err("the log has no such line".to_owned());
    }
    if stage.not_matching.as_ref().is_some_and(matches) {
        return Err("the log has a line that it must not have".to_owned());
    }
    Ok(())
}
