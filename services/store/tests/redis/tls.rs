//! Redis over TLS: trusted by the authority that is given, and by no other.

use std::{path::Path, process::Command};

use termfleet_runtime::Tasks;
use termfleet_store::{
    ConnectError, Directory, RedisStore, Reservation,
    conformance::record,
    redis::{Options, Tls},
};

use crate::{gateways::wanted, servers::Server};

/// An authority, and a certificate of it for 127.0.0.1.
const CERTIFICATES: &str = r#"
    key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
    openssl req $key -keyout own.key -out own.csr -subj /CN=redis
    echo subjectAltName=IP:127.0.0.1 >own.ext
    openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
        -extfile own.ext -out own.pem
"#;

fn certificates(dir: &Path) {
    let made = Command::new("sh").args(["-ec", CERTIFICATES]).current_dir(dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

async fn connect(port: u16, authority: &Path) -> Result<RedisStore, ConnectError> {
    let authorities = Some(std::fs::read(authority).unwrap());
    let tls = Tls { authorities, identity: None };
    let url = format!("rediss://127.0.0.1:{port}");
    RedisStore::connect(&url, Options { tls, ..Options::default() }, &Tasks::new()).await
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_and_by_no_other() {
    let (dir, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&dir, &foreign] {
        certificates(dir.path());
    }
    let at = dir.path().display();
    let port = crate::servers::free_port();
    let _server = Server::start(&format!(
        "--tls-port {port} --tls-cert-file {at}/own.pem --tls-key-file {at}/own.key \
         --tls-ca-cert-file {at}/ca.pem --tls-auth-clients no"
    ))
    .await;
    let store = connect(port, &dir.path().join("ca.pem")).await.unwrap();
    let wanted: Reservation = wanted(0, Default::default());
    store.reserve(&wanted).await.unwrap();
    store.commit(record(&wanted)).await.unwrap();
    let refused = connect(port, &foreign.path().join("ca.pem")).await.err().unwrap().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}
