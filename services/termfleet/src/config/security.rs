//! `[security]`: what may be typed into sessions.

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};
use termfleet_session::limits::MAX_INPUT_BYTES;

/// Why the command policy changes nothing.
const NO_POLICY: &str = "commands are not looked at";

pub(super) const SECTION: Section = Section {
    name: "security",
    about: "What may be typed into sessions.",
    keys: &[&MAX_INPUT_LENGTH, &ALLOWED_COMMANDS, &BLOCKED_PATTERNS],
};

const MAX_INPUT_LENGTH: Key = Key::new(
    "security.max_input_length",
    Kind::Bytes(1, MAX_INPUT_BYTES as u64),
    Preset::Number(MAX_INPUT_BYTES as u64),
    "Longest input of one message, in bytes",
)
.known_as(&["sanitization.maxInputLength", "security.sanitization.maxInputLength"]);
const ALLOWED_COMMANDS: Key = Key::new(
    "security.allowed_commands",
    Kind::List,
    Preset::List(&[]),
    "Commands that may be run by name; none listed: all",
)
.known_as(&["sanitization.allowedCommands", "security.sanitization.allowedCommands"])
.pending(NO_POLICY);
const BLOCKED_PATTERNS: Key = Key::new(
    "security.blocked_patterns",
    Kind::List,
    Preset::List(&[]),
    "Patterns of commands that are refused",
)
.known_as(&["sanitization.blockedPatterns", "security.sanitization.blockedPatterns"])
.pending(NO_POLICY);

/// What may be typed.
#[derive(Debug, Clone)]
pub(crate) struct Security {
    /// Longest input of one message.
    pub(crate) max_input_bytes: usize,
}

pub(super) fn parse(values: &mut Resolved) -> Security {
    values.list(&ALLOWED_COMMANDS);
    values.list(&BLOCKED_PATTERNS);
    Security { max_input_bytes: values.size(&MAX_INPUT_LENGTH) }
}
