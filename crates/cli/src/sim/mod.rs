//! `bodywire sim`: worlds from seeds and scenarios, and how they grow.

mod scale;

use crate::args::{Output, SimCommand, SimOptions};
use crate::exit::Failure;
use bodywire_sim::world::scenario::Scenario;
use bodywire_sim::world::{Options, Outcome, World, random};
use data_encoding::HEXLOWER;
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Threads that play seeds: each world is on one.
const THREADS_MAX: usize = 8;

/// Plays what was asked for, and fails when a rule was broken.
pub fn run(options: &SimOptions) -> Result<(), Failure> {
    if let Some(SimCommand::Scale(options)) = &options.command {
        return scale::run(options);
    }
    let scenario = options.scenario.as_deref().map(read).transpose()?;
    let scenario_of = |seed| scenario.clone().unwrap_or_else(|| random::scenario(seed));
    if options.print {
        crate::print(
            &scenario_of(options.seed).to_toml().map_err(|error| Failure::Failed(error.to_string()))?,
        );
        return Ok(());
    }
    let outcomes = if options.seeds == 1 {
        vec![one(&scenario_of(options.seed), options)?]
    } else {
        many(options, scenario_of)?
    };
    crate::print(&match options.output {
        Output::Json => as_json(&outcomes).to_string(),
        Output::Table => as_table(&outcomes),
    });
    let broken: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.violations.is_empty()).collect();
    let Some(first) = broken.first() else { return Ok(()) };
    let named = options.scenario.as_ref().map(|file| format!("{} ", file.display())).unwrap_or_default();
    Err(Failure::Failed(format!(
        "{} of {} worlds broke a rule; see how with `bodywire sim {named}--seed {} --trace`",
        broken.len(),
        outcomes.len(),
        first.seed
    )))
}

fn read(file: &std::path::Path) -> Result<Scenario, Failure> {
    let unusable = |why: String| Failure::Configuration {
        what: file.display().to_string(),
        why,
        next: "`bodywire sim --print` shows a scenario that can be played".to_owned(),
    };
    let text = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    Scenario::parse(&text).map_err(|error| unusable(error.to_string()))
}

fn one(scenario: &Scenario, options: &SimOptions) -> Result<Outcome, Failure> {
    let bar = indicatif::ProgressBar::new(scenario.seconds);
    let shown = bar.clone();
    let mut what =
        Options { progress: Some(Box::new(move |second| shown.set_position(second))), ..Options::default() };
    if options.trace {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        what.lines = Some(Box::new(crate::print));
    }
    let outcome = play(scenario, options.seed, what)?;
    bar.finish_and_clear();
    Ok(outcome)
}

fn play(scenario: &Scenario, seed: u64, options: Options) -> Result<Outcome, Failure> {
    Ok(World::new(scenario, seed, options).map_err(|error| Failure::Failed(error.to_string()))?.run())
}

fn many(options: &SimOptions, scenario_of: impl Fn(u64) -> Scenario + Sync) -> Result<Vec<Outcome>, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let bar = indicatif::ProgressBar::new(options.seeds);
    let next = AtomicU64::new(options.seed);
    let end = options.seed.saturating_add(options.seeds);
    let outcomes: Mutex<Vec<Result<Outcome, Failure>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = play(&scenario_of(seed), seed, Options::default());
                    bar.inc(1);
                    outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    bar.finish_and_clear();
    let outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut outcomes: Vec<Outcome> = outcomes.into_iter().collect::<Result<_, _>>()?;
    outcomes.sort_by_key(|outcome| outcome.seed);
    Ok(outcomes)
}

fn as_json(outcomes: &[Outcome]) -> serde_json::Value {
    let worlds: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "seed": outcome.seed,
                "log_sha256": HEXLOWER.encode(&outcome.digest),
                "events": outcome.events,
                "simulated_s": outcome.ended.as_secs_f64(),
                "violations": outcome.violations,
                "signals": outcome.signals,
            })
        })
        .collect();
    json!({ "simulated": true, "worlds": worlds })
}

fn as_table(outcomes: &[Outcome]) -> String {
    let mut text = String::from("simulated: real code, everything around it is made of numbers\n");
    if let [outcome] = outcomes {
        text.push_str(&format!(
            "seed {}: {} events in {:.1} simulated s, log {}\n",
            outcome.seed,
            outcome.events,
            outcome.ended.as_secs_f64(),
            HEXLOWER.encode(outcome.digest.get(..8).unwrap_or(&[]))
        ));
        for (what, count) in &outcome.signals.counts {
            text.push_str(&format!("  {what:<44} {count:>12}\n"));
        }
        for (what, series) in &outcome.signals.series {
            text.push_str(&format!(
                "  {what:<44} {:>12.3} mean, {:.3} to {:.3} ({} values)\n",
                series.mean, series.least, series.most, series.count
            ));
        }
    } else {
        let events: u64 = outcomes.iter().map(|outcome| outcome.events).sum();
        text.push_str(&format!("{} worlds, {events} events\n", outcomes.len()));
    }
    for outcome in outcomes {
        for violation in &outcome.violations {
            text.push_str(&format!(
                "seed {}, {:.3} s: not \"{}\": {}\n",
                outcome.seed,
                violation.at_ns as f64 / 1e9,
                violation.rule.text(),
                violation.text
            ));
        }
    }
    text.push_str(if outcomes.iter().all(|outcome| outcome.violations.is_empty()) {
        "no rule was broken"
    } else {
        "rules were broken"
    });
    text
}
