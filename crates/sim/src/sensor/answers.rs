//! What a class III sensor remembers of the requests it has answered, through a restart too.
//!
//! ```text
//! version 1 | grants 1 | answers 1 | ( asked 16 | person 16 | until 8 ) each | ( asked 16 | at 8 | reason 1 ) each
//! ```
//!
//! Reason 0 is a grant. Integers are big-endian, times milliseconds since 1970. The newest stand last.

use bodywire_proto::Error;
use bodywire_proto::access::Person;
use bodywire_proto::ask::Reason;
use bodywire_proto::ask::examine::REQUEST_AGE_MAX_MS;
use bodywire_proto::consent::ASKED_BYTES;
use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are remembered.
pub const ANSWERS_REMEMBERED: usize = 16;
/// A sensor answers one request in this time at most: each answer costs a challenge-response pair and its wearer's
/// attention.
pub const ANSWER_INTERVAL: Duration = Duration::from_secs(40);
/// Open consents that are renewed in a new session: more people than treat one implant at once.
pub const GRANTS_MAX: usize = 4;

// An answer must not be forgotten while its request is fresh: it may be dated so far ahead, and as far behind.
const _: () = assert!(
    ANSWERS_REMEMBERED as u64 * ANSWER_INTERVAL.as_millis() as u64 > 2 * REQUEST_AGE_MAX_MS,
    "a request could be answered twice"
);

const VERSION: u8 = 1;
const GRANT_BYTES: usize = ASKED_BYTES + 16 + 8;
const ANSWER_BYTES: usize = ASKED_BYTES + 8 + 1;

/// A consent that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) asked: [u8; ASKED_BYTES],
    /// Who asked.
    pub(super) person: Person,
    pub(super) until_ms: u64,
}

/// A request that was put before the wearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) asked: [u8; ASKED_BYTES],
    pub(super) at_ms: u64,
    /// `None` when the key was given.
    pub(super) refused: Option<Reason>,
}

/// Open consents and past answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers {
    grants: Vec<Grant>,
    past: VecDeque<Answer>,
}

impl Answers {
    /// What was answered to this request.
    pub(super) fn to(&self, asked: &[u8; ASKED_BYTES]) -> Option<&Answer> {
        self.past.iter().find(|answer| answer.asked == *asked)
    }

    /// Whether another request was answered only just now. A clock that was set back does not make it longer ago.
    pub(super) fn is_too_soon(&self, now_ms: u64) -> bool {
        let interval = ANSWER_INTERVAL.as_millis() as u64;
        self.past.back().is_some_and(|last| last.at_ms.abs_diff(now_ms) < interval)
    }

    /// Notes an answer; the oldest is forgotten.
    pub(super) fn note(&mut self, answer: Answer) {
        self.past.push_back(answer);
        while self.past.len() > ANSWERS_REMEMBERED {
            self.past.pop_front();
        }
    }

    /// Notes a consent. When there are too many, it takes the place of one that the same person had, or of the one that
    /// ends first.
    pub(super) fn open(&mut self, grant: Grant) {
        if self.grants.len() >= GRANTS_MAX {
            let own = self.grants.iter().position(|old| old.person == grant.person);
            let first = (0..).zip(&self.grants).min_by_key(|(_, old)| old.until_ms).map(|(at, _)| at);
            own.or(first).map(|at| self.grants.remove(at));
        }
        self.grants.push(grant);
    }

    /// Consents that are open at `now_ms`; the others are forgotten.
    pub(super) fn grants(&mut self, now_ms: u64) -> &[Grant] {
        self.grants.retain(|grant| grant.until_ms > now_ms);
        &self.grants
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.grants.len() as u8, self.past.len() as u8];
        for grant in &self.grants {
            out.extend_from_slice(&grant.asked);
            out.extend_from_slice(&grant.person.0);
            out.extend_from_slice(&grant.until_ms.to_be_bytes());
        }
        for answer in &self.past {
            out.extend_from_slice(&answer.asked);
            out.extend_from_slice(&answer.at_ms.to_be_bytes());
            out.push(answer.refused.map_or(0, |reason| reason as u8));
        }
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "memory of answers", why };
        let (head, rest) = bytes.split_first_chunk::<3>().ok_or(bad("too short"))?;
        let [version, grants, answers] = *head;
        let (grants, answers) = (usize::from(grants), usize::from(answers));
        if version != VERSION || grants > GRANTS_MAX || answers > ANSWERS_REMEMBERED {
            return Err(bad("unknown version, or too many"));
        }
        let (open, past) = rest.split_at_checked(grants * GRANT_BYTES).ok_or(bad("too short"))?;
        if past.len() != answers * ANSWER_BYTES {
            return Err(bad("another length"));
        }
        let grant = |bytes: &[u8; GRANT_BYTES]| {
            let (asked, rest) = bytes.split_first_chunk::<ASKED_BYTES>()?;
            let (person, until) = rest.split_first_chunk::<16>()?;
            let until_ms = u64::from_be_bytes(*until.first_chunk()?);
            Some(Grant { asked: *asked, person: Person(*person), until_ms })
        };
        let answer = |bytes: &[u8; ANSWER_BYTES]| {
            let (asked, rest) = bytes.split_first_chunk::<ASKED_BYTES>()?;
            let (at, reason) = rest.split_first_chunk::<8>()?;
            let refused = match *reason.first()? {
                0 => None,
                code => Some(Reason::from_code(code)?),
            };
            Some(Answer { asked: *asked, at_ms: u64::from_be_bytes(*at), refused })
        };
        let grants: Option<_> = open.as_chunks::<GRANT_BYTES>().0.iter().map(grant).collect();
        let past: Option<_> = past.as_chunks::<ANSWER_BYTES>().0.iter().map(answer).collect();
        let (grants, past) = grants.zip(past).ok_or(bad("unknown reason"))?;
        Ok(Self { grants, past })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(n: u8, person: u8, until_ms: u64) -> Grant {
        Grant { asked: [n; 16], person: Person([person; 16]), until_ms }
    }

    fn answer(n: u8, refused: Option<Reason>) -> Answer {
        Answer { asked: [n; 16], at_ms: 1_000 * u64::from(n), refused }
    }

    #[test]
    fn sixteen_answers_and_four_consents_are_remembered_through_a_restart() {
        let mut answers = Answers::default();
        assert_eq!(Answers::from_bytes(&answers.to_bytes()), Ok(answers.clone()));
        (0..20).for_each(|n| answers.note(answer(n, (n % 2 == 0).then_some(Reason::Wearer))));
        assert!(answers.to(&[3; 16]).is_none());
        assert_eq!(answers.to(&[4; 16]), Some(&answer(4, Some(Reason::Wearer))));
        for (n, until_ms) in [(1, 500), (2, 300), (3, 400), (4, 900)] {
            answers.open(grant(n, n, until_ms));
        }
        answers.open(grant(5, 1, 100));
        answers.open(grant(6, 6, 200));
        let open: Vec<u8> = answers.grants(0).iter().map(|grant| grant.asked[0]).collect();
        assert_eq!(open, [2, 3, 4, 6], "one's own before, and then the one that ends first");
        let bytes = answers.to_bytes();
        assert_eq!(Answers::from_bytes(&bytes), Ok(answers.clone()));
        for len in 0..bytes.len() {
            assert!(Answers::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(answers.grants(300).len(), 2, "what is over is forgotten");
        let mut odd = bytes;
        *odd.last_mut().unwrap() = 99;
        assert!(Answers::from_bytes(&odd).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_does_not_hurry_the_sensor() {
        let mut answers = Answers::default();
        assert!(!answers.is_too_soon(0));
        answers.note(answer(100, None));
        for (now_s, soon) in [(100, true), (139, true), (140, false), (61, true), (60, false)] {
            assert_eq!(answers.is_too_soon(1_000 * now_s), soon, "{now_s}");
        }
    }
}
