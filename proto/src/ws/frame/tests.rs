//! Frames survive, hostile ones are refused, and the golden vectors hold.
#![allow(clippy::unwrap_used)]

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../vectors/frames.json");

fn joined(frame: &ServerFrame) -> Bytes {
    let mut bytes = frame.header();
    bytes.extend_from_slice(&frame.payload());
    bytes.into()
}

fn offsets() -> impl Strategy<Value = Offset> {
    (0..1u64 << 53).prop_map(Offset::new)
}

proptest! {
    #[test]
    fn a_client_frame_survives(channel in 0..1u64 << 53, offset in offsets(), data: Vec<u8>) {
        let channel = ChannelId::new(channel);
        let input = ClientFrame::Input { channel, offset, data: data.into() };
        let ack = ClientFrame::Ack { channel, offset };
        for frame in [input, ack] {
            prop_assert_eq!(ClientFrame::decode(&frame.encode().into()).unwrap(), frame);
        }
    }

    #[test]
    fn a_server_frame_survives(
        channel in 0..1u64 << 53, offset in offsets(), more: bool, reason in 0..8usize, data: Vec<u8>,
    ) {
        let channel = ChannelId::new(channel);
        let data = Bytes::from(data);
        let size = Size { cols: 80, rows: 24 };
        let reason = REASONS[reason];
        let epoch = Epoch::new(7);
        for frame in [
            ServerFrame::Output { channel, offset, data: data.clone() },
            ServerFrame::Snapshot { channel, epoch, offset, size, reason, more, data },
            ServerFrame::InputAck { channel, offset, echo: offset },
        ] {
            prop_assert_eq!(ServerFrame::decode(&joined(&frame)).unwrap(), frame);
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let _ = ClientFrame::decode(&bytes);
        let _ = ServerFrame::decode(&bytes);
    }
}

#[test]
fn what_a_client_may_not_send_is_refused() {
    let decode = |bytes: &[u8]| ClientFrame::decode(&Bytes::copy_from_slice(bytes));
    assert_eq!(decode(&[]), Err(BadFrame::Kind));
    assert_eq!(decode(&[OUTPUT, 1, 0]), Err(BadFrame::Kind));
    assert_eq!(decode(&[INPUT, 1]), Err(BadFrame::Number));
    assert_eq!(decode(&[INPUT, 0x81, 0x00, 0]), Err(BadFrame::Number), "overlong");
    assert_eq!(decode(&[ACK, 1, 5, 0]), Err(BadFrame::Field), "bytes left over");
}

fn frame_of(vector: &Value) -> Vec<u8> {
    let number = |key: &str| vector["frame"][key].as_u64().unwrap();
    let channel = ChannelId::new(number("channel"));
    let data = || {
        Bytes::from(HEXLOWER.decode(vector["frame"]["data"].as_str().unwrap().as_bytes()).unwrap())
    };
    let offset = Offset::new(number("offset"));
    let server = match vector["frame"]["kind"].as_str().unwrap() {
        "input" => return ClientFrame::Input { channel, offset, data: data() }.encode(),
        "ack" => return ClientFrame::Ack { channel, offset }.encode(),
        "output" => ServerFrame::Output { channel, offset, data: data() },
        "input_ack" => ServerFrame::InputAck { channel, offset, echo: Offset::new(number("echo")) },
        "snapshot" => ServerFrame::Snapshot {
            channel,
            epoch: Epoch::new(number("epoch")),
            offset,
            size: Size::new(number("cols"), number("rows")).unwrap(),
            reason: serde_json::from_value(vector["frame"]["reason"].clone()).unwrap(),
            more: vector["frame"]["more"].as_bool().unwrap(),
            data: data(),
        },
        other => panic!("unknown kind {other}"),
    };
    joined(&server).to_vec()
}

#[test]
fn the_golden_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.len() >= 8);
    for vector in vectors {
        let hex = vector["hex"].as_str().unwrap();
        assert_eq!(HEXLOWER.encode(&frame_of(&vector)), hex, "{}", vector["name"]);
    }
}
