//! What a session shows, read by somebody who is not attached: as text, in colours, as a picture, and
//! what has left the screen; also once the session has ended.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::Dev,
    http::Http,
    wait::until,
};

async fn page(http: &Http, session: &str, query: &str) -> Result<Value> {
    Ok(http.get(&format!("/api/terminal/sessions/{session}/history{query}")).await?.json())
}

#[tokio::test]
async fn a_screen_is_read_by_who_is_not_attached() -> Result<()> {
    let dev = Dev::start().await?;
    let http = Http::new(dev.address(), dev.token());
    let session = http.create("default").await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &session).await?;
    terminal
        .type_text("PS1=; stty -echo; clear; seq 1 100; printf '\\e[1;31mred ✅\\e[m<'\n")
        .await?;
    terminal.read_text("\x1b[m<").await?;

    let screen = format!("/api/terminal/sessions/{session}/screen");
    let text = http.get(&screen).await?.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[22], lines[23]), (24, "100", "red ✅<"), "{text}");
    let ansi = http.get(&format!("{screen}?format=ansi")).await?.text();
    assert!(ansi.contains("\x1b[0;1;31mred ✅\x1b[0m<"), "{ansi:?}");
    let svg = http.get(&format!("{screen}?format=svg")).await?;
    let picture = svg.text();
    assert!(picture.contains("fill=\"#cd0000\" font-weight=\"bold\">red ✅</text>"), "{picture}");
    assert!(picture.contains("&lt;") && !picture.contains("<<"), "{picture}");

    // The rows before those on the screen, page by page.
    let newest = page(&http, &session, "?lines=3").await?;
    assert_eq!(newest["lines"], json!(["75", "76", "77"]));
    let before = newest["before"].as_u64().unwrap();
    let older = page(&http, &session, &format!("?lines=2&before={before}")).await?;
    assert_eq!(older["lines"], json!(["73", "74"]));
    terminal
        .socket
        .send(&json!({ "type": "history", "sessionId": session, "before": before, "lines": 1 }))
        .await?;
    assert_eq!(terminal.socket.message("history").await?["lines"], json!(["74"]));

    // Its end does not take the screen away.
    terminal.type_text("exit\n").await?;
    until("the session has ended", || async {
        let record = http.get(&format!("/api/terminal/sessions/{session}")).await.ok()?.json();
        (record["session"]["status"] == "closed").then_some(())
    })
    .await?;
    let ended = http.get(&screen).await?;
    assert!(ended.status == 200 && ended.text().contains("red ✅<"), "{}", ended.text());
    Ok(())
}

#[tokio::test]
async fn a_check_sum_tells_two_screens_apart() -> Result<()> {
    let dev = Dev::start().await?;
    let session = Http::new(dev.address(), dev.token()).create("default").await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &session).await?;
    // A prompt of nothing, also not of the marks around what is pasted.
    let quiet = "bind 'set enable-bracketed-paste off'; PS1=; stty -echo; clear; echo rea''dy\n";
    terminal.type_text(quiet).await?;
    terminal.read_text("ready\r\n").await?;
    let mut sums = Vec::new();
    for text in ["", "a", "\\ra", "b"] {
        terminal.type_text(&format!("printf '{text}|'\n")).await?;
        terminal.read_text("|").await?;
        terminal.memory.output.clear();
        let check = json!({ "type": "check", "channel": terminal.channel() });
        let checked = terminal.socket.ask(check, "checked").await?.unwrap();
        assert_eq!(checked["offset"], terminal.memory.offset, "it has read all that was printed");
        sums.push(checked["hash"].as_str().unwrap().to_owned());
    }
    let all: std::collections::BTreeSet<_> = sums.iter().collect();
    assert_eq!(all.len(), 4, "{sums:?}");
    Ok(())
}
