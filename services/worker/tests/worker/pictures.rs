//! A picture of true colours may be larger than all that a gateway holds for a client.

use crate::{
    gateway::Client,
    stage::{Stage, ann},
};

/// Every cell has colours of its own: some 35 bytes each.
const COLORS: &str = "stty -echo; awk 'BEGIN { for (i = 0; i < 20000; i++) printf \
    \"\\033[38;2;%d;%d;7;48;2;%d;%d;9mx\", i % 256, i / 256, i / 256, i % 256 }'; echo en''d\n";
/// Parts that a gateway holds.
const PARTS: usize = 2;
const PART_BYTES: usize = 32 << 10;

#[tokio::test]
async fn its_parts_come_as_the_gateway_gets_rid_of_them() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1).sized(200, 100)).await;
    driver.types(COLORS).await;
    driver.until("the end", |seen| seen.tail().contains("end\r\n").then_some(())).await;

    let slow = Client { reports_parts: true, rows: 0, ..Client::new(&ann(), 2) };
    let slow = gateway.attach(&session, &slow).await;
    for taken in 0..10 {
        let parts = PARTS + taken;
        slow.until("its parts", |seen| (seen.snapshots.len() >= parts).then_some(())).await;
        // What is printed meanwhile does not come before the end of its screen; the other has it.
        driver.types(format!("echo n''{taken}\n")).await;
        driver.shows(&format!("n{taken}\r\n")).await;
        let seen = slow.seen();
        assert_eq!((seen.snapshots.len(), seen.output.len()), (parts, 0), "{taken} were taken");
        assert!(seen.snapshots.iter().all(|part| part.more && part.data.len() == PART_BYTES));
        slow.took(1).await;
    }
    while !slow.seen().is_whole() {
        let parts = slow.seen().snapshots.len();
        slow.took(1).await;
        slow.until("more", |seen| (seen.snapshots.len() > parts || seen.is_whole()).then_some(()))
            .await;
    }
    slow.shows("n9\r\n").await;
    let bytes: usize = slow.seen().snapshots.iter().map(|part| part.data.len()).sum();
    assert!(bytes > 512 << 10, "{bytes} bytes");
}

#[tokio::test]
async fn a_gateway_that_does_not_count_gets_it_at_once() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1).sized(200, 100)).await;
    driver.types(COLORS).await;
    driver.until("the end", |seen| seen.tail().contains("end\r\n").then_some(())).await;
    let other = gateway.attach(&session, &Client { rows: 0, ..Client::new(&ann(), 2) }).await;
    other
        .until("all of it", |seen| seen.snapshots.last().filter(|part| !part.more).map(|_| ()))
        .await;
}
