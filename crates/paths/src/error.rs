//! What is wrong with the description of a broker, before anything is connected.

/// A broker's description that cannot be used: the operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The authorities cannot be read.
    #[error("path `{path}`: the authorities cannot be used: {why}; give at least one certificate as PEM")]
    Authorities {
        /// The path's name.
        path: String,
        /// Why.
        why: String,
    },
    /// The client's certificate or key cannot be used.
    #[error(
        "path `{path}`: the client certificate cannot be used: {why}; give a chain and the private key of its first \
         certificate as PEM"
    )]
    ClientCertificate {
        /// The path's name.
        path: String,
        /// Why.
        why: String,
    },
    /// The host is no name that a certificate can be for.
    #[error("path `{path}`: `{host}` is neither a host name nor an address; TLS needs one of them")]
    Host {
        /// The path's name.
        path: String,
        /// The host.
        host: String,
    },
    /// TLS cannot be set up at all.
    #[error("path `{path}`: TLS cannot be set up: {why}; this is a fault of the program, please report it")]
    Tls {
        /// The path's name.
        path: String,
        /// Why.
        why: String,
    },
}
