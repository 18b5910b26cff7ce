//! Whatever one changes in a token, it never verifies again.

use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;

use crate::forge::{b64, claims, signed, verify};

#[derive(Debug, Clone)]
enum Change {
    /// Another byte at a place.
    Replace(prop::sample::Index, u8),
    /// One more byte at a place.
    Insert(prop::sample::Index, u8),
    /// One byte less.
    Remove(prop::sample::Index),
    /// The rest cut off.
    Truncate(prop::sample::Index),
    /// Two places exchanged.
    Swap(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    // Half of the bytes are ones that tokens are made of, so that changes get past the base64.
    let byte = || prop_oneof![prop::sample::select(&b"ABCxyz019-_."[..]), 0u8..0x80];
    prop_oneof![
        (at(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        at().prop_map(Change::Remove),
        at().prop_map(Change::Truncate),
        (at(), at()).prop_map(|(one, two)| Change::Swap(one, two)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match change {
        Change::Replace(at, byte) => bytes[at.index(length)] = *byte,
        Change::Insert(at, byte) => bytes.insert(at.index(length + 1), *byte),
        Change::Remove(at) => drop(bytes.remove(at.index(length))),
        Change::Truncate(at) => bytes.truncate(at.index(length)),
        Change::Swap(one, two) => bytes.swap(one.index(length), two.index(length)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn of_the_text(changes in prop::collection::vec(change(), 1..4)) {
        let token = signed(&claims());
        let mut changed = token.clone().into_bytes();
        changes.iter().for_each(|change| apply(&mut changed, change));
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != token);
        prop_assert!(verify(&changed).is_err(), "{changed}");
    }

    #[test]
    fn of_a_decoded_part(part in 0usize..3, changes in prop::collection::vec(change(), 1..4)) {
        let token = signed(&claims());
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut bytes = BASE64URL_NOPAD.decode(parts[part].as_bytes()).unwrap();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        parts[part] = b64(&bytes);
        let changed = parts.join(".");
        prop_assume!(changed != token);
        prop_assert!(verify(&changed).is_err(), "{changed}");
    }

    #[test]
    fn nor_does_anything_else(text in ".{0,200}") {
        prop_assert!(verify(&text).is_err());
    }
}
