//! `bodywire sensor enroll`.

use super::{PAPER_WARNING, day, open_puf, runs_out_ms, sealed};
use crate::args::{EnrollOptions, Output, signal_name};
use crate::exit::Failure;
use crate::house::{HubSide, PAIRS_COMPARED};
use crate::now_ms;
use bodywire_hub::enrolment::{self, Enrolled, UNIFORMITY_RANGE, UNIQUENESS_RANGE, challenges};
use bodywire_hub::spool::Spool;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::{Profile, enrolled};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{PufQuality, SensorRow};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

/// Reads the PUF, judges it, and stores the sensor with its pairs.
pub fn enroll(options: &EnrollOptions) -> Result<(), Failure> {
    crate::block_on(run(options))
}

async fn run(options: &EnrollOptions) -> Result<(), Failure> {
    if options.emergency_consent && options.class != RiskClass::III {
        return Err(Failure::Configuration {
            what: "--emergency-consent".to_owned(),
            why: "only a class III sensor seals what it measures".to_owned(),
            next: "say --class III, too, or leave it out".to_owned(),
        });
    }
    let (state, house) = HubSide::of(&options.house).await?;
    let sensor = SensorId(options.sensor);
    if house.sensor(sensor).await.is_ok() {
        return Err(Failure::Configuration {
            what: format!("sensor {}", sensor.0),
            why: "it is enrolled already".to_owned(),
            next: "choose another number, or give it a fresh secret with bodywire sensor resync".to_owned(),
        });
    }
    let spool = Spool::open(&state.spool())?;
    let (at_sensor, at_hub) = enrolled(options.profile, sensor, house.hub, &mut rand::rng())?;
    let challenges = challenges(&at_sensor, options.pairs)?;
    let others = house.store.peek_pairs(PAIRS_COMPARED).await?;
    let bar = progress(challenges.len() as u64, options.house.output);
    let mut puf = open_puf(&state, sensor, &options.puf)?;
    let read = enrolment::enroll(&mut puf, options.profile, challenges, &others, |_| bar.inc(1));
    puf.trouble().check()?;
    let read = read?;
    bar.finish_and_clear();
    let mut row = SensorRow {
        hub: house.hub,
        sensor,
        kind: options.kind,
        class: options.class,
        profile: options.profile,
        // The clinic gets it by the card, from the sensor's memory.
        wrapping_key: None,
        enrolled_ms: now_ms().cast_signed(),
        quality: read.quality,
        revoked_ms: None,
    };
    // The sensor's own memory first: a row without a sensor behind it would block the number.
    state.memory(sensor)?.store(at_sensor)?;
    if options.class == RiskClass::III {
        sealed::enroll(&state, sensor, house.issuer.as_ref(), options.emergency_consent)?;
        // A demo's database is the clinic's, too, and no card goes there.
        if state.is_provisioned() {
            row.wrapping_key = sealed::wrapping_key(&state, sensor)?;
        }
    }
    spool.save_sensor(&at_hub)?;
    house.store.enroll_sensor(&row, &read.pairs).await?;
    house.store.close().await;
    let ends_ms = runs_out_ms(now_ms(), read.pairs.len() as u64, f64::from(options.runs_per_day));
    crate::print(&match options.house.output {
        Output::Json => as_json(options, house.hub, &read, ends_ms, house.issuer.is_some()),
        Output::Table => as_table(options, &read, ends_ms, house.issuer.is_some()),
    });
    Ok(())
}

fn progress(total: u64, output: Output) -> ProgressBar {
    let target = match output {
        Output::Json => ProgressDrawTarget::hidden(),
        Output::Table => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    if let Ok(style) =
        ProgressStyle::with_template("reading challenge-response pairs {bar:24} {pos}/{len} {eta}")
    {
        bar.set_style(style);
    }
    bar
}

/// Whether the sensor can be asked for its data.
fn can_be_asked(options: &EnrollOptions, issuer: bool) -> bool {
    issuer && options.class == RiskClass::III
}

fn as_json(options: &EnrollOptions, hub: HubId, read: &Enrolled, ends_ms: u64, issuer: bool) -> String {
    json!({
        "sensor": options.sensor,
        "hub": hub.0,
        "profile": options.profile.name(),
        "verdict": "enrolled",
        "reliability": read.quality.reliability,
        "uniformity": read.quality.uniformity,
        "uniqueness": read.quality.uniqueness,
        "pairs": read.pairs.len(),
        "runs_per_day": options.runs_per_day,
        "runs_out": day(ends_ms),
        "can_be_asked": can_be_asked(options, issuer),
        "emergency_consent": options.emergency_consent,
        "warning": (options.profile == Profile::Paper).then_some(PAPER_WARNING),
    })
    .to_string()
}

fn as_table(options: &EnrollOptions, read: &Enrolled, ends_ms: u64, issuer: bool) -> String {
    let PufQuality { reliability, uniformity, uniqueness } = read.quality;
    let row = |name: &str, found: f64, (least, most): (f64, f64)| {
        format!("  {name:<12} {found:.3}   needed {least:.2} to {most:.2}   ok")
    };
    let mut lines = vec![
        format!(
            "sensor {}  {}, class {:?}, profile {}",
            options.sensor,
            signal_name(options.kind),
            options.class,
            options.profile.name()
        ),
        row("reliability", reliability, (options.profile.reliability_min(), 1.0)),
        row("uniformity", uniformity, UNIFORMITY_RANGE),
        uniqueness.map_or_else(
            || "  uniqueness   not measured: no other device was asked the same".to_owned(),
            |uniqueness| row("uniqueness", uniqueness, UNIQUENESS_RANGE),
        ),
        format!(
            "  pairs        {}, at {} runs a day used up on {}",
            read.pairs.len(),
            options.runs_per_day,
            day(ends_ms)
        ),
        "  verdict      enrolled".to_owned(),
    ];
    if options.class == RiskClass::III {
        lines.push(match can_be_asked(options, issuer) {
            true => "  requests     answered under the certificates of the house's issuer".to_owned(),
            false => {
                "  requests     refused: no issuer's key is here (access/issuer.pub, or hub.issuer_file); \
                      give it later with bodywire sensor resync"
                    .to_owned()
            }
        });
        if options.emergency_consent {
            lines.push("  emergencies  the key is released for them without being asked for".to_owned());
        }
    }
    if options.profile == Profile::Paper {
        lines.push(format!("  {PAPER_WARNING}"));
    }
    lines.join("\n")
}
