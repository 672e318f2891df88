//! Runs a star of `bodywire_sim::radio` and prints its signals, for `scripts/cross-check-ns3`.
//!
//! ```text
//! cargo run --release -p bodywire-sim --example star -- --sensors 10 --interval-ms 50 --output json
//! ```
//!
//! `--peer` takes what ns-3 takes when nothing is said: its path loss, noise and threshold. `--peer-assessment` makes an
//! assessment forget frames that end during it, as ns-3 3.37 does. Everything printed is simulated.
#![expect(clippy::print_stdout, reason = "an example prints")]

use bodywire_sim::radio::csma::UserPriority;
use bodywire_sim::radio::path_loss::{PathLoss, Shadowing};
use bodywire_sim::radio::star::{Mac, Star, StarOutcome, Traffic};
use bodywire_sim::radio::statistics::Mean;
use bodywire_sim::radio::{Reason, standard};
use std::time::Instant;

/// Noise that ns-3 3.37 has in a channel: 5 MHz of thermal noise, in decibels over a milliwatt.
const PEER_NOISE_DBM: f64 = -106.9866;
/// Its threshold: 10 dB over its sensitivity.
const PEER_THRESHOLD_DBM: f64 = -96.58;

const USAGE: &str =
    "star [--sensors N] [--bytes N] [--interval-ms MS] [--seconds S] [--radius M] [--seed N] [--runs N]
     [--queue N] [--standard 802.15.4|802.15.6] [--mac csma|slots] [--shadowing] [--asleep] [--peer] [--peer-assessment]
     [--output table|json]";

struct Asked {
    star: Star,
    seed: u64,
    runs: u64,
    json: bool,
}

fn asked() -> Result<Asked, String> {
    let mut star = Star::new(standard::IEEE_802_15_4, 10, 50, Traffic::Exponential(100.0), 60.0);
    let (mut seed, mut runs, mut json, mut slots) = (1, 1, false, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<f64>().map_err(|e| format!("{text}: {e}"));
        let whole = |text: String| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
        let count = |text: String| text.parse::<usize>().map_err(|e| format!("{text}: {e}"));
        match word.as_str() {
            "--sensors" => star.sensors = count(value()?)?,
            "--bytes" => star.packet_bytes = count(value()?)?,
            "--interval-ms" => star.traffic = Traffic::Exponential(number(value()?)?),
            "--seconds" => star.seconds = number(value()?)?,
            "--radius" => star.radius_m = number(value()?)?,
            "--seed" => seed = whole(value()?)?,
            "--runs" => runs = whole(value()?)?,
            "--queue" => star.queue_messages = count(value()?)?,
            "--standard" => match value()?.as_str() {
                "802.15.4" => star.standard = standard::IEEE_802_15_4,
                "802.15.6" => {
                    star.standard = standard::IEEE_802_15_6;
                    star.mac = Mac::Priority(UserPriority::Medical);
                }
                other => return Err(format!("{other} is no standard; say 802.15.4 or 802.15.6")),
            },
            "--mac" => slots = value()? == "slots",
            "--shadowing" => star.shadowing = Some(Shadowing::BODY_HOSPITAL),
            "--asleep" => star.sensors_listen = false,
            "--peer" => {
                star.path_loss = PathLoss::NS3;
                star.noise_dbm = Some(PEER_NOISE_DBM);
                star.threshold_dbm = PEER_THRESHOLD_DBM;
            }
            "--peer-assessment" => star.assessment_forgets = true,
            "--output" => json = value()? == "json",
            _ => return Err(format!("{word} is not known\nusage: {USAGE}")),
        }
    }
    if slots {
        star.mac = Mac::Slots;
    }
    Ok(Asked { star, seed, runs, json })
}

fn json(run: &StarOutcome, wall: f64) -> String {
    let counts = run.counts;
    format!(
        "{{\"sent\":{},\"delivered\":{},\"delay_ms\":{:.9},\"again\":{},\"frames\":{},\"collisions\":{},\
         \"channel_access\":{},\"no_ack\":{},\"overflow\":{},\"events\":{},\"wall_s\":{wall:.6},\"queue\":{:.6},\
         \"sensor_mj\":{:.6},\"nj_per_bit\":{:.3},\"digest\":\"{:016x}\"}}",
        run.sent,
        run.delivered,
        run.delay_ms.mean(),
        counts.duplicates,
        counts.data_frames + counts.acks,
        counts.collisions,
        run.losses.of(Reason::ChannelAccess),
        run.losses.of(Reason::NoAck) + run.losses.of(Reason::Collision),
        run.losses.of(Reason::QueueFull),
        run.events,
        run.queue.mean(),
        1e3 * run.sensor_joules.mean(),
        1e9 * run.joules_per_bit(),
        run.digest,
    )
}

fn main() -> Result<(), String> {
    let asked = asked()?;
    let (mut delay, mut loss, mut events, mut wall_all) = (Mean::default(), Mean::default(), 0, 0.0);
    for offset in 0..asked.runs {
        let begun = Instant::now();
        let run = asked.star.run(asked.seed + offset).map_err(|e| e.to_string())?;
        let wall = begun.elapsed().as_secs_f64();
        if asked.json {
            println!("{}", json(&run, wall));
        }
        delay.add(run.delay_ms.mean());
        loss.add(100.0 * run.loss());
        events += run.events;
        wall_all += wall;
    }
    if !asked.json {
        println!("simulated, {} runs of {} s", asked.runs, asked.star.seconds);
        println!("delay  {:.3} ms, 95 % interval +- {:.3}", delay.mean(), delay.half_width());
        println!("loss   {:.3} %, 95 % interval +- {:.3}", loss.mean(), loss.half_width());
        println!("events {events}, {:.0} a second", events as f64 / wall_all);
    }
    Ok(())
}
