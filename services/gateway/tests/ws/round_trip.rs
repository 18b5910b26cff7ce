//! The guard against a client of other people's making.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use termfleet_gateway::ws::Limits;
use tokio::net::TcpStream;
use tokio_websockets::{
    ClientBuilder, CloseCode, Config, MaybeTlsStream, Message, WebSocketStream,
};

use crate::raw::{serve, within};

async fn connect(config: Config) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let address = serve(Limits::default(), None).await;
    let url = format!("ws://{address}/terminal");
    let builder = ClientBuilder::new().uri(&url).unwrap().config(config);
    within(builder.connect()).await.unwrap().0
}

async fn next(client: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Message {
    within(client.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn text_and_binary_come_back() {
    let mut client = connect(Config::default()).await;
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let text = "x".repeat(length);
        client.send(Message::text(text.clone())).await.unwrap();
        assert_eq!(next(&mut client).await.as_text(), Some(&*text));
        let binary = Bytes::from(vec![0xff; length]);
        client.send(Message::binary(binary.clone())).await.unwrap();
        let back = next(&mut client).await;
        assert!(back.is_binary() && **back.as_payload() == *binary, "{length}");
    }
}

#[tokio::test]
async fn fragmented_messages_come_back_whole() {
    let mut client = connect(Config::default().frame_size(100)).await;
    let text = "aé€😀".repeat(1000);
    client.send(Message::text(text.clone())).await.unwrap();
    assert_eq!(next(&mut client).await.as_text(), Some(&*text));
}

#[tokio::test]
async fn a_burst_of_pings_is_answered_one_by_one() {
    let mut client = connect(Config::default()).await;
    for at in 0..10u8 {
        client.feed(Message::ping(vec![at])).await.unwrap();
    }
    client.flush().await.unwrap();
    for at in 0..10u8 {
        let pong = next(&mut client).await;
        assert!(pong.is_pong() && **pong.as_payload() == [at], "{pong:?}");
    }
}

#[tokio::test]
async fn a_close_is_answered_and_ends_the_stream() {
    let mut client = connect(Config::default()).await;
    let code = CloseCode::try_from(4321).unwrap();
    client.send(Message::close(Some(code), "enough")).await.unwrap();
    let answer = next(&mut client).await;
    assert_eq!(answer.as_close(), Some((code, "enough")));
    assert!(within(client.next()).await.is_none());
}

#[tokio::test]
async fn a_client_that_stops_reading_for_the_limit_is_dropped() {
    let limits = Limits { write_stall: Duration::from_millis(300), ..Limits::default() };
    let mut raw = crate::raw::Raw::connect(limits).await;
    // Echoes are asked for until the server takes no more: its own writes are stuck then, and it
    // must let go of the socket instead of waiting for ever.
    let message = crate::raw::frame(crate::raw::BINARY, &[0; 60_000]);
    let refused = within(async {
        loop {
            if let Err(error) = tokio::io::AsyncWriteExt::write_all(&mut raw.stream, &message).await
            {
                return error;
            }
        }
    })
    .await;
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    assert!(matches!(refused.kind(), BrokenPipe | ConnectionReset), "{refused}");
}
