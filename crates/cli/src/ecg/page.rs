//! Pages: one file each, with nothing fetched from anywhere.

use super::score::Score;
use super::{NOT_A_DEVICE, clock, plot, reason_name};
use crate::exit::Failure;
use crate::recording::Lead;
use bodywire_ecg::evaluate::course::Course;

/// Strips on a page; a recording with more emergencies than this is read from its JSON.
const STRIPS_MAX: usize = 60;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;\
color:#1b2630;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}svg{max-width:100%;height:auto}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.15rem .6rem;text-align:right;\
border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}tr.total{font-weight:600}pre{overflow-x:auto}\
.note{color:#555}@media(prefers-color-scheme:dark){body{color:#dde4ea;background:#12181d}th,td{border-color:#333}\
.note{color:#9aa}svg{border-radius:6px}}";

/// Text for HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A page.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>\n{body}\n<p class=\"note\">{NOT_A_DEVICE}</p></body></html>\n"
    )
}

/// The page of one recording: its course, and a strip of every emergency.
pub(super) fn of_course(
    lead: &Lead,
    course: &Course,
    score: Option<&Score>,
    picture: &str,
) -> Result<String, Failure> {
    let table = super::course::as_table(lead, course, score);
    let mut body = format!("{picture}\n<pre>{}</pre>\n<h2>Emergencies</h2>\n", escaped(&table));
    if course.alarms.is_empty() {
        body.push_str("<p>None.</p>\n");
    }
    for alarm in course.alarms.iter().take(STRIPS_MAX) {
        let at_s = lead.rate.seconds(alarm.episode.start);
        let lasted = lead.rate.seconds(alarm.episode.samples());
        let caption = format!("{}: {}, for {lasted:.0} s", clock(at_s), reason_name(alarm.reason));
        body.push_str(&plot::emergency(lead, course, &caption, at_s)?);
        body.push('\n');
    }
    if course.alarms.len() > STRIPS_MAX {
        body.push_str(&format!("<p>And {} more.</p>\n", course.alarms.len() - STRIPS_MAX));
    }
    Ok(page(&format!("ECG {}", lead.name), &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert!(page("<script>", "").contains("&lt;script&gt;"));
    }
}
