//! `bodywire hub`: the hub of a house as a process of its own.

use crate::args::{HubOptions, Output};
use crate::exit::Failure;
use crate::house::{HUB, House};
use crate::radio::udp::{self, Radio};
use crate::state::{Holder, State};
use bodywire_channels::Spread;
use bodywire_channels::topic::Shard;
use bodywire_hub::bedside::SensorProfile;
use bodywire_hub::spool::Spool;
use bodywire_hub::{Config, Counters, Hub, PathConfig};
use bodywire_proto::handshake::Profile;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Runs the hub until its time is over or it is interrupted.
pub fn run(options: &HubOptions) -> Result<(), Failure> {
    crate::block_on(serve(options))
}

async fn serve(options: &HubOptions) -> Result<(), Failure> {
    let paths = Spread::TWO_OF_THREE.n();
    if !options.brokers.is_empty() && options.brokers.len() != paths {
        return Err(Failure::Configuration {
            what: "--broker".to_owned(),
            why: format!("given {} times, and there are {paths} paths", options.brokers.len()),
            next: "name one broker for each path, or none".to_owned(),
        });
    }
    let state = State::open(&options.house.state, Holder::Role)?;
    let house = House::open(&state).await?;
    let mut rows = house.store.sensors().await?;
    rows.retain(|row| row.hub == HUB && row.revoked_ms.is_none());
    let paper = rows.iter().find(|row| row.profile == Profile::Paper);
    let sensors: Vec<SensorProfile> = rows
        .iter()
        .map(|row| SensorProfile { sensor: row.sensor, kind: row.kind, class: row.class })
        .collect();
    if sensors.is_empty() {
        return Err(Failure::Configuration {
            what: options.house.state.display().to_string(),
            why: "no sensor is enrolled here".to_owned(),
            next: "enrol one: bodywire sensor enroll 1 --kind ecg".to_owned(),
        });
    }
    let path = |(i, broker): (usize, &crate::args::BrokerAddress)| PathConfig {
        name: format!("path {}", i + 1),
        host: broker.host.clone(),
        port: broker.port,
    };
    let count = sensors.len();
    let config = Config {
        hub: HUB,
        signing_key: house.hub_key,
        clinic: house.clinic_key.verifying_key(),
        rendezvous: house.rendezvous,
        shard: Shard::new("0")?,
        paths: options.brokers.iter().enumerate().map(path).collect(),
        spread: Spread::TWO_OF_THREE,
        sensors,
    };
    let radio = Radio::bind(options.listen, options.air.weather(), options.air.seed).await?;
    let address = radio.address().map_err(|error| Failure::Failed(error.to_string()))?;
    let (transmit, frames) = udp::serve(radio);
    let hub = Hub::new(config, house.store.pairs(), Spool::open(&state.spool())?, transmit)?;
    let counters = hub.counters();
    let (stop, stopped) = watch::channel(false);
    eprintln!("listening on {address} for {count} sensors");
    paper.iter().for_each(|row| crate::sensor::warn_of(row.profile));
    let task = tokio::spawn(hub.run(frames, stopped));
    match options.duration {
        Some(duration) => {
            tokio::select! {
                () = tokio::time::sleep(duration) => {}
                () = crate::asked_to_stop() => {}
            }
        }
        None => crate::asked_to_stop().await,
    }
    stop.send_replace(true);
    task.await??;
    house.store.close().await;
    crate::print(&summary(&counters, options.house.output));
    Ok(())
}

fn summary(counters: &Counters, output: Output) -> String {
    let rows: [(&str, &AtomicU64); 6] = [
        ("authentications", &counters.authentications),
        ("handshake_bits", &counters.handshake_bits),
        ("refused", &counters.refused),
        ("reports", &counters.reports),
        ("acknowledged", &counters.acknowledged),
        ("pending", &counters.pending),
    ];
    let rows = rows.map(|(name, value)| (name, value.load(Ordering::Relaxed)));
    match output {
        Output::Json => json!(rows.into_iter().collect::<std::collections::BTreeMap<_, _>>()).to_string(),
        Output::Table => {
            let line = |(name, value): (&str, u64)| format!("{name:<16} {value:>10}");
            rows.map(line).join("\n")
        }
    }
}
