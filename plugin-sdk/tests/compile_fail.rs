//! Misuse of `#[export]` is an error on the user's own line.

#[test]
fn misuse_of_export_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
