//! Questions of programs to their terminal, taken out of output that was shown before: whoever drove
//! then has answered, and a second answer would be typed into the shell.
//!
//! What is taken out is what terminals answer: device attributes, status and mode reports, colours.
//! A sequence is looked for within one frame; one that is cut by a frame's end stays.

/// The byte that begins a sequence.
const ESC: u8 = 0x1b;

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
    use super::without;

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
