//! `bodywire sensor list`, `resync` and `revoke`.

use super::{PAPER_WARNING, day, runs_out_ms, sealed};
use crate::args::{ListOptions, OneSensor, Output, signal_name};
use crate::exit::Failure;
use crate::house::HubSide;
use crate::now_ms;
use bodywire_hub::spool::Spool;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::{Profile, SensorSecret, enrolled};
use bodywire_proto::wire::SensorId;
use bodywire_store::{Pool, SensorRow};
use serde_json::{Value, json};

/// Runs of a sensor that authenticates every twelve hours; the least that is reckoned with.
const RUNS_PER_DAY_MIN: f64 = 2.0;
const DAY_MS: f64 = 86_400_000.0;

/// A line of the list.
struct Line {
    row: SensorRow,
    pool: Pool,
    /// By what was used so far; `None` for a sensor that was revoked.
    runs_out_ms: Option<u64>,
}

/// Prints all sensors of the house.
pub fn list(options: &ListOptions) -> Result<(), Failure> {
    crate::block_on(async {
        let (_state, house) = HubSide::of(&options.house).await?;
        let mut lines = Vec::new();
        for row in house.store.sensors().await? {
            let pool = house.store.pairs().pool(row.hub, row.sensor).await?;
            let runs_out_ms = row.revoked_ms.is_none().then(|| {
                let days = now_ms().saturating_sub(row.enrolled_ms.unsigned_abs()) as f64 / DAY_MS;
                let used = pool.enrolled.saturating_sub(pool.left) as f64;
                let rate = if days >= 1.0 { used / days } else { 0.0 };
                runs_out_ms(now_ms(), pool.left, rate.max(RUNS_PER_DAY_MIN))
            });
            lines.push(Line { row, pool, runs_out_ms });
        }
        house.store.close().await;
        crate::print(&match options.house.output {
            Output::Json => Value::from_iter(lines.iter().map(as_json)).to_string(),
            Output::Table => as_table(&lines),
        });
        Ok(())
    })
}

fn as_json(line: &Line) -> Value {
    let Line { row, pool, runs_out_ms } = line;
    json!({
        "sensor": row.sensor.0,
        "hub": row.hub.0,
        "kind": signal_name(row.kind),
        "class": format!("{:?}", row.class),
        "profile": row.profile.name(),
        "reliability": row.quality.reliability,
        "uniformity": row.quality.uniformity,
        "uniqueness": row.quality.uniqueness,
        "enrolled": day(row.enrolled_ms.unsigned_abs()),
        "pairs_enrolled": pool.enrolled,
        "pairs_left": pool.left,
        "runs_out": runs_out_ms.map(day),
        "revoked": row.revoked_ms.map(|ms| day(ms.unsigned_abs())),
        "warning": (row.profile == Profile::Paper).then_some(PAPER_WARNING),
    })
}

fn as_table(lines: &[Line]) -> String {
    let mut table = vec![format!(
        "{:>6}  {:<12} {:<5} {:<13} {:>11} {:>10} {:>10} {:>13}  {}",
        "sensor",
        "kind",
        "class",
        "profile",
        "reliability",
        "uniformity",
        "uniqueness",
        "pairs left",
        "runs out"
    )];
    for Line { row, pool, runs_out_ms } in lines {
        let uniqueness = row.quality.uniqueness.map_or_else(|| "-".to_owned(), |found| format!("{found:.3}"));
        let ends = match (runs_out_ms, row.revoked_ms) {
            (Some(ms), _) => day(*ms),
            (None, Some(ms)) => format!("revoked {}", day(ms.unsigned_abs())),
            (None, None) => String::new(),
        };
        table.push(format!(
            "{:>6}  {:<12} {:<5} {:<13} {:>11.3} {:>10.3} {uniqueness:>10} {:>13}  {ends}",
            row.sensor.0,
            signal_name(row.kind),
            format!("{:?}", row.class),
            row.profile.name(),
            row.quality.reliability,
            row.quality.uniformity,
            format!("{} of {}", pool.left, pool.enrolled),
        ));
    }
    if lines.iter().any(|line| line.row.profile == Profile::Paper) {
        table.push(PAPER_WARNING.to_owned());
    }
    table.join("\n")
}

/// Gives a sensor and its hub a fresh secret, and a class III sensor the issuer's key that the house has now.
pub fn resync(options: &OneSensor) -> Result<(), Failure> {
    crate::block_on(async {
        let (state, house) = HubSide::of(&options.house).await?;
        let row = house.sensor(SensorId(options.sensor)).await?;
        if row.revoked_ms.is_some() {
            return Err(revoked(options.sensor));
        }
        if row.profile == Profile::Paper {
            return Err(Failure::Configuration {
                what: format!("sensor {}", options.sensor),
                why: "the paper's pairs belong to its seed, and a fresh seed has none".to_owned(),
                next: "enrol it anew under another number".to_owned(),
            });
        }
        let spool = Spool::open(&state.spool())?;
        let mut memory = state.memory(row.sensor)?;
        let (mut at_sensor, at_hub) = enrolled(row.profile, row.sensor, house.hub, &mut rand::rng())?;
        if let SensorSecret::Hardened(chain) = &mut at_sensor.secret {
            // What was asked before is not asked again under the fresh secret.
            chain.floor =
                house.store.pairs().lowest_challenge(house.hub, row.sensor).await?.unwrap_or(u64::MAX);
        }
        // Either order leaves them apart when the power fails in between; a second resync joins them again.
        spool.save_sensor(&at_hub)?;
        memory.store(at_sensor)?;
        if row.class == RiskClass::III {
            sealed::give_issuer(&state, row.sensor, house.issuer.as_ref())?;
        }
        house.store.close().await;
        report(options, "resynchronised", "sensor and hub have a fresh secret");
        Ok(())
    })
}

/// Ends a sensor for good.
pub fn revoke(options: &OneSensor) -> Result<(), Failure> {
    crate::block_on(async {
        let (_state, house) = HubSide::of(&options.house).await?;
        let row = house.sensor(SensorId(options.sensor)).await?;
        if !house.store.revoke_sensor(house.hub, row.sensor, now_ms().cast_signed()).await? {
            return Err(revoked(options.sensor));
        }
        house.store.close().await;
        report(options, "revoked", "its pairs are deleted, and its number is never given again");
        Ok(())
    })
}

fn revoked(sensor: u16) -> Failure {
    Failure::Configuration {
        what: format!("sensor {sensor}"),
        why: "it was revoked".to_owned(),
        next: "enrol the device anew under another number".to_owned(),
    }
}

fn report(options: &OneSensor, done: &str, meaning: &str) {
    crate::print(&match options.house.output {
        Output::Json => json!({ "sensor": options.sensor, "done": done }).to_string(),
        Output::Table => format!("sensor {}  {done}: {meaning}", options.sensor),
    });
}
