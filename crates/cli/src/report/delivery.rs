//! Paper M's Table 2, which defines nothing, in two meanings that can be measured: what a tap learns, and what arrives.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Point, Series};
use super::figure::{Class, Figure, STATISTICAL, Spread, Verdict};
use super::interval::share;
use super::printed::RESISTANCE_S;
use super::section::{Layout, Section};
use crate::exit::Failure;
use bodywire_channels::Spread as Ways;
use bodywire_sim::measure::binomial::arrives;
use bodywire_sim::measure::paths::{LOSSES, TAPPED_BYTES, delivered, spreads, tapped};
use bodywire_sim::measure::session::named;

/// Losses at which a tap is tried: none, and what paper B prints for ten sensors.
const TAP_MESSAGES: (u32, u32) = (4, 50);

/// Taps and losses of every way to spread messages.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let ways = spreads()?;
    let (learnt, learnt_chart) = learnt(asked, &ways)?;
    let (arrived, arrived_chart) = arrived(asked, &ways)?;
    let printed = RESISTANCE_S.iter().map(|(iterations, ours, traditional)| {
        Figure::missing(format!("{iterations} iterations"), "\"resistance\"", "s", "")
            .paper(format!("{ours} and {traditional}"))
            .verdict(
                Verdict::CannotBeRight,
                "it stands under resistance to attacks, is captioned encryption delay, grows with iterations of what is not said, and \
                 its better method takes longer",
            )
    });
    Ok(Section::new(
        "m-delivery",
        "Resistance to attacks, as two things that can be measured",
        "paper M, 4.1 and Table 2",
    )
    .about(
        "What an attacker learns who taps j of the n paths and has stolen all keys: the share of a message's bytes that come out, by \
         everything that the formats allow. And what arrives when each path loses a message with probability p and nothing is sent \
         again, beside the binomial law.",
    )
    .about(
        "Paper M cuts one ciphertext into slices. With the key each slice opens by itself, so that every tapped path gives its part, \
         and the loss of any path loses the message. By default BodyWire spreads k of n, where fewer than k paths say nothing even \
         with all keys, and n - k may be lost.",
    )
    .table("printed", Layout::Matrix, "Table 2 as printed", printed.collect())
    .table("tapped", Layout::Matrix, "Share of a message learnt from tapped paths, all keys stolen", learnt)
    .table("delivered", Layout::Matrix, "Share of messages delivered without being sent again", arrived)
    .chart(learnt_chart)
    .chart(arrived_chart))
}

fn learnt(asked: &Asked, ways: &[Ways]) -> Result<(Vec<Figure>, Chart), Failure> {
    let messages = asked.of(TAP_MESSAGES.0, TAP_MESSAGES.1);
    let (mut figures, mut series) = (Vec::new(), Vec::new());
    for way in ways {
        let mut points = Vec::new();
        for paths in 0..=way.n() {
            let bytes = tapped(*way, 0.0, paths, messages, asked.seed)?.bytes;
            let bits = bytes * 8.0 * TAPPED_BYTES as f64;
            let column = format!("{paths} tapped");
            figures.push(Figure::new(named(*way), column, "share of the bits", bytes).note(if bits == 0.0 {
                ""
            } else if bytes < 1.0 {
                "a slice that opens by itself; the last has the tag, too"
            } else {
                "everything"
            }));
            points.push(Point { x: paths as f64, y: bytes, interval: None });
        }
        series.push(Series { name: named(*way), points, mark: Mark::LineAndMarkers });
    }
    let chart = Chart {
        id: "tapped",
        caption: format!(
            "Share of a message of {} bits that an attacker learns who taps so many paths and has stolen all keys.",
            8 * TAPPED_BYTES
        ),
        x: Axis::linear("tapped paths"),
        y: Axis::linear("share of the message"),
        series,
    };
    Ok((figures, chart))
}

fn arrived(asked: &Asked, ways: &[Ways]) -> Result<(Vec<Figure>, Chart), Failure> {
    let messages = asked.of(1_000, 20_000);
    let (mut figures, mut series) = (Vec::new(), Vec::new());
    for way in ways {
        let mut points = Vec::new();
        for loss in LOSSES {
            let found = f64::from(delivered(*way, loss, messages, asked.seed)?) / f64::from(messages);
            let (low, high) = share(found * f64::from(messages), f64::from(messages));
            let law = arrives(way.n(), way.k(), loss);
            let column = format!("{:.0} % lost", 100.0 * loss);
            let figure = Figure::new(named(*way), column, "share of the messages", found);
            figures.push(
                figure
                    .between(low, high, Spread::Confidence)
                    .note(if (low..=high).contains(&law) {
                        "the binomial law lies in the interval"
                    } else {
                        "the binomial law lies beside the interval, as for one cell in twenty by chance"
                    })
                    .class(STATISTICAL),
            );
            figures.push(
                Figure::new(
                    format!("{}, binomial law", named(*way)),
                    format!("{:.0} % lost", 100.0 * loss),
                    "share of the messages",
                    law,
                )
                .class(Class::Statistical { relative: 1e-6 }),
            );
            points.push(Point { x: 100.0 * loss, y: found, interval: Some((low, high)) });
        }
        series.push(Series { name: named(*way), points, mark: Mark::LineAndMarkers });
    }
    let chart = Chart {
        id: "delivered",
        caption: "Share of messages that arrive when each path loses so many and nothing is sent again, with 95 % intervals.".to_owned(),
        x: Axis::linear("loss of each path, %"),
        y: Axis::linear("share of the messages"),
        series,
    };
    Ok((figures, chart))
}
