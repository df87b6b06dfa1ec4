//! Lines in the proxy's own log, marked with the plugin's name and the request id.
//!
//! ```
//! let refused = 3;
//! plugin_sdk::log::info!("refused {refused} so far");
//! ```
//!
//! The macros take what [`format!`] takes, and format nothing when the level is
//! not kept. Standard output and standard error become log lines too.

pub use crate::bindings::imports::wasmgate::plugin::log::Level;
use crate::host;

/// Whether lines of this level are kept.
pub fn enabled(level: Level) -> bool {
    host::log::enabled(level)
}

/// Writes one line. The host escapes control characters, cuts at 8 KiB, and past
/// 100 lines a second drops and counts a plugin's lines.
pub fn write(level: Level, line: &str) {
    host::log::log(level, line);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $($format:tt)+) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, &::std::format!($($format)+));
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace { ($($format:tt)+) => { $crate::__log!(Trace, $($format)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug { ($($format:tt)+) => { $crate::__log!(Debug, $($format)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info { ($($format:tt)+) => { $crate::__log!(Info, $($format)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn { ($($format:tt)+) => { $crate::__log!(Warn, $($format)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error { ($($format:tt)+) => { $crate::__log!(Error, $($format)+) }; }

#[doc(inline)]
pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};
