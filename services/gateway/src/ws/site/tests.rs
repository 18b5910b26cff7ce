//! Names and pages that may speak to a server, and those that only look like it.
#![allow(clippy::unwrap_used)]

use http::HeaderValue;

use super::*;

fn listed() -> Site {
    Site {
        hosts: Hosts::Listed(vec![
            "term.example".into(),
            "Alt.example:8443".into(),
            "[::2]".into(),
        ]),
        origins: Origins::SameOrListed(vec!["https://app.example".into()]),
    }
}

fn origin(site: &Site, host: &str, origin: &str) -> bool {
    site.check_origin(host, Some(origin), false).is_ok()
}

#[test]
fn loopback_has_many_names_and_no_look_alike_is_one() {
    let site = Site::loopback();
    for host in ["localhost", "LocalHost:4001", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:4001"] {
        assert_eq!(site.check_host(host), Ok(()), "{host}");
    }
    for host in [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "localhost.",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:10.0.0.1]",
        "notlocalhost",
    ] {
        assert_eq!(site.check_host(host), Err(Reject::ForeignHost), "{host}");
    }
    for host in ["", "user@localhost", "localhost/x", "localhost:99999", "local host", "::1"] {
        assert_eq!(site.check_host(host), Err(Reject::Host), "{host}");
    }
}

#[test]
fn listed_names_hold_with_their_ports() {
    let site = listed();
    for host in ["term.example", "TERM.example:4001", "alt.example:8443", "[::2]:80"] {
        assert_eq!(site.check_host(host), Ok(()), "{host}");
    }
    for host in ["alt.example", "alt.example:8444", "xterm.example", "localhost", "[::1]"] {
        assert_eq!(site.check_host(host), Err(Reject::ForeignHost), "{host}");
    }
}

#[test]
fn a_loopback_server_is_called_by_loopback_pages_alone() {
    let site = Site::loopback();
    for page in ["http://localhost:5173", "http://127.0.0.1:4001", "https://[::1]"] {
        assert!(origin(&site, "localhost:4001", page), "{page}");
    }
    for page in [
        "null",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "http://evil.example#localhost",
        "http://localhost:4001/",
        "file://localhost",
        "chrome-extension://localhost",
        "localhost",
        "http://",
        "",
    ] {
        assert!(!origin(&site, "localhost:4001", page), "{page}");
    }
}

#[test]
fn a_listed_server_is_called_by_its_own_pages_and_those_it_lists() {
    let site = listed();
    assert!(origin(&site, "term.example", "https://term.example"));
    assert!(origin(&site, "term.example:443", "https://term.example"));
    assert!(origin(&site, "term.example:4001", "http://term.example:4001"));
    assert!(origin(&site, "term.example", "https://app.example"));
    for page in [
        "null",
        "https://term.example:8443",
        "https://term.example.evil",
        "https://evil-term.example",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil",
        "http://localhost",
    ] {
        assert!(!origin(&site, "term.example", page), "{page}");
    }
}

#[test]
fn a_desktop_shell_gets_in_by_name_and_null_never() {
    let shells = ["tauri://localhost", "app://termfleet", "http://tauri.localhost", "null"];
    let site = Site {
        hosts: Hosts::Listed(vec!["term.example".into()]),
        origins: Origins::SameOrListed(shells.map(str::to_owned).to_vec()),
    };
    for page in ["tauri://localhost", "app://termfleet", "http://tauri.localhost"] {
        assert!(origin(&site, "term.example", page), "{page}");
        assert!(!origin(&listed(), "term.example", page), "{page}");
    }
    for page in ["null", "tauri://localhost.evil", "tauri://localhost/", "app://", "file://"] {
        assert!(!origin(&site, "term.example", page), "{page}");
    }
}

#[test]
fn no_origin_is_fine_unless_a_cookie_signed_in() {
    assert_eq!(listed().check_origin("term.example", None, false), Ok(()));
    assert_eq!(listed().check_origin("term.example", None, true), Err(Reject::ForeignOrigin));
}

#[test]
fn a_request_names_one_host_and_at_most_one_origin() {
    let request = || Request::get("/").header(HOST, "localhost").body(()).unwrap();
    let site = Site::loopback();
    assert_eq!(site.check(&request(), false), Ok(()));

    let mut two_hosts = request();
    two_hosts.headers_mut().append(HOST, HeaderValue::from_static("localhost"));
    assert_eq!(site.check(&two_hosts, false), Err(Reject::Host));

    let mut two_origins = request();
    for _ in 0..2 {
        two_origins.headers_mut().append(ORIGIN, HeaderValue::from_static("http://localhost"));
    }
    assert_eq!(site.check(&two_origins, false), Err(Reject::ForeignOrigin));

    let mut absolute = request();
    *absolute.uri_mut() = "http://evil.example/".parse().unwrap();
    assert_eq!(site.check(&absolute, false), Err(Reject::Host));
    *absolute.uri_mut() = "http://localhost/".parse().unwrap();
    assert_eq!(site.check(&absolute, false), Ok(()));
}
