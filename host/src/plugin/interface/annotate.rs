//! `annotate`: a key and a value for the access log.

use std::sync::Arc;

use super::bindings::wasmgate::plugin::annotate::{AnnotateError, Host};
use crate::exchange::Annotation;
use crate::plugin::instance::HostState;

/// Bounds on what one plugin may say of one exchange.
const ANNOTATIONS_MAX: usize = 32;
const ANNOTATIONS_BYTES_MAX: usize = 8 * 1024;

impl Host for HostState {
    fn annotate(&mut self, key: String, value: String) -> Result<(), AnnotateError> {
        let exchange = self.exchange.as_mut().ok_or(AnnotateError::NoExchange)?;
        let kept = &mut exchange.notes.annotations;
        let own = |note: &&Annotation| Arc::ptr_eq(&note.plugin, &self.name) && note.key != key;
        let (count, bytes) = kept.iter().filter(own).fold((0, 0), |(count, bytes), note| {
            (count + 1, bytes + note.key.len() + note.value.len())
        });
        if count >= ANNOTATIONS_MAX || bytes + key.len() + value.len() > ANNOTATIONS_BYTES_MAX {
            return Err(AnnotateError::Quota);
        }
        let same =
            |note: &&mut Annotation| Arc::ptr_eq(&note.plugin, &self.name) && note.key == key;
        match kept.iter_mut().find(same) {
            Some(note) => note.value = value,
            None => kept.push(Annotation { plugin: Arc::clone(&self.name), key, value }),
        }
        Ok(())
    }
}
