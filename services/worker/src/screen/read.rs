//! What the screen shows, for whoever does not draw it: text, styled text, a picture, and a check sum
//! that a client compares its own with. All of it is of the last offset at rest.

use alacritty_terminal::{
    index::Line,
    term::cell::{Cell, Flags},
};

use super::{Picture, Screen, pen, svg};

/// FNV-1a in 32 bits: a client computes it once in a while, and nobody gains by a collision.
const FNV_BASIS: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// How a screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Not at all.
    Nothing,
    /// Lines of text.
    Text,
    /// Lines of styled text.
    Ansi,
    /// A picture.
    Svg,
}

/// Rows that have left the screen, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) lines: Vec<Vec<u8>>,
    /// Where the ones before them end, if there are any.
    pub(crate) before: Option<u64>,
}

impl Screen {
    /// What it shows.
    pub(crate) fn show(&mut self, format: Format) -> Picture {
        self.drawn();
        let data = match format {
            Format::Nothing => Vec::new(),
            Format::Text => self.text().into_bytes(),
            Format::Ansi => self.styled(),
            Format::Svg => svg::draw(self.size, self.rows()).into_bytes(),
        };
        Picture { offset: self.rest, size: self.size, data: data.into() }
    }

    /// The check sum of what it shows (`docs/protocol.md`).
    pub(crate) fn hash(&mut self) -> u32 {
        self.drawn();
        let mut text = self.text();
        let (row, column) = self.cursor();
        text.push_str(&format!("{row},{column}"));
        if self.is_alternate() {
            text.push_str(",alt");
        }
        let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
        text.bytes().fold(FNV_BASIS, step)
    }

    /// At most so many of the rows that have left it, before that one; the newest if it is not given.
    pub(crate) fn history(&mut self, before: Option<u64>, count: usize, plain: bool) -> Rows {
        let Some(fed) = self.drawn() else { return Rows { lines: Vec::new(), before: None } };
        let lines = &fed.emulator.lines;
        let (first, found) = lines.before(before.unwrap_or(u64::MAX), count);
        let shown = |text: Vec<u8>| if plain { unstyled(&text) } else { text };
        Rows {
            lines: found.into_iter().map(|line| shown(line.text)).collect(),
            before: (first > lines.first()).then_some(first),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for cells in self.rows() {
            let begin = text.len();
            for cell in cells.iter().filter(|cell| !is_spacer(cell)) {
                text.push(cell.c);
                text.extend(cell.zerowidth().unwrap_or_default());
            }
            text.truncate(begin + text[begin..].trim_end_matches(' ').len());
            text.push('\n');
        }
        if self.emulator.is_none() {
            text.extend((0..self.size.rows).map(|_| '\n'));
        }
        text
    }

    fn styled(&self) -> Vec<u8> {
        let (mut out, mut style) = (Vec::new(), pen::Pen::default());
        for cells in self.rows() {
            pen::write(&cells[..pen::length(cells)], &mut style, &mut out);
            style.clear(&mut out);
            out.push(b'\n');
        }
        out
    }

    /// The rows that are visible, if something was printed yet.
    fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        let grid = self.emulator.as_ref().map(|fed| fed.emulator.term.grid());
        let rows = i32::from(self.size.rows);
        grid.into_iter().flat_map(move |grid| (0..rows).map(|row| &grid[Line(row)][..]))
    }

    /// The cursor's row and column, from 0.
    fn cursor(&self) -> (i32, usize) {
        let Some(fed) = &self.emulator else { return (0, 0) };
        let point = fed.emulator.term.grid().cursor.point;
        (point.line.0, point.column.0)
    }

    /// The line that the cursor is in, of all that there ever were.
    pub(crate) fn line(&mut self) -> u64 {
        let row = self.drawn().map_or(0, |fed| fed.emulator.term.grid().cursor.point.line.0);
        let left = self.emulator.as_ref().map_or(0, |fed| fed.emulator.lines.end());
        // It is a row of the screen.
        left + u64::from(row.unsigned_abs())
    }

    /// The alternate screen is shown.
    pub(crate) fn is_alternate(&self) -> bool {
        self.emulator.as_ref().is_some_and(|fed| fed.emulator.is_alternate())
    }
}

/// The second half of a wide character, which its first half shows.
fn is_spacer(cell: &Cell) -> bool {
    cell.flags.contains(Flags::WIDE_CHAR_SPACER)
}

/// A line of the store without its styles: those are `CSI … m` and hyperlinks, and nothing else.
fn unstyled(text: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        plain.extend_from_slice(&rest[..at]);
        let sequence = &rest[at..];
        let end = match sequence.get(1) {
            Some(b']') => sequence.windows(2).position(|two| two == b"\x1b\\").map(|end| end + 2),
            _ => sequence.iter().position(|byte| *byte == b'm').map(|end| end + 1),
        };
        rest = &sequence[end.unwrap_or(sequence.len())..];
    }
    plain.extend_from_slice(rest);
    while plain.last() == Some(&b' ') {
        plain.pop();
    }
    plain
}

#[cfg(test)]
mod tests {
    //! What is read of a screen.
    use termfleet_session::{ids::Offset, limits::Size};
    use tokio::time::Instant;

    use super::*;

    fn screen(output: &str) -> Screen {
        let mut screen = Screen::new(Size { cols: 10, rows: 3 }, Offset::new(7), 1 << 20);
        screen.feed(output.as_bytes(), Instant::now());
        screen
    }

    fn fnv(text: &str) -> u32 {
        text.bytes().fold(FNV_BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME))
    }

    #[test]
    fn text_is_what_is_seen_without_the_spaces_at_its_end() {
        let mut shown = screen("one  \r\n\x1b[31m✅e\u{301}\x1b[m");
        let picture = shown.show(Format::Text);
        assert_eq!(
            (picture.offset, &picture.data[..]),
            (shown.fed(), "one\n✅e\u{301}\n\n".as_bytes())
        );
        assert_eq!(&screen("").show(Format::Text).data[..], b"\n\n\n");
    }

    #[test]
    fn styles_begin_and_end_in_their_row() {
        let data = screen("a\x1b[1;31mb\r\nc").show(Format::Ansi).data;
        let text = String::from_utf8(data.to_vec()).unwrap();
        assert_eq!(text, "a\x1b[0;1;31mb\x1b[0m\n\x1b[0;1;31mc\x1b[0m\n\n");
    }

    #[test]
    fn a_check_sum_is_of_the_text_the_cursor_and_which_screen_it_is() {
        assert_eq!(screen("").hash(), fnv("\n\n\n0,0"));
        assert_eq!(screen("ab\r\n✅").hash(), fnv("ab\n✅\n\n1,2"));
        // The cursor waits in the last column.
        assert_eq!(screen("0123456789").hash(), fnv("0123456789\n\n\n0,9"));
        assert_eq!(screen("a\x1b[?1049hb").hash(), fnv(" b\n\n\n0,2,alt"));
        // FNV-1a's own example.
        assert_eq!(fnv("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn rows_that_left_come_in_pages() {
        let mut shown = screen("1\r\n2\r\n\x1b[31m3\x1b[m\r\n4\r\n5\r\n6");
        let texts = |rows: &Rows| {
            rows.lines
                .iter()
                .map(|row| String::from_utf8_lossy(row).into_owned())
                .collect::<Vec<_>>()
        };
        let newest = shown.history(None, 2, true);
        assert_eq!(
            (texts(&newest), newest.before),
            (vec!["2".to_owned(), "3".to_owned()], Some(1))
        );
        let oldest = shown.history(newest.before, 2, true);
        assert_eq!((texts(&oldest), oldest.before), (vec!["1".to_owned()], None));
        let styled = shown.history(None, 1, false);
        assert_eq!(texts(&styled), ["\x1b[31m3\x1b[39m"]);
        assert_eq!(screen("").history(None, 5, true), Rows { lines: vec![], before: None });
    }

    #[test]
    fn plain_rows_have_neither_styles_nor_links() {
        let mut shown =
            screen("\x1b]8;;http://x/\x1b\\\x1b[4mlink\x1b[m\x1b]8;;\x1b\\ b\r\n\r\n\r\n");
        assert_eq!(shown.history(None, 9, true).lines, [b"link b".to_vec()]);
    }
}
