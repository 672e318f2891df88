//! What has to be known of a broker to connect to it.

use std::net::IpAddr;
use zeroize::Zeroizing;

/// A broker, and the way to it.
#[derive(Debug, Clone)]
pub struct Broker {
    /// The path's name for people.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The version of MQTT.
    pub version: Version,
    /// From where the connection is made; anywhere when absent.
    pub bind: Option<Bind>,
    /// TLS; plain TCP when absent.
    pub tls: Option<Tls>,
    /// User name and password.
    pub login: Option<Login>,
}

impl Broker {
    /// A broker spoken to over plain TCP, in the newest version that it speaks.
    pub fn plain(name: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        let (name, host) = (name.into(), host.into());
        Self { name, host, port, version: Version::Newest, bind: None, tls: None, login: None }
    }
}

/// The version of MQTT that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// 5, or 3.1.1 when the broker refuses 5.
    #[default]
    Newest,
    /// 5 only.
    V5,
    /// 3.1.1 only.
    V311,
}

/// From where a connection is made, so that two paths leave the house by two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A local address.
    Address(IpAddr),
    /// An interface, such as `wlan0` (Linux).
    Interface(String),
}

/// TLS with authorities of one's own.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The authorities that may have signed the broker's certificate, PEM.
    pub authorities: Vec<u8>,
    /// What the client proves itself with.
    pub client: Option<ClientCertificate>,
}

/// A client certificate with its key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The chain, PEM.
    pub chain: Vec<u8>,
    /// The private key, PEM.
    pub key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

/// User name and password for a broker.
#[derive(Clone)]
pub struct Login {
    /// User name. Says nothing about hub or patient.
    pub user: String,
    /// Password.
    pub password: Zeroizing<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}
