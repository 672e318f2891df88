//! `bodywire doctor`: looks at a configuration and everything it names, and says what is wrong, and what is insecure though it
//! works.

mod access;
mod paths;
mod place;
mod replicas;

use crate::args::{DoctorOptions, Output};
use crate::config::files::Loaded;
use crate::exit::Failure;
use bodywire_channels::Mode;
use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// It works, and should be better.
    Warning,
    /// It does not work, or is not safe at all.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, such as `path.0.reach`.
    pub(crate) id: String,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What was found.
    pub(crate) what: String,
    /// What to do; empty when there is nothing to do.
    pub(crate) next: String,
}

impl Finding {
    pub(crate) fn ok(id: impl Into<String>, what: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Ok, what: what.into(), next: String::new() }
    }

    pub(crate) fn warning(id: impl Into<String>, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Warning, what: what.into(), next: next.into() }
    }

    pub(crate) fn problem(id: impl Into<String>, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Problem, what: what.into(), next: next.into() }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    findings: Vec<Finding>,
    /// What a broker should let hub and clinic do.
    access: access::Lists,
}

/// Looks, prints, and fails when there is a problem.
pub fn run(options: &DoctorOptions) -> Result<(), Failure> {
    let loaded = match Loaded::read(&options.config) {
        Ok(loaded) => loaded,
        Err(Failure::Problems { file, problems }) => {
            return Err(misconfigured(options.output, file, problems));
        }
        Err(other) => return Err(other),
    };
    crate::block_on(async {
        eprintln!(
            "looking at {} paths, which takes up to {} s",
            loaded.config.paths.len(),
            paths::WITHIN.as_secs() * 3
        );
        let mut findings = vec![Finding::ok("config", "every key is known and every value can be used")];
        if loaded.config.spread.mode() != Mode::Threshold {
            let next = "write threshold.mode = \"threshold\"";
            findings.push(Finding::warning("config.mode", crate::sensor::PAPER_WARNING, next));
        }
        findings.extend(place::clock(&loaded));
        findings.extend(place::state(&loaded).await);
        findings.extend(replicas::look(&loaded).await?);
        let brokers = loaded.brokers()?;
        let shard = loaded.config.hub.as_ref().map(|hub| hub.shard.clone());
        let shard = shard.or_else(|| loaded.config.clinic.as_ref().map(|clinic| clinic.shard.clone()));
        let access =
            access::Lists::of(&shard.map_or_else(|| "0".to_owned(), |shard| shard.name().to_owned()));
        findings.extend(paths::apart(&brokers, loaded.config.spread).await);
        findings.extend(paths::look(&brokers).await);
        let report = Report { findings, access };
        crate::print(&report.printed(options.output)?);
        report.judge()
    })
}

/// A configuration that cannot be used: its problems as findings, and nothing else is tried.
fn misconfigured(output: Output, file: String, problems: Vec<crate::config::Problem>) -> Failure {
    if output == Output::Json {
        let finding = |problem: &crate::config::Problem| {
            let place = problem.line.map_or_else(String::new, |line| format!("line {line}, "));
            Finding::problem(
                "config",
                format!("{place}{}: {}", problem.key, problem.why),
                problem.next.clone(),
            )
        };
        let findings = problems.iter().map(finding).collect();
        let report = Report { findings, access: access::Lists::of("0") };
        if let Ok(text) = report.printed(output) {
            crate::print(&text);
        }
    }
    Failure::Problems { file, problems }
}

impl Report {
    fn printed(&self, output: Output) -> Result<String, Failure> {
        if output == Output::Json {
            return serde_json::to_string_pretty(self).map_err(|error| Failure::Failed(error.to_string()));
        }
        let line = |finding: &Finding| {
            let mark = match finding.severity {
                Severity::Ok => "ok",
                Severity::Warning => "warning",
                Severity::Problem => "PROBLEM",
            };
            let next = if finding.next.is_empty() {
                String::new()
            } else {
                format!("\n{:26}-> {}", "", finding.next)
            };
            format!("{mark:<8} {:<16} {}{next}", finding.id, finding.what)
        };
        let lines: Vec<String> = self.findings.iter().map(line).collect();
        Ok(format!("{}\n\n{}", lines.join("\n"), self.access))
    }

    fn judge(&self) -> Result<(), Failure> {
        let problems: Vec<&Finding> =
            self.findings.iter().filter(|finding| finding.severity == Severity::Problem).collect();
        let Some(first) = problems.first() else { return Ok(()) };
        let text = format!("{} problems, the first: {}; {}", problems.len(), first.what, first.next);
        if problems.iter().any(|finding| finding.id.ends_with(".reach")) {
            Err(Failure::Unreachable(text))
        } else {
            Err(Failure::Failed(text))
        }
    }
}
