//! The head of an upgrade request, rule by rule.
#![allow(clippy::unwrap_used)]

use super::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn request() -> Request<()> {
    Request::get("/terminal")
        .header(HOST, "localhost")
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_KEY, KEY)
        .header(SEC_WEBSOCKET_VERSION, "13")
        .body(())
        .unwrap()
}

fn with(name: HeaderName, value: &'static str) -> Result<Upgrade, Reject> {
    let mut request = request();
    request.headers_mut().insert(name, HeaderValue::from_static(value));
    check(&request)
}

fn without(name: &HeaderName) -> Result<Upgrade, Reject> {
    let mut request = request();
    request.headers_mut().remove(name);
    check(&request)
}

#[test]
fn the_example_of_the_standard_gets_the_accept_key_of_the_standard() {
    let response = check(&request()).unwrap().response(None);
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!response.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
}

#[test]
fn lists_are_read_in_any_case_and_over_several_lines() {
    assert!(with(UPGRADE, "h2c, WebSocket").is_ok());
    assert!(with(CONNECTION, "keep-alive, UPGRADE").is_ok());
    let mut request = request();
    request.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("a, b,"));
    request.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("bearer.x.y-_"));
    let upgrade = check(&request).unwrap();
    assert_eq!(upgrade.protocols, ["a", "b", "bearer.x.y-_"]);
    assert_eq!(upgrade.response(Some("b")).headers()[SEC_WEBSOCKET_PROTOCOL], "b");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    assert_eq!(without(&HOST), Err(Reject::Host));
    assert_eq!(without(&UPGRADE), Err(Reject::Upgrade));
    assert_eq!(with(UPGRADE, "h2c"), Err(Reject::Upgrade));
    assert_eq!(without(&CONNECTION), Err(Reject::Connection));
    assert_eq!(with(CONNECTION, "keep-alive"), Err(Reject::Connection));
    assert_eq!(without(&SEC_WEBSOCKET_VERSION), Err(Reject::SocketVersion));
    for version in ["8", "14", "013", ""] {
        assert_eq!(with(SEC_WEBSOCKET_VERSION, version), Err(Reject::SocketVersion), "{version}");
    }
    assert_eq!(with(TRANSFER_ENCODING, "chunked"), Err(Reject::Body));
    assert_eq!(with(CONTENT_LENGTH, "1"), Err(Reject::Body));
    assert!(with(CONTENT_LENGTH, "0").is_ok());
    for protocols in ["a b", "a, a", "a/b", "\"a\"", "a;q=1"] {
        assert_eq!(with(SEC_WEBSOCKET_PROTOCOL, protocols), Err(Reject::Protocols), "{protocols}");
    }
}

#[test]
fn a_key_is_sixteen_bytes_in_base64() {
    assert_eq!(without(&SEC_WEBSOCKET_KEY), Err(Reject::Key));
    for key in [
        "",
        "AAAAAAAAAAAAAAAAAAAA",      // 15 bytes
        "AAAAAAAAAAAAAAAAAAAAAAA=",  // 17 bytes
        "AAAAAAAAAAAAAAAAAAAAAA",    // no padding
        "AAAAAAAAAAAAAAAAAAAAA*==",  // not base64
        "AAAAAAAAAAAAAAAAAAAAAB==",  // bits behind the end
        "AAAAAAAAAAAAAAAAAAAAAA==,", // a list
    ] {
        assert_eq!(with(SEC_WEBSOCKET_KEY, key), Err(Reject::Key), "{key}");
    }
    assert!(with(SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA==").is_ok());
}

#[test]
fn what_stands_twice_is_refused() {
    for (name, reject) in [
        (HOST, Reject::Host),
        (SEC_WEBSOCKET_KEY, Reject::Key),
        (SEC_WEBSOCKET_VERSION, Reject::SocketVersion),
    ] {
        let mut request = request();
        let value = request.headers()[&name].clone();
        request.headers_mut().append(&name, value);
        assert_eq!(check(&request), Err(reject));
    }
}

#[test]
fn other_methods_and_versions_of_http_are_refused() {
    let mut post = request();
    *post.method_mut() = Method::POST;
    assert_eq!(check(&post), Err(Reject::Method));
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let mut request = request();
        *request.version_mut() = version;
        assert_eq!(check(&request), Err(Reject::HttpVersion));
    }
}

#[test]
fn answers_carry_what_the_client_needs() {
    assert_eq!(Reject::Method.header().unwrap().1, "GET");
    assert_eq!(Reject::SocketVersion.header().unwrap().1, "13");
    assert_eq!(Reject::SocketVersion.status(), 426);
    assert_eq!(Reject::Method.status(), 405);
    assert_eq!(Reject::ForeignHost.status(), 421);
    assert_eq!(Reject::ForeignOrigin.status(), 403);
    assert_eq!(Reject::Key.status(), 400);
}
