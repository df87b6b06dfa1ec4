//! What plugins say, for commands that show it beside something else.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::cases::run::Listener;

/// One line of the log.
#[derive(Debug)]
pub(in crate::cli) struct Line {
    /// The exchange that it is about.
    pub(in crate::cli) request_id: Option<String>,
    /// `WARN request: trap: …`
    pub(in crate::cli) text: String,
}

/// Sends lines by and about plugins, and warnings, to whoever shows them.
pub(super) struct Hear(UnboundedSender<Line>);

/// The other end.
pub(in crate::cli) struct Heard {
    pub(in crate::cli) lines: UnboundedReceiver<Line>,
}

pub(super) fn channel() -> (Hear, Heard) {
    let (sender, lines) = unbounded_channel();
    (Hear(sender), Heard { lines })
}

impl<S: Subscriber> Layer<S> for Hear {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        if fields.plugin.is_none() && level > Level::WARN {
            return;
        }
        let Fields { mut text, request_id, .. } = fields;
        text.insert_str(0, &format!("{level} "));
        // Whoever showed them has ended.
        let _ = self.0.send(Line { request_id, text });
    }
}

#[derive(Default)]
struct Fields {
    plugin: Option<String>,
    request_id: Option<String>,
    text: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "plugin" => {
                self.plugin = Some(format!("{value:?}"));
                Ok(())
            }
            "request_id" => {
                let id = format!("{value:?}");
                self.request_id = Some(id).filter(|id| !id.is_empty());
                Ok(())
            }
            "message" => write!(self.text, "{value:?}"),
            // After the message, which comes first whatever its place in the code.
            name => write!(self.text, " ({name}: {value:?})"),
        };
    }
}

/// For commands that wait for exchanges, one after the other.
pub(in crate::cli) struct Kept(RefCell<Heard>);

impl From<Heard> for Kept {
    fn from(heard: Heard) -> Self {
        Self(RefCell::new(heard))
    }
}

impl Listener for Kept {
    fn lines(&self, request_id: Option<&str>) -> Vec<String> {
        let mut heard = self.0.borrow_mut();
        let mut found = Vec::new();
        while let Ok(line) = heard.lines.try_recv() {
            // A line about an earlier exchange comes too late to be shown with it.
            if line.request_id.is_none() || line.request_id.as_deref() == request_id {
                found.push(line.text);
            }
        }
        found
    }
}
