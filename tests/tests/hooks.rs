//! A server of the operator's that is asked before sessions are created and ended, and told after.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use termfleet_tests::{
    client::Socket,
    dev::{Builder, Dev},
    http::Http,
    openssl::self_signed,
    wait::until,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A hook that refuses the projects `no` and the end of sessions named `kept`.
#[derive(Clone)]
struct Hook {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    async fn start() -> Result<Self> {
        Self::over(None).await
    }

    /// Over TLS, if there is somebody who speaks it.
    async fn over(tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let hook = Self { address: listener.local_addr()?, heard: Arc::default() };
        let serving = hook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hook = serving.clone();
                let service = service_fn(move |request| hook.clone().answer(request));
                let http = hyper::server::conn::http1::Builder::new();
                match &tls {
                    None => _ = tokio::spawn(http.serve_connection(TokioIo::new(stream), service)),
                    Some(tls) => {
                        let tls = tls.accept(stream);
                        tokio::spawn(async move {
                            // Who does not trust it does not get this far.
                            if let Ok(stream) = tls.await {
                                let _ = http.serve_connection(TokioIo::new(stream), service).await;
                            }
                        });
                    }
                }
            }
        });
        Ok(hook)
    }

    async fn answer(self, call: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let signed = call.headers().contains_key("termfleet-signature");
        let event: Value = serde_json::from_slice(&call.into_body().collect().await?.to_bytes())
            .unwrap_or_default();
        let (refused, what) = match event["event"].as_str() {
            Some("before_create") => (event["request"]["projectId"] == "no", "projects called no"),
            Some("before_delete") => (event["session"]["alias"] == "kept", "the end of this"),
            _ => (false, ""),
        };
        self.heard.lock().unwrap().push(event);
        let status = if refused || !signed { 403 } else { 200 };
        let message = json!({ "message": format!("{what}: not here") }).to_string();
        Ok(Response::builder().status(status).body(Full::from(message)).unwrap())
    }

    /// The names of the events, as soon as there are so many.
    async fn events(&self, count: usize) -> Result<Vec<String>> {
        until("events", || async {
            let heard = self.heard.lock().unwrap();
            let names = heard.iter().map(|event| event["event"].as_str().unwrap().to_owned());
            (heard.len() >= count).then(|| names.collect())
        })
        .await
    }
}

async fn dev(hook: SocketAddr, on_failure: &str) -> Result<Dev> {
    let (url, failure) =
        (format!("hooks.url=http://{hook}/"), format!("hooks.on_failure={on_failure}"));
    dev_with(&[&url, &failure]).await
}

async fn dev_with(settings: &[&str]) -> Result<Dev> {
    let mut builder = Builder::default().arg("--set").arg("hooks.secret=0123456789abcdef");
    for set in settings {
        builder = builder.arg("--set").arg(*set);
    }
    builder.start().await
}

async fn create(http: &Http, project: &str, alias: &str) -> Result<Value> {
    let body = json!({ "projectId": project, "config": { "alias": alias } });
    Ok(http.post("/api/terminal/sessions", body).await?.json())
}

#[tokio::test]
async fn sessions_begin_and_end_as_the_hook_allows_and_it_hears_of_it() -> Result<()> {
    let hook = Hook::start().await?;
    let dev = dev(hook.address, "refuse").await?;
    let http = Http::new(dev.address(), dev.token());

    let refused = create(&http, "no", "first").await?;
    assert_eq!(
        (&refused["code"], &refused["detail"]),
        (&json!(4002), &json!("projects called no: not here"),)
    );
    // The refusal left nothing behind: neither the alias nor a place.
    let made = create(&http, "default", "first").await?;
    let id = made["session"]["id"].as_str().unwrap();
    let kept = create(&http, "default", "kept").await?;
    let kept = kept["session"]["id"].as_str().unwrap();
    assert_eq!(hook.events(5).await?.len(), 5);

    let refused = http.delete(&format!("/api/terminal/sessions/{kept}")).await?.json();
    assert_eq!(
        (&refused["code"], &refused["detail"]),
        (&json!(4002), &json!("the end of this: not here"),)
    );
    let still = http.get(&format!("/api/terminal/sessions/{kept}")).await?.json();
    assert_eq!(still["session"]["status"], "active");

    // The same by a socket.
    let mut socket = Socket::canonical(dev.address(), dev.token()).await?;
    socket.ask(json!({ "type": "close", "sessionId": id }), "closed").await?.unwrap();
    let created = socket.ask(json!({ "type": "create", "projectId": "no" }), "created").await?;
    assert_eq!(created, Err(4002));
    let mut events = hook.events(9).await?;
    assert_eq!(events.remove(0), "before_create");
    events.sort();
    let mut expected = ["before_create"; 3].to_vec();
    expected.extend(["after_create", "after_create", "before_delete", "before_delete"]);
    expected.push("after_delete");
    expected.sort_unstable();
    assert_eq!(events, expected);
    let heard = hook.heard.lock().unwrap().clone();
    let ended = heard.iter().find(|event| event["event"] == "after_delete").unwrap();
    assert_eq!(
        (&ended["session"]["id"], &ended["session"]["status"]),
        (&json!(id), &json!("closed"))
    );
    Ok(())
}

#[tokio::test]
async fn where_there_is_no_hook_nothing_or_everything_is_allowed() -> Result<()> {
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let strict = dev(nobody, "refuse").await?;
    let http = Http::new(strict.address(), strict.token());
    let refused = create(&http, "default", "one").await?;
    assert_eq!((&refused["code"], &refused["retryable"]), (&json!(5003), &json!(true)));
    drop(strict);
    let lenient = dev(nobody, "allow").await?;
    let http = Http::new(lenient.address(), lenient.token());
    let made = create(&http, "default", "one").await?;
    assert_eq!(made["session"]["status"], "active", "{made}");
    let id = made["session"]["id"].as_str().unwrap();
    let ended = http.delete(&format!("/api/terminal/sessions/{id}")).await?.json();
    assert_eq!(ended["success"], true, "{ended}");
    Ok(())
}

#[tokio::test]
async fn a_hook_over_tls_is_asked_if_it_is_trusted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("hook.pem"));
    self_signed(&key, &certificate).await?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&certificate)?],
            PrivateKeyDer::from_pem_file(&key)?,
        )?;
    let hook = Hook::over(Some(TlsAcceptor::from(Arc::new(config)))).await?;
    let url = format!("hooks.url=https://localhost:{}/", hook.address.port());

    let stranger = dev_with(&[&url]).await?;
    let refused =
        create(&Http::new(stranger.address(), stranger.token()), "default", "one").await?;
    assert_eq!(refused["code"], 5003, "{refused}");
    drop(stranger);
    assert_eq!(hook.heard.lock().unwrap().len(), 0);

    let ca = format!("hooks.ca_file={}", certificate.display());
    let trusting = dev_with(&[&url, &ca]).await?;
    let http = Http::new(trusting.address(), trusting.token());
    assert_eq!(create(&http, "default", "one").await?["session"]["status"], "active");
    assert_eq!(create(&http, "no", "two").await?["code"], 4002);
    hook.events(3).await?;
    Ok(())
}
