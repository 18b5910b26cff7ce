//! TLS towards others: whom it trusts.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;

/// Trusts what the system trusts, and the certificates of this PEM text.
///
/// # Errors
/// If it is none.
pub(crate) fn connector(ca: Option<&str>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca {
        roots.add_parsable_certificates(certificates(pem)?);
    }
    trusting(roots)
}

/// Trusts the certificates of this PEM text alone.
///
/// # Errors
/// If it is none.
pub(crate) fn only(ca: &str) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(ca)?);
    trusting(roots)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    read.ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| anyhow!("no PEM text of certificates"))
}

fn trusting(roots: RootCertStore) -> Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
