//! Key files as text (RFC 7468), and which kind of key is in one. Only the outer envelope is read
//! here; what is inside is the cryptographic library's to judge.

use data_encoding::BASE64;

use crate::{error::KeyError, key::Algorithm};

/// The label of a public key (SubjectPublicKeyInfo).
pub(crate) const PUBLIC: &str = "PUBLIC KEY";
/// The label of a private key (PKCS #8).
pub(crate) const PRIVATE: &str = "PRIVATE KEY";
/// Characters on a line of base64 (RFC 7468 §2).
const LINE: usize = 64;
/// Blocks in one file: keys are replaced one by one.
const MAX_BLOCKS: usize = 16;

/// Object identifiers as DER writes them, with their tag and length.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// Within how many bytes of a SubjectPublicKeyInfo they stand: two headers and one more identifier.
const IDENTIFIERS: usize = 32;

/// The contents of every block with this label; others (a file may hold both halves) are passed
/// over, and so is what stands between blocks.
pub(crate) fn read(label: &str, text: &str) -> Result<Vec<Vec<u8>>, KeyError> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, from)) = rest.split_once(&begin) {
        let (body, after) = from.split_once(&end).ok_or(KeyError::NotPem)?;
        let body: String = body.split_ascii_whitespace().collect();
        blocks.push(BASE64.decode(body.as_bytes()).map_err(|_| KeyError::NotPem)?);
        rest = after;
    }
    if (1..=MAX_BLOCKS).contains(&blocks.len()) { Ok(blocks) } else { Err(KeyError::NotPem) }
}

/// One block as a file holds it.
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let body = BASE64.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// Which algorithm the key of this SubjectPublicKeyInfo is for.
pub(crate) fn algorithm(der: &[u8]) -> Option<Algorithm> {
    let identifiers = &der[..der.len().min(IDENTIFIERS)];
    let names = |oid: &[u8]| identifiers.windows(oid.len()).any(|window| window == oid);
    match () {
        () if names(RSA) => Some(Algorithm::Rs256),
        () if names(P256) => Some(Algorithm::Es256),
        () if names(ED25519) => Some(Algorithm::EdDsa),
        () => None,
    }
}
