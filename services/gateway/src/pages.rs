//! The web terminal's files, wherever they come from, with the headers that a page with a shell
//! in it needs.

use std::borrow::Cow;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
        X_FRAME_OPTIONS,
    },
};
use sha2::{Digest, Sha256};

use crate::{problem::Refused, rest::no_such_route};

/// Only our own files and sockets. `unsafe-inline` is for styles alone: xterm.js sets them.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
);
/// A file whose name changes with its content never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Any other is asked for again, and answered with 304 while it is the same.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Bytes of a hash that tell two versions of one file apart.
const TAG_BYTES: usize = 16;

/// A file of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// What it holds.
    pub bytes: Bytes,
    /// What it is.
    pub content_type: Cow<'static, str>,
    /// Its name changes with its content, so it may be kept for ever.
    pub hashed: bool,
}

/// Where files come from: embedded in the binary, or made up by a test.
pub trait Pages: Send + Sync {
    /// The file of that path, without a leading slash. `/` asks for `index.html`.
    fn asset(&self, path: &str) -> Option<Asset>;
}

impl<F: Fn(&str) -> Option<Asset> + Send + Sync> Pages for F {
    fn asset(&self, path: &str) -> Option<Asset> {
        self(path)
    }
}

/// Answers with a file.
///
/// # Errors
/// A problem where there is none, or for a method that files do not have.
pub fn answer(
    pages: &dyn Pages,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    let path = match path.trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let asset = pages.asset(path).ok_or_else(no_such_route)?;
    if method != Method::GET && method != Method::HEAD {
        let text = "a page is read with GET";
        let refused = Refused::request(StatusCode::METHOD_NOT_ALLOWED, text);
        return Err(refused.header(ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    Ok(response(asset, headers))
}

fn response(asset: Asset, asked: &HeaderMap) -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(&asset.content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    // What `frame-ancestors` says, for what does not read it.
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if asset.hashed {
        headers.insert(CACHE_CONTROL, FOR_EVER);
    } else {
        headers.insert(CACHE_CONTROL, ASK_AGAIN);
        let tag = tag(&asset.bytes);
        let same =
            asked.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        if same {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
    }
    *response.body_mut() = Body::from(asset.bytes);
    response
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(bytes)[..TAG_BYTES]))
}

#[cfg(test)]
mod tests {
    //! Files and their headers.

    use super::*;

    fn site(path: &str) -> Option<Asset> {
        let (content_type, hashed) = match path {
            "index.html" => ("text/html; charset=utf-8", false),
            "assets/app-1a2b.js" => ("text/javascript", true),
            _ => return None,
        };
        let bytes = Bytes::from_static(b"content");
        Some(Asset { bytes, content_type: content_type.into(), hashed })
    }

    fn get(path: &str, headers: &HeaderMap) -> Response {
        answer(&site, &Method::GET, path, headers).unwrap()
    }

    #[test]
    fn the_root_is_the_index_and_is_asked_for_again() {
        let page = get("/", &HeaderMap::new());
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
        assert!(page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src"));
        let mut again = HeaderMap::new();
        again.insert(IF_NONE_MATCH, page.headers()[ETAG].clone());
        assert_eq!(get("/", &again).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_hashed_file_is_kept_for_ever() {
        let file = get("/assets/app-1a2b.js", &HeaderMap::new());
        assert_eq!(file.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
    }

    #[test]
    fn what_is_not_there_is_a_problem() {
        let headers = HeaderMap::new();
        let missing = answer(&site, &Method::GET, "/nope", &headers).unwrap_err();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        let posted = answer(&site, &Method::POST, "/", &headers).unwrap_err();
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
