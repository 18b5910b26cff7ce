//! Whatever connects and is no worker of this layout is turned away, and disturbs nobody.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use crate::harness::{Host, Worker, eventually};

/// Sends bytes as they are and gives everything that comes back until the other end closes.
fn say(host: &Host, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(host.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // The other end may close before it has read everything: that too is an end.
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn frame(head: &str) -> Vec<u8> {
    let numbers = [head.len() as u32 + 8, 1, head.len() as u32];
    let prefix: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [&prefix, head.as_bytes()].concat()
}

async fn is_well(worker: &Worker) {
    let shell = worker.spawn(&["/bin/sh", "-c", "printf well"]).await;
    worker.printed(&shell, "well").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_layout_is_told_the_known_one() {
    let host = Host::start();
    let worker = host.connect().await;
    let answer = say(&host, &frame(r#"{"hello":{"layout":99}}"#));
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains(r#"{"unknown_layout":{"known":1}}"#), "{answer}");
    is_well(&worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_cut_off() {
    let host = Host::start();
    let worker = host.connect().await;
    let long = [u32::MAX.to_le_bytes(), [1, 0, 0, 0], [9, 0, 0, 0]].concat();
    let odd_head = [16u32.to_le_bytes(), [1, 0, 0, 0], u32::MAX.to_le_bytes()].concat();
    let cut_off = &frame(r#"{"hello":{"layout":1}}"#)[..20];
    let not_hello = frame(r#""reset""#);
    let not_json = frame("no json");
    for bytes in
        [&[][..], b"GET / HTTP/1.1\r\n\r\n", &long, &odd_head, cut_off, &not_hello, &not_json]
    {
        assert_eq!(say(&host, bytes), b"", "{bytes:?}");
    }
    is_well(&worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_talks_nonsense_loses_its_connection_and_no_shell() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", "stty -echo; printf ready; exec cat"]).await;
    worker.printed(&shell, "ready").await;
    let nonsense = [frame(r#"{"hello":{"layout":1}}"#), frame(r#"{"dance":{}}"#)].concat();
    let answer = say(&host, &nonsense);
    assert!(String::from_utf8_lossy(&answer).contains("welcome"));
    let next = host.connect().await;
    assert_eq!(next.welcome.sessions[0].pid, shell.pid);
    is_well(&next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_shorter_than_its_own_head_ends_the_connection_and_counts_as_no_worker() {
    let mut host = Host::with(1 << 20, 300);
    let short = [0u32, 1, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
    eventually("the ptyhost to listen", async || host.socket().exists().then_some(())).await;
    let answer = say(&host, &[frame(r#"{"hello":{"layout":1}}"#), short].concat());
    assert!(String::from_utf8_lossy(&answer).contains("welcome"));
    let ended = eventually("the end of a ptyhost without a worker", async || host.ended()).await;
    assert!(ended, "it ends well");
}
