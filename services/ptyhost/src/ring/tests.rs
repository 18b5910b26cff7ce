//! The ring's memory against a plain vector, across a real mapping, and with a racing reader.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;

const CAPACITY: usize = 4096;

fn byte(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn stream(from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64).map(byte).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Appends of any size at any alignment are read back by another mapping at any alignment.
    #[test]
    fn a_reader_sees_every_held_byte(
        appends in prop::collection::vec(0usize..=CAPACITY, 1..12),
        reads in prop::collection::vec((0u64..5000, 0usize..5000), 1..12),
    ) {
        let mut writer = RingWriter::create(CAPACITY).unwrap();
        let reader = RingReader::open(writer.readable()).unwrap();
        for len in appends {
            writer.append(&stream(writer.span().head.get(), len));
            prop_assert_eq!((reader.tail(), reader.head()), (writer.span().tail, writer.span().head));
            for &(back, len) in &reads {
                let from = Offset::new(reader.head().get().saturating_sub(back));
                let mut buf = vec![0; len];
                match reader.read_at(from, &mut buf) {
                    Ok(n) => {
                        prop_assert_eq!(n as u64, reader.head().since(from).min(len as u64));
                        prop_assert_eq!(&buf[..n], &stream(from.get(), n)[..]);
                    }
                    Err(Trimmed { tail }) => prop_assert!(from < tail && tail == reader.tail()),
                }
            }
        }
    }
}

#[test]
fn a_reader_that_races_the_writer_never_takes_a_wrong_byte() {
    let mut writer = RingWriter::create(CAPACITY).unwrap();
    let reader = RingReader::open(writer.readable()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let checker = std::thread::spawn({
        let done = done.clone();
        move || {
            let (mut at, mut whole, mut trimmed) = (Offset::new(0), 0u64, 0u64);
            let mut buf = [0; 1500];
            while !done.load(Ordering::Relaxed) {
                match reader.read_at(at, &mut buf) {
                    Ok(n) => {
                        assert_eq!(&buf[..n], &stream(at.get(), n)[..], "at {at}");
                        at = at.plus(n as u64);
                        whole += n as u64;
                    }
                    Err(Trimmed { tail }) => {
                        assert!(tail > at);
                        at = tail;
                        trimmed += 1;
                    }
                }
            }
            (whole, trimmed)
        }
    });
    for len in (1..=997).cycle().take(200_000) {
        writer.append(&stream(writer.span().head.get(), len));
    }
    done.store(true, Ordering::Relaxed);
    let (whole, trimmed) = checker.join().unwrap();
    assert!(whole > 0 && trimmed > 0, "the race took place: {whole} bytes, {trimmed} overtaken");
}

#[test]
fn what_is_passed_on_cannot_be_written_and_a_stranger_is_refused() {
    let writer = RingWriter::create(CAPACITY).unwrap();
    assert!(MmapOptions::new().map_raw(writer.readable().as_raw_fd()).is_err());
    assert!(rustix::fs::ftruncate(writer.readable(), 0).is_err());
    let other = rustix::fs::memfd_create("other", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&other, 8192).unwrap();
    assert!(RingReader::open(&other).is_err(), "not sealed");
    rustix::fs::fcntl_add_seals(&other, SealFlags::SHRINK).unwrap();
    assert_eq!(RingReader::open(&other).unwrap_err().kind(), io::ErrorKind::InvalidData);
}
