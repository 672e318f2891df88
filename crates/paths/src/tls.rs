//! TLS: the configuration of a client, and what a connection agreed on.

use crate::broker::{Broker, ClientCertificate, Tls};
use crate::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};
use x509_cert::der::Decode;

/// What is needed to begin TLS with a broker.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl Client {
    /// Reads authorities, certificate and key.
    pub(crate) fn new(broker: &Broker, tls: &Tls) -> Result<Self, Error> {
        let path = || broker.name.clone();
        let authorities = |why: String| Error::Authorities { path: path(), why };
        let certificate = |why: String| Error::ClientCertificate { path: path(), why };
        let mut roots = RootCertStore::empty();
        for der in certificates(&tls.authorities).map_err(authorities)? {
            roots.add(der).map_err(|error| authorities(error.to_string()))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls { path: path(), why: error.to_string() })?
            .with_root_certificates(roots);
        let config = match &tls.client {
            None => builder.with_no_client_auth(),
            Some(ClientCertificate { chain, key }) => {
                let chain = certificates(chain).map_err(certificate)?;
                // The reader's own words could quote the key.
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| certificate("the private key cannot be read".to_owned()))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| certificate(error.to_string()))?
            }
        };
        let name = ServerName::try_from(broker.host.clone())
            .map_err(|_| Error::Host { path: path(), host: broker.host.clone() })?;
        Ok(Self { config: Arc::new(config), name })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("there is no certificate in it".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

/// What a TLS connection agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version, such as `TLSv1_3`.
    pub version: String,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// Until when the broker's certificate is valid; absent when it cannot be read.
    pub valid_until: Option<SystemTime>,
}

impl TlsFacts {
    pub(crate) fn of(connection: &ClientConnection) -> Self {
        let version = connection.protocol_version().map_or_else(String::new, |it| format!("{it:?}"));
        let suite = connection.negotiated_cipher_suite().map(|it| format!("{:?}", it.suite()));
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        Self {
            version,
            cipher_suite: suite.unwrap_or_default(),
            valid_until: certificate.and_then(|der| valid_until(der)),
        }
    }
}

fn valid_until(der: &[u8]) -> Option<SystemTime> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    UNIX_EPOCH.checked_add(Duration::from_secs(end.as_secs()))
}
