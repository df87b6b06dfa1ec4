//! How much of its quota a plugin uses.

use std::sync::atomic::{AtomicU64, Ordering};

/// Octets and entries that are taken. Written when something is added, removed or
/// changes its size; reads of what is there do not touch it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl Usage {
    /// Takes room for so many octets and entries, all or nothing.
    pub(super) fn take(&self, (bytes, entries): (u64, u64), most: (u64, u64)) -> bool {
        if !add(&self.bytes, bytes, most.0) {
            return false;
        }
        let taken = add(&self.entries, entries, most.1);
        if !taken {
            self.release(bytes, 0);
        }
        taken
    }

    /// Gives room back.
    pub(super) fn release(&self, bytes: u64, entries: u64) {
        for (used, less) in [(&self.bytes, bytes), (&self.entries, entries)] {
            if less > 0 {
                used.fetch_sub(less, Ordering::Relaxed);
            }
        }
    }

    /// Octets and entries.
    #[cfg(test)]
    pub(super) fn read(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.entries.load(Ordering::Relaxed))
    }
}

/// A change that takes nothing more is allowed even where a smaller quota than
/// before is exceeded already.
fn add(used: &AtomicU64, more: u64, most: u64) -> bool {
    let grown = |used: u64| used.checked_add(more).filter(|sum| *sum <= most);
    more == 0 || used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
}
