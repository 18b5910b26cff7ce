//! Where a viewer starts that has to be shown the ring's tail: until screens exist, that is all
//! there is to show (`byte-lane.md` §2).

use termfleet_ptyhost::ring::RingReader;
use termfleet_session::{ids::Offset, limits::TAIL_BYTES};

/// What a snapshot consists of until screens exist: a full reset, after which the tail is output.
pub(crate) const RESET: &[u8] = b"\x1bc";
/// How often to look again when the program overwrites the tail while it is looked at; after that
/// its newest byte is as good a start as any.
const ATTEMPTS: usize = 3;

/// An offset of at most [`TAIL_BYTES`] before the head: the start of a line, else of a character.
pub(crate) fn start(ring: &RingReader) -> Offset {
    for _ in 0..ATTEMPTS {
        let head = ring.head();
        let from = ring.tail().max(Offset::new(head.get().saturating_sub(TAIL_BYTES)));
        if from == Offset::new(0) {
            return from;
        }
        // It is at most TAIL_BYTES, which fits.
        let mut bytes = vec![0; head.since(from) as usize];
        if let Ok(copied) = ring.read_at(from, &mut bytes) {
            return from.plus(boundary(&bytes[..copied]) as u64);
        }
    }
    ring.head()
}

/// How many bytes to leave out in front: up to and with a line feed, unless that would be more than
/// half (a full-screen program may print none for long), else what is left of a UTF-8 character.
fn boundary(bytes: &[u8]) -> usize {
    let line = bytes[..bytes.len() / 2].iter().position(|byte| *byte == b'\n');
    line.map_or_else(
        || bytes.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count(),
        |at| at + 1,
    )
}

#[cfg(test)]
mod tests {
    //! Where a tail may be cut.
    use termfleet_ptyhost::ring::RingWriter;

    use super::*;

    fn ring(bytes: &[u8]) -> RingReader {
        let mut writer = RingWriter::create(1 << 20).unwrap();
        for chunk in bytes.chunks(1 << 16) {
            writer.append(chunk);
        }
        RingReader::open(writer.readable().as_ref()).unwrap()
    }

    #[test]
    fn everything_is_shown_while_it_is_little() {
        assert_eq!(start(&ring(b"")).get(), 0);
        assert_eq!(start(&ring(b"one\ntwo\n")).get(), 0);
        assert_eq!(start(&ring(&vec![b'x'; TAIL_BYTES as usize])).get(), 0);
    }

    #[test]
    fn a_long_output_is_shown_from_the_start_of_a_line() {
        let lines: Vec<u8> = (0..20_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let at = start(&ring(&lines)).get() as usize;
        assert!(lines.len() - at <= TAIL_BYTES as usize && lines.len() - at > 65_000);
        assert_eq!(lines[at - 1], b'\n');
    }

    #[test]
    fn without_lines_it_starts_with_a_whole_character() {
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "🦀".repeat(30_000));
            let at = start(&ring(text.as_bytes())).get() as usize;
            assert!(text.is_char_boundary(at), "shift {shift}");
            assert!(text.len() - at > TAIL_BYTES as usize - 4);
        }
    }
}
