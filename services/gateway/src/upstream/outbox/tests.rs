//! What leaves first, what is put together, and what is bounded.
#![allow(clippy::unwrap_used)]

use super::*;

fn frames(outbox: &mut Outbox) -> Vec<Next> {
    std::iter::from_fn(|| outbox.pop()).collect()
}

fn input(channel: u64, data: &'static [u8]) -> Next {
    Next::Frame(Frame::Input(pb::Input { channel, offset: None, data: data.into() }))
}

fn type_into(outbox: &mut Outbox, channel: u64, data: &'static [u8]) {
    outbox.input(channel, None, data.into()).unwrap();
}

#[test]
fn a_paste_takes_turns_with_a_key() {
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        type_into(&mut outbox, 1, b"paste");
    }
    type_into(&mut outbox, 2, b"k");
    let (paste, key) = (|| input(1, b"paste"), input(2, b"k"));
    assert_eq!(frames(&mut outbox), [paste(), key, paste(), paste()]);
    assert!(outbox.is_empty());
}

#[test]
fn beats_attachments_and_requests_go_before_input() {
    let mut outbox = Outbox::default();
    type_into(&mut outbox, 1, b"x");
    let take = Frame::Control(pb::Control { request: 1, channel: 1, action: 1 });
    outbox.request(take.clone());
    outbox.attach(7);
    outbox.beat(5);
    outbox.beat(6);
    let beat = Next::Frame(Frame::Beat(pb::Beat { at_ms: 6 }));
    let expected = [beat, Next::Attach(7), Next::Frame(take), input(1, b"x")];
    assert_eq!(frames(&mut outbox), expected, "of two beats that wait one is enough");
}

#[test]
fn of_acknowledgements_and_sizes_the_newest_remains() {
    let mut outbox = Outbox::default();
    for at in 1..=500 {
        outbox.ack(1, Offset::new(at));
        outbox.resize(1, Size { cols: 80, rows: 1 + (at % 400) as u16 });
    }
    let ack = Next::Frame(Frame::Ack(pb::Ack { channel: 1, offset: 500 }));
    let size = Some(pb::Size { cols: 80, rows: 101 });
    let resize = Next::Frame(Frame::Resize(pb::Resize { channel: 1, size }));
    assert_eq!(frames(&mut outbox), [ack, resize]);
}

#[test]
fn who_leaves_is_heard_to_the_end() {
    let mut outbox = Outbox::default();
    type_into(&mut outbox, 1, b"exit\n");
    outbox.ack(1, Offset::new(9));
    outbox.detach(1, false);
    let detach = Next::Frame(Frame::Detach(pb::Detach { channel: 1, lost: false }));
    assert_eq!(frames(&mut outbox), [input(1, b"exit\n"), detach]);
}

#[test]
fn input_of_one_channel_is_bounded_by_bytes_and_by_number() {
    let mut outbox = Outbox::default();
    outbox.input(1, None, Bytes::from(vec![0; CHANNEL_INPUT_BYTES - 64])).unwrap();
    assert_eq!(outbox.input(1, None, "x".into()), Err(Full));
    outbox.input(2, None, "x".into()).unwrap();
    outbox.pop();
    outbox.input(1, None, "x".into()).unwrap();
    let empty = (0..10_000).take_while(|_| outbox.input(3, None, Bytes::new()).is_ok()).count();
    assert!(empty < 2_000, "{empty}");
}

#[test]
fn what_was_taken_of_snapshots_is_said_once() {
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        outbox.took_part(1);
    }
    let taken = |parts| Next::Frame(Frame::Taken(pb::Taken { channel: 1, parts }));
    assert_eq!(frames(&mut outbox), [taken(3)]);
    outbox.took_part(1);
    assert_eq!(frames(&mut outbox), [taken(1)]);
    assert!(outbox.is_empty());
}

#[test]
fn a_channel_that_ended_leaves_nothing_behind() {
    let mut outbox = Outbox::default();
    type_into(&mut outbox, 1, b"x");
    type_into(&mut outbox, 2, b"y");
    outbox.forget(1);
    assert_eq!(frames(&mut outbox), [input(2, b"y")]);
    assert!(outbox.is_empty());
}

#[test]
fn an_acknowledgement_of_little_waits_for_company() {
    let mut outbox = Outbox::default();
    let mut ack = |at| outbox.ack(1, Offset::new(at));
    assert!(ack(100), "the first one says where the channel stands");
    assert!(!ack(100 + ACK_STEP_BYTES - 1), "below the step");
    assert!(ack(100 + ACK_STEP_BYTES), "at the step");
    assert!(!ack(101 + ACK_STEP_BYTES), "the next one counts from there");
    assert!(ack(101 + 2 * ACK_STEP_BYTES), "above the step");
    assert!(ack(50), "output goes on from an earlier offset");
    let Some(Next::Frame(Frame::Ack(newest))) = outbox.pop() else { panic!("an ack waits") };
    assert_eq!(newest.offset, 50);
    outbox.forget(1);
    assert!(outbox.ack(1, Offset::new(60)), "what is forgotten begins anew");
}
