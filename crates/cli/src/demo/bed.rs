//! The sensors on the demo's patient, each a task of its own, and the air between them and the hub.

use super::provision::SENSORS;
use crate::args::DemoOptions;
use crate::exit::Failure;
use crate::house;
use crate::recording;
use crate::sensor::sealed;
use crate::state::{Memory, State, replace_private};
use bodywire_hub::machine::{Heard, RadioAddress};
use bodywire_hub::service::{RADIO_QUEUE, Transmit};
use bodywire_proto::RiskClass;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::observation::Signal;
use bodywire_proto::wire::{Frame, SensorId};
use bodywire_sim::patient::{Condition, Source};
use bodywire_sim::puf::SramPuf;
use bodywire_sim::sensor::{Output, Release, Rule, Sealing, Sensor, Wearer};
use bodywire_store::SensorRow;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How often a sensor looks at its clock.
const TICK: Duration = Duration::from_millis(25);

/// What a sensor has done, for the judgement of a run.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) established: AtomicBool,
    pub(super) finished: AtomicBool,
    pub(super) measured: AtomicU64,
}

/// All sensors of the patient.
pub(super) struct Bed {
    pub(super) progress: BTreeMap<SensorId, Arc<Progress>>,
    radio: BTreeMap<RadioAddress, mpsc::Sender<Frame>>,
    tasks: Vec<JoinHandle<Result<(), Failure>>>,
    starts: Vec<Start>,
}

struct Start {
    device: Device,
    memory: Memory,
    inbox: mpsc::Receiver<Frame>,
    progress: Arc<Progress>,
}

struct Device {
    id: SensorId,
    sensor: Sensor<SramPuf>,
    /// Where it writes what it has answered.
    answers: PathBuf,
}

impl Bed {
    /// Prepares the sensors; they are silent until [`Self::switch_on`].
    pub(super) fn new(
        options: &DemoOptions,
        state: &State,
        rows: &[SensorRow],
        condition: &Condition,
        issuer: &IssuerKey,
    ) -> Result<Self, Failure> {
        let (mut progress, mut radio, mut starts) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for profile in SENSORS {
            let id = profile.sensor;
            let memory = state.memory(id)?;
            let missing = || {
                Failure::Failed(format!("sensor {} has lost its memory; delete the state directory", id.0))
            };
            let record = memory.record().cloned().ok_or_else(missing)?;
            let row = rows.iter().find(|row| row.sensor == id).ok_or_else(missing)?;
            let source = match (&options.recording, profile.kind) {
                (Some(path), Signal::Ecg) => recording::open(path, options.signal)?,
                (None, Signal::Ecg) => Source::synthetic_ecg(rand::rng().next_u64(), condition.clone())?,
                (_, kind) => Source::number(kind, rand::rng().next_u64(), condition.clone()),
            };
            let sealing = match profile.class {
                RiskClass::III => {
                    let wrapping = row.wrapping_key.clone().ok_or_else(missing)?;
                    let rule =
                        Rule { issuer: Some(*issuer), wearer: Wearer::Agrees, emergency_consent: false };
                    let release = sealed::remembering(Release::new(wrapping, rule), state, id)?;
                    Sealing::ForClinic(Box::new(release))
                }
                RiskClass::I | RiskClass::II => Sealing::Open,
            };
            let sensor = Sensor::new(record, house::chip(state, id)?, source, sealing, options.speed);
            let (to_sensor, inbox) = mpsc::channel(RADIO_QUEUE);
            let done = Arc::new(Progress::default());
            progress.insert(id, Arc::clone(&done));
            radio.insert(RadioAddress(u64::from(id.0)), to_sensor);
            starts.push(Start {
                device: Device { id, sensor, answers: sealed::answers(state, id) },
                memory,
                inbox,
                progress: done,
            });
        }
        Ok(Self { progress, radio, tasks: Vec::new(), starts })
    }

    /// Starts every sensor. What they say goes to `air`; they stop when `stop` turns true.
    pub(super) fn switch_on(&mut self, air: &mpsc::Sender<Heard>, stop: &watch::Receiver<bool>) {
        for start in self.starts.drain(..) {
            self.tasks.push(tokio::spawn(live(start, air.clone(), stop.clone())));
        }
    }

    /// The hub's way to the sensors.
    pub(super) fn transmit(&self) -> Transmit {
        let radio = self.radio.clone();
        Box::new(move |to, frame| radio.get(&to).is_some_and(|radio| radio.try_send(frame.clone()).is_ok()))
    }

    /// Waits until every sensor has said its last word.
    pub(super) async fn switched_off(self) -> Result<(), Failure> {
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}

async fn live(
    start: Start,
    air: mpsc::Sender<Heard>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let Start { mut device, mut memory, mut inbox, progress } = start;
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let begun = Instant::now();
    device.sensor.start(begun.elapsed(), &mut rng)?;
    let mut tick = tokio::time::interval(TICK);
    while !*stop.borrow() {
        device.speak(&mut memory, &air).await?;
        progress.established.store(device.sensor.is_established(), Ordering::Relaxed);
        progress.finished.store(device.sensor.is_finished(), Ordering::Relaxed);
        progress.measured.store(device.sensor.measured(), Ordering::Relaxed);
        tokio::select! {
            _ = tick.tick() => device.sensor.tick(begun.elapsed(), crate::now_ms(), &mut rng)?,
            Some(frame) = inbox.recv() => {
                // What the protocol refuses is met with silence; the sensor tries again by itself.
                let _ = device.sensor.frame(begun.elapsed(), crate::now_ms(), frame.as_bytes(), &mut rng);
            }
            _ = stop.changed() => {}
        }
    }
    device.sensor.flush()?;
    device.speak(&mut memory, &air).await
}

impl Device {
    async fn speak(&mut self, memory: &mut Memory, air: &mpsc::Sender<Heard>) -> Result<(), Failure> {
        while let Some(output) = self.sensor.poll() {
            match output {
                Output::Save(record) => tokio::task::block_in_place(|| memory.store(record))?,
                Output::Remember(bytes) => {
                    tokio::task::block_in_place(|| replace_private(&self.answers, &bytes))?;
                }
                Output::Send(frame) => {
                    let from = RadioAddress(u64::from(self.id.0));
                    if air.send(Heard { from, bytes: frame.as_bytes().to_vec() }).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
