//! Modes: which there are beyond `Term`'s, and the kitty keyboard protocol's stack.

use alacritty_terminal::{
    term::TermMode,
    vte::ansi::{
        Handler as _, KeyboardModes, KeyboardModesApplyBehavior, Mode, NamedMode, NamedPrivateMode,
        PrivateMode,
    },
};

use super::Emulator;

/// How many keyboard modes a program may put aside (kitty: an implementation's choice).
const KEYBOARDS: usize = 16;

/// Private modes that `Term` knows and a browser's terminal, too; what a mode's flag is.
pub(in crate::screen) const FLAGS: [(u16, TermMode); 8] = [
    (1, TermMode::APP_CURSOR),
    (6, TermMode::ORIGIN),
    (7, TermMode::LINE_WRAP),
    (25, TermMode::SHOW_CURSOR),
    (1004, TermMode::FOCUS_IN_OUT),
    (1007, TermMode::ALTERNATE_SCROLL),
    (1042, TermMode::URGENCY_HINTS),
    (2004, TermMode::BRACKETED_PASTE),
];

/// The kitty keyboard protocol's flags, and those put aside, of one screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::screen) struct Keyboard {
    pub(in crate::screen) flags: u8,
    pub(in crate::screen) aside: Vec<u8>,
}

impl Keyboard {
    pub(super) fn push(&mut self, modes: KeyboardModes) {
        if self.aside.len() == KEYBOARDS {
            self.aside.remove(0);
        }
        self.aside.push(std::mem::replace(&mut self.flags, modes.bits()));
    }

    pub(super) fn pop(&mut self, count: u16) {
        for _ in 0..usize::from(count).min(KEYBOARDS + 1) {
            self.flags = self.aside.pop().unwrap_or_default();
        }
    }

    pub(super) fn set(&mut self, modes: KeyboardModes, how: KeyboardModesApplyBehavior) {
        self.flags = match how {
            KeyboardModesApplyBehavior::Replace => modes.bits(),
            KeyboardModesApplyBehavior::Union => self.flags | modes.bits(),
            KeyboardModesApplyBehavior::Difference => self.flags & !modes.bits(),
        };
    }
}

impl Emulator {
    pub(super) fn change_private_mode(&mut self, mode: PrivateMode, on: bool) {
        match mode.raw() {
            // The two that a browser's terminal does not have, and the one that the scanner does.
            3 | 1005 | 2026 => {}
            6 => {
                self.change_term_mode(mode, on);
                self.goto(0, 0);
            }
            12 => self.cursor_style.get_or_insert_default().blinking = on,
            66 if on => self.term.set_keypad_application_mode(),
            66 => self.term.unset_keypad_application_mode(),
            47 | 1047 | 1049 if on => self.show_alternate(mode.raw() == 1049),
            47 | 1047 | 1049 => self.show_main(mode.raw() == 1049),
            1048 if on => self.save_cursor_position(),
            1048 => self.restore_cursor_position(),
            number @ (9 | 1000 | 1002 | 1003) => self.mouse = on.then_some(number),
            number @ (1006 | 1015 | 1016) => self.mouse_encoding = on.then_some(number),
            _ => self.change_term_mode(mode, on),
        }
    }

    fn change_term_mode(&mut self, mode: PrivateMode, on: bool) {
        if on {
            self.term.set_private_mode(mode);
        } else {
            self.term.unset_private_mode(mode);
        }
    }

    /// Whether a private mode is set; none, if it is not known.
    pub(super) fn private_mode(&self, number: u16) -> Option<bool> {
        let flag = FLAGS.iter().find(|(known, _)| *known == number);
        if let Some((_, flag)) = flag {
            return Some(self.term.mode().contains(*flag));
        }
        match number {
            12 => Some(self.cursor_style.unwrap_or_default().blinking),
            66 => Some(self.term.mode().contains(TermMode::APP_KEYPAD)),
            47 | 1047 | 1049 => Some(self.is_alternate()),
            9 | 1000 | 1002 | 1003 => Some(self.mouse == Some(number)),
            1006 | 1015 | 1016 => Some(self.mouse_encoding == Some(number)),
            // It is between two sequences, and so never in a synchronized update.
            2026 => Some(false),
            _ => None,
        }
    }

    /// Whether a mode is set; none, if it is not known.
    pub(super) fn mode(&self, mode: Mode) -> Option<bool> {
        let flag = match mode {
            Mode::Named(NamedMode::Insert) => TermMode::INSERT,
            Mode::Named(NamedMode::LineFeedNewLine) => TermMode::LINE_FEED_NEW_LINE,
            Mode::Unknown(_) => return None,
        };
        Some(self.term.mode().contains(flag))
    }

    /// DECSTR, as xterm.js has it.
    pub(in crate::screen) fn soft_reset(&mut self) {
        for (named, on) in [
            (NamedPrivateMode::ShowCursor, true),
            (NamedPrivateMode::CursorKeys, false),
            (NamedPrivateMode::LineWrap, true),
            (NamedPrivateMode::ReportFocusInOut, false),
            (NamedPrivateMode::BracketedPaste, false),
        ] {
            self.change_term_mode(named.into(), on);
        }
        self.term.unset_private_mode(NamedPrivateMode::Origin.into());
        self.term.unset_mode(NamedMode::Insert.into());
        self.term.unset_keypad_application_mode();
        let point = self.cursor().point;
        self.set_region(1, None);
        let fresh = alacritty_terminal::grid::Cursor::default();
        let grid = self.term.grid_mut();
        (grid.cursor, grid.saved_cursor) = (fresh.clone(), fresh);
        grid.cursor.point = point;
        self.set_active_charset(alacritty_terminal::vte::ansi::CharsetIndex::G0);
    }
}
