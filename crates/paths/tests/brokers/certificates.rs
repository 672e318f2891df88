//! Authorities and certificates that live for one test.

use bodywire_paths::{ClientCertificate, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use zeroize::Zeroizing;

/// Somebody who signs.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("the test can be set up");
        let mut params = CertificateParams::new(Vec::new()).expect("the test can be set up");
        // A leaf of the same name as its authority would look as if it had signed itself.
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("the test can be set up").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A broker's certificate for a name or address, with its key, both as PEM.
    pub(crate) fn server(&self, name: &str) -> (String, String) {
        self.sign(name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub(crate) fn client(&self) -> ClientCertificate {
        let (chain, key) = self.sign("hub.invalid", ExtendedKeyUsagePurpose::ClientAuth);
        ClientCertificate { chain: chain.into_bytes(), key: Zeroizing::new(key.into_bytes()) }
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().expect("the test can be set up");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the test can be set up");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).expect("the test can be set up");
        (certificate.pem(), key.serialize_pem())
    }

    /// What a client is told that trusts this authority.
    pub(crate) fn trusted(&self, client: Option<ClientCertificate>) -> Tls {
        Tls { authorities: self.pem.clone().into_bytes(), client }
    }
}
