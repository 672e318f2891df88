//! The way to a broker: name, address, the place it is left from, TCP and TLS.

use crate::broker::{Bind, Broker};
use crate::error::Error;
use crate::reason::{Reason, TlsFault};
use crate::tls::{Client, TlsFacts};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// How long one address may take to answer; a host with two of them still gets both within one attempt.
const DIAL_TIMEOUT: Duration = Duration::from_secs(4);
/// Addresses of one host that are tried in one attempt.
const ADDRESSES_MAX: usize = 4;

/// A connection, plain or not.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for T {}

/// Everything that is needed to dial a broker, again and again.
pub(crate) struct Dialer {
    host: String,
    port: u16,
    bind: Option<Bind>,
    tls: Option<Client>,
    facts: Mutex<Option<TlsFacts>>,
}

impl Dialer {
    pub(crate) fn new(broker: &Broker) -> Result<Arc<Self>, Error> {
        let tls = broker.tls.as_ref().map(|tls| Client::new(broker, tls)).transpose()?;
        Ok(Arc::new(Self {
            host: broker.host.clone(),
            port: broker.port,
            bind: broker.bind.clone(),
            tls,
            facts: Mutex::new(None),
        }))
    }

    /// What the last TLS handshake agreed on.
    pub(crate) fn facts(&self) -> Option<TlsFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connects, and speaks TLS where it is wanted.
    pub(crate) async fn dial(&self) -> Result<Box<dyn Socket>, Reason> {
        let tcp = self.tcp().await?;
        let Some(Client { config, name }) = &self.tls else { return Ok(Box::new(tcp)) };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), tcp).await.map_err(|error| greeting_failed(&error))?;
        let facts = TlsFacts::of(stream.get_ref().1);
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
        Ok(Box::new(stream))
    }

    async fn tcp(&self) -> Result<TcpStream, Reason> {
        let resolved = lookup_host((self.host.as_str(), self.port)).await;
        let addresses = resolved.map_err(|error| Reason::NoAddress(error.to_string()))?;
        let usable = addresses.filter(|address| match &self.bind {
            Some(Bind::Address(from)) => from.is_ipv4() == address.is_ipv4(),
            _ => true,
        });
        let mut failed = Reason::NoAddress(self.host.clone());
        for address in usable.take(ADDRESSES_MAX) {
            let socket = self.socket(address)?;
            match tokio::time::timeout(DIAL_TIMEOUT, socket.connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = self.cannot_connect(&error),
                Err(_) => failed = Reason::Unreachable("nobody answers".to_owned()),
            }
        }
        Err(failed)
    }

    fn socket(&self, to: SocketAddr) -> Result<TcpSocket, Reason> {
        let opened = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = opened.map_err(|error| Reason::Unreachable(error.to_string()))?;
        // Fragments are whole packets: waiting for more bytes only delays them.
        socket.set_nodelay(true).map_err(|error| Reason::Unreachable(error.to_string()))?;
        let bound = match &self.bind {
            None => Ok(()),
            Some(Bind::Address(from)) => socket.bind(SocketAddr::new(*from, 0)),
            Some(Bind::Interface(name)) => bind_to_interface(&socket, name),
        };
        bound.map_err(|error| self.cannot_bind(&error))?;
        Ok(socket)
    }

    fn cannot_bind(&self, error: &io::Error) -> Reason {
        let from = match &self.bind {
            Some(Bind::Address(address)) => address.to_string(),
            Some(Bind::Interface(name)) => name.clone(),
            None => "any address".to_owned(),
        };
        Reason::Bind { from, why: error.to_string() }
    }

    fn cannot_connect(&self, error: &io::Error) -> Reason {
        match error.kind() {
            // An address that is not this machine's shows only here on some systems.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput if self.bind.is_some() => {
                self.cannot_bind(error)
            }
            io::ErrorKind::TimedOut => Reason::Unreachable("nobody answers".to_owned()),
            _ => Reason::Unreachable(error.to_string()),
        }
    }
}

/// What a failed TLS handshake means.
fn greeting_failed(error: &io::Error) -> Reason {
    match Reason::of_io(error) {
        Reason::Closed => Reason::TurnedAway,
        Reason::Protocol(why) => Reason::Tls(TlsFault::Other(why)),
        other => other,
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_to_interface(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_to_interface(_: &TcpSocket, _: &str) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "binding to an interface needs Linux; name an address instead",
    ))
}
