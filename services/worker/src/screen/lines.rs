//! The line store: the rows that left the top of the main screen, as styled text, newest last.
//!
//! It is bounded by bytes. A line is numbered by how many came before it since the screen began,
//! so that a page of history stays where it is while new lines come.

use std::collections::VecDeque;

/// What a line costs beyond its text.
const OVERHEAD: usize = size_of::<Line>() + 16;

/// One row, with the sequences that style it: it begins and ends with the default style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: Box<[u8]>,
    /// It goes on in the next one: it was too long for a screen of so many columns.
    pub(super) wrapped: Option<u16>,
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: VecDeque<Line>,
    bytes: usize,
    most_bytes: usize,
    /// How many lines were dropped at the old end.
    dropped: u64,
}

impl Lines {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, ..Self::default() }
    }

    pub(super) fn push(&mut self, text: &[u8], wrapped: Option<u16>) {
        self.bytes += text.len() + OVERHEAD;
        self.lines.push_back(Line { text: text.into(), wrapped });
        while self.bytes > self.most_bytes {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len() + OVERHEAD;
            self.dropped += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.dropped += self.lines.len() as u64;
        self.lines = VecDeque::new();
        self.bytes = 0;
    }

    /// The number after the newest line's.
    pub(super) fn end(&self) -> u64 {
        self.dropped + self.lines.len() as u64
    }

    /// At most `count` lines before the line numbered `before`, oldest first, and the number of
    /// the first of them.
    pub(super) fn before(&self, before: u64, count: usize) -> (u64, impl Iterator<Item = &Line>) {
        let end = usize::try_from(before.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let end = end.min(self.lines.len());
        let start = end.saturating_sub(count);
        (self.dropped + start as u64, self.lines.range(start..end))
    }
}

#[cfg(test)]
mod tests {
    //! What is kept, and what is found.
    use super::*;

    fn texts<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<String> {
        lines.map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
    }

    #[test]
    fn the_oldest_lines_go_when_the_bytes_are_spent() {
        let cost = 1 + OVERHEAD;
        for (most, kept) in [(3 * cost - 1, 2), (3 * cost, 3), (3 * cost + 1, 3)] {
            let mut lines = Lines::new(most);
            for text in [b"a", b"b", b"c", b"d"] {
                lines.push(text, None);
            }
            let (first, found) = lines.before(u64::MAX, 100);
            assert_eq!(found.count(), kept, "{most} bytes");
            assert_eq!((first, lines.end()), (4 - kept as u64, 4));
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
}
