//! The built-in web terminal, as a gateway serves it.

use std::borrow::Cow;

use hyper::body::Bytes;
use termfleet_gateway::{Asset, Pages};

/// The page that this build embeds.
pub(crate) struct WebTerminal;

impl Pages for WebTerminal {
    fn asset(&self, path: &str) -> Option<Asset> {
        let asset = termfleet_web::asset(path)?;
        let bytes = match asset.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Some(Asset { bytes, content_type: asset.mime.into(), hashed: asset.immutable })
    }
}
