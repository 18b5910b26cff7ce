//! The built-in web terminal, embedded.
//!
//! This crate owns the files that `npm run build` left in `app/dist` when it was compiled, and the
//! page that stands in for them where nobody built them. How files are served, with which headers,
//! is the gateway's business.

use std::borrow::Cow;

/// The folder whose files carry a hash of their content in their names.
const HASHED_FOLDER: &str = "assets/";
/// The page that every path of the site begins with.
const INDEX: &str = "index.html";
/// Says how to build the page; served in its place.
const NOT_BUILT: &str = include_str!("not_built.html");

#[derive(rust_embed::RustEmbed)]
#[folder = "app/dist"]
struct Dist;

/// A file of the web terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// What it holds.
    pub bytes: Cow<'static, [u8]>,
    /// What it is: a media type, with its charset where it is text.
    pub mime: String,
    /// Its name changes with its content, so it may be kept for ever.
    pub immutable: bool,
}

/// The file of that path, without a leading slash; an empty path is the index.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    lookup(path, |path| Dist::get(path).map(|file| file.data))
}

/// Was the page built when this crate was?
#[must_use]
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

fn lookup(path: &str, get: impl Fn(&str) -> Option<Cow<'static, [u8]>>) -> Option<Asset> {
    let path = if path.is_empty() { INDEX } else { path };
    let bytes = match get(path) {
        Some(bytes) => bytes,
        None if path == INDEX => Cow::Borrowed(NOT_BUILT.as_bytes()),
        None => return None,
    };
    Some(Asset { bytes, mime: mime_of(path), immutable: path.starts_with(HASHED_FOLDER) })
}

fn mime_of(path: &str) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    // Everything of ours that is text is UTF-8, and a browser that is not told would guess.
    let is_text = mime.type_() == "text" || mime.subtype() == "javascript";
    if is_text { format!("{mime}; charset=utf-8") } else { mime.to_string() }
}

#[cfg(test)]
mod tests {
    //! What is found under which name, built or not.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn built(path: &str) -> Option<Cow<'static, [u8]>> {
        let known = ["index.html", "favicon.svg", "assets/index-4fd1.js", "assets/index-a0.css"];
        known.contains(&path).then(|| Cow::Owned(path.as_bytes().to_vec()))
    }

    #[test]
    fn the_empty_path_is_the_index() {
        let index = lookup("", built).unwrap();
        assert_eq!(index.bytes, b"index.html".as_slice());
        assert_eq!(index.mime, "text/html; charset=utf-8");
        assert!(!index.immutable);
    }

    #[test]
    fn hashed_files_are_immutable_and_others_are_not() {
        assert!(lookup("assets/index-4fd1.js", built).unwrap().immutable);
        assert!(!lookup("favicon.svg", built).unwrap().immutable);
    }

    #[test]
    fn files_have_their_types() {
        let mime = |path| lookup(path, built).unwrap().mime;
        assert_eq!(mime("assets/index-4fd1.js"), "text/javascript; charset=utf-8");
        assert_eq!(mime("assets/index-a0.css"), "text/css; charset=utf-8");
        assert_eq!(mime("favicon.svg"), "image/svg+xml");
    }

    #[test]
    fn what_was_not_built_says_how_to_build_it() {
        let page = lookup("index.html", |_| None).unwrap();
        let text = std::str::from_utf8(&page.bytes).unwrap();
        assert!(text.contains("make web") && text.contains("make run"));
        assert!(!text.contains("<script"), "the gateway's policy allows no inline script");
        assert!(lookup("favicon.svg", |_| None).is_none());
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        for path in
            ["../Cargo.toml", "../../Cargo.toml", "/etc/passwd", "assets/../../package.json"]
        {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_embedded_index_is_a_page_either_way() {
        let index = asset("").unwrap();
        assert!(std::str::from_utf8(&index.bytes).unwrap().contains("<title>Termfleet</title>"));
        assert_eq!(is_built(), asset("favicon.svg").is_some());
    }
}
