//! One figure of the report: what a paper prints, what came out here, how sure that is, and what follows.
//!
//! Page, CSV, JSON and the comparison with an earlier report are all made of these, so that no number is written twice.

use serde::{Deserialize, Serialize};

/// A number or a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    /// In the figure's unit.
    Number(f64),
    /// Such as "holds".
    Word(String),
}

impl Value {
    /// The number, if it is one.
    pub(crate) const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Word(_) => None,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

impl From<String> for Value {
    fn from(word: String) -> Self {
        Self::Word(word)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&short(*number)),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Four digits, with thousands grouped; very small and very large numbers by powers of ten.
pub(crate) fn short(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return "none".to_owned();
    }
    if !(1e-4..1e10).contains(&size) {
        return format!("{number:.2e}");
    }
    if size >= 1_000.0 {
        return grouped(number);
    }
    let digits = (3 - size.log10().floor() as i32).clamp(0, 7) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn grouped(number: f64) -> String {
    let text = format!("{:.0}", number.abs());
    let mut out = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && (text.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0.0 { format!("-{out}") } else { out }
}

/// What lies between `low` and `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Spread {
    /// Nothing: the figure is exact, or has no interval.
    None,
    /// The 95 % confidence interval.
    Confidence,
    /// The middle half of the runs, by the clock of this machine.
    Quartiles,
    /// The least and the most of some rounds.
    Rounds,
    /// The least and the most that the model of the processor allows.
    Model,
}

impl Spread {
    /// In words, for tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Confidence => "95 %",
            Self::Quartiles => "middle half",
            Self::Rounds => "rounds",
            Self::Model => "model",
        }
    }
}

/// What follows for the paper's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It comes out again.
    Holds,
    /// It does not.
    DoesNotHold,
    /// It contradicts itself or physics.
    CannotBeRight,
    /// The two are not of the same thing.
    NotComparable,
    /// The paper has no value here.
    NothingPrinted,
    /// Something that the measurement needs was not there.
    NotMeasured,
}

impl Verdict {
    /// All, in the order of the summary.
    pub(crate) const ALL: [Self; 6] = [
        Self::Holds,
        Self::DoesNotHold,
        Self::CannotBeRight,
        Self::NotComparable,
        Self::NothingPrinted,
        Self::NotMeasured,
    ];

    /// In words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::CannotBeRight => "cannot be right",
            Self::NotComparable => "not comparable",
            Self::NothingPrinted => "nothing printed",
            Self::NotMeasured => "not measured",
        }
    }
}

/// How much a figure may move between two reports.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    /// Not at all.
    Exact,
    /// The intervals overlap, or the values are this near to each other, as a share of the earlier one.
    Statistical {
        /// Share, such as 0.05.
        relative: f64,
    },
    /// Time on a machine: the ratio of the two is at most this, either way.
    Timing {
        /// Such as 4.
        ratio: f64,
    },
    /// Told and not compared.
    Information,
}

/// A time of this machine may be this many times another run's: other programs run beside it.
pub(crate) const TIMING: Class = Class::Timing { ratio: 5.0 };
/// What a seed and a sample size move.
pub(crate) const STATISTICAL: Class = Class::Statistical { relative: 0.05 };

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Section that it belongs to.
    pub(crate) section: String,
    /// Table of that section.
    pub(crate) table: String,
    /// Of what.
    pub(crate) row: String,
    /// Which property.
    pub(crate) column: String,
    /// Empty for words and counts.
    pub(crate) unit: String,
    /// What the paper prints.
    pub(crate) paper: Option<Value>,
    /// What came out here.
    pub(crate) ours: Option<Value>,
    /// Lower end of the interval, in the unit.
    pub(crate) low: Option<f64>,
    /// Upper end.
    pub(crate) high: Option<f64>,
    /// What the interval is.
    pub(crate) spread: Spread,
    /// What follows.
    pub(crate) verdict: Verdict,
    /// Why.
    pub(crate) why: String,
    /// How much it may move.
    pub(crate) class: Class,
}

impl Figure {
    /// A figure of which nothing is said yet. Section and table are set where it is put.
    pub(crate) fn new(
        row: impl Into<String>,
        column: impl Into<String>,
        unit: &str,
        ours: impl Into<Value>,
    ) -> Self {
        Self {
            section: String::new(),
            table: String::new(),
            row: row.into(),
            column: column.into(),
            unit: unit.to_owned(),
            paper: None,
            ours: Some(ours.into()),
            low: None,
            high: None,
            spread: Spread::None,
            verdict: Verdict::NothingPrinted,
            why: String::new(),
            class: Class::Exact,
        }
    }

    /// What could not be measured, and what to do about it.
    pub(crate) fn missing(
        row: impl Into<String>,
        column: impl Into<String>,
        unit: &str,
        why: impl Into<String>,
    ) -> Self {
        let none = Self::new(row, column, unit, 0.0);
        Self { ours: None, verdict: Verdict::NotMeasured, why: why.into(), class: Class::Information, ..none }
    }

    /// With the paper's value.
    #[must_use]
    pub(crate) fn paper(mut self, printed: impl Into<Value>) -> Self {
        self.paper = Some(printed.into());
        self
    }

    /// With what follows, and why.
    #[must_use]
    pub(crate) fn verdict(mut self, verdict: Verdict, why: impl Into<String>) -> Self {
        (self.verdict, self.why) = (verdict, why.into());
        self
    }

    /// With a remark, where the paper prints nothing.
    #[must_use]
    pub(crate) fn note(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// With an interval.
    #[must_use]
    pub(crate) const fn between(mut self, low: f64, high: f64, spread: Spread) -> Self {
        (self.low, self.high, self.spread) = (Some(low), Some(high), spread);
        self
    }

    /// With how much it may move.
    #[must_use]
    pub(crate) const fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Which figure it is, in every report.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}/{}/{}", self.section, self.table, self.row, self.column)
    }

    /// The interval in words; empty when there is none.
    pub(crate) fn interval(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{} to {}", short(low), short(high)),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let said = [0.0168, 118.8, 1472.0, 21_350_424.0, 0.1, 3.0e-7, 0.0, -2500.0, 0.999_96].map(short);
        assert_eq!(said, ["0.0168", "118.8", "1,472", "21,350,424", "0.1", "3.00e-7", "0", "-2,500", "1"]);
    }

    #[test]
    fn a_figure_survives_its_file() {
        let figure = Figure::new("a", "b", "ms", 1.5)
            .paper("slightly above 0.28")
            .between(1.0, 2.0, Spread::Model)
            .verdict(Verdict::DoesNotHold, "why")
            .class(TIMING);
        let text = serde_json::to_string(&figure).unwrap();
        assert_eq!(serde_json::from_str::<Figure>(&text).unwrap(), figure);
    }
}
