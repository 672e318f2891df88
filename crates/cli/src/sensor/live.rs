//! `bodywire sensor run`: a simulated sensor as a process of its own.

use super::{open_puf, sealed, warn_of};
use crate::args::{Output as OutputForm, RunOptions};
use crate::exit::Failure;
use crate::house::HubSide;
use crate::puf::{DevicePuf, Trouble};
use crate::radio::udp::Radio;
use crate::state::{Memory, State, replace_private};
use crate::{now_ms, recording};
use bodywire_proto::RiskClass;
use bodywire_proto::observation::Signal;
use bodywire_proto::paper::wire::TYPE_M1;
use bodywire_proto::wire::{SensorId, TYPE_HELLO};
use bodywire_sim::patient::{Condition, Source};
use bodywire_sim::sensor::{Output, Sealing, Sensor, Wearer};
use bodywire_store::SensorRow;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

/// How often a sensor looks at its clock.
const TICK: Duration = Duration::from_millis(20);

/// Runs the sensor until its time is over, its sessions are done or it is interrupted.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    crate::block_on(async {
        let mut process = Process::open(options).await?;
        let ended = tokio::select! {
            ended = process.live(options) => ended,
            () = crate::asked_to_stop() => Ok(()),
        };
        ended?;
        process.judge(options)
    })
}

/// A sensor with its memory and its radio.
struct Process {
    /// Holds the lock of the directory.
    state: State,
    row: SensorRow,
    sensor: Sensor<DevicePuf>,
    trouble: Trouble,
    memory: Memory,
    radio: Radio,
    hub: SocketAddrV4,
    sessions: u32,
    attempts: u32,
}

impl Process {
    async fn open(options: &RunOptions) -> Result<Self, Failure> {
        let (state, house) = HubSide::of(&options.house).await?;
        let row = house.sensor(SensorId(options.sensor)).await?;
        house.store.close().await;
        warn_of(row.profile);
        let memory = state.memory(row.sensor)?;
        let record = memory.record().cloned().ok_or_else(|| Failure::Configuration {
            what: format!("sensor {}", options.sensor),
            why: "it has lost its memory".to_owned(),
            next: format!("give it a fresh secret: bodywire sensor resync {}", options.sensor),
        })?;
        let source = match (&options.recording, row.kind) {
            (Some(path), Signal::Ecg) => recording::open(path, 0)?,
            (_, Signal::Ecg) => Source::synthetic_ecg(rand::rng().next_u64(), Condition::new())?,
            (_, kind) => Source::number(kind, rand::rng().next_u64(), Condition::new()),
        };
        let sealing = match row.class {
            RiskClass::III => {
                let wearer = if options.wearer_declines { Wearer::Declines } else { Wearer::Agrees };
                Sealing::ForClinic(Box::new(sealed::release(&state, row.sensor, wearer)?))
            }
            RiskClass::I | RiskClass::II => Sealing::Open,
        };
        let puf = open_puf(&state, row.sensor, &options.puf)?;
        let trouble = puf.trouble();
        let sensor = Sensor::new(record, puf, source, sealing, options.speed);
        // The sensor of a hub on this machine stays on this machine.
        let here = if options.hub.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let radio = Radio::bind(SocketAddrV4::new(here, 0), options.air.weather(), options.air.seed).await?;
        Ok(Self { state, row, sensor, trouble, memory, radio, hub: options.hub, sessions: 0, attempts: 0 })
    }

    async fn live(&mut self, options: &RunOptions) -> Result<(), Failure> {
        let mut rng = StdRng::from_rng(&mut rand::rng());
        let begun = Instant::now();
        self.sensor.start(begun.elapsed(), &mut rng)?;
        loop {
            self.speak()?;
            self.trouble.check()?;
            let over = options.duration.is_some_and(|duration| begun.elapsed() >= duration);
            let done = options.sessions.is_some_and(|sessions| self.sessions >= sessions);
            if over || done || self.sensor.is_finished() {
                break;
            }
            let tick = Instant::now() + TICK;
            if let Some((from, frame)) = self.radio.receive(tick).await
                && from == self.hub
            {
                let before = self.sensor.sessions();
                // What the protocol refuses is met with silence; the sensor tries again by itself.
                let _ = self.sensor.frame(begun.elapsed(), now_ms(), &frame, &mut rng);
                self.speak()?;
                self.sessions += self.sensor.sessions() - before;
                if self.sensor.sessions() > before && options.sessions.is_some_and(|n| self.sessions < n) {
                    self.sensor.start(begun.elapsed(), &mut rng)?;
                }
            }
            self.sensor.tick(begun.elapsed(), now_ms(), &mut rng)?;
        }
        self.sensor.flush()?;
        self.speak()?;
        // What is still in the air leaves it.
        while self.radio.receive(Instant::now() + 2 * options.air.delay + TICK).await.is_some() {}
        Ok(())
    }

    fn speak(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.sensor.poll() {
            match output {
                Output::Save(record) => tokio::task::block_in_place(|| self.memory.store(record))?,
                Output::Remember(bytes) => {
                    let file = sealed::answers(&self.state, self.row.sensor);
                    tokio::task::block_in_place(|| replace_private(&file, &bytes))?;
                }
                Output::Send(frame) => {
                    let first = frame.as_bytes().first();
                    self.attempts += u32::from(matches!(first, Some(&(TYPE_HELLO | TYPE_M1))));
                    self.radio.send(self.hub, frame.as_bytes());
                }
            }
        }
        Ok(())
    }

    fn judge(&self, options: &RunOptions) -> Result<(), Failure> {
        let [sent, received, lost] = self.radio.counts();
        let attempts = self.attempts;
        crate::print(&match options.house.output {
            OutputForm::Json => json!({
                "sensor": options.sensor,
                "profile": self.row.profile.name(),
                "attempts": attempts,
                "sessions": self.sessions,
                "samples": self.sensor.measured(),
                "frames_sent": sent,
                "frames_received": received,
                "frames_lost": lost,
            })
            .to_string(),
            OutputForm::Table => format!(
                "sensor {}  {} of {attempts} attempts have led to a session; {} samples measured; \
                 frames: {sent} sent, {received} received, {lost} lost in the air",
                options.sensor,
                self.sessions,
                self.sensor.measured(),
            ),
        });
        let wanted = options.sessions.unwrap_or(1);
        if self.sessions < wanted {
            return Err(Failure::Unreachable(format!(
                "sensor {}: {} of {wanted} sessions; see that the hub runs: bodywire hub --listen {}",
                options.sensor, self.sessions, self.hub
            )));
        }
        Ok(())
    }
}
