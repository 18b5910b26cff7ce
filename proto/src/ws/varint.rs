//! Unsigned LEB128 up to 2^53, the largest whole number that JavaScript holds exactly.

/// The first number that cannot be sent.
pub(super) const LIMIT: u64 = 1 << 53;
/// Seven bits a byte: eight bytes hold 56 bits.
const MAX_BYTES: usize = 8;

/// Appends a number. Numbers beyond 2^53 never occur: offsets would take centuries to reach them.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    debug_assert!(value < LIMIT, "offsets and channels stay below 2^53");
    while value >= 0x80 {
        out.push((value as u8 & 0x7F) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front; `None` if it is cut off, overlong or too large.
pub(super) fn take(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for at in 0..MAX_BYTES {
        let byte = *input.get(at)?;
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            let overlong = at > 0 && byte == 0;
            *input = &input[at + 1..];
            return (!overlong && value < LIMIT).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    //! Every number has exactly one form.
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::{LIMIT, put, take};

    proptest! {
        #[test]
        fn a_number_survives(value in 0..LIMIT) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn whatever_is_read_would_be_written_the_same(bytes: Vec<u8>) {
            let mut rest = bytes.as_slice();
            if let Some(value) = take(&mut rest) {
                let mut again = Vec::new();
                put(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn overlong_cut_off_and_too_large_numbers_are_refused() {
        for bad in [&[0x80, 0x00][..], &[0xFF], &[], &[0x80; 9], &[0xFF; 8]] {
            assert_eq!(take(&mut &*bad), None, "{bad:?}");
        }
        let mut bytes = Vec::new();
        put(&mut bytes, LIMIT - 1);
        assert_eq!(take(&mut bytes.as_slice()), Some(LIMIT - 1));
        *bytes.last_mut().unwrap() += 1;
        assert_eq!(take(&mut bytes.as_slice()), None, "2^53 itself");
    }
}
