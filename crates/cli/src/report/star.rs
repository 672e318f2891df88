//! Paper B, 4.2.2 (2) and (3): end-to-end delay and loss in a star of sensors, and energy of authentication with the radio.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Point, Series, point};
use super::figure::{Figure, STATISTICAL, Spread, Verdict, short};
use super::interval::share;
use super::printed::STAR;
use super::section::{Layout, Section};
use super::sensor_cost::SensorCosts;
use crate::exit::Failure;
use bodywire_proto::handshake::Profile;
use bodywire_proto::wire::Suite;
use bodywire_sim::radio::authentication::{Authentication, Scheme};
use bodywire_sim::radio::outcome::Replications;
use bodywire_sim::radio::standard::{IEEE_802_15_4, IEEE_802_15_6, Standard};
use bodywire_sim::radio::star::{Mac, Star, Traffic};
use bodywire_sim::radio::statistics::Mean;

/// M1 of paper B: 640 bits.
const MESSAGE_BYTES: usize = 80;
/// A side's messages of paper B: 640 and 96 bits.
const SIDE_BITS: f64 = 736.0;
/// Intervals of a sensor's messages in milliseconds: one of a second of signal, and ten times as many.
const LIGHT_MS: f64 = 1_000.0;
const HEAVY_MS: f64 = 100.0;
/// Numbers of sensors: the paper's, and on.
const SENSORS: [usize; 8] = [5, 10, 15, 50, 100, 200, 500, 1_000];
/// Of a quick report so many of them.
const SENSORS_QUICK: usize = 5;
/// Time that the hub takes for a message in the runs of authentication, in nanoseconds: a small computer and its database.
/// One number for all schemes, since a report must not depend on the machine that makes it.
const HUB_NANOS: u64 = 1_000_000;
/// Sensors beside the one that authenticates.
const OTHERS: [usize; 2] = [4, 14];

/// A way to share the air, and how much is sent.
struct Way {
    name: &'static str,
    standard: Standard,
    slots: bool,
    interval_ms: f64,
}

const WAYS: [Way; 5] = [
    Way { name: "802.15.4 CSMA, one a second", standard: IEEE_802_15_4, slots: false, interval_ms: LIGHT_MS },
    Way { name: "802.15.4 CSMA, ten a second", standard: IEEE_802_15_4, slots: false, interval_ms: HEAVY_MS },
    Way { name: "802.15.4 slots, one a second", standard: IEEE_802_15_4, slots: true, interval_ms: LIGHT_MS },
    Way { name: "802.15.4 slots, ten a second", standard: IEEE_802_15_4, slots: true, interval_ms: HEAVY_MS },
    Way { name: "802.15.6 CSMA, ten a second", standard: IEEE_802_15_6, slots: false, interval_ms: HEAVY_MS },
];
/// The way beside which the paper's numbers stand: sensors that are always at it.
const BESIDE: usize = 1;

impl Way {
    fn star(&self, sensors: usize, seconds: f64) -> Star {
        let traffic = Traffic::Exponential(self.interval_ms);
        let star = Star::new(self.standard, sensors, MESSAGE_BYTES, traffic, seconds);
        if self.slots { Star { mac: Mac::Slots, ..star } } else { star }
    }
}

/// Runs the star with every number of sensors and way, then every scheme over it.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let (runs, seconds) = (asked.of(5, 10), asked.of(10.0, 60.0));
    let counts = SENSORS.get(..asked.of(SENSORS_QUICK, SENSORS.len())).unwrap_or_default();
    let mut all: Vec<(&Way, Vec<(usize, Replications)>)> = Vec::new();
    for way in &WAYS {
        let mut row = Vec::new();
        for sensors in counts {
            row.push((*sensors, way.star(*sensors, seconds).replications(runs, asked.seed)?));
        }
        all.push((way, row));
    }
    let (delays, losses) = (table(&all, true), table(&all, false));
    Ok(Section::new(
        "b-delay-loss",
        "Delay and loss in a star of sensors, and energy with the radio",
        "paper B, 4.2.2 (2) and (3), Table 5",
    )
    .about(format!(
        "SIMULATED: a star of sensors around a hub on a body, messages of {MESSAGE_BYTES} bytes (the paper's 640 bits) at exponential \
         intervals, queues of 32, means over {runs} runs of {seconds} s with their 95 % intervals. Delay is from the making of a \
         message to its arrival; loss is messages that never arrive. IEEE 802.15.4 at 250 kbit/s with unslotted CSMA-CA and with a slot \
         for each sensor, and IEEE 802.15.6 at 971 kbit/s. The model agrees with ns-3 but for one difference that is explained: \
         docs/figures/radio.md.",
    ))
    .about(
        "What the paper's sensors send, how often, over which radio and access, is in a configuration file that its text does not \
         print. Its numbers stand beside the way that comes nearest in loss, which is no claim that it was so.",
    )
    .table("delay", Layout::Matrix, "End-to-end delay, simulated", delays)
    .table("loss", Layout::Matrix, "Messages lost, simulated", losses)
    .table("claims", Layout::List, "What paper B says of delay and loss", claims(&all))
    .table("authentication", Layout::Matrix, "One authentication over this radio, simulated; sensor's computing modelled", authentications(asked)?)
    .chart(chart(&all, true))
    .chart(chart(&all, false)))
}

fn of(replications: &Replications, delay: bool) -> Mean {
    if delay { replications.delay_ms } else { replications.loss_percent }
}

/// With its interval. Runs that are all equal have none, which does not make them certain.
fn sure(figure: Figure, mean: &Mean, most: f64) -> Figure {
    let half = mean.half_width();
    let figure = figure.class(STATISTICAL);
    if half.is_finite() && half > 0.0 {
        figure.between((mean.mean() - half).max(0.0), (mean.mean() + half).min(most), Spread::Confidence)
    } else {
        figure
    }
}

fn table(all: &[(&Way, Vec<(usize, Replications)>)], delay: bool) -> Vec<Figure> {
    let counts: Vec<usize> =
        all.first().map(|(_, row)| row.iter().map(|(n, _)| *n).collect()).unwrap_or_default();
    let (unit, most) = if delay { ("ms", f64::INFINITY) } else { ("%", 100.0) };
    let mut figures = Vec::new();
    for (place, sensors) in counts.iter().enumerate() {
        for (number, (way, row)) in all.iter().enumerate() {
            let Some((_, replications)) = row.get(place) else { continue };
            let mean = of(replications, delay);
            let figure = Figure::new(format!("{sensors} sensors"), way.name, unit, mean.mean());
            let mut figure = sure(figure, &mean, most);
            if !delay && replications.delivered == replications.sent {
                // None lost of so many.
                let (_, high) = share(0.0, replications.sent as f64);
                figure = figure.between(0.0, 100.0 * high, Spread::Confidence);
            }
            let printed = STAR.iter().find(|(n, ..)| *n as usize == *sensors && number == BESIDE);
            figures.push(match printed {
                Some((_, ms, _)) if delay => figure.paper(*ms).verdict(Verdict::CannotBeRight, too_fast(*ms)),
                Some((.., percent)) => figure.paper(*percent).verdict(
                    Verdict::NotComparable,
                    "traffic, radio, access and queue of the paper's simulation are not printed",
                ),
                None => figure,
            });
        }
    }
    figures
}

/// Why a delay that is printed cannot be.
fn too_fast(printed_ms: f64) -> String {
    let rate = SIDE_BITS / printed_ms / 1e3;
    let on_air = IEEE_802_15_4.airtime(IEEE_802_15_4.frame_bytes(MESSAGE_BYTES, 0)) as f64 / 1e6;
    let fastest = IEEE_802_15_6.airtime(IEEE_802_15_6.frame_bytes(MESSAGE_BYTES, 0)) as f64 / 1e6;
    format!(
        "a side's {SIDE_BITS} bits in {printed_ms} ms are {} Mbit/s, far above any radio of a body area network: 640 bits alone are on \
         air for {} ms by IEEE 802.15.4 and {} ms by IEEE 802.15.6 narrowband",
        short(rate.round()),
        short(on_air),
        short(fastest)
    )
}

fn claims(all: &[(&Way, Vec<(usize, Replications)>)]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (way, row) in all {
        for (delay, what, unit) in
            [(true, "delay grows with the sensors", "ms"), (false, "loss grows with the sensors", "%")]
        {
            let of = |n: u32| row.iter().find(|(each, _)| *each == n as usize).map(|(_, r)| of(r, delay));
            let few = STAR.first().and_then(|(n, ..)| of(*n));
            let many = STAR.last().and_then(|(n, ..)| of(*n));
            let (Some(few), Some(many)) = (few, many) else { continue };
            let apart = (few.half_width().powi(2) + many.half_width().powi(2)).sqrt();
            let grows = many.mean() - few.mean() > apart;
            let rise = many.mean() - few.mean();
            let mut figure = Figure::new(way.name, what, unit, rise);
            if apart > 0.0 {
                figure = figure.between(rise - apart, rise + apart, Spread::Confidence);
            }
            figures.push(
                figure
                    .paper("yes")
                    .verdict(
                        if grows { Verdict::Holds } else { Verdict::DoesNotHold },
                        format!(
                            "from 5 to 15 sensors: {} to {} {unit}{}",
                            short(few.mean()),
                            short(many.mean()),
                            if grows { "" } else { ", which is no more than chance" }
                        ),
                    )
                    .class(super::figure::Class::Information),
            );
        }
    }
    figures
}

/// What the scheme is called in the other tables.
const fn named(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Link(Profile::Paper) => "PUF, paper B",
        Scheme::Link(Profile::Hardened(Suite::Polar256)) => "PUF hardened, suite 1",
        Scheme::Link(Profile::Hardened(Suite::Polar512)) => "PUF hardened, suite 2",
        Scheme::HashL => "HASH L",
        Scheme::HashI => "HASH I",
        Scheme::EccEz => "ECC E-Z",
        Scheme::EccEh => "ECC E-H",
    }
}

fn authentications(asked: &Asked) -> Result<Vec<Figure>, Failure> {
    let costs = SensorCosts::read()?;
    let runs = asked.of(20, 200);
    let mut figures = Vec::new();
    for others in OTHERS {
        for scheme in Scheme::all() {
            let cycles: Result<Vec<u64>, Failure> = scheme
                .operations()
                .iter()
                .map(|step| step.iter().map(|operation| costs.cycles(operation)).sum())
                .collect();
            let asked_for = Authentication {
                scheme,
                others: Star::new(IEEE_802_15_4, others, MESSAGE_BYTES, Traffic::Exponential(LIGHT_MS), 0.0),
                sensor_cycles: cycles?,
                hub_nanos: HUB_NANOS,
            };
            let all = asked_for.replications(runs, asked.seed)?;
            let row = format!("{}, {others} others", named(scheme));
            let mut put = |column: &str, unit: &str, mean: &Mean, most: f64| {
                figures.push(sure(Figure::new(row.as_str(), column, unit, mean.mean()), mean, most));
            };
            put("succeeds", "%, one attempt", &all.success_percent, 100.0);
            put("takes", "ms", &all.time_ms, f64::INFINITY);
            put("messages", "bit", &all.message_bits, f64::INFINITY);
            put("on air", "bit", &all.air_bits, f64::INFINITY);
            put("computing", "mJ", &all.computing_mj, f64::INFINITY);
            put("radio", "mJ", &all.radio_mj, f64::INFINITY);
            put("together", "mJ", &all.together_mj, f64::INFINITY);
        }
    }
    Ok(figures)
}

fn chart(all: &[(&Way, Vec<(usize, Replications)>)], delay: bool) -> Chart {
    let mut series: Vec<Series> = all
        .iter()
        .map(|(way, row)| {
            let points = row.iter().filter(|(_, r)| of(r, delay).count() > 0).map(|(sensors, r)| {
                let mean = of(r, delay);
                let half = mean.half_width();
                let interval = half.is_finite().then(|| ((mean.mean() - half).max(0.0), mean.mean() + half));
                Point { x: *sensors as f64, y: mean.mean(), interval }
            });
            Series { name: way.name.to_owned(), points: points.collect(), mark: Mark::LineAndMarkers }
        })
        .collect();
    let printed =
        STAR.iter().map(|(n, ms, percent)| point((f64::from(*n), if delay { *ms } else { *percent })));
    series.push(Series { name: "paper B".to_owned(), points: printed.collect(), mark: Mark::Markers });
    let (id, caption, y) = if delay {
        (
            "delay",
            "Delay by the number of sensors, with 95 % intervals, by powers of ten; simulated.",
            Axis::log("delay, ms"),
        )
    } else {
        (
            "loss",
            "Loss by the number of sensors, with 95 % intervals; simulated.",
            Axis::linear("messages lost, %"),
        )
    };
    Chart { id, caption: caption.to_owned(), x: Axis::log("sensors"), y, series }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_delay_is_faster_than_any_such_radio() {
        let why = too_fast(0.0168);
        assert!(why.contains("44 Mbit/s"), "{why}");
    }
}
