//! Acknowledgements that cannot be.

use crate::{
    gateway::Client,
    stage::{Stage, ann},
};
use termfleet_session::code::Code;

#[tokio::test]
async fn an_ack_of_what_was_never_sent_ends_that_channel_alone() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let liar = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    liar.ack(1 << 40).await;
    assert_eq!(liar.detached().await.code, Some(u32::from(Code::BadMessage.number())));
    liar.ack(1 << 40).await;
    // The seat is free, and the link works.
    other.types("echo fine-$((1+1))\n").await;
    other.shows("fine-2").await;
}
