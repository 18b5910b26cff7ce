//! Byte-exact resume under a program that prints continuously, with clients that come and go at
//! random.

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann},
};

/// A splitmix step: the moments of disconnection differ, and a failure can be run again.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

#[tokio::test]
async fn not_a_byte_is_lost_or_doubled_over_many_reconnects() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    let (mut client, mut random) = (Client::new(&ann(), 1), 7);
    let (mut whole, mut first) = (Vec::new(), 0);
    let program = "stty -echo -onlcr; seq 1 1500000; echo the-end\n";
    for round in 0_u64.. {
        let gateway = stage.gateway().await;
        let viewer = gateway.attach(&session, &client).await;
        if round == 0 {
            first = viewer.attached.offset;
            viewer.input(0, program).await;
        } else {
            assert!(viewer.attached.recovered, "round {round}: {:?}", viewer.attached);
            assert_eq!(viewer.attached.offset, first + whole.len() as u64);
        }
        let lasts = 1 + next(&mut random) % 40_000;
        let before = tail(&whole);
        let enough = |seen: &Seen| {
            let over = (before.clone() + &seen.tail()).contains("\nthe-end\n");
            (seen.output.len() as u64 >= lasts || over).then_some(())
        };
        viewer.until("output", enough).await;
        // What still comes is neither parsed nor acknowledged.
        let parsed = viewer.stop();
        let mut seen = viewer.seen();
        seen.output.truncate((parsed - seen.start) as usize);
        assert_eq!(seen.start, first + whole.len() as u64);
        whole.extend_from_slice(&seen.output);
        if tail(&whole).contains("\nthe-end\n") {
            assert!(round >= 20, "it ended in round {round}");
            break;
        }
        client = client.again(session.epoch.get(), first + whole.len() as u64);
        // Half of them leave without a word: the link breaks.
        if next(&mut random).is_multiple_of(2) {
            viewer.detach(true).await;
        }
    }
    let text = String::from_utf8(whole).unwrap();
    let numbers = text.split('\n').skip_while(|line| !line.ends_with('1') || line.contains("seq"));
    let expected: Vec<String> = (2..=1_500_000).map(|n| n.to_string()).collect();
    let got: Vec<&str> = numbers.skip(1).take(expected.len()).collect();
    assert!(got == expected, "the numbers are not all there, once and in order");
}

/// The end of the output, which may lie on both sides of a reconnect.
fn tail(output: &[u8]) -> String {
    String::from_utf8_lossy(&output[output.len().saturating_sub(30)..]).into_owned()
}
