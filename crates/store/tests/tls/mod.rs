//! A server that proves its name by a certificate.

use crate::server::{self, Server};
use crate::suite::key;
use bodywire_store::{Location, Store};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority, and its certificate.
fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_with_the_right_certificate_only() {
    let Some(bin) = server::installed("a_server_is_believed_with_the_right_certificate_only") else { return };
    let mut server = Server::start(&bin);
    let (issuer, certificate) = authority();
    let server_key = KeyPair::generate().unwrap();
    let of_server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    server.write("server.crt", &of_server.signed_by(&server_key, &issuer).unwrap().pem());
    server.write("server.key", &server_key.serialize_pem());
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
        directory.path().join(name).display().to_string()
    };
    let (right, other) = (file("right.pem", &certificate), file("other.pem", &authority().1));
    let asked = |authority: &str, host: &str| {
        let url = format!("{}?sslmode=verify-full&sslrootcert={authority}", server.url("postgres"));
        Location::parse(&url.replace("127.0.0.1", host)).unwrap()
    };
    let opens = async |location: Location| Store::open(&location, &key()).await;
    let (good, stranger, elsewhere) =
        (asked(&right, "localhost"), asked(&other, "localhost"), asked(&right, "127.0.0.1"));
    assert!(opens(good.clone()).await.is_err(), "without TLS");
    server.kill();
    server.launch(&["ssl=on"]);
    opens(good).await.unwrap();
    assert!(opens(stranger).await.is_err(), "another authority");
    assert!(opens(elsewhere).await.is_err(), "another name");
}
