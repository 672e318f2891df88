//! The ward: starts everything in the right order, carries out wishes, and takes it down again without losing anything.

use super::bed::Bed;
use super::people::{self, Person};
use super::provision::{self, Provisioned, SENSORS};
use super::replicas::{self, Replicas};
use super::summary::{self, Summary};
use super::tamper::tamper;
use super::terminal::{RawMode, WISHES_QUEUE, Wish, read_keys};
use crate::access::{self, Invited};
use crate::args::{DemoOptions, EmergencyAt, Output};
use crate::broker::Broker;
use crate::exit::Failure;
use crate::house::{self, HUB, House};
use crate::recording;
use crate::state::{Holder, State};
use crate::{now_ms, print};
use bodywire_channels::Spread;
use bodywire_channels::topic::Shard;
use bodywire_clinic::aggregates::{Aggregates, Policy};
use bodywire_clinic::board::{Board, PathCondition, PathView, Source};
use bodywire_clinic::gate::{Doors, Gate};
use bodywire_clinic::web::{Console, DemoCommand, router};
use bodywire_clinic::{Acknowledge, Clinic, HubCard};
use bodywire_hub::bedside::REPORT_AGE;
use bodywire_hub::{Aggregation, Hub, Pairs, service::FRAMES_QUEUE};
use bodywire_ledger::{Origin, VerifierKey};
use bodywire_proto::access::IssuerKey;
use bodywire_sim::patient::Condition;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Name of the demo's ledger.
const ORIGIN: &str = "bodywire.invalid/demo";
/// What stands on the door of the demo's bed.
const BED: &str = "402";
/// The demo's shard.
const SHARD: &str = "0";
/// A window of vital signs: short, so that there is something to add up soon.
const WINDOW: Duration = Duration::from_secs(10);
/// When the synthetic patient deteriorates by itself, and for how long.
const EMERGENCY_AFTER: Duration = Duration::from_secs(20);
const EMERGENCY_LASTS: Duration = Duration::from_secs(30);
/// When `--kill-path` strikes.
const KILL_AFTER: Duration = Duration::from_secs(5);
/// All sensors must have authenticated by then.
const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the ward looks at its clock.
const TICK: Duration = Duration::from_millis(100);
/// Demo commands from the console that wait.
const COMMANDS_QUEUE: usize = 16;

/// A task that ends with the demo.
struct Task {
    name: &'static str,
    handle: JoinHandle<Result<(), Failure>>,
}

/// Everything that runs.
struct Ward {
    state: State,
    brokers: Vec<Broker>,
    bed: Bed,
    condition: Condition,
    board: Board,
    hub: Task,
    hub_counters: Arc<bodywire_hub::Counters>,
    clinic: Task,
    clinic_handle: bodywire_clinic::Handle,
    replicas: Replicas,
    stop_sensors: watch::Sender<bool>,
    stop_hub: watch::Sender<bool>,
    stop_clinic: watch::Sender<bool>,
    aggregates: Aggregates,
    gate: Gate,
    stop_gate: watch::Sender<bool>,
    store: bodywire_store::Store,
    ledger_key: ed25519_dalek::SigningKey,
    plays_recording: bool,
}

/// Runs the demo to its end.
pub(super) async fn run(options: &DemoOptions) -> Result<(), Failure> {
    if let Some(path) = &options.recording {
        // Said before anything is started.
        recording::open(path, options.signal)?;
    }
    let listener = if options.headless { None } else { Some(bind_console(options.port).await?) };
    let state = State::open(&options.state, Holder::Demo)?;
    let brokers = start_brokers(options).await?;
    let provisioned = provision::open(&state, options.headless).await?;
    let ward = Ward::start(options, state, brokers, provisioned).await?;
    if let Some(listener) = listener {
        ward.interactive(options, listener).await
    } else {
        ward.headless(options).await
    }
}

async fn start_brokers(options: &DemoOptions) -> Result<Vec<Broker>, Failure> {
    let paths = Spread::TWO_OF_THREE.n();
    if !options.brokers.is_empty() {
        if options.brokers.len() != paths {
            return Err(Failure::Configuration {
                what: "--broker".to_owned(),
                why: format!("given {} times, and there are {paths} paths", options.brokers.len()),
                next: "name one broker for each path".to_owned(),
            });
        }
        return Ok(options.brokers.iter().cloned().map(Broker::external).collect());
    }
    let mut brokers = Vec::new();
    for path in 0..paths as u16 {
        let port = if options.mqtt_port == 0 { 0 } else { options.mqtt_port.saturating_add(path) };
        brokers.push(Broker::start(port).await?);
    }
    Ok(brokers)
}

async fn bind_console(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| Failure::Configuration {
        what: format!("port {port} for the console"),
        why: error.to_string(),
        next: "choose a free one with --port N, or any with --port 0".to_owned(),
    })
}

impl Ward {
    async fn start(
        options: &DemoOptions,
        state: State,
        brokers: Vec<Broker>,
        provisioned: Provisioned,
    ) -> Result<Self, Failure> {
        let Provisioned { house, spool, sensors } = provisioned;
        let House { store, hub_key, clinic_key, ledger_key, rendezvous, ward } = house;
        let shard = Shard::new(SHARD)?;
        let source = match &options.recording {
            Some(path) => {
                Source::Recording(path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into()))
            }
            None => Source::Simulated,
        };
        let board = Board::new(now_ms(), source);
        let issuer = demo_issuer(&state)?;
        let gate = access::gate::open(&state, &board, &clinic_key)?;
        let (stop_gate, gate_stop) = watch::channel(false);
        access::renew(&state, &store).await?;
        let doors = Doors::from([(HUB, BED.to_owned())]);
        access::gate::keep(&gate, &state, store.clone(), doors, gate_stop).await?;
        let condition = Condition::new();
        let mut bed = Bed::new(options, &state, &sensors, &condition, &issuer)?;
        let described = |(i, broker): (usize, &Broker)| {
            let crate::args::BrokerAddress { host, port } = broker.address();
            bodywire_paths::Broker::plain(format!("path {}", i + 1), host.as_str(), *port)
        };
        let paths: Vec<_> = brokers.iter().enumerate().map(described).collect();
        let log = VerifierKey::new(origin()?.as_str(), ledger_key.verifying_key())?;
        let (replicas, mirrors) = replicas::start(&state, &log).await?;
        let clinic_config = bodywire_clinic::Config {
            signing_key: clinic_key.clone(),
            ledger_key: ledger_key.clone(),
            origin: origin()?,
            ledger: state.clinic_ledger(),
            shard: shard.clone(),
            paths: paths.clone(),
            hubs: vec![HubCard { hub: HUB, key: hub_key.verifying_key(), rendezvous: rendezvous.clone() }],
            mirrors: Some(mirrors),
            acknowledge: Acknowledge::Mirrored,
            ward: Arc::clone(&ward),
            // One bed has no cohort; the console says so.
            policy: Policy { cohort_min: 1, ..Policy::default() },
            gate: Some(gate.clone()),
        };
        let (clinic, _) = Clinic::open(clinic_config, store.clone(), board.clone()).await?;
        let clinic_handle = clinic.handle();
        let aggregates = clinic.aggregates();
        let hub_config = bodywire_hub::Config {
            hub: HUB,
            signing_key: hub_key,
            clinic: clinic_key.verifying_key(),
            rendezvous,
            shard,
            paths,
            spread: Spread::TWO_OF_THREE,
            sensors: SENSORS.to_vec(),
            report_age: REPORT_AGE,
            aggregation: Some(Aggregation { key: ward.public.clone(), window: WINDOW }),
            issuer: Some(issuer),
        };
        let pairs = Pairs::open(
            &state.used_pairs(),
            HUB,
            &hub_config.signing_key,
            store.pairs(),
            SENSORS.map(|profile| profile.sensor),
        )
        .await?;
        let hub = Hub::new(hub_config, pairs, spool, bed.transmit())?;
        let hub_counters = hub.counters();
        let (stop_sensors, sensors_stop) = watch::channel(false);
        let (stop_hub, hub_stop) = watch::channel(false);
        let (stop_clinic, clinic_stop) = watch::channel(false);
        let (air, frames) = mpsc::channel(FRAMES_QUEUE);
        let clinic = task("clinic", async move { Ok(clinic.run(clinic_stop).await?) });
        let hub = task("hub", async move { Ok(hub.run(frames, hub_stop).await?) });
        bed.switch_on(&air, &sensors_stop);
        Ok(Self {
            state,
            brokers,
            bed,
            condition,
            board,
            hub,
            hub_counters,
            clinic,
            clinic_handle,
            replicas,
            stop_sensors,
            stop_hub,
            stop_clinic,
            aggregates,
            gate,
            stop_gate,
            store,
            ledger_key,
            plays_recording: options.recording.is_some(),
        })
    }

    fn authenticated(&self) -> usize {
        self.bed.progress.values().filter(|p| p.established.load(Ordering::Relaxed)).count()
    }

    /// True when a recording has been played to its end.
    fn recording_is_over(&self) -> bool {
        let ecg = SENSORS.first().and_then(|profile| self.bed.progress.get(&profile.sensor));
        ecg.is_some_and(|progress| progress.finished.load(Ordering::Relaxed))
    }

    /// Fails when a task that should be running has ended.
    async fn check_tasks(&mut self) -> Result<(), Failure> {
        for task in [&mut self.hub, &mut self.clinic] {
            if task.handle.is_finished() {
                (&mut task.handle).await??;
                return Err(Failure::Failed(format!(
                    "the {} has stopped by itself; report this as a defect",
                    task.name
                )));
            }
        }
        Ok(())
    }

    async fn headless(mut self, options: &DemoOptions) -> Result<(), Failure> {
        let started = Instant::now();
        while self.authenticated() < SENSORS.len() {
            self.check_tasks().await?;
            if started.elapsed() > AUTHENTICATION_TIMEOUT {
                let count = self.authenticated();
                return Err(Failure::Failed(format!(
                    "only {count} of {} sensors have authenticated",
                    SENSORS.len()
                )));
            }
            tokio::time::sleep(TICK).await;
        }
        let begun = Instant::now();
        let emergency = emergency_after(options);
        let mut schedule = Schedule { emergency, recovery: None, kill: options.kill_path };
        loop {
            self.check_tasks().await?;
            self.keep(&mut schedule, begun.elapsed()).await;
            let over = options.duration.is_some_and(|duration| begun.elapsed() >= duration);
            if over || self.recording_is_over() {
                break;
            }
            if options.duration.is_none() && options.recording.is_none() {
                return Err(Failure::Configuration {
                    what: "--headless".to_owned(),
                    why: "a synthetic patient has no end".to_owned(),
                    next: "say how long with --duration 20s".to_owned(),
                });
            }
            tokio::time::sleep(TICK).await;
        }
        // A recording is somebody's heart: only what is simulated beside it can deteriorate.
        let expect_alarm = options.recording.is_none()
            && emergency.is_some_and(|at| begun.elapsed() >= at + summary::ALARM_WITHIN);
        let summary = self.finish(expect_alarm).await?;
        let text = match options.output {
            Output::Json => summary.to_json(),
            Output::Table => summary.to_table(),
        };
        print(&text);
        summary.judge()
    }

    /// Carries out what is due.
    async fn keep(&mut self, schedule: &mut Schedule, elapsed: Duration) {
        if schedule.emergency.is_some_and(|at| elapsed >= at) {
            schedule.emergency = None;
            schedule.recovery = Some(elapsed + EMERGENCY_LASTS);
            self.set_emergency(true);
        }
        if schedule.recovery.is_some_and(|at| elapsed >= at) {
            schedule.recovery = None;
            self.set_emergency(false);
        }
        if elapsed >= KILL_AFTER
            && let Some(path) = schedule.kill.take()
            && let Some(broker) = self.brokers.get_mut(usize::from(path) - 1)
        {
            broker.stop().await;
        }
    }

    fn set_emergency(&self, emergency: bool) {
        self.condition.set_emergency(emergency);
        let text = if emergency { "Demo: the patient deteriorates" } else { "Demo: the patient recovers" };
        self.board.at(HUB.0).event(now_ms(), text);
    }

    async fn interactive(mut self, options: &DemoOptions, listener: TcpListener) -> Result<(), Failure> {
        let (commands, mut from_console) = mpsc::channel(COMMANDS_QUEUE);
        let (wishes, mut from_keys) = mpsc::channel(WISHES_QUEUE);
        let address = self.serve_console(listener, commands)?;
        let invited = people::invite_all(&self.state, &self.store).await?;
        self.welcome(options, address, &invited);
        let raw = RawMode::enter();
        let (stop_keys, keys_stop) = watch::channel(false);
        let keyboard =
            raw.has_keys().then(|| tokio::task::spawn_blocking(move || read_keys(&wishes, &keys_stop)));
        let begun = Instant::now();
        let mut schedule =
            Schedule { emergency: emergency_after(options), recovery: None, kill: options.kill_path };
        let mut said = 0;
        loop {
            tokio::select! {
                Some(command) = from_console.recv() => self.carry_out(command, &mut schedule, begun.elapsed()).await,
                Some(wish) = from_keys.recv() => match wish {
                    Wish::Quit => break,
                    Wish::Command(command) => self.carry_out(command, &mut schedule, begun.elapsed()).await,
                    Wish::TogglePath => self.toggle_path().await,
                },
                _ = tokio::signal::ctrl_c() => break,
                _ = tokio::time::sleep(TICK) => {}
            }
            self.check_tasks().await?;
            self.keep(&mut schedule, begun.elapsed()).await;
            if self.authenticated() > said {
                said = self.authenticated();
                say(&format!("  ok  mutual authentication  {said}/{}", SENSORS.len()));
            }
        }
        say("  stopping: what is in the spool is delivered first");
        stop_keys.send_replace(true);
        if let Some(keyboard) = keyboard {
            keyboard.await?;
        }
        drop(raw);
        let summary = self.finish(false).await?;
        eprintln!("{}", summary.to_table());
        Ok(())
    }

    /// Serves the console; returns its address.
    fn serve_console(
        &self,
        listener: TcpListener,
        commands: mpsc::Sender<DemoCommand>,
    ) -> Result<SocketAddr, Failure> {
        let address = listener.local_addr().map_err(|error| Failure::Failed(error.to_string()))?;
        let (board, gate, hosts) = (self.board.clone(), self.gate.clone(), vec![address.to_string()]);
        let console = Console::new(board, gate, hosts, house::draw, Some(commands), now_ms);
        console.set_aggregates(Some(self.aggregates.clone()));
        crate::clinic::leave_access(&console, address, &self.state.queries(SHARD))?;
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(console)).await {
                eprintln!("bodywire: the console has stopped: {error}");
            }
        });
        Ok(address)
    }

    fn welcome(&self, options: &DemoOptions, address: SocketAddr, invited: &[(&Person, Invited)]) {
        let kind = if self.brokers.iter().any(Broker::is_external) { "external" } else { "embedded" };
        let at = |broker: &Broker| format!("{}:{}", broker.address().host, broker.address().port);
        let places: Vec<String> = self.brokers.iter().map(at).collect();
        say(&format!("  ok  keys, pairs and ledger {}", options.state.display()));
        say(&format!("  ok  3 MQTT brokers         {kind}: {}", places.join(", ")));
        say("  ok  1 hub, 5 sensors       ECG II, SpO2 II, respiration I, temperature I, insulin pump III");
        for (n, (person, invited)) in invited.iter().enumerate() {
            let (link, code) = (&*invited.link_path, &*invited.code);
            let lead = if n == 0 { "\n  Console " } else { "          " };
            say(&format!(
                "{lead}  {}, {}; code {code}\n            http://{address}{link}",
                person.name, person.said
            ));
        }
        say("  Each link works once and signs in that person; there is no password.\n");
        match emergency_after(options) {
            Some(at) => say(&format!(
                "  In {} s the patient deteriorates. Simulated data, not a medical device.",
                at.as_secs()
            )),
            None => say("  Research software, not a medical device."),
        }
        say("  [e] emergency now   [b] break or restore a path   [t] tamper with a record   [q] quit\n");
    }

    async fn carry_out(&mut self, command: DemoCommand, schedule: &mut Schedule, elapsed: Duration) {
        match command {
            DemoCommand::Emergency => {
                schedule.emergency = None;
                schedule.recovery = Some(elapsed + EMERGENCY_LASTS);
                self.set_emergency(true);
                say(if self.plays_recording {
                    "  !   the simulated numbers deteriorate; the recorded ECG goes on as it was"
                } else {
                    "  !   the patient deteriorates"
                });
            }
            DemoCommand::BreakPath(path) => self.break_path(usize::from(path)).await,
            DemoCommand::RestorePath(path) => self.restore_path(usize::from(path)).await,
            DemoCommand::Tamper => {
                match tokio::task::block_in_place(|| tamper(&self.state.clinic_ledger())) {
                    Ok(record) => {
                        say(&format!(
                            "  !   one bit of record {record} was changed behind the ledger's back"
                        ));
                        self.board
                            .at(HUB.0)
                            .event(now_ms(), &format!("Demo: one bit of record {record} was changed"));
                    }
                    Err(why) => say(&format!("  !   nothing was changed: {why}")),
                }
                self.clinic_handle.check_ledger();
            }
            _ => {}
        }
    }

    async fn toggle_path(&mut self) {
        match self.brokers.iter().position(|broker| !broker.is_running()) {
            Some(broken) => self.restore_path(broken).await,
            None => self.break_path(1).await,
        }
    }

    async fn break_path(&mut self, path: usize) {
        if let Some(broker) = self.brokers.get_mut(path) {
            if broker.is_external() {
                say("  !   this broker is not the demo's; stop it yourself");
                return;
            }
            broker.stop().await;
            say(&format!("  !   path {} is broken; the others carry everything", path + 1));
        }
    }

    async fn restore_path(&mut self, path: usize) {
        if let Some(broker) = self.brokers.get_mut(path) {
            match broker.restore().await {
                Ok(()) => say(&format!("  ok  path {} is back", path + 1)),
                Err(why) => say(&format!("  !   path {} cannot be restored: {why}", path + 1)),
            }
        }
    }

    /// Takes everything down, sensors first, so that nothing measured is left behind; then looks at what is stored.
    async fn finish(self, expect_alarm: bool) -> Result<Summary, Failure> {
        let authenticated = self.authenticated();
        self.stop_sensors.send_replace(true);
        let Self { bed, state, mut brokers, hub, clinic, replicas, stop_hub, stop_clinic, stop_gate, .. } =
            self;
        let measured = bed.progress.values().map(|p| p.measured.load(Ordering::Relaxed)).sum();
        bed.switched_off().await?;
        stop_hub.send_replace(true);
        hub.handle.await??;
        let up = |path: &PathView| path.condition != PathCondition::Down;
        let paths = self.board.snapshot().paths.iter().map(up).collect();
        stop_clinic.send_replace(true);
        clinic.handle.await??;
        stop_gate.send_replace(true);
        replicas.stop().await?;
        for broker in &mut brokers {
            broker.stop().await;
        }
        let facts = summary::Facts {
            sensors: SENSORS.len(),
            authenticated,
            measured,
            paths,
            expect_alarm,
            hub: &self.hub_counters,
            clinic: &self.clinic_handle.counters,
        };
        Summary::gather(&facts, &state, &self.store, origin()?, self.ledger_key).await
    }
}

/// What the ward does by itself.
struct Schedule {
    emergency: Option<Duration>,
    recovery: Option<Duration>,
    kill: Option<u8>,
}

fn emergency_after(options: &DemoOptions) -> Option<Duration> {
    match options.emergency_at {
        EmergencyAt::Never => None,
        EmergencyAt::After(time) => Some(time),
        // A recording is somebody's heart and does not deteriorate on request.
        EmergencyAt::Auto if options.recording.is_some() => None,
        EmergencyAt::Auto => {
            let half = options.duration.map_or(EMERGENCY_AFTER, |duration| duration / 2);
            Some(half.min(EMERGENCY_AFTER))
        }
    }
}

/// The key whose certificates the demo's sensors and hub believe.
fn demo_issuer(state: &State) -> Result<IssuerKey, Failure> {
    let key = access::issuer(state)?.verifying_key().to_bytes();
    IssuerKey::from_bytes(&key)
        .ok_or_else(|| Failure::Failed("the issuer's key is weak; report this as a defect".to_owned()))
}

fn origin() -> Result<Origin, Failure> {
    Ok(Origin::new(ORIGIN)?)
}

fn task(name: &'static str, work: impl Future<Output = Result<(), Failure>> + Send + 'static) -> Task {
    Task { name, handle: tokio::spawn(work) }
}

/// A line for people, right in raw mode too.
fn say(line: &str) {
    eprint!("{}\r\n", line.replace('\n', "\r\n"));
}
