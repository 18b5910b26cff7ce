//! The seeds' own message flows, as their texts give them.

use serde_json::json;

use crate::world::World;

/// The first seed's integration test, from the socket on.
#[tokio::test]
async fn the_first_seeds_session_lifecycle() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal", "").await;
    client
        .send(json!({ "type": "send_input", "sessionId": session, "payload": "echo \"test\"\n" }))
        .await;
    let mut output = String::new();
    while !output.contains("test") {
        output.push_str(client.json("output").await["payload"].as_str().unwrap());
    }
}

/// The second seed's unit test and connection flow.
#[tokio::test]
async fn the_second_seeds_connection_flow() {
    let world = World::open().await;
    world.server.session_as("~dev", "dev", "p", Some("test-session")).await;
    let mut client = world.client("/ws/terminal/test-session", "").await;
    client.send(json!({ "type": "connect", "sessionId": "test-session" })).await;
    assert_eq!(client.json("connected").await["sessionId"], "test-session");
    client.send(json!({ "type": "input", "data": "ls\n" })).await;
    let mut output = String::new();
    while !output.contains("ls\n") {
        let message = client.json("output").await;
        assert!(message["timestamp"].is_u64(), "{message}");
        output.push_str(message["data"].as_str().unwrap());
    }
    assert!(output.starts_with("\x1bc"), "{output:?}");
}
