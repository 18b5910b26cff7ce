//! Where a screen starts to read whose earlier output is gone: an earlier process had read it.

use termfleet_ptyhost::ring::RingReader;
use termfleet_session::ids::Offset;

/// How far to look for the start of a line: a full-screen program may print none for long.
const LOOK_BYTES: usize = 32 << 10;
/// How often to look again when the program overwrites the tail while it is looked at; after that
/// its newest byte is as good a start as any.
const ATTEMPTS: usize = 3;

/// The ring's tail, from the start of a line on, else of a character.
pub(super) fn start(ring: &RingReader) -> Offset {
    for _ in 0..ATTEMPTS {
        let (from, head) = (ring.tail(), ring.head());
        if from == Offset::new(0) {
            return from;
        }
        // It is at most LOOK_BYTES, which fits.
        let mut bytes = vec![0; head.since(from).min(LOOK_BYTES as u64) as usize];
        if let Ok(copied) = ring.read_at(from, &mut bytes) {
            return from.plus(boundary(&bytes[..copied]) as u64);
        }
    }
    ring.head()
}

/// How many bytes to leave out in front: up to and with a line feed, if there is one, else what is
/// left of a UTF-8 character.
fn boundary(bytes: &[u8]) -> usize {
    let line = bytes.iter().position(|byte| *byte == b'\n');
    line.map_or_else(
        || bytes.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count(),
        |at| at + 1,
    )
}

#[cfg(test)]
mod tests {
    //! Where output may be cut.
    use termfleet_ptyhost::ring::RingWriter;

    use super::*;

    const CAPACITY: usize = 1 << 20;

    fn ring(bytes: &[u8]) -> RingReader {
        let mut writer = RingWriter::create(CAPACITY).unwrap();
        for chunk in bytes.chunks(1 << 16) {
            writer.append(chunk);
        }
        RingReader::open(writer.readable().as_ref()).unwrap()
    }

    #[test]
    fn everything_is_read_while_the_ring_holds_it() {
        assert_eq!(start(&ring(b"")).get(), 0);
        assert_eq!(start(&ring(b"one\ntwo\n")).get(), 0);
    }

    #[test]
    fn the_rest_of_a_long_output_is_read_from_the_start_of_a_line() {
        let lines: Vec<u8> =
            (0..200_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let at = start(&ring(&lines)).get() as usize;
        assert!(lines.len() - at <= CAPACITY && lines.len() - at > CAPACITY - (64 << 10));
        assert_eq!(lines[at - 1], b'\n');
    }

    #[test]
    fn without_lines_it_starts_with_a_whole_character() {
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "🦀".repeat(300_000));
            let at = start(&ring(text.as_bytes())).get() as usize;
            assert!(at > 0 && text.is_char_boundary(at), "shift {shift}");
        }
    }
}
