//! Why a path is down, in types, so that whoever runs it can say what to do.

use std::io;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// Why a path is down. None of it quotes bytes that a broker sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The host has no address, or none of the family the connection is made from.
    #[error("the host has no address that can be used: {0}")]
    NoAddress(String),
    /// This machine cannot connect from the address or interface it was told.
    #[error("no connection can be made from {from}: {why}")]
    Bind {
        /// The address or interface.
        from: String,
        /// What the system says.
        why: String,
    },
    /// Nobody answers at the address.
    #[error("the broker cannot be reached: {0}")]
    Unreachable(String),
    /// The two ends do not agree on TLS.
    #[error("TLS: {0}")]
    Tls(TlsFault),
    /// The broker answered, and said no.
    #[error("the broker refuses the connection: {0}")]
    Refused(Refusal),
    /// The broker closed the connection before it answered.
    #[error("the broker closed the connection before it answered")]
    TurnedAway,
    /// The connection ended without a word.
    #[error("the connection was closed")]
    Closed,
    /// The broker ended the connection and said why (MQTT 5).
    #[error("the broker ended the connection: {0}")]
    Dismissed(String),
    /// The broker did not answer in time.
    #[error("the broker does not answer")]
    Timeout,
    /// The broker sent what MQTT does not allow.
    #[error("the broker does not keep to MQTT: {0}")]
    Protocol(String),
}

/// What two ends of TLS do not agree on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// None of the authorities has signed the broker's certificate.
    #[error("the broker's certificate is signed by none of the authorities")]
    UnknownAuthority,
    /// The certificate is somebody else's.
    #[error("the broker's certificate is for another name")]
    WrongName,
    /// The certificate is not valid now.
    #[error("the broker's certificate is not valid at this time")]
    Expired,
    /// The broker does not take the client's certificate, or misses one.
    #[error("the broker does not accept the client certificate ({0})")]
    ClientCertificate(String),
    /// What answers does not speak TLS.
    #[error("what answers there does not speak TLS")]
    NotSpoken,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why a broker refuses a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not speak this version of MQTT.
    #[error("it does not speak this version of MQTT")]
    Version,
    /// It does not like the client's name.
    #[error("it does not accept the client's name")]
    ClientName,
    /// User name or password is wrong.
    #[error("user name or password is wrong")]
    Login,
    /// This client may not connect.
    #[error("this client may not connect")]
    NotAuthorized,
    /// It cannot serve anybody now, or has too many clients.
    #[error("it is not available now")]
    Unavailable,
    /// Another code of MQTT.
    #[error("{0}")]
    Other(String),
}

impl Reason {
    /// What to do about it, as half a sentence.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NoAddress(_) => "look at the host's name and at this machine's name servers",
            Self::Bind { .. } => "name an address or interface that this machine has",
            Self::Unreachable(_) => "see that the broker runs, and that host and port are right",
            Self::Tls(fault) => fault.next_step(),
            Self::Refused(refusal) => refusal.next_step(),
            Self::TurnedAway => {
                "see that both ends agree about TLS and client certificates, and read the broker's log"
            }
            Self::Closed | Self::Dismissed(_) => "read the broker's log",
            Self::Timeout => "see that the broker is not overloaded, and how good the line is",
            Self::Protocol(_) => "see that what listens there is an MQTT broker",
        }
    }

    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::TurnedAway | Self::Tls(_) | Self::Dismissed(_))
    }

    /// What an input or output error means, once there is somebody at the other end.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        if let Some(inner) = error.get_ref() {
            if let Some(reason) = inner.downcast_ref::<Self>() {
                return reason.clone();
            }
            if let Some(fault) = inner.downcast_ref::<rustls::Error>() {
                return Self::Tls(TlsFault::of(fault));
            }
        }
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::InvalidData => Self::Protocol(error.to_string()),
            _ => Self::Closed,
        }
    }
}

impl TlsFault {
    const fn next_step(&self) -> &'static str {
        match self {
            Self::UnknownAuthority => "give the authority that signed the broker's certificate",
            Self::WrongName => "use the host name that is in the broker's certificate",
            Self::Expired => "renew the broker's certificate, and look at this machine's clock",
            Self::ClientCertificate(_) => "give a client certificate that the broker's authority has signed",
            Self::NotSpoken => "use the broker's TLS port, or leave TLS out",
            Self::Other(_) => "read the broker's log",
        }
    }

    /// What an error of rustls means.
    pub(crate) fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(fault) => match fault {
                // An authority of the same name with another key is found by its name and fails by its key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::WrongName
                }
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::Expired,
                other => Self::Other(format!("the broker's certificate is not accepted: {other}")),
            },
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::CertificateRequired
                | AlertDescription::NoCertificate
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::UnknownCA
                | AlertDescription::DecryptError
                | AlertDescription::AccessDenied),
            ) => Self::ClientCertificate(format!("{alert:?}")),
            rustls::Error::InvalidMessage(_) => Self::NotSpoken,
            other => Self::Other(other.to_string()),
        }
    }
}

impl Refusal {
    const fn next_step(&self) -> &'static str {
        match self {
            Self::Version => "let the path speak the newest version that the broker offers",
            Self::ClientName => "see what names of clients the broker accepts",
            Self::Login => "give the path the user name and password that the broker knows",
            Self::NotAuthorized => "let the broker accept this client: see its access list",
            Self::Unavailable => "see whether the broker is starting, or full",
            Self::Other(_) => "read the broker's log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_sockets_become_reasons() {
        let timeout = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(Reason::of_io(&timeout), Reason::Timeout);
        assert_eq!(Reason::of_io(&io::Error::from(io::ErrorKind::ConnectionReset)), Reason::Closed);
        let ours = io::Error::other(Reason::NoAddress("x".to_owned()));
        assert_eq!(Reason::of_io(&ours), Reason::NoAddress("x".to_owned()));
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let refused = Reason::of_io(&io::Error::new(io::ErrorKind::InvalidData, alert));
        assert!(matches!(refused, Reason::Tls(TlsFault::ClientCertificate(_))), "{refused}");
    }
}
