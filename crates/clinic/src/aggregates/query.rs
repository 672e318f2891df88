//! What can be asked.

use bodywire_aggregate::Vital;
use bodywire_proto::wire::HubId;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes of a query: a weight for each bed of a large ward.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;
/// Vectors of one query: a thousand beds for five days of hours. Each costs a replica 64 KiB of reading.
pub const VECTORS_MAX: usize = 1 << 17;
/// Windows of a trend: a week of hours. Each is a sum of its own.
pub const TREND_WINDOWS_MAX: usize = 7 * 24;

/// What is worked out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// The sum of all readings.
    Sum,
    /// Their mean.
    Mean,
    /// Their variance, as a whole population.
    Variance,
    /// How many are above one limit or below another.
    Count {
        /// Above this, in the unit of the signal.
        above: Option<f64>,
        /// Below this.
        below: Option<f64>,
    },
    /// How many there are of each.
    Histogram,
    /// The mean over time.
    Trend,
}

impl Function {
    /// Its name in queries and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Variance => "variance",
            Self::Count { .. } => "count",
            Self::Histogram => "histogram",
            Self::Trend => "trend",
        }
    }
}

/// A question about the ward.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is worked out.
    pub function: Function,
    /// Of which vital sign.
    pub vital: Vital,
    /// From when on, milliseconds since 1970: only windows that lie within count.
    pub from_ms: u64,
    /// Until when; not in it any more.
    pub to_ms: u64,
    /// How much beds count that do not count once.
    pub weights: BTreeMap<HubId, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    function: String,
    signal: String,
    from_ms: u64,
    to_ms: u64,
    above: Option<f64>,
    below: Option<f64>,
    #[serde(default)]
    weights: Vec<(u16, u32)>,
}

impl Query {
    /// Reads a query from JSON. The error is a sentence for whoever wrote it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > QUERY_BYTES_MAX {
            return Err(format!("a query has at most {QUERY_BYTES_MAX} bytes"));
        }
        // Serde would take the fields without their names, too.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err("no query: it is no JSON object".to_owned());
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|error| format!("no query: {error}"))?;
        let limits = (written.above, written.below);
        let function = match (written.function.as_str(), limits) {
            ("count", (None, None)) => return Err("a count needs `above` or `below`".to_owned()),
            ("count", (above, below)) => Function::Count { above, below },
            (_, (Some(_), _) | (_, Some(_))) => {
                return Err("`above` and `below` belong to a count".to_owned());
            }
            ("sum", _) => Function::Sum,
            ("mean", _) => Function::Mean,
            ("variance", _) => Function::Variance,
            ("histogram", _) => Function::Histogram,
            ("trend", _) => Function::Trend,
            _ => return Err("functions are sum, mean, variance, count, histogram and trend".to_owned()),
        };
        let vital = Vital::from_name(&written.signal).ok_or_else(|| {
            let names: Vec<_> = Vital::ALL.into_iter().map(Vital::name).collect();
            format!("signals are {}", names.join(", "))
        })?;
        let (from_ms, to_ms) = (written.from_ms, written.to_ms);
        if from_ms >= to_ms {
            return Err("`from_ms` must lie before `to_ms`".to_owned());
        }
        let given = written.weights.len();
        let weights: BTreeMap<HubId, u32> =
            written.weights.into_iter().map(|(hub, weight)| (HubId(hub), weight)).collect();
        if weights.len() != given || weights.values().any(|weight| *weight == 0) {
            return Err("each bed has one weight, which is not 0".to_owned());
        }
        Ok(Self { function, vital, from_ms, to_ms, weights })
    }

    /// The weight of a bed.
    pub fn weight(&self, hub: HubId) -> u32 {
        self.weights.get(&hub).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_refused_with_a_reason() {
        let good = r#"{"function":"count","signal":"heart-rate","from_ms":1,"to_ms":9,"above":120.5,"weights":[[3,2]]}"#;
        let query = Query::parse(good.as_bytes()).unwrap();
        assert_eq!(query.function, Function::Count { above: Some(120.5), below: None });
        assert_eq!((query.vital, query.weight(HubId(3)), query.weight(HubId(4))), (Vital::HeartRate, 2, 1));
        for (from, to, says) in [
            ("count", "mean", "belong to a count"),
            (",\"above\":120.5", "", "needs `above` or `below`"),
            ("count\",\"signal", "median\",\"signal", "belong to a count"),
            ("heart-rate", "ecg", "temperature"),
            ("\"to_ms\":9", "\"to_ms\":1", "before"),
            ("[3,2]", "[3,0]", "not 0"),
            ("[3,2]", "[3,2],[3,1]", "one weight"),
            ("[3,2]", "[3,-2]", "no query"),
            ("above", "over", "no query"),
            ("120.5", "\"x\"", "no query"),
        ] {
            let why = Query::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(why.contains(says), "{from} -> {to}: {why}");
        }
        let nameless = br#"["mean","spo2",1,9,null,null,[]]"#;
        assert!(Query::parse(nameless).unwrap_err().contains("no query"));
        assert!(Query::parse(&vec![b' '; QUERY_BYTES_MAX + 1]).is_err());
    }
}
