//! The page: one file with everything in it, readable without scripts, in the light and in the dark, and on paper.

use super::chart::STYLES;
use super::figure::{Figure, Verdict};
use super::files::{JSON_FILE, chart_file, table_file};
use super::origin::Origin;
use super::section::{Layout, Section, Table};
use crate::ecg::escaped;
use crate::exit::Failure;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The whole page.
///
/// # Errors
/// [`Failure::Failed`] when a chart cannot be drawn.
pub(crate) fn page(origin: &Origin, sections: &[Section]) -> Result<String, Failure> {
    let mut body = String::new();
    head(&mut body, origin, sections);
    for section in sections {
        write_section(&mut body, section)?;
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>BodyWire: both papers measured again</title>\
         <style>{STYLE}{}</style></head><body>\n{body}\
         <footer>Research software, not a medical device. Simulated, emulated and modelled values are marked as such.</footer>\
         </body></html>\n",
        chart_style()
    ))
}

/// The rules that turn a chart's colours into readable ones and give its lines their dashes.
fn chart_style() -> String {
    let neighbour = |colour: &str| {
        // The last digit's lowest bit is the mark of what is not dashed.
        let last = colour.chars().last().and_then(|digit| digit.to_digit(16)).unwrap_or(0) ^ 1;
        format!("{}{last:X}", colour.get(..6).unwrap_or_default())
    };
    let rules = |pick: fn(&(&'static str, &'static str, &'static str)) -> &'static str| -> String {
        let of = |style: &(&'static str, &'static str, &'static str)| {
            let (name, plain, to) = (style.0, neighbour(style.0), pick(style));
            format!(
                ".chart [stroke=\"{name}\"],.chart [stroke=\"{plain}\"]{{stroke:{to}}}\
                 .chart [fill=\"{name}\"],.chart [fill=\"{plain}\"]{{fill:{to}}}"
            )
        };
        STYLES.iter().map(of).collect()
    };
    let dash = |style: &(&str, &str, &str)| {
        (!style.2.is_empty())
            .then(|| format!(".chart [stroke=\"{}\"]{{stroke-dasharray:{}}}", style.0, style.2))
    };
    let dashes: String = STYLES.iter().filter_map(dash).collect();
    format!(
        "{}{dashes}@media screen and (prefers-color-scheme:dark){{{}}}",
        rules(|style| style.0),
        rules(|style| style.1)
    )
}

fn head(body: &mut String, origin: &Origin, sections: &[Section]) {
    let _ = write!(
        body,
        "<header><h1>Both papers, measured again</h1>\n<p>Every table and figure of the two papers that BodyWire builds on, \
         beside what comes out when it is run. Paper B: J. Yang, W. Yang, H. Liu, L. Zhou, Security and Communication Networks \
         2021, doi 10.1155/2021/5577514. Paper M: H. Zhang, X. Duan, J. Sun, \u{201c}Multi Channel Data Encryption \
         Transmission Algorithm of Medical Internet of Things Based on Improved MQTT Protocol\u{201d}.</p>\n<dl>"
    );
    let commit = origin.commit.as_deref().map_or(String::new(), |commit| format!(", commit {commit}"));
    let rows = [
        ("program", format!("bodywire {}{commit}", origin.version)),
        ("date", origin.date.clone()),
        ("seed", origin.seed.to_string()),
        ("machine", format!("{}, {} cores", origin.processor, origin.cores)),
        ("extent", if origin.quick { "quick: fewer runs" } else { "full" }.to_owned()),
        ("recordings", origin.recordings.clone().unwrap_or_else(|| "none: synthetic ECG".to_owned())),
        (
            "again",
            format!(
                "bodywire report --out DIR{} --seed {}",
                if origin.quick { " --quick" } else { "" },
                origin.seed
            ),
        ),
    ];
    for (name, text) in rows {
        let _ = write!(body, "<dt>{name}</dt><dd>{}</dd>", escaped(&text));
    }
    body.push_str("</dl></header>\n<section><h2>Summary</h2>\n");
    let count = |verdict| sections.iter().flat_map(Section::figures).filter(|f| f.verdict == verdict).count();
    body.push_str("<ul class=\"counts\">");
    for verdict in Verdict::ALL {
        let _ = write!(body, "<li><b>{}</b> {}</li>", count(verdict), badge(verdict));
    }
    body.push_str("</ul>\n");
    let wrong = sections.iter().flat_map(Section::figures).filter(|f| f.verdict == Verdict::CannotBeRight);
    let wrong: Vec<&Figure> = wrong.collect();
    if !wrong.is_empty() {
        body.push_str("<h3>What cannot be right</h3>\n<ul class=\"reasons\">");
        let mut groups: Vec<(&Figure, Vec<String>)> = Vec::new();
        for figure in wrong {
            let printed =
                figure.paper.as_ref().map_or(String::new(), |value| format!("{value} {}", figure.unit));
            let cell = format!("{}, {}: printed {}", figure.row, figure.column, printed.trim());
            match groups.iter_mut().find(|(f, _)| f.section == figure.section && f.why == figure.why) {
                Some((_, cells)) => cells.push(cell),
                None => groups.push((figure, vec![cell])),
            }
        }
        for (figure, cells) in groups {
            let place = sections.iter().find(|section| section.id == figure.section);
            let _ = write!(
                body,
                "<li><a href=\"#{}\">{}</a>: <em>{}</em>. {}</li>",
                figure.section,
                escaped(place.map_or("", |section| section.source)),
                escaped(&cells.join("; ")),
                escaped(&sentence(&figure.why))
            );
        }
        body.push_str("</ul>\n");
    }
    let _ = write!(
        body,
        "<p class=\"note\">An interval is that of 95 % unless its small print says otherwise: \u{201c}middle half\u{201d} is \
         what half of the runs took by the clock of this machine, \u{201c}rounds\u{201d} the least and the most of some rounds, \
         \u{201c}model\u{201d} what the model of the processor allows. All figures: <a href=\"{JSON_FILE}\">{JSON_FILE}</a>.\
         </p></section>\n<nav><h2>Contents</h2><ol>"
    );
    for section in sections {
        let _ = write!(
            body,
            "<li><a href=\"#{}\">{}</a> <small>{}</small></li>",
            section.id,
            escaped(section.title),
            escaped(section.source)
        );
    }
    body.push_str("</ol></nav>\n");
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn badge(verdict: Verdict) -> String {
    let (class, sign) = match verdict {
        Verdict::Holds => ("good", "\u{2713}"),
        Verdict::DoesNotHold => ("bad", "\u{2717}"),
        Verdict::CannotBeRight => ("bad", "!"),
        Verdict::NotComparable => ("open", "\u{2260}"),
        Verdict::NothingPrinted => ("quiet", "\u{2013}"),
        Verdict::NotMeasured => ("quiet", "?"),
    };
    format!("<span class=\"verdict {class}\">{sign}&nbsp;{}</span>", verdict.words())
}

/// The verdict before its reason; where the paper prints nothing, there is none.
fn lead(verdict: Verdict) -> String {
    if verdict == Verdict::NothingPrinted { String::new() } else { badge(verdict) + " " }
}

fn write_section(body: &mut String, section: &Section) -> Result<(), Failure> {
    let _ = write!(
        body,
        "<section id=\"{}\"><h2>{}</h2>\n<p class=\"source\">{}</p>\n",
        section.id,
        escaped(section.title),
        escaped(section.source)
    );
    for paragraph in &section.about {
        let _ = writeln!(body, "<p>{}</p>", escaped(paragraph));
    }
    for table in &section.tables {
        let file = table_file(section, table.id);
        let _ = write!(body, "<figure><figcaption>{} ", escaped(&table.caption));
        let _ = write!(body, "<a class=\"csv\" href=\"{file}\">CSV</a></figcaption>\n<div class=\"wide\">");
        match table.layout {
            Layout::List => list(body, table),
            Layout::Matrix => matrix(body, table),
        }
        body.push_str("</div>");
        if table.layout == Layout::Matrix {
            reasons(body, table);
        }
        body.push_str("</figure>\n");
    }
    for chart in &section.charts {
        let file = chart_file(section, chart.id);
        let _ = writeln!(
            body,
            "<figure>{}<figcaption>{} <a class=\"csv\" href=\"{file}\">CSV</a></figcaption></figure>",
            chart.svg()?,
            escaped(&chart.caption)
        );
    }
    body.push_str("</section>\n");
    Ok(())
}

fn said(figure: &Figure) -> String {
    figure.ours.as_ref().map_or_else(|| "\u{2013}".to_owned(), |value| escaped(&value.to_string()))
}

fn printed(figure: &Figure) -> String {
    figure.paper.as_ref().map_or_else(String::new, |value| escaped(&value.to_string()))
}

fn interval(figure: &Figure) -> String {
    let text = figure.interval();
    if text.is_empty() {
        return text;
    }
    let kind = match figure.spread {
        super::figure::Spread::Confidence => String::new(),
        other => format!(" <small>{}</small>", other.name()),
    };
    format!("{text}{kind}")
}

fn list(body: &mut String, table: &Table) {
    let any = |of: fn(&Figure) -> bool| table.figures.iter().any(of);
    let (paper, sure) = (any(|f| f.paper.is_some()), any(|f| f.low.is_some()));
    body.push_str("<table><thead><tr><th>of</th><th>what</th>");
    if paper {
        body.push_str("<th class=\"n\">paper</th>");
    }
    body.push_str("<th class=\"n\">ours</th>");
    if sure {
        body.push_str("<th class=\"n\">interval</th>");
    }
    body.push_str("<th>unit</th><th>verdict and reason</th></tr></thead><tbody>\n");
    let mut before = "";
    for figure in &table.figures {
        let row = if figure.row == before { String::new() } else { escaped(&figure.row) };
        let first = if figure.row == before { "" } else { " class=\"first\"" };
        before = &figure.row;
        let _ = write!(body, "<tr{first}><th>{row}</th><td>{}</td>", escaped(&figure.column));
        if paper {
            let _ = write!(body, "<td class=\"n\">{}</td>", printed(figure));
        }
        let _ = write!(body, "<td class=\"n\"><b>{}</b></td>", said(figure));
        if sure {
            let _ = write!(body, "<td class=\"n\">{}</td>", interval(figure));
        }
        let _ = writeln!(
            body,
            "<td>{}</td><td class=\"why\">{}{}</td></tr>",
            escaped(&figure.unit),
            lead(figure.verdict),
            escaped(&figure.why)
        );
    }
    body.push_str("</tbody></table>");
}

/// Rows and columns in the order in which they first come.
fn names<'a>(table: &'a Table, of: impl Fn(&'a Figure) -> &'a str) -> Vec<&'a str> {
    let mut seen: Vec<&str> = Vec::new();
    for figure in &table.figures {
        if !seen.contains(&of(figure)) {
            seen.push(of(figure));
        }
    }
    seen
}

fn matrix(body: &mut String, table: &Table) {
    let (rows, columns) = (names(table, |f| &f.row), names(table, |f| &f.column));
    body.push_str("<table class=\"matrix\"><thead><tr><th></th>");
    for column in &columns {
        let unit = table.figures.iter().find(|f| f.column == *column).map_or("", |f| &f.unit);
        let unit =
            if unit.is_empty() { String::new() } else { format!("<br><small>{}</small>", escaped(unit)) };
        let _ = write!(body, "<th class=\"n\">{}{unit}</th>", escaped(column));
    }
    body.push_str("</tr></thead><tbody>\n");
    for row in rows {
        let _ = write!(body, "<tr><th>{}</th>", escaped(row));
        for column in &columns {
            let Some(figure) = table.figures.iter().find(|f| f.row == row && f.column == *column) else {
                body.push_str("<td class=\"n\"></td>");
                continue;
            };
            let _ = write!(body, "<td class=\"n\"><b>{}</b>", said(figure));
            let between = interval(figure);
            if !between.is_empty() {
                let _ = write!(body, "<br><small>{between}</small>");
            }
            if figure.paper.is_some() {
                let _ = write!(body, "<br><small>paper: {}</small>", printed(figure));
            }
            if figure.verdict != Verdict::NothingPrinted {
                let _ = write!(body, "<br>{}", badge(figure.verdict));
            }
            body.push_str("</td>");
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody></table>");
}

/// Below a matrix: each verdict with its reason, and the cells that it is of.
fn reasons(body: &mut String, table: &Table) {
    let mut groups: Vec<(Verdict, &str, Vec<String>)> = Vec::new();
    for figure in table.figures.iter().filter(|figure| !figure.why.is_empty()) {
        let cell = format!("{}, {}", figure.row, figure.column);
        match groups.iter_mut().find(|(verdict, why, _)| *verdict == figure.verdict && *why == figure.why) {
            Some((.., cells)) => cells.push(cell),
            None => groups.push((figure.verdict, &figure.why, vec![cell])),
        }
    }
    if groups.is_empty() {
        return;
    }
    body.push_str("<ul class=\"reasons\">");
    for (verdict, why, cells) in groups {
        let _ = write!(
            body,
            "<li>{} <em>{}</em>: {}</li>",
            badge(verdict),
            escaped(&cells.join("; ")),
            escaped(why)
        );
    }
    body.push_str("</ul>");
}
