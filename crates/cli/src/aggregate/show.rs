//! An answer as lines for people: what was learnt, and what those saw who worked it out.

use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Widest bar of a histogram, in characters.
const BAR: usize = 40;
/// Most lines of a trend; more are joined.
const TREND_LINES: usize = 60;

/// The answer in lines.
pub(super) fn table(answer: &Value) -> String {
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    let number = |name: &str| answer[name].as_u64().unwrap_or_default();
    let mut lines = vec![format!("{} of {}", text("function"), text("signal"))];
    if answer["simulated"] == true {
        lines.push("  SIMULATED: some of these readings come from a simulation".to_owned());
    }
    lines.extend(result(&answer["result"], text("unit")));
    lines.push(format!(
        "  {} of {} in {}, {} to {}",
        several(number("readings"), "reading"),
        several(number("patients"), "patient"),
        several(number("windows"), "window"),
        time(number("from_ms")),
        time(number("to_ms"))
    ));
    if number("outside") > 0 {
        lines.push(format!("  {} readings lie beyond the scale and are in no figure", number("outside")));
    }
    let seen = &answer["seen"];
    lines.push(format!(
        "what the replicas saw: {} vectors, {:.1} MB, all encrypted",
        seen["vectors"],
        seen["bytes"].as_f64().unwrap_or(0.0) / 1e6
    ));
    lines.push(format!(
        "  result {}...",
        seen["ciphertext"].as_str().unwrap_or_default().get(..48).unwrap_or_default()
    ));
    let replicas = answer["replicas"].as_array().map(Vec::as_slice).unwrap_or_default();
    if replicas.is_empty() {
        lines.push("  this clinic has no replicas and has added itself".to_owned());
    }
    for replica in replicas {
        let why = replica["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        lines.push(format!(
            "  replica {}  {}{why}",
            replica["number"],
            replica["state"].as_str().unwrap_or_default().to_uppercase()
        ));
    }
    lines.push(format!(
        "  {} vectors were added here once more; on record in entries {} and {}",
        answer["rechecked"]["vectors"], answer["audit"]["query"], answer["audit"]["result"]
    ));
    lines.push(format!("  added in {} ms, opened in {} ms", number("evaluate_ms"), number("decrypt_ms")));
    lines.join("\n")
}

fn result(result: &Value, unit: &str) -> Vec<String> {
    let figure =
        |name: &str| result[name].as_f64().map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"));
    if result.get("mean").is_some() {
        return vec![format!("  {} {unit}", figure("mean"))];
    }
    if result.get("sum").is_some() {
        return vec![format!("  {} {unit}", figure("sum"))];
    }
    if result.get("variance").is_some() {
        return vec![format!(
            "  {} ({unit})^2, standard deviation {} {unit}",
            figure("variance"),
            figure("deviation")
        )];
    }
    if result.get("count").is_some() {
        return vec![format!("  {} of {} readings", result["count"], result["of"])];
    }
    if let Some(points) = result["points"].as_array() {
        return trend(points);
    }
    let bins = result["bins"].as_array().map(Vec::as_slice).unwrap_or_default();
    let most = bins.iter().filter_map(|bin| bin[1].as_u64()).max().unwrap_or(1).max(1);
    let bar = |count: u64| "#".repeat((count as usize * BAR).div_ceil(most as usize));
    let mut lines: Vec<String> = bins
        .iter()
        .map(|bin| {
            let count = bin[1].as_u64().unwrap_or(0);
            format!("  {:>7.1} {count:>9}  {}", bin[0].as_f64().unwrap_or(0.0), bar(count))
        })
        .collect();
    for quantile in result["quantiles"].as_array().into_iter().flatten() {
        let part = quantile[0].as_f64().unwrap_or(0.0) * 100.0;
        lines.push(format!("  {part:.0} % are at most {} {unit}", quantile[1]));
    }
    lines
}

/// Points in lines; several together, weighted by their readings, when there are many.
fn trend(points: &[Value]) -> Vec<String> {
    let together = points.len().div_ceil(TREND_LINES).max(1);
    let line = |points: &[Value]| {
        let readings = |point: &Value| point[2].as_f64().unwrap_or(0.0);
        let count: f64 = points.iter().map(readings).sum();
        let sum: f64 = points.iter().map(|point| readings(point) * point[1].as_f64().unwrap_or(0.0)).sum();
        let at = points.first().and_then(|point| point[0].as_u64()).unwrap_or(0);
        let mean = if count > 0.0 { format!("{:.1}", sum / count) } else { "-".to_owned() };
        format!("  {}  {mean:>7}  {count:.0} readings", time(at))
    };
    points.chunks(together).map(line).collect()
}

/// A number of things.
fn several(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A time in words; one that no calendar has as the number it is.
fn time(ms: u64) -> String {
    if ms < 253_402_300_800_000 {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        humantime::format_rfc3339_seconds(time).to_string()
    } else {
        ms.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_result_has_its_lines() {
        let mut answer = json!({
            "function": "mean", "signal": "heart-rate", "unit": "/min", "from_ms": 0, "to_ms": 3_600_000,
            "windows": 1, "patients": 6, "vectors": 6, "readings": 360, "outside": 2, "simulated": true,
            "result": { "mean": 71.25 },
            "replicas": [{ "number": 1, "state": "agreed" }, { "number": 2, "state": "lying", "why": "another sum" }],
            "seen": { "vectors": 6, "bytes": 393_504, "sha256": "00", "ciphertext": "ab".repeat(64) },
            "rechecked": { "vectors": 6 }, "audit": { "query": 8, "result": 9 }, "evaluate_ms": 4, "decrypt_ms": 1,
        });
        let text = table(&answer);
        for words in [
            "71.250 /min",
            "SIMULATED",
            "360 readings of 6 patients",
            "replica 2  LYING: another sum",
            "entries 8 and 9",
            "1970-01-01T01:00:00Z",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        for (result, words) in [
            (json!({ "count": 42, "of": 360 }), "42 of 360"),
            (json!({ "variance": 4.0, "deviation": 2.0 }), "deviation 2.000"),
            (json!({ "sum": 25_650.0 }), "25650.000"),
            (json!({ "mean": null }), "none /min"),
            (json!({ "bins": [[60.0, 1], [61.0, 40]], "quantiles": [[0.5, 61.0]] }), "50 % are at most 61.0"),
            (json!({ "points": [[0, 60.0, 2], [60_000, null, 0]] }), "60.0  2 readings"),
        ] {
            answer["result"] = result;
            let text = table(&answer);
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
