//! `bodywire clinic`: the ward's side as a process of its own, its card, and the hubs that it admits.

use crate::args::{AdmitOptions, ClinicCardOptions, ClinicOptions, Output};
use crate::card::{CARD_BYTES_MAX, Card};
use crate::config::ClinicSection;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::house::{self, ClinicSide};
use crate::shards::Held;
use crate::state::{Holder, State, replace_private};
use crate::{access, logging, now_ms, ready};
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::gate::{Doors, Gate};
use bodywire_clinic::mirrors::{MirrorAddress, Mirrors};
use bodywire_clinic::web::{Console, OneTimeLink, router};
use bodywire_clinic::{Clinic, Config, Counters, Handle, HubCard};
use bodywire_ledger::{Origin, VerifierKey};
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::VerifyingKey;
use serde_json::json;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// How often a running clinic looks who was admitted.
const ADMITTED_CHECK: Duration = Duration::from_secs(3);

/// Runs the clinic until it is interrupted.
pub fn run(options: &ClinicOptions) -> Result<(), Failure> {
    let loaded = options.loaded()?;
    logging::start(Some(loaded.config.log));
    crate::block_on(serve(&loaded, options.output))
}

fn section(loaded: &Loaded) -> Result<&ClinicSection, Failure> {
    loaded.config.clinic.as_ref().ok_or_else(|| loaded.missing("clinic", "clinic"))
}

pub(crate) async fn open(loaded: &Loaded) -> Result<(State, ClinicSide), Failure> {
    section(loaded)?;
    let state = State::open(&loaded.state(), Holder::Clinic)?;
    state.set_of_roles()?;
    let side = ClinicSide::open(&state, loaded.clinic_database()?).await?;
    Ok((state, side))
}

/// Why a running clinic was left.
enum Left {
    /// The process is to end.
    Stopped,
    /// Others were admitted: it begins again and knows them.
    Admitted,
}

async fn serve(loaded: &Loaded, output: Output) -> Result<(), Failure> {
    let section = section(loaded)?;
    if loaded.config.paths.is_empty() {
        return Err(loaded.missing("[path]", "clinic"));
    }
    let paths = loaded.brokers()?;
    let (state, side) = open(loaded).await?;
    let board = Board::new(now_ms(), Source::Live);
    let gate = access::gate::open(&state, &board, &side.key)?;
    let (console, address) = serve_console(section, &board, &gate).await?;
    leave_link(&console, address, &state)?;
    let mut renewed = signal(SignalKind::hangup()).map_err(|error| Failure::Failed(error.to_string()))?;
    let totals = Counters::default();
    // The counters of the clinic that runs now; it is begun anew when a card was admitted.
    let running: Arc<Mutex<Arc<Counters>>> = Arc::default();
    if let Some(listen) = loaded.config.metrics {
        let (running, access) = (Arc::clone(&running), gate.figures());
        let figures = move || {
            let counters = running.lock().map(|counters| Arc::clone(&counters));
            let mut figures =
                counters.map(|counters| crate::metrics::of_clinic(&counters)).unwrap_or_default();
            figures.extend(crate::metrics::of_gate(&access));
            figures
        };
        let address = crate::metrics::serve(listen, Arc::new(figures)).await?;
        logging::say(&format!("metrics at http://{address}/metrics"));
    }
    // One for the whole life: what is asked between two waits is not missed.
    let asked = crate::asked_to_stop();
    tokio::pin!(asked);
    let held = match &section.shards {
        Some(shards) => {
            // A spare does its work by waiting.
            ready();
            tokio::select! {
                held = Held::acquire(&side.store, shards) => Some(held?),
                () = &mut asked => return Ok(()),
            }
        }
        None => None,
    };
    let place = Place::of(loaded, section, &state, held.as_ref())?;
    leave_access(&console, address, &state.queries(place.shard.name()))?;
    let renewing = tokio::spawn(access::keep_renewed(&state, side.store.clone()).await?);
    let (stop_gate, gate_stop) = watch::channel(false);
    let doors = doors(&side, section).await?;
    let keeping = access::gate::keep(&gate, &state, side.store.clone(), doors, gate_stop).await?;
    loop {
        let hubs = admitted(&side, section).await?;
        let known = fingerprint(&side).await?;
        if hubs.is_empty() {
            logging::say("no hub is admitted yet: bodywire clinic admit CARD --config FILE");
        }
        let config = Config {
            signing_key: side.key.clone(),
            ledger_key: side.ledger_key.clone(),
            origin: place.origin.clone(),
            ledger: place.ledger.clone(),
            shard: place.shard.clone(),
            paths: paths.clone(),
            hubs,
            mirrors: mirrors(loaded, section, &place.origin)?,
            acknowledge: section.acknowledge,
            ward: Arc::clone(&side.ward),
            policy: section.policy,
            gate: Some(gate.clone()),
        };
        let (clinic, _) = Clinic::open(config, side.store.clone(), board.clone()).await?;
        let handle = clinic.handle();
        console.set_aggregates(Some(clinic.aggregates()));
        if let Ok(mut counters) = running.lock() {
            *counters = Arc::clone(&handle.counters);
        }
        let (stop, stopped) = watch::channel(false);
        let mut task = tokio::spawn(clinic.run(stopped));
        ready();
        let left = tokio::select! {
            ended = &mut task => {
                ended??;
                return Err(Failure::Failed("the clinic has stopped by itself; report this as a defect".to_owned()));
            }
            left = until_left(&side, known, asked.as_mut(), &mut renewed, || leave_link(&console, address, &state)) => left?,
            // At once, and without another word to anybody: somebody else is the clinic now.
            lost = lost(held.as_ref()) => return Err(lost),
        };
        stop.send_replace(true);
        task.await??;
        add_up(&totals, &handle);
        if matches!(left, Left::Stopped) {
            break;
        }
    }
    renewing.abort();
    stop_gate.send_replace(true);
    for task in keeping {
        task.await?;
    }
    if let Some(held) = &held {
        held.release().await?;
    }
    side.store.close().await;
    crate::print(&summary(&totals, output));
    Ok(())
}

/// What a process serves: all there is, or the shard that it has leased.
struct Place {
    shard: Shard,
    origin: Origin,
    ledger: PathBuf,
}

impl Place {
    fn of(
        loaded: &Loaded,
        section: &ClinicSection,
        state: &State,
        held: Option<&Held>,
    ) -> Result<Self, Failure> {
        let ledger =
            section.ledger.as_ref().map_or_else(|| state.clinic_ledger(), |ledger| loaded.resolve(ledger));
        let origin = section.origin.clone();
        let Some(held) = held else { return Ok(Self { shard: section.shard.clone(), origin, ledger }) };
        let name = held.shard.name();
        Ok(Self {
            shard: held.shard.clone(),
            origin: of_shard(&origin, &held.shard)?,
            ledger: ledger.join(name),
        })
    }
}

/// The replicas of the ledger, if any are named.
fn mirrors(loaded: &Loaded, section: &ClinicSection, origin: &Origin) -> Result<Option<Mirrors>, Failure> {
    let addresses: Vec<MirrorAddress> = loaded
        .config
        .mirrors
        .iter()
        .map(|mirror| MirrorAddress {
            base: mirror.url.clone(),
            mirror: mirror.key.clone(),
            witness: mirror.witness.clone(),
        })
        .collect();
    if addresses.is_empty() {
        return Ok(None);
    }
    let quorum = section.quorum.map_or(addresses.len() / 2 + 1, usize::from);
    let token = section.replica_token.as_ref().map(|source| loaded.password(source)).transpose()?;
    let mirrors = Mirrors::new(origin.as_str(), addresses, quorum).and_then(|mirrors| match token {
        Some(token) => mirrors.with_token(&token),
        None => Ok(mirrors),
    });
    mirrors.map(Some).map_err(|error| Failure::Configuration {
        what: "[[mirror]]".to_owned(),
        why: error.to_string(),
        next: "mend the tables [[mirror]] in the configuration".to_owned(),
    })
}

/// Name of a shard's ledger.
fn of_shard(origin: &Origin, shard: &Shard) -> Result<Origin, Failure> {
    Ok(Origin::new(&format!("{origin}/{}", shard.name()))?)
}

async fn lost(held: Option<&Held>) -> Failure {
    match held {
        Some(held) => held.keep().await,
        None => std::future::pending().await,
    }
}

async fn until_left(
    side: &ClinicSide,
    known: u64,
    mut stopped: Pin<&mut impl Future<Output = ()>>,
    renewed: &mut Signal,
    leave_link: impl Fn() -> Result<(), Failure>,
) -> Result<Left, Failure> {
    let mut look = tokio::time::interval(ADMITTED_CHECK);
    loop {
        tokio::select! {
            () = &mut stopped => return Ok(Left::Stopped),
            Some(()) = renewed.recv() => leave_link()?,
            _ = look.tick() => if fingerprint(side).await? != known {
                return Ok(Left::Admitted);
            },
        }
    }
}

/// The hubs that were admitted and are served here.
async fn admitted(side: &ClinicSide, section: &ClinicSection) -> Result<Vec<HubCard>, Failure> {
    let rows = side.store.hubs().await?;
    let served = |hub: u16| section.hubs.as_ref().is_none_or(|hubs| hubs.contains(&hub));
    rows.into_iter()
        .filter(|row| served(row.hub.0))
        .map(|row| {
            let key = VerifyingKey::from_bytes(&row.verify_key).map_err(|_| Failure::Configuration {
                what: format!("hub {}", row.hub.0),
                why: "its verification key is damaged in the database".to_owned(),
                next: "admit its card again".to_owned(),
            })?;
            Ok(HubCard { hub: row.hub, key, rendezvous: Rendezvous::new(row.rendezvous) })
        })
        .collect()
}

/// Differs when somebody else is admitted.
async fn fingerprint(side: &ClinicSide) -> Result<u64, Failure> {
    let mut hasher = DefaultHasher::new();
    for row in side.store.hubs().await? {
        (row.hub.0, row.verify_key, row.rendezvous).hash(&mut hasher);
    }
    for row in side.store.sensors().await? {
        (row.hub.0, row.sensor.0, row.kind.code(), row.class.code()).hash(&mut hasher);
        row.wrapping_key.as_ref().map(|key| *key.as_bytes()).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// What stands on the doors: a clinic of one bed may name it, all others have the numbers of their hubs.
async fn doors(side: &ClinicSide, section: &ClinicSection) -> Result<Doors, Failure> {
    let hubs = admitted(side, section).await?;
    let only = hubs.first().filter(|_| hubs.len() == 1 && !section.bed.is_empty());
    Ok(only.map(|card| (card.hub, section.bed.clone())).into_iter().collect())
}

async fn serve_console(
    section: &ClinicSection,
    board: &Board,
    gate: &Gate,
) -> Result<(Console, SocketAddr), Failure> {
    let refused = |error: std::io::Error| Failure::Configuration {
        what: format!("clinic.listen {}", section.listen),
        why: error.to_string(),
        next: "choose a free address, or any port with port 0".to_owned(),
    };
    let listener = TcpListener::bind(section.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let hosts = [&section.hosts[..], &[address.to_string()]].concat();
    let console = Console::new(board.clone(), gate.clone(), hosts, house::draw, None, now_ms);
    let routes = router(console.clone());
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the console has stopped");
        }
    });
    Ok((console, address))
}

/// Makes a fresh one-time link and leaves it where only the clinic's owner can read it: logs are read by many.
fn leave_link(console: &Console, address: SocketAddr, state: &State) -> Result<(), Failure> {
    let link = OneTimeLink::new(house::draw());
    let url = Zeroizing::new(format!("http://{address}{}\n", link.path()));
    console.admit(link);
    let file = state.console_link();
    replace_private(&file, url.as_bytes())?;
    logging::say(&format!("console on {address}, one-time link in {}", file.display()));
    Ok(())
}

/// Leaves address and token for queries where only the clinic's owner can read them; new at each start.
pub(crate) fn leave_access(console: &Console, address: SocketAddr, file: &Path) -> Result<(), Failure> {
    let token = Zeroizing::new(house::draw());
    console.admit_program(*token, "operator");
    let text = Zeroizing::new(format!("http://{address}\n{}\n", HEX.encode(&*token)));
    replace_private(file, text.as_bytes())
}

/// Picks one of the counters.
type Pick = fn(&Counters) -> &AtomicU64;

const COUNTED: [(&str, Pick); 9] = [
    ("stored", |c| &c.stored),
    ("vectors", |c| &c.vectors),
    ("repeated", |c| &c.repeated),
    ("malformed", |c| &c.malformed),
    ("unknown_sensors", |c| &c.unknown_sensors),
    ("refused", |c| &c.refused),
    ("recovered", |c| &c.recovered),
    ("alarms", |c| &c.alarms),
    ("high_alarms", |c| &c.high_alarms),
];

fn add_up(totals: &Counters, handle: &Handle) {
    for (_, counter) in COUNTED {
        counter(totals).fetch_add(counter(&handle.counters).load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

fn summary(counters: &Counters, output: Output) -> String {
    let rows = COUNTED.map(|(name, counter)| (name, counter(counters).load(Ordering::Relaxed)));
    crate::rows(&rows, output)
}

/// Prints what a hub has to know of the clinic.
pub fn card(options: &ClinicCardOptions) -> Result<(), Failure> {
    let loaded = Loaded::read(&options.config)?;
    logging::start(Some(loaded.config.log));
    crate::block_on(async {
        let (_state, side) = open(&loaded).await?;
        let verify_key = HEX.encode(side.key.verifying_key().as_bytes());
        let section = section(&loaded)?;
        let shards = section.shards.as_deref().unwrap_or(std::slice::from_ref(&section.shard));
        let ledgers = shards
            .iter()
            .map(|shard| {
                let origin = match section.shards {
                    Some(_) => of_shard(&section.origin, shard)?,
                    None => section.origin.clone(),
                };
                let key = VerifierKey::new(origin.as_str(), side.ledger_key.verifying_key())?;
                Ok((shard.name(), key.to_string()))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        side.store.close().await;
        // Lines for configurations: of hubs first, of replicas as comments.
        let (first, _) = ledgers.first().ok_or_else(|| loaded.missing("clinic.shard", "clinic"))?;
        let keys: Vec<&String> = ledgers.iter().map(|(_, key)| key).collect();
        crate::print(&match options.output {
            Output::Json => {
                json!({ "verify_key": verify_key, "shard": first, "ledger_keys": keys }).to_string()
            }
            Output::Table => {
                let mut lines =
                    vec![format!("[hub.clinic]\nverify_key = \"{verify_key}\"\nshard = \"{first}\"")];
                lines.extend(ledgers.iter().skip(1).map(|(shard, _)| format!("# or shard = \"{shard}\"")));
                lines.extend(keys.iter().map(|key| format!("# for replicas: logs = [\"{key}\"]")));
                lines.join("\n")
            }
        });
        Ok(())
    })
}

/// Takes a hub's card into the clinic's database.
pub fn admit(options: &AdmitOptions) -> Result<(), Failure> {
    let loaded = Loaded::read(&options.config)?;
    logging::start(Some(loaded.config.log));
    let card = read_card(options)?;
    crate::block_on(async {
        let (_state, side) = open(&loaded).await?;
        let hub = card.hub.hub.0;
        let before = side.store.hubs().await?.into_iter().find(|row| row.hub == card.hub.hub);
        let same = |row: &bodywire_store::HubRow| {
            row.verify_key == card.hub.verify_key && row.rendezvous == card.hub.rendezvous
        };
        if before.as_ref().is_some_and(|row| !same(row)) && !options.replace {
            return Err(Failure::Denied(format!(
                "hub {hub}: another hub is admitted under this number; if the device was replaced, say --replace"
            )));
        }
        side.store.admit(&card.hub, &card.sensors).await?;
        side.store.close().await;
        let done = if before.is_some() { "brought up to date" } else { "admitted" };
        crate::print(&match options.output {
            Output::Json => json!({ "hub": hub, "sensors": card.sensors.len(), "done": done }).to_string(),
            Output::Table => format!(
                "hub {hub}  {done} with {} sensors; a clinic that runs knows it within seconds; delete the card",
                card.sensors.len()
            ),
        });
        Ok(())
    })
}

fn read_card(options: &AdmitOptions) -> Result<Card, Failure> {
    let refused = |why: String, next: &str| Failure::path(&options.card, why, next);
    let write_again = "write it again at the hub: bodywire hub card FILE --config hub.toml";
    let failed = |error: std::io::Error| refused(error.to_string(), write_again);
    let file = std::fs::File::open(&options.card).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(refused(
            "others may read this card".to_owned(),
            "make it readable by its owner only: chmod 600",
        ));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(CARD_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Card::parse(&text).map_err(|why| refused(format!("is no hub's card: {why}"), write_again))
}
