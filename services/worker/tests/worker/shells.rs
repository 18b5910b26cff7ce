//! What can be asked of a running shell.

use crate::{
    gateway::Client,
    stage::{Stage, ann, eventually},
};

#[tokio::test]
async fn describing_tells_the_directory_the_counters_and_the_viewers() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "cd /tmp && echo there-$((1+1))\n").await;
    viewer.shows("there-2").await;
    let known = eventually("the new directory", async || {
        let known = gateway.describe(&session, &ann()).await.unwrap();
        Some(known).filter(|known| known.record.as_ref().unwrap().current_path == "/tmp")
    })
    .await;
    let record = known.record.unwrap();
    assert_eq!((known.viewers, record.bytes_in), (1, 31));
    assert!(record.bytes_out >= viewer.seen().end());
    assert!(known.memory_bytes.unwrap() > 0 && known.cpu_ms.is_some());
    stage.record(&session.id, |record| record.current_path == "/tmp").await;
}
