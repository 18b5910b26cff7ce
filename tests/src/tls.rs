//! TLS as a client that trusts one certificate.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::wait::within;

/// Connects to that address as `localhost`, trusting this certificate (PEM) alone.
///
/// # Errors
/// If the other end has another one, or speaks no TLS.
pub async fn connect(address: SocketAddr, certificate: &[u8]) -> Result<TlsStream<TcpStream>> {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(certificate)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let connecting = async {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?)
    };
    within("TLS stands", connecting).await
}
