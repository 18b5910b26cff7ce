//! The line store: the rows that left the top of the main screen, as styled text, newest last.
//!
//! It is bounded by bytes. A line is numbered by how many came before it since the screen began,
//! so that a page of history stays where it is while new lines come.

use std::collections::VecDeque;

/// Lines are stored in blocks of about so many bytes, which go as a whole when they are the oldest:
/// a flood of short lines should not cost an allocation each.
const BLOCK_BYTES: usize = 64 << 10;
/// A sixteenth of what may be kept is the most that goes at once.
const BLOCKS: usize = 16;

/// One row, with the sequences that style it: it begins and ends with the default style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// It goes on in the next one: it was too long for a screen of so many columns.
    pub(super) wrapped: Option<u16>,
}

#[derive(Debug, Default)]
struct Block {
    text: Vec<u8>,
    /// Where each line ends in the text, and how it was wrapped.
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

impl Block {
    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<(u32, Option<u16>)>()
    }

    fn line(&self, number: usize) -> Line<'_> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, wrapped) = self.ends[number];
        Line { text: &self.text[start as usize..end as usize], wrapped }
    }
}

impl Lines {
    pub(super) fn new(most_bytes: usize) -> Self {
        let block_bytes = (most_bytes / BLOCKS).min(BLOCK_BYTES);
        Self { most_bytes, block_bytes, ..Self::default() }
    }

    pub(super) fn push(&mut self, text: &[u8], wrapped: Option<u16>) {
        self.end += 1;
        if self.blocks.back().is_none_or(|block| block.bytes() >= self.block_bytes) {
            self.bytes += self.blocks.back().map_or(0, Block::bytes);
            self.blocks.push_back(Block::default());
        }
        let newest = self.blocks.back_mut().map(|block| {
            block.text.extend_from_slice(text);
            // A block is little more than 64 KiB and one row.
            block.ends.push((block.text.len() as u32, wrapped));
            block.bytes()
        });
        while self.bytes + newest.unwrap_or_default() > self.most_bytes {
            let Some(oldest) = self.blocks.pop_front() else { break };
            self.first += oldest.ends.len() as u64;
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
            if self.blocks.is_empty() {
                break;
            }
        }
    }

    /// The newest line.
    pub(super) fn newest(&self) -> Option<Line<'_>> {
        let block = self.blocks.back()?;
        block.ends.len().checked_sub(1).map(|number| block.line(number))
    }

    /// Takes the newest line out.
    pub(super) fn pop(&mut self) {
        let Some(block) = self.blocks.back_mut() else { return };
        if block.ends.pop().is_some() {
            self.end -= 1;
        }
        block.text.truncate(block.ends.last().map_or(0, |(end, _)| *end as usize));
        if block.ends.is_empty() {
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
    #[cfg(test)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// At most `count` lines before the line numbered `before`, oldest first, and the number of
    /// the first of them.
    pub(super) fn before(
        &self,
        before: u64,
        count: usize,
    ) -> (u64, impl Iterator<Item = Line<'_>>) {
        let end = before.clamp(self.first, self.end);
        let start = end.saturating_sub(count as u64).max(self.first);
        let skipped = usize::try_from(start - self.first).unwrap_or(usize::MAX);
        let taken = usize::try_from(end - start).unwrap_or(usize::MAX);
        let lines = self
            .blocks
            .iter()
            .flat_map(|block| (0..block.ends.len()).map(|number| block.line(number)));
        (start, lines.skip(skipped).take(taken))
    }
}

#[cfg(test)]
mod tests {
    //! What is kept, and what is found.
    use super::*;

    fn texts<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<String> {
        lines.map(|line| String::from_utf8_lossy(line.text).into_owned()).collect()
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
            let found = found.count();
            assert!((kept..=kept.max(159)).contains(&found), "{found} lines in {most} bytes");
            assert_eq!((first, lines.end()), (160 - found as u64, 160));
        }
        for most in [0, 1, cost - 1] {
            let mut lines = Lines::new(most);
            lines.push(&[b'x'; 92], None);
            assert_eq!(lines.before(u64::MAX, 1).1.count(), 0, "{most} bytes");
        }
    }

    #[test]
    fn a_page_stays_where_it_is() {
        let mut lines = Lines::new(1 << 20);
        for text in [b"a", b"b", b"c", b"d"] {
            lines.push(text, None);
        }
        let (first, page) = lines.before(lines.end(), 2);
        assert_eq!((first, texts(page)), (2, vec!["c".to_owned(), "d".to_owned()]));
        lines.push(b"e", None);
        let (before, page) = lines.before(first, 5);
        assert_eq!((before, texts(page)), (0, vec!["a".to_owned(), "b".to_owned()]));
        lines.clear();
        assert_eq!(lines.before(u64::MAX, 5).1.count(), 0);
        assert_eq!(lines.end(), 5);
    }

    #[test]
    fn lines_are_found_over_the_borders_of_blocks() {
        let mut lines = Lines::new(1 << 10);
        for number in 0..1000 {
            lines.push(format!("{number}").as_bytes(), None);
        }
        let (first, all) = lines.before(u64::MAX, 1000);
        let all = texts(all);
        assert_eq!(all.len() as u64, 1000 - first);
        for (at, text) in all.iter().enumerate() {
            assert_eq!(*text, format!("{}", first as usize + at));
        }
        assert_eq!(texts(lines.before(990, 3).1), ["987", "988", "989"]);
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
            let text = String::from_utf8_lossy(lines.newest().unwrap().text).into_owned();
            assert_eq!((text, lines.end()), (format!("{number:0>20}"), number + 1));
            lines.pop();
        }
        lines.pop();
        assert!(lines.newest().is_none() && lines.blocks.is_empty());
        assert_eq!((lines.bytes, lines.first(), lines.end()), (0, 0, 0));
    }
}
