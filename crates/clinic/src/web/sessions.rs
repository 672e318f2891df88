//! One-time links and the sessions they open. Tokens are compared in constant time.

use std::collections::VecDeque;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use subtle::ConstantTimeEq;

use crate::gate::credential::Credential;

/// Links that wait to be used: one per person who starts a shift at once.
pub const MAX_LINKS: usize = 16;

/// Sessions at once; beyond it the oldest ends.
pub const MAX_SESSIONS: usize = 64;

/// A shift of twelve hours, milliseconds.
pub const SESSION_LIFETIME_MS: u64 = 12 * 60 * 60 * 1000;

/// An unused link expires with the shift that printed it, milliseconds.
const LINK_LIFETIME_MS: u64 = SESSION_LIFETIME_MS;

/// A link that opens one session, once. Made from 32 random bytes of the caller.
pub struct OneTimeLink {
    token: [u8; 32],
    person: String,
    credential: Option<Credential>,
}

impl OneTimeLink {
    /// A link for whoever reads the terminal.
    #[must_use]
    pub fn new(token: [u8; 32]) -> Self {
        Self { token, person: "Somebody without a certificate".to_owned(), credential: None }
    }

    /// Names the person that acknowledgements are written down to.
    #[must_use]
    pub fn for_person(mut self, person: &str) -> Self {
        self.person = person.chars().take(crate::board::MAX_TEXT_CHARS).collect();
        self
    }

    /// The session it opens holds this certificate. Without one it sees that there are beds, and nothing in them.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Path and query of the link, to put behind `http://host:port`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/?once={}", HEX.encode(&self.token))
    }
}

/// What a session may do and who it is.
#[derive(Clone)]
pub(super) struct Session {
    token: [u8; 32],
    csrf: [u8; 32],
    pub(super) person: String,
    /// What it was opened with.
    pub(super) credential: Option<Arc<Credential>>,
    /// A program with a token of this machine, for aggregates only.
    pub(super) program: bool,
    opened_at_ms: u64,
}

impl Session {
    /// A display on the wall: it reads and does nothing.
    pub(super) fn is_wall(&self) -> bool {
        self.credential.as_ref().is_some_and(|credential| credential.wall)
    }

    pub(super) fn cookie_value(&self) -> String {
        HEX.encode(&self.token)
    }

    pub(super) fn csrf(&self) -> String {
        HEX.encode(&self.csrf)
    }

    pub(super) fn csrf_matches(&self, given: &str) -> bool {
        parse(given).is_some_and(|given| equal(&self.csrf, &given))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        equal(&self.token, &other.token)
    }
}

/// Links not yet used and sessions that are open, oldest first.
#[derive(Default)]
pub(super) struct Access {
    links: VecDeque<(OneTimeLink, u64)>,
    sessions: VecDeque<Session>,
    /// A program that may ask for aggregates.
    program: Option<Session>,
}

impl Access {
    pub(super) fn add_link(&mut self, link: OneTimeLink, now_ms: u64) {
        if self.links.len() >= MAX_LINKS {
            self.links.pop_front();
        }
        self.links.push_back((link, now_ms));
    }

    pub(super) fn set_program(&mut self, token: [u8; 32], name: &str) {
        let person = name.chars().take(crate::board::MAX_TEXT_CHARS).collect();
        // It sends no cookie, so that there is nothing that another site could make a browser send.
        self.program =
            Some(Session { token, csrf: [0; 32], person, credential: None, program: true, opened_at_ms: 0 });
    }

    /// The program of a bearer token.
    pub(super) fn program(&self, bearer: &str) -> Option<Session> {
        let given = parse(bearer)?;
        self.program.clone().filter(|program| equal(&program.token, &given))
    }

    /// Uses a link up. The secrets become the session's cookie and its CSRF token.
    pub(super) fn redeem(&mut self, once: &str, now_ms: u64, secrets: [[u8; 32]; 2]) -> Option<Session> {
        let given = parse(once)?;
        self.links.retain(|(_, made)| now_ms.saturating_sub(*made) < LINK_LIFETIME_MS);
        let mut found = None;
        // No early exit: the time must not say which link was nearly right.
        for (at, (link, _)) in self.links.iter().enumerate() {
            if equal(&link.token, &given) {
                found = Some(at);
            }
        }
        let (link, _) = self.links.remove(found?)?;
        let credential = link.credential.map(Arc::new);
        Some(self.open(link.person, credential, now_ms, secrets))
    }

    /// Opens a session for somebody whose link was good.
    pub(super) fn open(
        &mut self,
        person: String,
        credential: Option<Arc<Credential>>,
        now_ms: u64,
        secrets: [[u8; 32]; 2],
    ) -> Session {
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.pop_front();
        }
        let [token, csrf] = secrets;
        let session = Session { token, csrf, person, credential, program: false, opened_at_ms: now_ms };
        self.sessions.push_back(session.clone());
        session
    }

    /// The open session of a cookie value.
    pub(super) fn session(&self, cookie: &str, now_ms: u64) -> Option<Session> {
        let given = parse(cookie)?;
        let mut found = None;
        for session in &self.sessions {
            if equal(&session.token, &given)
                && now_ms.saturating_sub(session.opened_at_ms) < SESSION_LIFETIME_MS
            {
                found = Some(session.clone());
            }
        }
        found
    }
}

pub(super) fn parse(hex: &str) -> Option<[u8; 32]> {
    // The length first: nothing longer than a token is worth decoding.
    if hex.len() != 64 {
        return None;
    }
    HEX.decode(hex.as_bytes()).ok()?.try_into().ok()
}

fn equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

    fn once(link: &OneTimeLink) -> String {
        link.path().trim_start_matches("/?once=").to_owned()
    }

    #[test]
    fn link_opens_one_session_once() {
        let mut access = Access::default();
        let link = OneTimeLink::new([7; 32]).for_person("S. Ode");
        let token = once(&link);
        access.add_link(link, 0);
        assert!(access.redeem(&"08".repeat(32), 1, SECRETS).is_none());
        let session = access.redeem(&token, 1, SECRETS).unwrap();
        assert_eq!(session.person, "S. Ode");
        assert!(access.redeem(&token, 2, SECRETS).is_none(), "used up");
        assert!(access.session(&session.cookie_value(), 2).is_some());
        assert!(access.session(&session.csrf(), 2).is_none());
    }

    #[test]
    fn links_and_sessions_expire() {
        let mut access = Access::default();
        let link = OneTimeLink::new([7; 32]);
        let token = once(&link);
        access.add_link(link, 0);
        assert!(access.redeem(&token, LINK_LIFETIME_MS, SECRETS).is_none());

        let link = OneTimeLink::new([8; 32]);
        let token = once(&link);
        access.add_link(link, 0);
        let session = access.redeem(&token, 0, SECRETS).unwrap();
        assert!(access.session(&session.cookie_value(), SESSION_LIFETIME_MS - 1).is_some());
        assert!(access.session(&session.cookie_value(), SESSION_LIFETIME_MS).is_none());
    }

    #[test]
    fn links_and_sessions_are_bounded() {
        let mut access = Access::default();
        for n in 0..100 {
            let link = OneTimeLink::new([n; 32]);
            let token = once(&link);
            access.add_link(link, 0);
            access.redeem(&token, 0, [[n; 32], [n; 32]]).unwrap();
            access.add_link(OneTimeLink::new([n; 32]), 0);
        }
        assert_eq!((access.links.len(), access.sessions.len()), (MAX_LINKS, MAX_SESSIONS));
    }

    #[test]
    fn nonsense_is_no_token() {
        for text in ["", "zz", &"z".repeat(64), &"0".repeat(63), &"0".repeat(100_000)] {
            assert_eq!(parse(text), None);
        }
    }
}
