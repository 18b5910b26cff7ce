//! UTF-8 checked piece by piece, so that a bad text falls at its first bad fragment.

/// A check in progress: the first bytes of a character whose rest has not come.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    partial: [u8; 4],
    have: usize,
}

impl Utf8 {
    /// Goes on with the next piece: false as soon as no continuation could make it valid.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> bool {
        while self.have > 0 {
            let Some((first, rest)) = piece.split_first() else { return true };
            self.partial[self.have] = *first;
            self.have += 1;
            piece = rest;
            match std::str::from_utf8(&self.partial[..self.have]) {
                Ok(_) => self.have = 0,
                // At most three bytes are ever incomplete, so there is room for the next one.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        let Err(error) = std::str::from_utf8(piece) else { return true };
        if error.error_len().is_some() {
            return false;
        }
        let partial = &piece[error.valid_up_to()..];
        self.have = partial.len();
        self.partial[..self.have].copy_from_slice(partial);
        true
    }

    /// Has every character come whole?
    pub(super) fn complete(&self) -> bool {
        self.have == 0
    }
}

#[cfg(test)]
mod tests {
    //! Against the standard library, over every cut.
    use super::Utf8;

    fn check(pieces: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        pieces.iter().all(|piece| utf8.push(piece)) && utf8.complete()
    }

    #[test]
    fn every_cut_of_good_and_bad_texts_gives_the_verdict_of_the_whole() {
        let texts: [&[u8]; 9] = [
            "aé€😀z".as_bytes(),
            "\u{10ffff}\u{0}\u{d7ff}\u{e000}".as_bytes(),
            b"",
            b"\xc0\xaf",
            b"ok\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"tail\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xff",
        ];
        for text in texts {
            let whole = std::str::from_utf8(text).is_ok();
            for a in 0..=text.len() {
                for b in a..=text.len() {
                    let cut = [&text[..a], &text[a..b], &text[b..]];
                    assert_eq!(check(&cut), whole, "{text:x?} at {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn what_can_never_become_valid_falls_at_once() {
        let mut utf8 = Utf8::default();
        assert!(utf8.push(b"\xf4"));
        assert!(!utf8.push(b"\x90"));
    }
}
