//! Raw deflate of frames that bring many bytes: `kind | 0x80`, one frame one stream, only from the
//! server, and only if its client offered it and the bytes shrink. Offsets, windows and acks count the
//! bytes as they were.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::frame::ServerFrame;

/// What a client offers in its handshake that takes deflated frames.
pub const CAPABILITY: &str = "deflate";
/// Set in a frame's kind: its bytes are deflated.
pub const DEFLATED: u8 = 0x80;
/// Fewer bytes than this are never deflated: a stream's own cost and the time would be most of it.
pub const LEAST_BYTES: usize = 1 << 10;
/// What one frame may inflate to: far more than a server puts into one, so that a hostile one costs
/// a client a bounded amount.
const MOST_INFLATED: u64 = 1 << 20;

/// A frame's header and its bytes, deflated; `None` if it brings few bytes, or none that shrink.
#[must_use]
pub fn deflate(frame: &ServerFrame) -> Option<(Vec<u8>, Bytes)> {
    let plain = frame.payload();
    if plain.len() < LEAST_BYTES {
        return None;
    }
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(plain.len()), Compression::fast());
    // Writing to memory does not fail.
    encoder.write_all(&plain).ok()?;
    let deflated = encoder.finish().ok()?;
    if deflated.len() >= plain.len() {
        return None;
    }
    let mut header = frame.header();
    *header.first_mut()? |= DEFLATED;
    Some((header, deflated.into()))
}

/// The bytes of a deflated frame; `None` if they are not one whole stream, or too many.
pub(super) fn inflate(deflated: &[u8]) -> Option<Bytes> {
    let mut plain = Vec::new();
    let mut decoder = DeflateDecoder::new(deflated);
    (&mut decoder).take(MOST_INFLATED + 1).read_to_end(&mut plain).ok()?;
    let whole = decoder.total_in() == deflated.len() as u64;
    (whole && plain.len() as u64 <= MOST_INFLATED).then(|| plain.into())
}

#[cfg(test)]
mod tests {
    //! What is deflated and what is not, and that hostile streams cost little.
    #![allow(clippy::unwrap_used)]

    use data_encoding::HEXLOWER;
    use proptest::prelude::*;
    use serde_json::Value;
    use termfleet_session::{
        ids::{ChannelId, Epoch, Offset},
        limits::Size,
    };

    use super::*;
    use crate::ws::frame::{BadFrame, Reason};

    const VECTORS: &str = include_str!("../../vectors/deflated_frames.json");

    fn output(data: impl Into<Bytes>) -> ServerFrame {
        let (channel, offset) = (ChannelId::new(1), Offset::new(7));
        ServerFrame::Output { channel, offset, data: data.into() }
    }

    fn joined((mut header, bytes): (Vec<u8>, Bytes)) -> Bytes {
        header.extend_from_slice(&bytes);
        header.into()
    }

    #[test]
    fn only_frames_of_at_least_1024_bytes_are_deflated() {
        assert_eq!(deflate(&output(vec![b'y'; 1_023])), None);
        for length in [1_024, 1_025] {
            let (header, bytes) = deflate(&output(vec![b'y'; length])).unwrap();
            assert_eq!(header[0], 0x81);
            assert!(bytes.len() < 100, "{}", bytes.len());
        }
    }

    #[test]
    fn what_does_not_shrink_is_not_deflated() {
        // A generator of good enough randomness: every byte value is as likely as another.
        let mut state = 1u64;
        let noise: Vec<u8> = (0..8_192)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        assert_eq!(deflate(&output(noise)), None);
    }

    #[test]
    fn an_ack_is_never_deflated() {
        let (channel, offset) = (ChannelId::new(1), Offset::new(7));
        assert_eq!(deflate(&ServerFrame::InputAck { channel, offset, echo: offset }), None);
    }

    #[test]
    fn a_hostile_stream_costs_a_bounded_amount() {
        let frame = |plain: usize| joined(deflate(&output(vec![0; plain])).unwrap());
        assert!(ServerFrame::decode(&frame(MOST_INFLATED as usize)).is_ok());
        assert_eq!(ServerFrame::decode(&frame(MOST_INFLATED as usize + 1)), Err(BadFrame::Field));
        let whole = frame(5_000);
        let cut = whole.slice(..whole.len() - 1);
        assert_eq!(ServerFrame::decode(&cut), Err(BadFrame::Field), "cut off");
        let longer = [&whole[..], b"x"].concat().into();
        assert_eq!(ServerFrame::decode(&longer), Err(BadFrame::Field), "bytes left over");
        let acked = Bytes::from_static(&[0x83, 1, 1, 1]);
        assert_eq!(ServerFrame::decode(&acked), Err(BadFrame::Kind), "a deflated ack");
    }

    /// The streams of the vectors were made by another library.
    #[test]
    fn the_golden_vectors_inflate() {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        assert!(vectors.len() >= 3);
        for vector in vectors {
            let hex =
                |key: &str| HEXLOWER.decode(vector[key].as_str().unwrap().as_bytes()).unwrap();
            let deflated = ServerFrame::decode(&hex("deflated").into()).unwrap();
            let plain = ServerFrame::decode(&hex("plain").into()).unwrap();
            assert_eq!(deflated, plain, "{}", vector["name"]);
        }
    }

    proptest! {
        #[test]
        fn a_deflated_frame_survives(
            letters in prop::collection::vec(b'a'..=b'd', 1_024..9_000), more: bool,
        ) {
            let (channel, offset, epoch) = (ChannelId::new(9), Offset::new(1 << 40), Epoch::new(3));
            let (size, reason) = (Size { cols: 80, rows: 24 }, Reason::Lagging);
            let data = Bytes::from(letters);
            for frame in [
                output(data.clone()),
                ServerFrame::Snapshot { channel, epoch, offset, size, reason, more, data },
            ] {
                let deflated = joined(deflate(&frame).unwrap());
                prop_assert_eq!(ServerFrame::decode(&deflated).unwrap(), frame);
            }
        }
    }
}
