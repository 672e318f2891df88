//! A query to a clinic that runs on this machine: over the console's address, with the token that it leaves for its owner.

use super::show;
use crate::args::{AggregateOptions, ClinicPlace, Output};
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::state;
use axum::body::Bytes;
use bodywire_channels::topic::Shard;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Bytes of one line of an answer: a trend of a week in slots has less.
const LINE_BYTES_MAX: usize = 4 << 20;
/// How long the clinic may be silent: a part is a second or two, and replicas that are away cost their patience.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Asks, shows how it goes on, and prints the answer.
pub(super) fn ask(function: &str, options: &AggregateOptions, limits: Value) -> Result<(), Failure> {
    let (url, token) = access(&options.place, options.ward.as_ref())?;
    let ms =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64);
    let mut query = json!({
        "function": function,
        "signal": options.signal.name(),
        "from_ms": ms(options.from),
        "to_ms": ms(options.to.unwrap_or_else(SystemTime::now)),
        "weights": options.weights.iter().map(|(hub, weight)| (hub.0, weight)).collect::<Vec<_>>(),
    });
    for (name, limit) in limits.as_object().into_iter().flatten().filter(|(_, limit)| !limit.is_null()) {
        query[name] = limit.clone();
    }
    crate::block_on(async {
        let answer = answer(&url, &token, query.to_string()).await?;
        crate::print(&match options.output {
            Output::Json => answer.to_string(),
            Output::Table => show::table(&answer),
        });
        Ok(())
    })
}

/// Address and token, as the clinic left them.
fn access(place: &ClinicPlace, ward: Option<&Shard>) -> Result<(String, String), Failure> {
    let root = root(place)?;
    let found = state::query_files(&root);
    let files: Vec<&PathBuf> = match ward {
        Some(ward) => found.iter().filter(|(shard, _)| shard == ward.name()).map(|(_, file)| file).collect(),
        None => found.iter().map(|(_, file)| file).collect(),
    };
    let next = "start the clinic: bodywire clinic --config FILE, or bodywire demo";
    let [file] = files.as_slice() else {
        let wards: Vec<_> = found.iter().map(|(shard, _)| shard.as_str()).collect();
        return Err(if wards.is_empty() {
            Failure::path(&root, "no clinic runs here", next)
        } else {
            Failure::path(&root, format!("wards here are {}", wards.join(", ")), "name one with --ward")
        });
    };
    let text = std::fs::read_to_string(file).map_err(|error| Failure::path(file, error, next))?;
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [url, token] => Ok(((*url).to_owned(), (*token).to_owned())),
        _ => Err(Failure::path(file, "is not what a clinic leaves", next)),
    }
}

/// The directory of the clinic.
pub(crate) fn root(place: &ClinicPlace) -> Result<PathBuf, Failure> {
    match &place.config {
        Some(file) => Ok(Loaded::read(file)?.state()),
        None => Ok(place.state.clone()),
    }
}

async fn answer(url: &str, token: &str, query: String) -> Result<Value, Failure> {
    let silent = |why: String| {
        Failure::Unreachable(format!("the clinic at {url} does not answer: {why}; is it still running?"))
    };
    let request = axum::http::Request::post(format!("{url}/api/v1/aggregates"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(query)))
        .map_err(|error| silent(error.to_string()))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request).await.map_err(|error| silent(error.to_string()))?;
    let status = response.status();
    let mut body = response.into_body();
    let mut waiting: Vec<u8> = Vec::new();
    let bar = bar();
    loop {
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
        let frame = frame.map_err(|_| silent("nothing came for a minute".to_owned()))?;
        let ended = frame.is_none();
        if let Some(frame) = frame {
            let frame = frame.map_err(|error| silent(error.to_string()))?;
            waiting.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        if waiting.len() > LINE_BYTES_MAX {
            return Err(silent("its answer is too long".to_owned()));
        }
        while let Some(line) = line(&mut waiting, ended) {
            if let Some(end) = update(&bar, status.is_success(), &line)? {
                bar.finish_and_clear();
                return Ok(end);
            }
        }
        if ended {
            return Err(silent("it has ended in the middle".to_owned()));
        }
    }
}

/// The next whole line; at the end also one without its end.
fn line(waiting: &mut Vec<u8>, ended: bool) -> Option<Vec<u8>> {
    match waiting.iter().position(|byte| *byte == b'\n') {
        Some(end) => Some(waiting.drain(..=end).collect()),
        None if ended && !waiting.is_empty() => Some(std::mem::take(waiting)),
        None => None,
    }
}

/// What a line says; the answer, when it is that.
fn update(bar: &ProgressBar, accepted: bool, line: &[u8]) -> Result<Option<Value>, Failure> {
    let value: Value = serde_json::from_slice(line)
        .map_err(|_| Failure::Unreachable("what answers there is no clinic of this version".to_owned()))?;
    let text = |value: &Value| value.as_str().unwrap_or("it was refused").to_owned();
    if !accepted {
        return Err(Failure::Failed(text(&value["error"])));
    }
    if let Some(progress) = value.get("progress") {
        bar.set_length(progress["of"].as_u64().unwrap_or(0));
        bar.set_position(progress["done"].as_u64().unwrap_or(0));
        return Ok(None);
    }
    if let Some(refusal) = value.get("refusal") {
        let why = text(&refusal["error"]);
        return Err(match refusal["code"].as_str() {
            Some("cohort" | "group" | "difference" | "budget") => Failure::Denied(why),
            Some("authentic") => Failure::NotVerified(why),
            Some("replicas") => Failure::Unreachable(why),
            _ => Failure::Failed(why),
        });
    }
    match value.get("answer") {
        Some(answer) => Ok(Some(answer.clone())),
        None => Ok(None),
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("  replicas add {bar:30} {pos}/{len} vectors {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_pieces_and_each_end_has_its_exit_code() {
        let mut waiting = b"{\"a\":1}\n{\"b\"".to_vec();
        assert_eq!(line(&mut waiting, false).unwrap(), b"{\"a\":1}\n");
        assert_eq!(line(&mut waiting, false), None);
        assert_eq!(line(&mut waiting, true).unwrap(), b"{\"b\"");
        assert_eq!(line(&mut waiting, true), None);
        let bar = ProgressBar::hidden();
        assert_eq!(update(&bar, true, br#"{"progress":{"done":3,"of":9}}"#).unwrap(), None);
        assert_eq!((bar.position(), bar.length()), (3, Some(9)));
        assert_eq!(update(&bar, true, br#"{"answer":{"x":1}}"#).unwrap(), Some(json!({ "x": 1 })));
        for (text, code) in [
            (r#"{"refusal":{"code":"cohort","error":"few"}}"#, 4),
            (r#"{"refusal":{"code":"authentic","error":"lie"}}"#, 3),
            (r#"{"refusal":{"code":"replicas","error":"away"}}"#, 5),
            (r#"{"refusal":{"code":"nothing","error":"none"}}"#, 1),
            ("no json", 5),
        ] {
            assert_eq!(update(&bar, true, text.as_bytes()).unwrap_err().code(), code, "{text}");
        }
        let refused = update(&bar, false, br#"{"error":"no session"}"#).unwrap_err();
        assert_eq!((refused.code(), refused.to_string()), (1, "no session".to_owned()));
    }
}
