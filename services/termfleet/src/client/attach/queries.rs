//! Questions of programs to their terminal, taken out of output that somebody else answers: whoever
//! drove when it was shown before, or a server that answers by itself. A second answer would be typed
//! into the shell.
//!
//! What is taken out is what terminals answer: device attributes, status and mode reports, colours.

use std::mem;

/// The byte that begins a sequence.
const ESC: u8 = 0x1b;
/// A question that is cut by a frame's end is waited for; what is longer is none that anybody asks.
const MOST_BYTES: usize = 256;

/// A stream of output without its questions, whatever frames cut it into.
#[derive(Debug, Default)]
pub(super) struct Unasked {
    /// The beginning of a sequence whose end has not come.
    cut: Vec<u8>,
}

impl Unasked {
    /// The bytes without the questions among them, after what was waited for.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = mem::take(&mut self.cut);
        all.extend_from_slice(bytes);
        let cut = all.iter().rposition(|byte| *byte == ESC).map(|at| before_string_end(&all, at));
        if let Some(at) = cut.filter(|at| is_cut(&all[*at..])) {
            self.cut = all.split_off(at);
        }
        without(&all)
    }

    /// What is waited for: it is no question, or nobody wants it any more.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        mem::take(&mut self.cut)
    }
}

/// Where the sequence begins that this escape may be the end of: strings end in an escape as well.
fn before_string_end(bytes: &[u8], at: usize) -> usize {
    let earlier = bytes[..at].iter().rposition(|byte| *byte == ESC);
    let is_string = |start: &usize| matches!(bytes.get(start + 1), Some(b']' | b'P'));
    let is_open = |start: &usize| !bytes[*start..at].contains(&0x07);
    earlier.filter(is_string).filter(is_open).filter(|_| at + 1 == bytes.len()).unwrap_or(at)
}

/// Does a sequence begin here whose end is not among these bytes?
fn is_cut(sequence: &[u8]) -> bool {
    let is_known = matches!(sequence.get(1), None | Some(b'[' | b']' | b'P'));
    is_known && sequence.len() < MOST_BYTES && sequence_len(sequence) == 1
}

/// The bytes without the questions among them.
pub(super) fn without(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == ESC) {
        kept.extend_from_slice(&rest[..at]);
        let sequence = &rest[at..];
        let length = sequence_len(sequence);
        if !is_question(&sequence[..length]) {
            kept.extend_from_slice(&sequence[..length]);
        }
        rest = &sequence[length..];
    }
    kept.extend_from_slice(rest);
    kept
}

/// How long the sequence is that these bytes begin with: at least the escape alone.
fn sequence_len(bytes: &[u8]) -> usize {
    let ended_by = |is_end: fn(&[u8]) -> Option<usize>| {
        (2..bytes.len()).find_map(|at| is_end(&bytes[at..]).map(|length| at + length)).unwrap_or(1)
    };
    match bytes.get(1) {
        Some(b'[') => ended_by(|rest| matches!(rest[0], 0x40..=0x7e).then_some(1)),
        Some(b']' | b'P') => ended_by(|rest| match rest {
            [0x07, ..] => Some(1),
            [ESC, b'\\', ..] => Some(2),
            _ => None,
        }),
        _ => 1,
    }
}

fn is_question(sequence: &[u8]) -> bool {
    match sequence {
        [ESC, b'[', parameters @ .., end] => match end {
            b'c' => true,
            b'n' => matches!(
                parameters,
                b"5" | b"6" | b"?5" | b"?6" | b"?15" | b"?25" | b"?26" | b"?996"
            ),
            b'p' => parameters.ends_with(b"$"),
            b'q' => parameters.starts_with(b">"),
            b'u' => parameters == b"?",
            b't' => matches!(
                parameters,
                b"11" | b"13" | b"14" | b"15" | b"16" | b"18" | b"19" | b"20" | b"21"
            ),
            _ => false,
        },
        [ESC, b']', command @ ..] => {
            let number = command.split(|byte| *byte == b';').next().unwrap_or_default();
            let asks = command.windows(2).any(|pair| pair == b";?");
            asks && matches!(number, b"4" | b"5" | b"10" | b"11" | b"12" | b"17" | b"19" | b"52")
        }
        [ESC, b'P', command @ ..] => command.starts_with(b"$q") || command.starts_with(b"+q"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    //! Questions go, everything else stays to the byte.
    use super::{MOST_BYTES, Unasked, without};

    #[test]
    fn a_question_is_taken_out_wherever_a_frame_cuts_it() {
        let text = "a\x1b[6nb\x1b[31mc\x1b]11;?\x1b\\d\x1bP$qm\x1b\\e\x1b]0;name\x07f\x1b[?25$pg";
        let expected = b"ab\x1b[31mcde\x1b]0;name\x07fg";
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut stream = Unasked::default();
                let bytes = text.as_bytes();
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let shown = pieces.map(|piece| stream.take(piece)).concat();
                assert_eq!(shown, expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn what_is_too_long_for_a_question_is_not_waited_for() {
        for (length, is_shown) in
            [(MOST_BYTES - 1, false), (MOST_BYTES, true), (MOST_BYTES + 1, true)]
        {
            let begun = format!("\x1b]52;c;{}", "x".repeat(length - 7));
            let shown = Unasked::default().take(begun.as_bytes());
            assert_eq!(!shown.is_empty(), is_shown, "{length}");
        }
    }

    #[test]
    fn what_is_waited_for_can_be_had_as_it_is() {
        let mut stream = Unasked::default();
        assert_eq!(stream.take(b"a\x1b["), b"a");
        assert_eq!(stream.rest(), b"\x1b[");
        assert_eq!(stream.take(b"6n"), b"6n");
    }

    #[test]
    fn questions_are_taken_out_and_nothing_else() {
        for question in [
            "\x1b[c",
            "\x1b[>0c",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?2026$p",
            "\x1b[>q",
            "\x1b[?u",
            "\x1b[14t",
            "\x1b]11;?\x07",
            "\x1b]4;1;?\x1b\\",
            "\x1bP$qm\x1b\\",
            "\x1bP+q544e\x1b\\",
        ] {
            let text = format!("a{question}b\x1b[1mc");
            assert_eq!(without(text.as_bytes()), b"ab\x1b[1mc", "{question:?}");
        }
        for other in [
            "plain",
            "\x1b[31;1mred\x1b[m",
            "\x1b[2J\x1b[H",
            "\x1b]0;title?\x07",
            "\x1b]11;#fff\x07",
            "\x1b[8;24;80t",
            "\x1b[2 q",
            "\x1b[!p",
            "\x1b7\x1b8\x1bc",
            "cut \x1b[",
            "\x1b",
            "\x1b]11;?",
            "\u{e4}\x1b(B",
        ] {
            assert_eq!(without(other.as_bytes()), other.as_bytes(), "{other:?}");
        }
    }
}
