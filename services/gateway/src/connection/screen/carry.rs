//! Bytes into text: a character that is split over two pieces waits for the rest, and what is no
//! character becomes U+FFFD, as everywhere.

/// A split character's first bytes: at most three of its four.
#[derive(Debug, Default)]
pub(super) struct Carry {
    bytes: [u8; 3],
    len: usize,
}

impl Carry {
    /// The text of this piece, with what was carried over to it.
    pub(super) fn push(&mut self, piece: &[u8]) -> String {
        if self.len == 0 {
            return self.decode(piece);
        }
        let mut whole = Vec::with_capacity(self.len + piece.len());
        whole.extend_from_slice(&self.bytes[..self.len]);
        whole.extend_from_slice(piece);
        self.len = 0;
        self.decode(&whole)
    }

    /// Nothing more comes: a character that is cut off is none.
    pub(super) fn finish(&mut self) -> String {
        let cut_off = std::mem::take(&mut self.len) > 0;
        if cut_off { char::REPLACEMENT_CHARACTER.to_string() } else { String::new() }
    }

    fn decode(&mut self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            if chunks.peek().is_none() && may_go_on(invalid) {
                self.len = invalid.len();
                self.bytes[..self.len].copy_from_slice(invalid);
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }
}

/// Are these the first bytes of a character?
fn may_go_on(bytes: &[u8]) -> bool {
    bytes.len() <= 3 && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    //! Cut anywhere, it reads the same.

    use proptest::prelude::*;

    use super::*;

    fn in_pieces(bytes: &[u8], cuts: &[usize]) -> String {
        let mut carry = Carry::default();
        let mut text = String::new();
        let mut from = 0;
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.sort_unstable();
        for cut in cuts {
            text.push_str(&carry.push(&bytes[from..cut]));
            from = cut;
        }
        text.push_str(&carry.push(&bytes[from..]));
        text.push_str(&carry.finish());
        text
    }

    proptest! {
        #[test]
        fn text_survives_any_cuts(text: String, cuts: Vec<usize>) {
            prop_assert_eq!(in_pieces(text.as_bytes(), &cuts), text);
        }

        #[test]
        fn any_bytes_read_as_they_would_in_one_piece(bytes: Vec<u8>, cuts: Vec<usize>) {
            prop_assert_eq!(in_pieces(&bytes, &cuts), String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_split_character_waits_for_the_rest() {
        let mut carry = Carry::default();
        assert_eq!(carry.push(b"a\xE2\x82"), "a");
        assert_eq!(carry.push(b"\xACb"), "\u{20AC}b");
        assert_eq!(carry.push(b"\xF0\x9F"), "");
        assert_eq!(carry.push(b"x"), "\u{FFFD}x");
    }
}
