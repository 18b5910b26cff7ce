//! Takes questions to the terminal out of a stream of output: what a terminal would answer by
//! typing into the shell.
//!
//! A sequence that is cut off waits for its rest, up to a bound; beyond it, it is no question that
//! anybody asks and goes through as it is.

use std::mem;

/// Longest sequence that is looked at whole. Questions are short: the longest ask for a handful of
/// terminfo names.
const MOST_BYTES: usize = 256;

const ESC: u8 = 0x1B;
const BEL: u8 = 0x07;
/// "Who are you": a terminal may answer with anything it was set up with.
const ENQ: u8 = 0x05;

/// The stream, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Queries {
    /// A sequence that is not complete.
    open: Vec<u8>,
}

enum Step {
    /// More is needed.
    More,
    /// The sequence is complete.
    Whole,
    /// It is none that is looked at.
    Not,
}

impl Queries {
    /// The piece without questions.
    pub(super) fn strip(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(piece.len() + self.open.len());
        for byte in piece {
            self.take(*byte, &mut kept);
        }
        kept
    }

    /// What was held back and never became whole.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        mem::take(&mut self.open)
    }

    fn take(&mut self, byte: u8, kept: &mut Vec<u8>) {
        if self.open.is_empty() {
            match byte {
                ESC => self.open.push(ESC),
                ENQ => {}
                _ => kept.push(byte),
            }
            return;
        }
        if byte == ESC && !is_string(&self.open) {
            // The sequence before it is broken off: terminals drop it, and so may the client's.
            kept.append(&mut self.open);
            self.open.push(ESC);
            return;
        }
        self.open.push(byte);
        match step(&self.open) {
            Step::More if self.open.len() < MOST_BYTES => {}
            Step::Whole if is_question(&self.open) => self.open.clear(),
            Step::More | Step::Whole | Step::Not => kept.append(&mut self.open),
        }
    }
}

/// Is it one of the sequences that carry a string (OSC, DCS)?
fn is_string(open: &[u8]) -> bool {
    matches!(open.get(1), Some(b']' | b'P'))
}

fn step(open: &[u8]) -> Step {
    let last = open.last().copied().unwrap_or_default();
    match open.get(1) {
        Some(b'[') => match last {
            _ if open.len() == 2 => Step::More,
            0x40..=0x7E => Step::Whole,
            0x20..=0x3F => Step::More,
            _ => Step::Not,
        },
        Some(b']' | b'P') => {
            let ended = last == BEL || open.ends_with(&[ESC, b'\\']);
            let broken = open.len() > 2 && open[open.len() - 2] == ESC && last != b'\\';
            match (ended && open.len() > 2, broken) {
                (true, _) => Step::Whole,
                (_, true) => Step::Not,
                (false, false) => Step::More,
            }
        }
        // DECID, the oldest of them.
        Some(b'Z') => Step::Whole,
        _ => Step::Not,
    }
}

/// Would a terminal answer this whole sequence?
fn is_question(whole: &[u8]) -> bool {
    match whole.get(1) {
        Some(b'Z') => true,
        Some(b'[') => is_csi_question(&whole[2..whole.len() - 1], whole[whole.len() - 1]),
        Some(b']') => is_osc_question(&whole[2..]),
        Some(b'P') => whole[2..].starts_with(b"$q") || whole[2..].starts_with(b"+q"),
        _ => false,
    }
}

fn is_csi_question(parameters: &[u8], last: u8) -> bool {
    let number = || {
        let digits = parameters.split(|byte| *byte == b';').next().unwrap_or_default();
        std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0)
    };
    match last {
        // Device attributes, of all three kinds; `CSI ? … c` sets the cursor of some consoles.
        b'c' => !parameters.starts_with(b"?"),
        // Status and cursor position.
        b'n' => !parameters.starts_with(b">"),
        // Parameters (DECREQTPARM).
        b'x' => parameters.iter().all(u8::is_ascii_digit),
        // Is this mode set (DECRQM)?
        b'p' => parameters.ends_with(b"$"),
        // Presentation state, terminal state, checksum of an area.
        b'w' => parameters.ends_with(b"$"),
        b'u' => parameters.ends_with(b"$") || parameters == b"?",
        b'y' => parameters.ends_with(b"*"),
        // Version.
        b'q' => parameters.starts_with(b">"),
        // Sizes, position, title of the window.
        b't' => matches!(number(), 11 | 13..=16 | 18..=21),
        _ => false,
    }
}

/// A colour or the clipboard, asked for by a question mark in its value's place.
fn is_osc_question(body: &[u8]) -> bool {
    let body = body.strip_suffix(&[BEL]).or_else(|| body.strip_suffix(b"\x1b\\")).unwrap_or(body);
    body.split(|byte| *byte == b';').skip(1).any(|value| value == b"?")
}

#[cfg(test)]
mod tests {
    //! Questions go, everything else stays, wherever it is cut.
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const QUESTIONS: [&[u8]; 18] = [
        b"\x1b[c",
        b"\x1b[0c",
        b"\x1b[>c",
        b"\x1b[=c",
        b"\x1b[5n",
        b"\x1b[6n",
        b"\x1b[?6n",
        b"\x1b[?2026$p",
        b"\x1b[4$p",
        b"\x1b[>q",
        b"\x1b[18t",
        b"\x1b[21t",
        b"\x1b[?u",
        b"\x1b]11;?\x07",
        b"\x1b]4;1;?\x1b\\",
        b"\x1b]52;c;?\x07",
        b"\x1bP$qm\x1b\\",
        b"\x1bP+q544e\x1b\\",
    ];
    const OTHERS: [&[u8]; 14] = [
        b"\x1b[31m",
        b"\x1b[2J",
        b"\x1b[?25h",
        b"\x1b[!p",
        b"\x1b[2 q",
        b"\x1b[8;24;80t",
        b"\x1b[u",
        b"\x1b]0;a title? yes\x07",
        b"\x1b]11;#ffffff\x1b\\",
        b"\x1b]52;c;aGk=\x07",
        b"\x1bM",
        b"\x1b(B",
        b"\x1b[>4;2m",
        b"plain \xE2\x82\xAC",
    ];

    fn stripped(bytes: &[u8], cut: usize) -> Vec<u8> {
        let mut queries = Queries::default();
        let (first, second) = bytes.split_at(cut % (bytes.len() + 1));
        let mut kept = queries.strip(first);
        kept.extend(queries.strip(second));
        kept.extend(queries.finish());
        kept
    }

    #[test]
    fn every_question_is_taken_out_and_everything_else_stays() {
        for question in QUESTIONS {
            let line = [b"a", question, b"b"].concat();
            for cut in 0..line.len() {
                assert_eq!(stripped(&line, cut), b"ab", "{}", question.escape_ascii());
            }
        }
        for other in OTHERS {
            for cut in 0..other.len() {
                assert_eq!(stripped(other, cut), other, "{}", other.escape_ascii());
            }
        }
        assert_eq!(stripped(b"a\x05b", 0), b"ab", "ENQ");
    }

    #[test]
    fn a_sequence_without_end_is_not_held_for_ever() {
        let mut queries = Queries::default();
        let endless = [b"\x1b]52;".to_vec(), vec![b'x'; 100_000]].concat();
        let kept = queries.strip(&endless);
        assert!(kept.len() + queries.open.len() == endless.len());
        assert!(queries.open.len() <= MOST_BYTES);
    }

    fn mixed() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let part = (any::<bool>(), 0..QUESTIONS.len(), 0..OTHERS.len());
        prop::collection::vec(part, 0..20).prop_map(|parts| {
            let (mut all, mut kept) = (Vec::new(), Vec::new());
            for (asks, question, other) in parts {
                if asks {
                    all.extend_from_slice(QUESTIONS[question]);
                } else {
                    all.extend_from_slice(OTHERS[other]);
                    kept.extend_from_slice(OTHERS[other]);
                }
            }
            (all, kept)
        })
    }

    proptest! {
        #[test]
        fn only_questions_are_missing((all, kept) in mixed(), cut: usize) {
            prop_assert_eq!(stripped(&all, cut), kept);
        }

        #[test]
        fn bytes_without_escapes_stay(bytes: Vec<u8>, cut: usize) {
            let bytes: Vec<_> = bytes.into_iter().filter(|b| *b != ESC && *b != ENQ).collect();
            prop_assert_eq!(stripped(&bytes, cut), bytes);
        }
    }
}
