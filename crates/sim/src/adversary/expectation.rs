//! What each attack is expected to do to each scheme, and where that is written.
//!
//! "Paper B" is Yang et al. 2021 (doi 10.1155/2021/5577514). Its Table 6 says that its own protocol withstands everything
//! but the capture of a node, the hash-based one everything, and the elliptic-curve one everything but impersonation and the
//! loss of forward security. Where the code shows otherwise, the source says what it was found from.

use super::Outcome::{self, Falls, Holds, Limit};
use super::{Attack, Scheme};

/// An expected cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// How the attack should end.
    pub outcome: Outcome,
    /// Where that is written.
    pub source: &'static str,
}

type Expected = Option<Expectation>;

const fn holds(source: &'static str) -> Expected {
    Some(Expectation { outcome: Holds, source })
}

const fn falls(source: &'static str) -> Expected {
    Some(Expectation { outcome: Falls, source })
}

const fn limit(source: &'static str) -> Expected {
    Some(Expectation { outcome: Limit, source })
}

const TABLE_6: &str = "paper B, Table 6";
const LINK: &str = "docs/threat-model.md, sensor link";
const NUMBER_IN_CLEAR: &str = "docs/threat-model.md, not covered: the sensor's number is in the clear";
const CHEN: &str = "Chen, Xiang, Wu and Wang, Appl. Sci. 8:1074, 2018, against paper B, Table 6";
const KOYA: &str = "Koya and Deepthi 2018 as told by later papers, against paper B, Table 6";
const DERIVED: &str = "derived from the scheme's equations";
const SAME_DIFFERENCE: &str =
    "found with this program: k_H ^ a ^ b and id ^ t stay the same, against paper B, Table 6";
const BOTH_KEYS: &str =
    "found with this program: x = (U - s_C) / v; the construction meant to have forward secrecy";
const CLOCK_ONLY: &str = "derived from the scheme: its only freshness is a clock, against paper B, Table 6";
const ALGORITHM_1: &str = "paper B, Algorithm 1";
const SEEDS: &str =
    "paper B, section 3.2.1: seeds F(s0, delta) with 640 variations, against paper B, Table 6";
const NO_PAIRS: &str = "the scheme keeps no pairs";
const NO_CHECKSUM: &str = "every bit is under a hash or an authenticated cipher";
const NO_CREDENTIAL: &str = "docs/access.md: distance is evidence and no credential";
const EVERYTHING: &str = "no scheme claims anything against who has all of a sensor";
const ZHAO: &str = "Zhao's users have constant pseudonyms: He, Zeadally, Kumar and Lee, IEEE Systems J. 2017";

/// The expected cell; nothing where the attack does not apply.
pub fn expected(attack: Attack, scheme: Scheme) -> Option<Expectation> {
    let (_, row) = ROWS.iter().find(|(each, _)| *each == attack)?;
    let place = Scheme::ALL.iter().position(|each| *each == scheme)?;
    row.get(place).copied().flatten()
}

/// The rows, each in the order of [`Scheme::ALL`]: paper, hardened, hash-l, hash-i, ecc-ez, ecc-eh.
static ROWS: [(Attack, [Expected; 6]); Attack::ALL.len()] = [
    (
        Attack::Eavesdrop,
        [holds(TABLE_6), holds(LINK), falls(CHEN), holds(TABLE_6), holds(TABLE_6), holds(DERIVED)],
    ),
    (
        Attack::Trace,
        [
            falls(ALGORITHM_1),
            falls(NUMBER_IN_CLEAR),
            falls(DERIVED),
            holds(DERIVED),
            falls(ZHAO),
            holds(DERIVED),
        ],
    ),
    (
        Attack::Tamper,
        [
            falls("paper B, section 3.2.1: a Hamming threshold after an XOR, against its Table 6"),
            holds(LINK),
            falls(SAME_DIFFERENCE),
            holds(TABLE_6),
            holds(TABLE_6),
            holds(DERIVED),
        ],
    ),
    (
        Attack::Replay,
        [
            falls("paper B, Algorithm 1 has no nonce, against its Table 6"),
            holds(LINK),
            falls(CLOCK_ONLY),
            falls(CLOCK_ONLY),
            falls(CLOCK_ONLY),
            falls(CLOCK_ONLY),
        ],
    ),
    (
        Attack::ManInTheMiddle,
        [
            falls(
                "paper B, section 3.2.3: linear checks on data, and no key from the run, against its Table 6",
            ),
            holds(LINK),
            falls(CHEN),
            holds(TABLE_6),
            holds(TABLE_6),
            holds(DERIVED),
        ],
    ),
    (
        Attack::ImpersonateSensor,
        [
            holds(TABLE_6),
            holds(LINK),
            falls(KOYA),
            holds(TABLE_6),
            holds(
                "derived from the scheme, against paper B, Table 6, unless its \"no\" means the key manager",
            ),
            holds(DERIVED),
        ],
    ),
    (
        Attack::ImpersonateHub,
        [
            falls("paper B, Algorithm 1: M1 and M2 have one form, against its Table 6"),
            holds(LINK),
            falls(CHEN),
            holds(TABLE_6),
            holds(TABLE_6),
            holds(DERIVED),
        ],
    ),
    (
        Attack::Reflect,
        [
            falls("paper B, Algorithm 1: M1 and M2 have one form"),
            holds(LINK),
            holds(DERIVED),
            holds(DERIVED),
            holds(DERIVED),
            holds(DERIVED),
        ],
    ),
    (
        Attack::Desynchronise,
        [
            falls("paper B, Algorithm 1: each side moves on by itself"),
            holds(LINK),
            falls(CHEN),
            holds(DERIVED),
            holds(DERIVED),
            holds(DERIVED),
        ],
    ),
    (
        Attack::AbuseManager,
        [
            None,
            None,
            None,
            None,
            falls("the key manager computes every key: escrow, the \"no\" of paper B, Table 6"),
            falls("the key manager computes every key: escrow"),
        ],
    ),
    (
        Attack::CaptureForward,
        [
            falls(SEEDS),
            holds(LINK),
            falls(CHEN),
            falls("the key never changes, against paper B, Table 6"),
            falls(TABLE_6),
            falls(BOTH_KEYS),
        ],
    ),
    (
        Attack::CaptureBackward,
        [
            falls(SEEDS),
            holds(LINK),
            falls(CHEN),
            falls("the key never changes, against paper B, Table 6"),
            falls(TABLE_6),
            falls(BOTH_KEYS),
        ],
    ),
    (
        Attack::StealDatabase,
        [
            falls("paper B, Algorithm 1: E_K is an XOR, so that K = M2 ^ C ^ R'"),
            holds(LINK),
            holds(NO_PAIRS),
            holds(DERIVED),
            holds(NO_PAIRS),
            holds(NO_PAIRS),
        ],
    ),
    (
        Attack::ExhaustPairs,
        [
            falls("paper B, section 3.1: a pair is used up and then discarded, before anything is verified"),
            holds(LINK),
            holds(NO_PAIRS),
            holds(NO_PAIRS),
            holds(NO_PAIRS),
            holds(NO_PAIRS),
        ],
    ),
    (
        Attack::ModelPuf,
        [
            falls("Rührmair et al., CCS 2010"),
            holds("responses are offset by random words of a code and used once"),
            None,
            None,
            None,
            None,
        ],
    ),
    (
        Attack::QuestionPuf,
        [
            None,
            holds(
                "found with this program, after Delvaux et al., CHES 2016, and Becker, CHES 2015; mended by a sensor that \
                 answers no challenge twice",
            ),
            None,
            None,
            None,
            None,
        ],
    ),
    (Attack::TwoTimePad, [falls(SEEDS), holds(LINK), None, None, None, None]),
    (
        Attack::FlipUnderThreshold,
        [
            falls("paper B, section 3.2.1: a Hamming threshold after an XOR"),
            holds(LINK),
            holds(NO_CHECKSUM),
            holds(NO_CHECKSUM),
            holds(NO_CHECKSUM),
            holds(NO_CHECKSUM),
        ],
    ),
    (
        Attack::ForgeFold,
        [
            falls("paper B, Fig. 5: the fold is linear and has no key"),
            holds(LINK),
            holds(NO_CHECKSUM),
            holds(NO_CHECKSUM),
            holds(NO_CHECKSUM),
            holds(NO_CHECKSUM),
        ],
    ),
    (
        Attack::ForgeParity,
        [
            falls("paper B, Fig. 6: parity bits and CRC are linear and have no key"),
            holds(LINK),
            None,
            None,
            None,
            None,
        ],
    ),
    (
        Attack::ForgeConfirmation,
        [
            falls("paper B, Algorithm 1: acknowledgements are constant text"),
            holds(LINK),
            holds(DERIVED),
            holds(DERIVED),
            holds(DERIVED),
            holds(DERIVED),
        ],
    ),
    (
        Attack::SpoofEmergency,
        [falls("paper B, section 3.2.2: an XOR and linear checks"), holds(LINK), None, None, None, None],
    ),
    (
        Attack::SuppressEmergency,
        [
            falls("paper B, section 3.2.2: no rule against a frame that comes twice"),
            holds(LINK),
            None,
            None,
            None,
            None,
        ],
    ),
    (
        Attack::StrangerNearby,
        [falls("paper B, section 3.3.4 (2): close attack"), holds(NO_CREDENTIAL), None, None, None, None],
    ),
    (
        Attack::StrangerAntenna,
        [
            falls("Friis, Proc. IRE 34, 1946, against paper B, section 3.3.4 (1): long-range attack"),
            holds(NO_CREDENTIAL),
            None,
            None,
            None,
            None,
        ],
    ),
    (
        Attack::FalseEmergency,
        [
            falls(
                "paper B, Algorithm 3, line 19, against its section 3.3.4 (3): a false signal starts the broadcast",
            ),
            holds("docs/access.md: an emergency lowers what is asked for, and a credential stays"),
            None,
            None,
            None,
            None,
        ],
    ),
    (
        Attack::TakeBoth,
        [
            limit(EVERYTHING),
            limit("docs/threat-model.md, the attacker"),
            limit(EVERYTHING),
            limit(EVERYTHING),
            limit(EVERYTHING),
            limit(EVERYTHING),
        ],
    ),
    (
        Attack::CaptureNode,
        [
            falls("paper B, Table 6; one seed is stored for all sensors"),
            holds(LINK),
            falls(
                "derived from the equations: a and b of one sensor make another's, against paper B, Table 6",
            ),
            holds(TABLE_6),
            holds(TABLE_6),
            holds(DERIVED),
        ],
    ),
];
