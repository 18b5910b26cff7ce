//! `[focus]`: the focus sets of projects.

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};

pub(super) const SECTION: Section = Section {
    name: "focus",
    about: "The focus sets of projects.",
    keys: &[&PER_PROJECT, &AUTO_FOCUS_NEW],
};

const PER_PROJECT: Key = Key::new(
    "focus.max_per_project",
    Kind::Number(1, 64),
    Preset::Number(4),
    "Focused sessions of one project; beyond it the least active one is unfocused",
)
.known_as(&["maxFocusedPerProject"]);
const AUTO_FOCUS_NEW: Key = Key::new(
    "focus.auto_focus_new",
    Kind::Flag,
    Preset::Flag(false),
    "Whether a new session is focused at once",
);

/// The focus sets of projects.
#[derive(Debug, Clone)]
pub(crate) struct Focus {
    /// Focused sessions of one project.
    pub(crate) max_per_project: u32,
    /// Is a new session focused at once?
    pub(crate) auto_focus_new: bool,
}

pub(super) fn parse(values: &mut Resolved) -> Focus {
    Focus {
        max_per_project: values.small(&PER_PROJECT),
        auto_focus_new: values.flag(&AUTO_FOCUS_NEW),
    }
}
