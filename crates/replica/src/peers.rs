//! The replicas that this one is repaired from. What they send is verified by who asked; here it is only noted who has
//! sent what was not the log's.

use crate::service::Error;
use crate::status::PeerState;
use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, Uri, header};
use bodywire_ledger::segment::{Frame, MAX_FRAME_BYTES};
use bodywire_ledger::{Checkpoint, VerifierKey};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a peer may take for one frame: 64 MiB at 2 MiB a second.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(32);

/// A peer.
pub(crate) struct Peer {
    base: String,
    state: Mutex<PeerState>,
}

impl Peer {
    /// A peer at this base address.
    pub(crate) fn new(base: String) -> Result<Self, Error> {
        let base = base.trim_end_matches('/').to_owned();
        let uri: Result<Uri, _> = base.parse();
        if uri.is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some()) {
            Ok(Self { base, state: Mutex::new(PeerState::Unknown) })
        } else {
            Err(Error::Peer(base))
        }
    }

    fn set(&self, state: PeerState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// All peers.
pub(crate) struct Peers {
    peers: Vec<Peer>,
    token: Option<String>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Peers {
    pub(crate) fn new(peers: Vec<Peer>, token: Option<String>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { peers, token, client }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.peers.len()
    }

    /// How each is.
    pub(crate) fn states(&self) -> Vec<PeerState> {
        let state = |peer: &Peer| peer.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.peers.iter().map(state).collect()
    }

    /// A peer has sent what is not the log's.
    pub(crate) fn accuse(&self, peer: usize) {
        if let Some(peer) = self.peers.get(peer) {
            tracing::warn!(peer = peer.base, "a peer has sent a frame that is not the log's");
            peer.set(PeerState::Lying);
        }
    }

    /// The frame that begins at entry `first`, as one peer has it; nothing where it has none, does not answer, or sends
    /// what the log's key has not signed.
    pub(crate) async fn frame(
        &self,
        peer: usize,
        log: &str,
        key: &VerifierKey,
        first: u64,
    ) -> Option<Vec<u8>> {
        let one = self.peers.get(peer)?;
        let asked = tokio::time::timeout(PEER_TIMEOUT, self.ask(one, log, first)).await;
        let Ok(Ok(answer)) = asked else {
            one.set(PeerState::Away);
            return None;
        };
        let Some(bytes) = answer else {
            one.set(PeerState::Up);
            return None;
        };
        let sound = Frame::parse(&bytes)
            .is_ok_and(|frame| frame.header.first == first && Checkpoint::open(frame.note, key).is_ok());
        if !sound {
            self.accuse(peer);
            return None;
        }
        one.set(PeerState::Up);
        Some(bytes)
    }

    async fn ask(&self, peer: &Peer, log: &str, first: u64) -> Result<Option<Vec<u8>>, ()> {
        let mut request =
            Request::builder().method(Method::GET).uri(format!("{}/{log}/frame/{first}", peer.base));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|_| ())?;
        let answer = self.client.request(request).await.map_err(|_| ())?;
        match answer.status() {
            StatusCode::OK => {
                let body =
                    Limited::new(answer.into_body(), MAX_FRAME_BYTES).collect().await.map_err(|_| ())?;
                Ok(Some(body.to_bytes().to_vec()))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(()),
        }
    }
}
