//! What the parser calls.

use alacritty_terminal::{
    index::Column,
    term::{TermMode, color::COUNT},
    vte::ansi::{
        Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, KeyboardModes,
        KeyboardModesApplyBehavior, LineClearMode, Mode, ModifyOtherKeys, PrivateMode, Rgb,
        StandardCharset, TabulationClearMode,
    },
};
use unicode_width::UnicodeWidthChar as _;

use super::{Emulator, Keyboard, MARKS, TITLES, edit::end_last_row, tabs};
use crate::screen::{
    happening::{self, Happening},
    reply,
};

/// No character before this one is combined with others (U+0300 is the first mark).
const FIRST_MARK: char = '\u{300}';
/// The longest address that a hyperlink may have (xterm.js's is 2,048).
const LINK_BYTES: usize = 2048;
/// The longest identifier that a hyperlink may have (vte's document: 250).
const LINK_ID_BYTES: usize = 250;

impl Emulator {
    /// Whether a character may be printed; what scrolls out before it is kept.
    fn before(&mut self, character: char) -> bool {
        let width = character.width().unwrap_or_default();
        let cursor = &self.term.grid().cursor;
        let (line, last) = (cursor.point.line, Column(usize::from(self.size.cols) - 1));
        if width == 0 {
            let at = self.printed_at().unwrap_or((line, Column(0)));
            let cell = &self.term.grid()[at.0][at.1];
            return cell.zerowidth().is_none_or(|marks| marks.len() < MARKS);
        }
        let halved = width == 2 && cursor.point.column == last;
        let may_wrap = self.term.mode().contains(TermMode::LINE_WRAP);
        if halved && !may_wrap {
            self.unwrap();
            return false;
        }
        if may_wrap && (cursor.input_needs_wrap || halved) && line.0 + 1 == self.region.end {
            self.keep_top_row(line.0 == 0);
            self.fill();
        }
        true
    }

    pub(super) fn set_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = usize::from(self.size.rows);
        let bottom = bottom.filter(|bottom| *bottom <= rows).unwrap_or(rows);
        if top < bottom {
            self.term.set_scrolling_region(top, Some(bottom));
            self.region = top as i32 - 1..bottom as i32;
            self.goto(0, 0);
        }
    }
}

impl Handler for Emulator {
    #[inline]
    fn input(&mut self, c: char) {
        let cursor = &self.term.grid().cursor;
        let column = cursor.point.column.0;
        let edge = column + 1 >= usize::from(self.size.cols);
        // A wide one takes two, and one that wraps fewer than there are before the last column.
        self.reach.to(column + 2);
        if (edge || c >= FIRST_MARK) && !self.before(c) {
            // What stands before the cursor is not what came last.
            self.last = None;
            return;
        }
        self.term.input(c);
        self.last = Some(c);
        if edge {
            end_last_row(self.term.grid_mut());
        }
        if self.term.mode().contains(TermMode::INSERT) {
            self.reach_all();
            self.mend_row();
        }
    }

    fn linefeed(&mut self) {
        if self.cursor().point.line.0 + 1 == self.region.end {
            self.keep_top_row(false);
            self.fill();
        }
        self.term.linefeed();
        self.unwrap();
        if self.term.mode().contains(TermMode::LINE_FEED_NEW_LINE) {
            self.term.carriage_return();
        }
    }

    fn carriage_return(&mut self) {
        self.term.carriage_return();
    }

    fn backspace(&mut self) {
        self.term.backspace();
    }

    fn reverse_index(&mut self) {
        self.unwrap();
        self.reach_all();
        self.term.reverse_index();
        end_last_row(self.term.grid_mut());
    }

    fn put_tab(&mut self, count: u16) {
        self.move_forward_tabs(count);
    }

    fn move_forward_tabs(&mut self, count: u16) {
        self.term.move_forward_tabs(count);
    }

    fn move_backward_tabs(&mut self, count: u16) {
        if !self.cursor().input_needs_wrap {
            self.term.move_backward_tabs(count.min(self.size.cols));
        }
    }

    fn goto(&mut self, line: i32, col: usize) {
        let origin = self.term.mode().contains(TermMode::ORIGIN);
        let top = if origin { self.region.start } else { 0 };
        self.place(top.saturating_add(line), col);
    }

    fn goto_line(&mut self, line: i32) {
        let column = self.column();
        self.place(line, column);
    }

    fn goto_col(&mut self, col: usize) {
        let line = self.cursor().point.line.0;
        self.place(line, col);
    }

    fn move_up(&mut self, lines: usize) {
        let (line, column) = (self.up(lines), self.column());
        self.place(line, column);
    }

    fn move_down(&mut self, lines: usize) {
        let (line, column) = (self.down(lines), self.column());
        self.place(line, column);
    }

    fn move_up_and_cr(&mut self, lines: usize) {
        let line = self.up(lines);
        self.place(line, 0);
    }

    fn move_down_and_cr(&mut self, lines: usize) {
        let line = self.down(lines);
        self.place(line, 0);
    }

    fn move_forward(&mut self, cols: usize) {
        let column = self.column();
        self.goto_col(column.saturating_add(cols));
    }

    fn move_backward(&mut self, cols: usize) {
        let column = self.column();
        self.goto_col(column.saturating_sub(cols));
    }

    fn insert_blank(&mut self, count: usize) {
        self.unwrap();
        self.reach_all();
        self.term.insert_blank(count);
        self.mend_row();
    }

    fn delete_chars(&mut self, count: usize) {
        self.unwrap();
        // `Term` clears the last `count` cells, wherever the cursor is.
        let rest = usize::from(self.size.cols) - self.column();
        if count >= rest {
            let from = self.column();
            self.erase(from, usize::MAX);
        } else {
            self.fill();
            self.term.delete_chars(count);
            self.mend_row();
        }
    }

    fn erase_chars(&mut self, count: usize) {
        self.unwrap();
        let from = self.column();
        self.erase(from, from.saturating_add(count));
    }

    fn insert_blank_lines(&mut self, lines: usize) {
        if self.in_region() {
            self.reach_all();
            self.term.insert_blank_lines(lines);
            end_last_row(self.term.grid_mut());
            self.term.carriage_return();
        }
    }

    fn delete_lines(&mut self, lines: usize) {
        if self.in_region() {
            self.fill();
            self.term.delete_lines(lines);
            self.term.carriage_return();
        }
    }

    fn scroll_up(&mut self, lines: usize) {
        self.fill();
        self.term.scroll_up(lines);
        self.clamp();
    }

    fn scroll_down(&mut self, lines: usize) {
        self.reach_all();
        self.term.scroll_down(lines);
        end_last_row(self.term.grid_mut());
        self.clamp();
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        let column = self.column();
        match mode {
            LineClearMode::Right if self.cursor().input_needs_wrap => {}
            LineClearMode::Right => self.erase(column, usize::MAX),
            LineClearMode::Left => self.erase(0, column + 1),
            LineClearMode::All => self.erase(0, usize::MAX),
        }
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        let (line, rows) = (self.cursor().point.line.0, i32::from(self.size.rows));
        match mode {
            ClearMode::Below => {
                self.clear_line(LineClearMode::Right);
                self.erase_rows(line + 1, rows);
            }
            ClearMode::Above => {
                self.clear_line(LineClearMode::Left);
                self.erase_rows(0, line);
            }
            ClearMode::All => self.erase_rows(0, rows),
            ClearMode::Saved => self.lines.clear(),
        }
    }

    fn decaln(&mut self) {
        self.reach_all();
        self.term.decaln();
        self.goto(0, 0);
    }

    fn save_cursor_position(&mut self) {
        self.term.save_cursor_position();
    }

    fn restore_cursor_position(&mut self) {
        self.term.restore_cursor_position();
        self.clamp();
    }

    fn set_horizontal_tabstop(&mut self) {
        let column = self.column();
        self.tabs[column] = true;
        self.term.set_horizontal_tabstop();
    }

    fn clear_tabs(&mut self, mode: TabulationClearMode) {
        let column = self.column();
        match mode {
            TabulationClearMode::Current => self.tabs[column] = false,
            TabulationClearMode::All => self.tabs.fill(false),
        }
        self.term.clear_tabs(mode);
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        self.set_region(top, bottom);
    }

    fn reset_state(&mut self) {
        if let Some(main) = self.main.take() {
            *self.term.grid_mut() = main.grid;
        }
        self.term.reset_state();
        for color in (0..COUNT).filter(|_| self.palette) {
            self.term.reset_color(color);
        }
        self.palette = false;
        self.region = 0..i32::from(self.size.rows);
        self.tabs = tabs(usize::from(self.size.cols));
        self.charset = CharsetIndex::default();
        self.cursor_style = None;
        self.title.clear();
        self.titles.clear();
        self.keyboard = Keyboard::default();
        self.other_keys = ModifyOtherKeys::Reset;
        (self.mouse, self.mouse_encoding, self.last) = (None, None, None);
        self.lines.clear();
    }

    fn terminal_attribute(&mut self, attr: Attr) {
        // 21 is a double underline everywhere else (ECMA-48).
        let attr = if attr == Attr::CancelBold { Attr::DoubleUnderline } else { attr };
        self.term.terminal_attribute(attr);
    }

    fn set_hyperlink(&mut self, link: Option<Hyperlink>) {
        let fits = |link: &Hyperlink| {
            let id = link.id.as_deref().unwrap_or_default();
            link.uri.len() <= LINK_BYTES
                && id.len() <= LINK_ID_BYTES
                && !link.uri.chars().chain(id.chars()).any(char::is_control)
        };
        self.term.set_hyperlink(link.filter(fits));
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.charset = index;
        self.term.set_active_charset(index);
    }

    fn configure_charset(&mut self, index: CharsetIndex, charset: StandardCharset) {
        self.term.configure_charset(index, charset);
    }

    fn set_mode(&mut self, mode: Mode) {
        self.term.set_mode(mode);
    }

    fn unset_mode(&mut self, mode: Mode) {
        self.term.unset_mode(mode);
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        self.change_private_mode(mode, true);
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        self.change_private_mode(mode, false);
    }

    fn set_keypad_application_mode(&mut self) {
        self.term.set_keypad_application_mode();
    }

    fn unset_keypad_application_mode(&mut self) {
        self.term.unset_keypad_application_mode();
    }

    fn push_keyboard_mode(&mut self, mode: KeyboardModes) {
        self.keyboard.push(mode);
    }

    fn pop_keyboard_modes(&mut self, to_pop: u16) {
        self.keyboard.pop(to_pop);
    }

    fn set_keyboard_mode(&mut self, mode: KeyboardModes, behavior: KeyboardModesApplyBehavior) {
        self.keyboard.set(mode, behavior);
    }

    fn set_modify_other_keys(&mut self, mode: ModifyOtherKeys) {
        self.other_keys = mode;
    }

    fn set_cursor_style(&mut self, style: Option<CursorStyle>) {
        self.cursor_style = style;
    }

    fn set_cursor_shape(&mut self, shape: CursorShape) {
        self.cursor_style.get_or_insert_default().shape = shape;
    }

    fn set_color(&mut self, index: usize, color: Rgb) {
        self.palette = true;
        self.term.set_color(index, color);
    }

    fn reset_color(&mut self, index: usize) {
        self.term.reset_color(index);
    }

    fn set_title(&mut self, title: Option<String>) {
        self.title = happening::text(&title.unwrap_or_default());
        self.happenings.add(Happening::Title(self.title.clone()));
    }

    fn push_title(&mut self) {
        if self.titles.len() == TITLES {
            self.titles.remove(0);
        }
        self.titles.push(self.title.clone());
    }

    fn pop_title(&mut self) {
        if let Some(title) = self.titles.pop() {
            self.set_title(Some(title));
        }
    }

    fn bell(&mut self) {
        self.happenings.add(Happening::Bell);
    }

    fn identify_terminal(&mut self, intermediate: Option<char>) {
        match intermediate {
            None => self.replies.add(reply::PRIMARY),
            Some('>') => self.replies.add(reply::SECONDARY),
            _ => {}
        }
    }

    fn device_status(&mut self, arg: usize) {
        let point = self.cursor().point;
        let top = if self.term.mode().contains(TermMode::ORIGIN) { self.region.start } else { 0 };
        match arg {
            5 => self.replies.add(reply::READY),
            6 => self.replies.cursor(point.line - top, point.column),
            _ => {}
        }
    }

    fn report_mode(&mut self, mode: Mode) {
        let set = self.mode(mode);
        self.replies.mode("", mode.raw(), set);
    }

    fn report_private_mode(&mut self, mode: PrivateMode) {
        let set = self.private_mode(mode.raw());
        self.replies.mode("?", mode.raw(), set);
    }

    fn text_area_size_chars(&mut self) {
        let size = self.size;
        self.replies.size(size);
    }

    fn dynamic_color_sequence(&mut self, _: String, index: usize, terminator: &str) {
        self.replies.color(index, terminator);
    }
}
