//! What is wrong with a configuration: where, what, why, and what to do.

/// Names further apart than this are not what somebody meant: half of the letters may be wrong.
const LIKENESS_MIN: f64 = 0.5;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line it stands in, from 1; none when nothing was written.
    pub line: Option<usize>,
    /// The key, such as `hub.listen`.
    pub key: String,
    /// Why it cannot be used.
    pub why: String,
    /// What to do.
    pub next: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        write!(f, "{}: {}; {}", self.key, self.why, self.next)
    }
}

/// The known name that somebody has probably meant.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::normalized_damerau_levenshtein(written, name);
    let best = known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= LIKENESS_MIN).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_strangers_are_not() {
        let known = ["verify_key", "listen", "number"];
        assert_eq!(closest("verfy_key", known), Some("verify_key"));
        assert_eq!(closest("lisetn", known), Some("listen"));
        assert_eq!(closest("colour", known), None);
        assert_eq!(closest("x", []), None);
    }
}
