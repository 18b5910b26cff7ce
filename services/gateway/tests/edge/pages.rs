//! The web terminal's files, as a browser gets them.

use crate::harness::{Request, Setup};

#[tokio::test]
async fn the_page_comes_with_its_policy() {
    let server = Setup::with_auth().start().await;
    for (method, body) in [("GET", &b"<!doctype html>"[..]), ("HEAD", b"")] {
        let page = server.send(Request::new(method, "/")).await;
        assert_eq!((page.status, &*page.body), (200, body));
        let policy = page.header("content-security-policy").unwrap();
        for part in [
            "default-src 'self'",
            "connect-src 'self' ws: wss:",
            "img-src 'self' data:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
    let script = server.send(Request::new("GET", "/assets/app-1a2b.js")).await;
    assert_eq!(script.header("content-type"), Some("text/javascript"));
    assert!(script.header("cache-control").unwrap().contains("immutable"));
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let server = Setup::with_auth().start().await;
    let page = server.send(Request::new("GET", "/")).await;
    let tag = page.header("etag").unwrap();
    let again = server.send(Request::new("GET", "/").with("If-None-Match", tag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}
