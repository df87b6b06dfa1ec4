//! The hash of a word. `build.rs` has this file too: both must agree.

/// Where a search for `word` begins in a table of `slots` slots, a power of two.
/// ASCII letters count as upper case.
pub(crate) fn slot(word: &[u8], slots: usize) -> usize {
    let hash = word.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 15)) as usize & (slots - 1)
}
