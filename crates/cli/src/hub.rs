//! `bodywire hub`: the hub of a house as a process of its own, and its card.

use crate::args::{AirOptions, HubCardOptions, HubOptions, Output};
use crate::card::Card;
use crate::config::Source;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::house::HubSide;
use crate::radio::udp::{self, Radio};
use crate::sensor::sealed;
use crate::state::{Holder, State, replace_private};
use crate::{logging, ready};
use bodywire_aggregate::PublicKey;
use bodywire_channels::topic::Shard;
use bodywire_channels::{Mode, Spread};
use bodywire_hub::bedside::{REPORT_AGE, SensorProfile};
use bodywire_hub::machine::Heard;
use bodywire_hub::service::FRAMES_QUEUE;
use bodywire_hub::spool::Spool;
use bodywire_hub::{Aggregation, Config, Counters, Hub, Pairs};
use bodywire_paths::Broker;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde_json::json;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What a hub is told, by a configuration or by options.
struct Told {
    side: HubSide,
    /// Holds the lock of the directory.
    state: State,
    listen: SocketAddrV4,
    clinic: VerifyingKey,
    shard: Shard,
    paths: Vec<Broker>,
    spread: Spread,
    report_age: Duration,
    metrics: Option<SocketAddr>,
    aggregation: Option<Aggregation>,
}

/// Runs the hub until its time is over or it is interrupted.
pub fn run(options: &HubOptions) -> Result<(), Failure> {
    let loaded = options.house.config.as_deref().map(Loaded::read).transpose()?;
    logging::start(loaded.as_ref().map(|loaded| loaded.config.log));
    crate::block_on(async {
        let told = match &loaded {
            Some(loaded) => told_by_file(loaded).await?,
            None => told_by_options(options).await?,
        };
        serve(told, &options.air, options.duration, options.house.output).await
    })
}

async fn told_by_file(loaded: &Loaded) -> Result<Told, Failure> {
    let section = loaded.config.hub.as_ref().ok_or_else(|| loaded.missing("hub", "hub"))?;
    let brokers = loaded.brokers()?;
    let state = State::open(&loaded.state(), Holder::Hub)?;
    let side = HubSide::open(&state, Some(section.number), loaded.hub_database()?, Some(loaded)).await?;
    Ok(Told {
        side,
        state,
        listen: section.listen,
        clinic: section.clinic,
        shard: section.shard.clone(),
        paths: brokers,
        spread: loaded.config.spread,
        report_age: section.report_age,
        metrics: loaded.config.metrics,
        aggregation: section.aggregate.as_ref().map(|told| aggregation(loaded, told)).transpose()?,
    })
}

/// The ward's public key and the length of a window.
fn aggregation(loaded: &Loaded, (source, window): &(Source, Duration)) -> Result<Aggregation, Failure> {
    let key = PublicKey::parse(&loaded.public(source)?).map_err(|error| {
        let next = "write it again at the clinic: bodywire aggregate key export FILE --config clinic.toml";
        loaded.place(source).map_or_else(|failure| failure, |place| Failure::path(&place, error, next))
    })?;
    Ok(Aggregation { key, window: *window })
}

/// One directory, and a clinic whose key is in it, if it is anywhere.
async fn told_by_options(options: &HubOptions) -> Result<Told, Failure> {
    let paths = Spread::TWO_OF_THREE.n();
    if !options.brokers.is_empty() && options.brokers.len() != paths {
        return Err(Failure::Configuration {
            what: "--broker".to_owned(),
            why: format!("given {} times, and there are {paths} paths", options.brokers.len()),
            next: "name one broker for each path, or none".to_owned(),
        });
    }
    let path = |(i, broker): (usize, &crate::args::BrokerAddress)| {
        Broker::plain(format!("path {}", i + 1), broker.host.as_str(), broker.port)
    };
    let state = State::open(&options.house.state, Holder::Hub)?;
    let side = HubSide::open(&state, None, None, None).await?;
    let clinic = if state.has("keys/clinic") {
        SigningKey::from_bytes(&state.secret("keys/clinic")?).verifying_key()
    } else if options.brokers.is_empty() {
        // Nobody is spoken to: any key will do, and this one opens nothing of anybody else.
        side.key.verifying_key()
    } else {
        return Err(Failure::Configuration {
            what: "--broker".to_owned(),
            why: "no clinic has its keys in this directory, so that the hub does not know whom it speaks to"
                .to_owned(),
            next: "write a configuration with hub.clinic.verify_key: bodywire config print --role hub"
                .to_owned(),
        });
    };
    Ok(Told {
        side,
        state,
        listen: options.listen,
        clinic,
        shard: Shard::new("0")?,
        paths: options.brokers.iter().enumerate().map(path).collect(),
        spread: Spread::TWO_OF_THREE,
        report_age: REPORT_AGE,
        metrics: None,
        aggregation: None,
    })
}

async fn serve(
    told: Told,
    air: &AirOptions,
    duration: Option<Duration>,
    output: Output,
) -> Result<(), Failure> {
    let Told { side, state, listen, clinic, shard, paths, spread, report_age, metrics, aggregation } = told;
    let mut rows = side.sensors().await?;
    rows.retain(|row| row.revoked_ms.is_none());
    if rows.is_empty() {
        return Err(Failure::Configuration {
            what: state.root().display().to_string(),
            why: "no sensor is enrolled here".to_owned(),
            next: "enrol one: bodywire sensor enroll 1 --kind ecg".to_owned(),
        });
    }
    let config = Config {
        hub: side.hub,
        signing_key: side.key,
        clinic,
        rendezvous: side.rendezvous,
        shard,
        paths,
        spread,
        sensors: rows
            .iter()
            .map(|row| SensorProfile { sensor: row.sensor, kind: row.kind, class: row.class })
            .collect(),
        report_age,
        aggregation,
        issuer: side.issuer,
    };
    let unasked = config.issuer.is_none() && rows.iter().any(|row| row.class == RiskClass::III);
    let radio = Radio::bind(listen, air.weather(), air.seed).await?;
    let address = radio.address().map_err(|error| Failure::Failed(error.to_string()))?;
    let (transmit, heard) = udp::serve(radio);
    let sensors: Vec<_> = rows.iter().map(|row| row.sensor).collect();
    let pairs =
        Pairs::open(&state.used_pairs(), side.hub, &config.signing_key, side.store.pairs(), sensors).await?;
    let hub = Hub::new(config, pairs, Spool::open(&state.spool())?, transmit)?;
    let counters = hub.counters();
    if let Some(listen) = metrics {
        let counters = Arc::clone(&counters);
        let address =
            crate::metrics::serve(listen, Arc::new(move || crate::metrics::of_hub(&counters))).await?;
        logging::say(&format!("metrics at http://{address}/metrics"));
    }
    let (stop, stopped) = watch::channel(false);
    logging::say(&format!("listening on {address} for {} sensors", rows.len()));
    if unasked {
        logging::say(
            "nobody can ask for class III data: copy the clinic's access/issuer.pub, or name it in hub.issuer_file",
        );
    }
    if spread.mode() != Mode::Threshold {
        logging::say(&format!("channels in the mode split: {}", crate::sensor::PAPER_WARNING));
    }
    if rows.iter().any(|row| row.profile == Profile::Paper) {
        logging::say(crate::sensor::PAPER_WARNING);
    }
    let frames = until_stopped(heard, stopped.clone());
    let mut task = tokio::spawn(hub.run(frames, stopped));
    ready();
    tokio::select! {
        ended = &mut task => {
            ended??;
            return Err(Failure::Failed("the hub has stopped by itself; report this as a defect".to_owned()));
        }
        () = tokio::time::sleep(duration.unwrap_or(Duration::MAX)) => {}
        () = crate::asked_to_stop() => {}
    }
    stop.send_replace(true);
    task.await??;
    side.store.close().await;
    crate::print(&summary(&counters, output));
    Ok(())
}

/// What is heard, until the hub is to end: then it listens to nobody any more and sends what it has.
fn until_stopped(
    mut heard: mpsc::Receiver<Heard>,
    mut stopped: watch::Receiver<bool>,
) -> mpsc::Receiver<Heard> {
    let (forward, frames) = mpsc::channel(FRAMES_QUEUE);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => return,
                frame = heard.recv() => {
                    let Some(frame) = frame else { return };
                    if forward.send(frame).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    frames
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
    crate::rows(&rows.map(|(name, value)| (name, value.load(Ordering::Relaxed))), output)
}

/// Writes what a clinic has to know of this hub and its sensors.
pub fn card(options: &HubCardOptions) -> Result<(), Failure> {
    crate::block_on(async {
        let (state, side) = HubSide::of(&options.house).await?;
        let mut sensors = side.sensors().await?;
        for row in &mut sensors {
            if let Some(key) = sealed::wrapping_key(&state, row.sensor)? {
                row.wrapping_key = Some(key);
            }
        }
        let card = Card { hub: side.row().await?, sensors };
        side.store.close().await;
        let text = card.emit().map_err(Failure::Failed)?;
        replace_private(&options.file, text.as_bytes())?;
        let (hub, sensors) = (card.hub.hub.0, card.sensors.len());
        crate::print(&match options.house.output {
            Output::Json => json!({ "hub": hub, "sensors": sensors, "file": options.file }).to_string(),
            Output::Table => format!(
                "hub {hub} with {sensors} sensors  {}: take it to the clinic, bodywire clinic admit, and delete it",
                options.file.display()
            ),
        });
        Ok(())
    })
}
