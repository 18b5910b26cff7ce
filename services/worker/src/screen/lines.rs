//! The line store: the rows that left the top of the main screen, as styled text, newest last.
//!
//! It is bounded by bytes. A line is numbered by how many came before it since the screen began,
//! so that a page of history stays where it is while new lines come.

mod raw;

use std::{collections::VecDeque, ops::Range};

pub(super) use self::raw::Raw;

/// Lines are stored in blocks of about so many bytes, which go as a whole when they are the oldest:
/// a flood of short lines should not cost an allocation each.
const BLOCK_BYTES: usize = 64 << 10;
/// A sixteenth of what may be kept is the most that goes at once.
const BLOCKS: usize = 16;

/// One row, with the sequences that style it: it begins and ends with the default style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// It goes on in the next one: it was too long for a screen of so many columns.
    pub(super) wrapped: Option<u16>,
}

#[derive(Debug)]
enum Block {
    Rows(Rows),
    /// Lines of a flood, which are rows once somebody reads them.
    Raw(Raw),
}

#[derive(Debug, Default)]
struct Rows {
    text: Vec<u8>,
    /// Where each row ends in the text, and how it was wrapped.
    ends: Vec<(u32, Option<u16>)>,
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    blocks: VecDeque<Block>,
    /// In all blocks but the newest.
    bytes: usize,
    most_bytes: usize,
    block_bytes: usize,
    /// The numbers of the oldest line, and of the one after the newest.
    first: u64,
    end: u64,
}

impl Rows {
    fn push(&mut self, text: &[u8], wrapped: Option<u16>) {
        self.text.extend_from_slice(text);
        // A block is little more than 64 KiB and one row, or what so much is when it is styled.
        self.ends.push((self.text.len() as u32, wrapped));
    }

    fn line(&self, number: usize) -> Line {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, wrapped) = self.ends[number];
        Line { text: self.text[start as usize..end as usize].to_vec(), wrapped }
    }

    fn pop(&mut self) -> bool {
        let popped = self.ends.pop().is_some();
        self.text.truncate(self.ends.last().map_or(0, |(end, _)| *end as usize));
        popped
    }
}

impl From<&Raw> for Rows {
    fn from(raw: &Raw) -> Self {
        let mut rows = Self::default();
        raw.draw(|text, wraps| rows.push(text, wraps.then_some(raw.cols)));
        debug_assert_eq!(rows.ends.len(), raw.rows, "rows are counted before they are made");
        rows
    }
}

impl Block {
    fn bytes(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.text.len() + size_of_val(&rows.ends[..]),
            Self::Raw(raw) => raw.bytes.len(),
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.ends.len(),
            Self::Raw(raw) => raw.rows,
        }
    }

    /// The rows in this range, counted from the block's first.
    fn read(&self, range: Range<usize>) -> Vec<Line> {
        match self {
            Self::Rows(rows) => range.map(|number| rows.line(number)).collect(),
            Self::Raw(raw) => {
                let rows = Rows::from(raw);
                range.map(|number| rows.line(number)).collect()
            }
        }
    }
}

impl Lines {
    pub(super) fn new(most_bytes: usize) -> Self {
        let block_bytes = (most_bytes / BLOCKS).min(BLOCK_BYTES);
        Self { most_bytes, block_bytes, ..Self::default() }
    }

    pub(super) fn push(&mut self, text: &[u8], wrapped: Option<u16>) {
        self.end += 1;
        if !matches!(self.blocks.back(), Some(Block::Rows(_))) || self.newest_is_full(0) {
            self.begin(Block::Rows(Rows::default()));
        }
        if let Some(Block::Rows(rows)) = self.blocks.back_mut() {
            rows.push(text, wrapped);
        }
        self.forget();
    }

    /// Lines that nobody has seen.
    pub(super) fn push_raw(&mut self, raw: Raw) {
        self.end += raw.rows as u64;
        let full = self.newest_is_full(raw.bytes.len());
        match self.blocks.back_mut() {
            // Between them nothing was printed, so that the style is what the ones before left.
            Some(Block::Raw(newest)) if newest.cols == raw.cols && !full => newest.append(&raw),
            _ => self.begin(Block::Raw(raw)),
        }
        self.forget();
    }

    fn newest_is_full(&self, more: usize) -> bool {
        self.blocks.back().is_some_and(|block| block.bytes() + more >= self.block_bytes)
    }

    fn begin(&mut self, block: Block) {
        self.bytes += self.blocks.back().map_or(0, Block::bytes);
        self.blocks.push_back(block);
    }

    /// The oldest lines go, if there are too many.
    fn forget(&mut self) {
        while let Some(newest) = self.blocks.back()
            && self.bytes + newest.bytes() > self.most_bytes
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.first += oldest.rows() as u64;
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }

    /// Takes the newest line out.
    pub(super) fn pop(&mut self) {
        let Some(block) = self.blocks.back_mut() else { return };
        if let Block::Raw(raw) = block {
            *block = Block::Rows(Rows::from(&*raw));
        }
        if let Block::Rows(rows) = block
            && rows.pop()
        {
            self.end -= 1;
        }
        if block.rows() == 0 {
            self.blocks.pop_back();
            let newest = self.blocks.back().map_or(0, Block::bytes);
            self.bytes = self.bytes.saturating_sub(newest);
        }
    }

    pub(super) fn clear(&mut self) {
        self.blocks = VecDeque::new();
        (self.first, self.bytes) = (self.end, 0);
    }

    /// The oldest line's number.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number after the newest line's.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// At most `count` lines before the line numbered `before`, oldest first, and the number of
    /// the first of them.
    pub(super) fn before(&self, before: u64, count: usize) -> (u64, Vec<Line>) {
        let end = before.clamp(self.first, self.end);
        let start = end.saturating_sub(count as u64).max(self.first);
        let (mut lines, mut number) = (Vec::new(), self.first);
        for block in &self.blocks {
            // It is within the block, whose rows are a usize.
            let within = |wanted: u64| (wanted.max(number) - number) as usize;
            let range = within(start)..within(end).min(block.rows());
            if !range.is_empty() {
                lines.extend(block.read(range));
            }
            number += block.rows() as u64;
        }
        (start, lines)
    }
}

#[cfg(test)]
mod tests {
    //! What is kept, and what is found.
    use alacritty_terminal::term::cell::Cell;

    use super::*;

    fn newest(lines: &Lines) -> Option<Line> {
        lines.before(u64::MAX, 1).1.pop()
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
    }

    #[test]
    fn the_oldest_lines_go_when_the_bytes_are_spent() {
        let cost = 92 + size_of::<(u32, Option<u16>)>();
        for (most, kept) in [(160 * cost - 1, 150), (160 * cost, 160), (160 * cost + 1, 160)] {
            let mut lines = Lines::new(most);
            for _ in 0..160 {
                lines.push(&[b'x'; 92], None);
            }
            let (first, found) = lines.before(u64::MAX, 1000);
            let found = found.len();
            assert!((kept..=kept.max(159)).contains(&found), "{found} lines in {most} bytes");
            assert_eq!((first, lines.end()), (160 - found as u64, 160));
        }
        for most in [0, 1, cost - 1] {
            let mut lines = Lines::new(most);
            lines.push(&[b'x'; 92], None);
            assert_eq!(lines.before(u64::MAX, 1).1.len(), 0, "{most} bytes");
        }
    }

    #[test]
    fn a_page_stays_where_it_is() {
        let mut lines = Lines::new(1 << 20);
        for text in [b"a", b"b", b"c", b"d"] {
            lines.push(text, None);
        }
        let (first, page) = lines.before(lines.end(), 2);
        assert_eq!((first, texts(&page)), (2, vec!["c".to_owned(), "d".to_owned()]));
        lines.push(b"e", None);
        let (before, page) = lines.before(first, 5);
        assert_eq!((before, texts(&page)), (0, vec!["a".to_owned(), "b".to_owned()]));
        lines.clear();
        assert_eq!(lines.before(u64::MAX, 5).1.len(), 0);
        assert_eq!(lines.end(), 5);
    }

    #[test]
    fn lines_are_found_over_the_borders_of_blocks() {
        let mut lines = Lines::new(1 << 10);
        for number in 0..1000 {
            lines.push(format!("{number}").as_bytes(), None);
        }
        let (first, all) = lines.before(u64::MAX, 1000);
        let all = texts(&all);
        assert_eq!(all.len() as u64, 1000 - first);
        for (at, text) in all.iter().enumerate() {
            assert_eq!(*text, format!("{}", first as usize + at));
        }
        assert_eq!(texts(&lines.before(990, 3).1), ["987", "988", "989"]);
    }

    #[test]
    fn the_newest_come_back_one_by_one() {
        let mut lines = Lines::new(1 << 20);
        for number in 0..10_000 {
            lines.push(format!("{number:0>20}").as_bytes(), None);
        }
        let whole = lines.bytes;
        assert!(lines.blocks.len() > 2 && whole > 0);
        for number in (0..10_000).rev() {
            let text = String::from_utf8(newest(&lines).unwrap().text).unwrap();
            assert_eq!((text, lines.end()), (format!("{number:0>20}"), number + 1));
            lines.pop();
        }
        lines.pop();
        assert!(newest(&lines).is_none() && lines.blocks.is_empty());
        assert_eq!((lines.bytes, lines.first(), lines.end()), (0, 0, 0));
    }

    fn raw(bytes: &str, rows: usize) -> Raw {
        Raw { bytes: bytes.as_bytes().to_vec(), rows, cols: 4, style: Cell::default() }
    }

    #[test]
    fn lines_that_nobody_has_seen_are_rows_when_they_are_read() {
        let mut lines = Lines::new(1 << 20);
        lines.push(b"seen", None);
        lines.push_raw(raw("a\x1b[31mb\r\nlonger\r\n", 3));
        lines.push_raw(raw("c  \x1b[m\r\n\r\n", 2));
        lines.push(b"seen", None);
        let all = [
            "seen",
            "a\x1b[31mb\x1b[39m",
            "\x1b[31mlong\x1b[39m",
            "\x1b[31mer\x1b[39m",
            "\x1b[31mc  \x1b[39m",
            "",
            "seen",
        ];
        let (first, found) = lines.before(u64::MAX, 9);
        assert_eq!((first, texts(&found)), (0, all.map(str::to_owned).to_vec()));
        assert_eq!(found[2].wrapped, Some(4));
        assert_eq!(lines.blocks.len(), 3, "lines that follow each other are kept together");
        for (before, count) in [(7, 3), (5, 2), (2, 1), (4, 4)] {
            let (first, found) = lines.before(before, count);
            let start = before as usize - count;
            assert_eq!(first, start as u64);
            assert_eq!(texts(&found), all[start..before as usize]);
        }
        for left in (0..7).rev() {
            lines.pop();
            assert_eq!(
                (texts(&lines.before(9, 9).1), lines.end()),
                (all[..left].iter().map(|text| (*text).to_owned()).collect(), left as u64)
            );
        }
    }

    #[test]
    fn lines_that_nobody_has_seen_go_like_others() {
        let mut lines = Lines::new(1 << 10);
        for _ in 0..1000 {
            lines.push_raw(raw("abc\r\nabc\r\n", 2));
        }
        let (first, found) = lines.before(u64::MAX, 5000);
        assert_eq!(first + found.len() as u64, 2000);
        assert!((180..=204).contains(&found.len()), "{} lines of 5 bytes", found.len());
    }
}
