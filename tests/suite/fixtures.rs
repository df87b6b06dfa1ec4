//! No fixture without a test.

use std::fs;
use std::path::Path;

#[test]
fn every_guest_is_used() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let suite: String = fs::read_dir(here.join("suite"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    for folder in fs::read_dir(here.join("guests")).unwrap() {
        let path = folder.unwrap().path();
        if !path.join("src").is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().replace('-', "_").to_uppercase();
        assert!(suite.contains(&format!("guest::{name}")), "no test uses guest::{name}");
    }
}
