//! Paper B's Table 6: which mechanism withstands what, each cell from a run.

use super::Asked;
use super::figure::{Figure, Verdict};
use super::section::{Layout, Section};
use crate::exit::Failure;
use bodywire_sim::adversary::expectation::expected;
use bodywire_sim::adversary::{Attack, Outcome, Scheme, attack};
use std::collections::BTreeMap;

/// A property of Table 6, the attacks that try it, and what the table says of PUF-, HASH- and ECC-BASED.
const PROPERTIES: [(&str, &[Attack], [bool; 3]); 6] = [
    ("eavesdropping and tampering", &[Attack::Eavesdrop, Attack::Tamper], [true, true, true]),
    ("replay", &[Attack::Replay], [true, true, true]),
    ("man in the middle", &[Attack::ManInTheMiddle], [true, true, true]),
    (
        "impersonation (\"simulation attack\")",
        &[Attack::ImpersonateSensor, Attack::ImpersonateHub],
        [true, true, false],
    ),
    (
        "forward and backward security",
        &[Attack::CaptureForward, Attack::CaptureBackward],
        [true, true, false],
    ),
    ("capture of a node (\"elastic recovery\")", &[Attack::CaptureNode], [false, true, true]),
];

/// The columns: the scheme, its heading, and its place in the paper's table if it has one.
const COLUMNS: [(Scheme, &str, Option<usize>); 6] = [
    (Scheme::Paper, "PUF, paper B", Some(0)),
    (Scheme::Hardened, "PUF hardened", None),
    (Scheme::HashL, "HASH L", Some(1)),
    (Scheme::HashI, "HASH I", Some(1)),
    (Scheme::EccEz, "ECC E-Z", Some(2)),
    (Scheme::EccEh, "ECC E-H", None),
];

/// How an attack ended, and why.
type Cells = BTreeMap<(Attack, Scheme), (Outcome, String)>;

/// Carries out every attack.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let mut cells = Cells::new();
    for each in Attack::ALL {
        for scheme in Scheme::ALL {
            if let Some(cell) = attack(*each, *scheme, asked.seed)? {
                cells.insert((*each, *scheme), (cell.outcome, cell.why));
            }
        }
    }
    let properties = PROPERTIES.iter().flat_map(|(property, attacks, printed)| {
        COLUMNS.iter().map(|(scheme, heading, place)| {
            let says = place.and_then(|place| printed.get(place).copied());
            property_cell(&cells, (property, attacks), (*scheme, heading), says)
        })
    });
    let all = Attack::ALL.iter().flat_map(|attack| {
        let cells = &cells;
        COLUMNS.iter().map(move |(scheme, heading, _)| every_cell(cells, *attack, (*scheme, heading)))
    });
    Ok(Section::new(
        "b-security",
        "What each mechanism withstands",
        "paper B, 4.2.4 and Table 6",
    )
    .about(
        "Every attack is carried out against the real code of both sides: the attacker sees, blocks, changes and injects frames, and \
         has a key, a database or a device where its row says so. \u{201c}holds\u{201d} means that this attacker failed, which is \
         an experiment and no proof. Table 6 is printed as sentences; its rows are read from them.",
    )
    .about(
        "Only HASH L follows published equations. A cell of HASH I, ECC E-Z or ECC E-H says something of such a design, and nothing of \
         the papers they are shaped after. PUF hardened and ECC E-H are not in the paper's table.",
    )
    .table("table-6", Layout::Matrix, "Table 6: the paper's answer beside what happened", properties.collect())
    .table(
        "attacks",
        Layout::Matrix,
        "Every attack; a dash where a scheme has nothing that it is about. bodywire attacks --attack NAME --scheme NAME shows the \
         transcript",
        all.collect(),
    ))
}

fn property_cell(
    cells: &Cells,
    (property, attacks): (&str, &[Attack]),
    (scheme, heading): (Scheme, &str),
    says: Option<bool>,
) -> Figure {
    let fallen: Vec<(&Attack, &String)> = attacks
        .iter()
        .filter_map(|attack| match cells.get(&(*attack, scheme)) {
            Some((Outcome::Falls, why)) => Some((attack, why)),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = fallen.iter().map(|(attack, _)| attack.name()).collect();
    let ours = if fallen.is_empty() { "holds".to_owned() } else { format!("falls to {}", names.join(", ")) };
    let why = fallen.first().map_or_else(String::new, |(_, why)| (*why).clone());
    let figure = Figure::new(property, heading, "", ours);
    match says {
        None => figure,
        Some(says) => {
            let holds = says == fallen.is_empty();
            let why = match (holds, says) {
                (true, true) => "no attack here succeeds".to_owned(),
                (true, false) => format!("as the paper says: {why}"),
                (false, true) => why,
                (false, false) => {
                    "the construction withstands what the table says it does not; its answer may be about the key manager, which \
                     can claim to be anybody, or about the scheme that we do not have"
                        .to_owned()
                }
            };
            figure
                .paper(if says { "withstands" } else { "does not" })
                .verdict(if holds { Verdict::Holds } else { Verdict::DoesNotHold }, why)
        }
    }
}

/// A cell of the whole matrix, compared with what is documented and not with the paper.
fn every_cell(cells: &Cells, attack: Attack, (scheme, heading): (Scheme, &str)) -> Figure {
    let happened = cells.get(&(attack, scheme)).map(|(outcome, _)| *outcome);
    let word = happened.map_or("\u{2013}", Outcome::name);
    let figure = Figure::new(attack.name(), heading, "", word);
    if happened == expected(attack, scheme).map(|expected| expected.outcome) {
        figure
    } else {
        figure.note("this is not what docs/attacks.md says")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_of_the_paper_that_falls_does_not_hold() {
        let mut cells = Cells::new();
        cells.insert((Attack::Replay, Scheme::Paper), (Outcome::Falls, "no nonce".to_owned()));
        let cell = |says| property_cell(&cells, ("replay", &[Attack::Replay]), (Scheme::Paper, "PUF"), says);
        assert_eq!(
            (cell(Some(true)).verdict, cell(Some(true)).why.as_str()),
            (Verdict::DoesNotHold, "no nonce")
        );
        assert_eq!(cell(Some(false)).verdict, Verdict::Holds);
        assert_eq!(cell(None).verdict, Verdict::NothingPrinted);
        let cell =
            |says| property_cell(&Cells::new(), ("replay", &[Attack::Replay]), (Scheme::Paper, "PUF"), says);
        assert_eq!(
            (cell(Some(true)).verdict, cell(Some(false)).verdict),
            (Verdict::Holds, Verdict::DoesNotHold)
        );
    }
}
