//! The real nginx with `deploy/nginx`: what it passes on, what it refuses, what it never writes down.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, path::Path};

use anyhow::Result;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use termfleet_proto::rest::Problem;
use termfleet_tests::{
    client::{Connect, Socket, Terminal},
    dev::Dev,
    http::{Answer, Http},
    nginx::{Nginx, Settings},
    wait::until,
};

/// What stands for a ticket: it must not be found in any log.
const TICKET: &str = "c2VjcmV0LXRpY2tldA";

fn settings<const N: usize>(of: [(&'static str, &str); N]) -> Settings {
    of.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

async fn behind(dev: &Dev, of: Settings) -> Result<Nginx> {
    Nginx::start(dev.home(), &[dev.address()], of).await
}

/// A request with headers of its own, to a gateway that believes it came to a name of its own.
async fn ask(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut request =
        Request::get(path).header("host", address.to_string()).header("connection", "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Http::new(address, None).exchange(request.body(Full::default())?).await
}

/// Opens a socket as a client whose address a proxy in front of nginx wrote down.
async fn open(nginx: &Nginx, client: &str) -> Result<Socket> {
    let connect = Connect::canonical().header("x-forwarded-for", client);
    Socket::connect(nginx.address(), &connect).await
}

fn refused(opened: Result<Socket>) -> String {
    format!("{:#}", opened.err().expect("the upgrade is refused"))
}

#[tokio::test]
async fn a_terminal_works_through_it() -> Result<()> {
    let dev = Dev::open().await?;
    let nginx = behind(&dev, settings([])).await?;
    let id = Http::new(nginx.address(), None).create("default").await?;
    let socket = Socket::canonical(nginx.address(), None).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("echo through-$((40 + 2))\n").await?;
    terminal.read_text("through-42").await?;
    terminal.read_written().await
}

#[tokio::test]
async fn pages_are_compressed_and_rest_is_not() -> Result<()> {
    let dev = Dev::open().await?;
    let nginx = behind(&dev, settings([])).await?;
    let gzip = [("accept-encoding", "gzip")];
    let page = ask(nginx.address(), "/", &[]).await?;
    let text = page.text();
    let script = text.split('"').find(|part| part.ends_with(".js")).unwrap();
    let path = format!("/{}", script.trim_start_matches(['.', '/']));
    let script = ask(nginx.address(), &path, &gzip).await?;
    assert_eq!(script.status, 200);
    assert_eq!(script.headers["content-encoding"], "gzip");
    assert_eq!(script.headers["cache-control"], "public, max-age=31536000, immutable");
    let document = ask(nginx.address(), "/openapi.json", &gzip).await?;
    let sessions = ask(nginx.address(), "/api/terminal/projects/default/sessions", &gzip).await?;
    for (path, answer) in [("/openapi.json", document), ("sessions", sessions)] {
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.headers.contains_key("content-encoding"), "{path}");
        // Without TLS a browser must not be told to insist on it.
        assert!(!answer.headers.contains_key("strict-transport-security"), "{path}");
    }
    Ok(())
}

/// A problem of nginx's own: whole, and as the gateways' are.
fn problem(answer: &Answer) -> Result<(u16, u64)> {
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem: Problem = serde_json::from_slice(&answer.body)?;
    assert_eq!(problem.status, answer.status.as_u16());
    let hint = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(hint, problem.retry_after_ms.map(|ms| (ms / 1000).to_string()));
    Ok((answer.status.as_u16(), answer.json()["code"].as_u64().unwrap()))
}

#[tokio::test]
async fn what_it_refuses_itself_is_a_problem_and_the_gateways_refusals_pass() -> Result<()> {
    let mut dev = Dev::open().await?;
    let nginx = behind(&dev, settings([])).await?;
    let http = Http::new(nginx.address(), None);
    let sessions = "/api/terminal/sessions";

    let nowhere = http.get("/api/nowhere").await?;
    assert_eq!(problem(&nowhere)?, (404, 2004));
    let foreign = ask(nginx.address(), "/", &[("x-dummy", "1")]).await?;
    assert_eq!(foreign.status, 200);
    let request = Request::get("/").header("host", "evil.example").header("connection", "close");
    let foreign = http.exchange(request.body(Full::default())?).await?;
    assert_eq!(problem(&foreign)?, (421, 2003));

    // At the limit a body reaches the gateway, which finds another fault with it.
    let of = |bytes: usize| json!("x".repeat(bytes - 2));
    assert_eq!(problem(&http.post(sessions, of(1 << 20)).await?)?, (400, 2004));
    assert_eq!(problem(&http.post(sessions, of((1 << 20) + 1)).await?)?, (413, 2005));
    let long = "x".repeat(15 << 10);
    assert_eq!(ask(nginx.address(), "/", &[("x-long", &long)]).await?.status, 200);
    let longer = "x".repeat(17 << 10);
    assert_eq!(problem(&ask(nginx.address(), "/", &[("x-long", &longer)]).await?)?, (431, 2004));

    dev.stop().await?;
    assert_eq!(problem(&http.get(sessions).await?)?, (503, 5003));
    Ok(())
}

#[tokio::test]
async fn too_many_handshakes_of_one_client_are_turned_away_and_no_other() -> Result<()> {
    let dev = Dev::open().await?;
    let of = [("PROXIES", "127.0.0.1"), ("HANDSHAKE_RATE", "1r/m"), ("HANDSHAKE_BURST", "2")];
    let nginx = behind(&dev, settings(of)).await?;
    for (clients, other) in [
        (["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"], "192.0.2.2"),
        // A household has an IPv6 network, not an address.
        (["2001:db8::1", "2001:db8::a:1", "2001:db8::2", "2001:db8:0:0:9::"], "2001:db8:0:1::1"),
    ] {
        // One, and two at once beyond the rate.
        for client in &clients[..3] {
            open(&nginx, client).await?;
        }
        let refused = refused(open(&nginx, clients[3]).await);
        assert!(refused.contains("429"), "{refused}");
        open(&nginx, other).await?;
        // What is no handshake is not counted.
        let page = ask(nginx.address(), "/", &[("x-forwarded-for", clients[3])]).await?;
        assert_eq!(page.status, 200);
    }
    let upgrade =
        [("x-forwarded-for", "192.0.2.1"), ("upgrade", "websocket"), ("connection", "upgrade")];
    assert_eq!(problem(&ask(nginx.address(), "/terminal", &upgrade[..2]).await?)?, (429, 4004));
    Ok(())
}

#[tokio::test]
async fn too_many_connections_of_one_client_are_turned_away_and_no_other() -> Result<()> {
    let dev = Dev::open().await?;
    let of = settings([("PROXIES", "127.0.0.1"), ("CONNECTIONS_PER_CLIENT", "2")]);
    let nginx = behind(&dev, of).await?;
    let first = open(&nginx, "192.0.2.1").await?;
    let _second = open(&nginx, "192.0.2.1").await?;
    let from = [("x-forwarded-for", "192.0.2.1")];
    assert_eq!(problem(&ask(nginx.address(), "/", &from).await?)?, (503, 5002));
    open(&nginx, "192.0.2.2").await?;
    drop(first);
    until("the place is free again", || async {
        (ask(nginx.address(), "/", &from).await.ok()?.status == 200).then_some(())
    })
    .await
}

#[tokio::test]
async fn an_address_is_believed_from_a_configured_proxy_alone() -> Result<()> {
    let dev = Dev::open().await?;
    let mut nginx = behind(&dev, settings([])).await?;
    // The newest entry was written by the proxy next to us, whatever stands before it.
    let forged = [("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
    ask(nginx.address(), "/stranger", &forged).await?;
    nginx.reload(settings([("PROXIES", "127.0.0.0/8 198.51.100.0/24")])).await?;
    ask(nginx.address(), "/known", &forged).await?;
    let client = |log: &[Value], path: &str| {
        log.iter().find(|line| line["path"] == path).map(|line| line["client"].clone())
    };
    let log = until("both requests in the log", || async {
        nginx.access_log().ok().filter(|log| client(log, "/known").is_some())
    })
    .await?;
    assert_eq!(client(&log, "/stranger"), Some(json!("127.0.0.1")));
    assert_eq!(client(&log, "/known"), Some(json!("203.0.113.9")));
    Ok(())
}

#[tokio::test]
async fn no_log_holds_a_query_or_a_token() -> Result<()> {
    let mut dev = Dev::open().await?;
    let of = settings([("HANDSHAKE_RATE", "1r/m"), ("HANDSHAKE_BURST", "1")]);
    let nginx = behind(&dev, of).await?;
    let path = format!("/terminal?ticket={TICKET}");
    let connect = Connect { path: path.clone(), ..Connect::canonical() };
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
    ask(nginx.address(), &format!("/{token}"), &[]).await?;
    Socket::connect(nginx.address(), &connect).await.ok();
    Socket::connect(nginx.address(), &connect).await.ok();
    assert!(refused(Socket::connect(nginx.address(), &connect).await).contains("429"));
    dev.stop().await?;
    assert_eq!(ask(nginx.address(), &path, &[]).await?.status, 503);
    until("everything is in the log", || async {
        (nginx.access_log().ok()?.iter().filter(|line| line["path"] == "/terminal").count() >= 4)
            .then_some(())
    })
    .await?;
    let logged = nginx.logged();
    assert!(!logged.contains(TICKET) && !logged.contains(token), "{logged}");
    Ok(())
}

#[tokio::test]
async fn with_a_certificate_sockets_are_encrypted_and_browsers_told_to_insist() -> Result<()> {
    let dev = Dev::open().await?;
    let nginx = Nginx::with_tls(dev.home(), &[dev.address()], settings([])).await?;
    let id = Http::new(dev.address(), None).create("default").await?;
    let wire = termfleet_tests::tls::connect(nginx.address(), &nginx.certificate()?).await?;
    let host = format!("localhost:{}", nginx.address().port());
    let socket = Socket::over(Box::new(wire), &host, &Connect::canonical()).await?;
    let mut terminal = Terminal::attach(socket.signed_in(None).await?, &id).await?;
    terminal.type_text("echo sealed-$((40 + 2))\n").await?;
    terminal.read_text("sealed-42").await?;
    let wire = termfleet_tests::tls::connect(nginx.address(), &nginx.certificate()?).await?;
    let request = Request::get("/").header("host", host).header("connection", "close");
    let page = termfleet_tests::http::over(wire, request.body(Full::default())?).await?;
    assert_eq!(
        (page.status.as_u16(), &page.headers["strict-transport-security"]),
        (200, &http::HeaderValue::from_static("max-age=31536000"))
    );
    // Whoever speaks plain HTTP there is told so, and no more.
    assert_eq!(ask(nginx.address(), "/", &[]).await?.status, 400);
    Ok(())
}

/// Prints numbers without end until there is a file, then how many thousands there were.
fn count_until(file: &Path) -> String {
    let file = file.display();
    format!(
        "clear; i=0; while [ ! -e {file} ]; do seq $((i*1000+1)) $((i*1000+1000)); i=$((i+1)); done; \
         echo EN''D-$i-\n"
    )
}

#[tokio::test]
async fn sockets_live_through_reloads_under_load_and_lose_no_byte() -> Result<()> {
    let dev = Dev::open().await?;
    let mut nginx = behind(&dev, settings([])).await?;
    let http = Http::new(nginx.address(), None);
    let address = nginx.address();
    let attach =
        async |id: &str| Terminal::attach(Socket::canonical(address, None).await?, id).await;
    let mut flood = attach(&http.create("default").await?).await?;
    let mut typing = attach(&http.create("default").await?).await?;
    let (mut before, stop) = (nginx.workers(), dev.work().join("stop"));

    let command = count_until(&stop);
    let flooding = async {
        flood.type_text(&command).await?;
        flood.read_text("END-").await
    };
    let reloading = async {
        typing.type_text("stty -echo; while read -r x; do echo \"got-$x-\"; done\n").await?;
        for reload in 1..=3 {
            nginx.reload(settings([])).await?;
            let workers = nginx.workers();
            assert!(workers.iter().all(|pid| !before.contains(pid)), "new workers after {reload}");
            before = workers;
            for key in 1..=50 {
                typing.type_text(&format!("{reload}.{key}\n")).await?;
                typing.read_text(&format!("got-{reload}.{key}-")).await?;
            }
            // New sockets come in meanwhile.
            Socket::canonical(address, None).await?;
        }
        Ok(std::fs::write(&stop, "")?)
    };
    tokio::try_join!(flooding, reloading)?;
    let printed = String::from_utf8(flood.memory.output)?;
    let (numbers, end) = printed.split_once("END-").unwrap();
    let thousands: usize = end.split('-').next().unwrap().parse()?;
    let all: String = (1..=thousands * 1000).map(|n| format!("{n}\r\n")).collect();
    assert!(thousands > 10 && numbers.ends_with(&all), "a byte was lost in {thousands} thousand");
    Ok(())
}

#[tokio::test]
async fn what_outstays_a_reload_is_cut_and_resumes() -> Result<()> {
    let dev = Dev::open().await?;
    let mut nginx = behind(&dev, settings([("SHUTDOWN_TIMEOUT", "1s")])).await?;
    let id = Http::new(nginx.address(), None).create("default").await?;
    let socket = Socket::canonical(nginx.address(), None).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("x=kept; echo be''fore\n").await?;
    terminal.read_text("before").await?;
    nginx.reload(settings([])).await?;
    while terminal.step().await.is_ok() {}
    let socket = Socket::canonical(nginx.address(), None).await?;
    let mut terminal = Terminal::resume(socket, terminal.memory).await?;
    assert_eq!(terminal.attached["recovered"], true);
    terminal.type_text("echo after-$x\n").await?;
    terminal.read_text("after-kept").await
}
