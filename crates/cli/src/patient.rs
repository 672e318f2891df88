//! `bodywire patient`: admission, discharge and erasure in the clinic's database. A clinic that runs sees it within seconds.

use crate::args::{
    Output, PatientAdmitOptions, PatientCommand, PatientEraseOptions, PatientListOptions, PatientOptions,
};
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::sensor::day;
use crate::{clinic, logging, now_ms, print};
use bodywire_proto::wire::HubId;
use bodywire_store::{PatientId, Store};
use serde_json::json;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a patient's attributes: a record of a person, not of a stay.
const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;

/// Carries out a command.
pub fn run(command: &PatientCommand) -> Result<(), Failure> {
    let config = match command {
        PatientCommand::Admit(options) => &options.config,
        PatientCommand::Discharge(options) => &options.config,
        PatientCommand::List(options) => &options.config,
        PatientCommand::Erase(options) => &options.config,
    };
    let loaded = Loaded::read(config)?;
    logging::start(Some(loaded.config.log));
    crate::block_on(async {
        let (_state, side) = clinic::open(&loaded).await?;
        match command {
            PatientCommand::Admit(options) => admit(&side.store, options).await,
            PatientCommand::Discharge(options) => discharge(&side.store, options).await,
            PatientCommand::List(options) => list(&side.store, options).await,
            PatientCommand::Erase(options) => erase(&side.store, options).await,
        }?;
        side.store.close().await;
        Ok(())
    })
}

async fn admit(store: &Store, options: &PatientAdmitOptions) -> Result<(), Failure> {
    let hub = HubId(options.hub);
    if !store.hubs().await?.iter().any(|row| row.hub == hub) {
        return Err(Failure::Configuration {
            what: format!("hub {}", options.hub),
            why: "it is not admitted here".to_owned(),
            next: "admit its card first: bodywire clinic admit CARD --config FILE".to_owned(),
        });
    }
    let attributes = options.attributes.as_deref().map(read_attributes).transpose()?.unwrap_or_default();
    let patient = store.admit_patient(&attributes, hub, now_ms()).await?;
    print(&match options.output {
        Output::Json => json!({ "patient": patient.0, "hub": options.hub }).to_string(),
        Output::Table => format!("patient {}  admitted to hub {}", patient.0, options.hub),
    });
    Ok(())
}

fn read_attributes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure::path(path, error, "name a file that can be read");
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = ATTRIBUTES_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(failed)?;
    }
    if bytes.len() > ATTRIBUTES_BYTES_MAX {
        let why = format!("is longer than {ATTRIBUTES_BYTES_MAX} bytes");
        return Err(Failure::path(path, why, "keep documents elsewhere, and name them here"));
    }
    Ok(bytes)
}

async fn discharge(store: &Store, options: &PatientOptions) -> Result<(), Failure> {
    if !store.discharge(PatientId(options.patient), now_ms()).await? {
        return Err(unknown(options.patient, "has no stay that lasts"));
    }
    print(&match options.output {
        Output::Json => json!({ "patient": options.patient, "done": "discharged" }).to_string(),
        Output::Table => format!("patient {}  discharged", options.patient),
    });
    Ok(())
}

fn unknown(patient: u64, why: &str) -> Failure {
    Failure::Configuration {
        what: format!("patient {patient}"),
        why: why.to_owned(),
        next: "see who there is: bodywire patient list --config FILE".to_owned(),
    }
}

async fn list(store: &Store, options: &PatientListOptions) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for patient in store.patients().await? {
        let stays = store.stays(patient.patient).await?;
        rows.push((patient, stays));
    }
    print(&match options.output {
        Output::Json => json!(
            rows.iter()
                .map(|(patient, stays)| json!({
                    "patient": patient.patient.0,
                    "admitted_ms": patient.admitted_ms,
                    "erased_ms": patient.erased_ms,
                    "stays": stays
                        .iter()
                        .map(|stay| json!({ "hub": stay.hub.0, "from_ms": stay.from_ms, "to_ms": stay.to_ms }))
                        .collect::<Vec<_>>(),
                }))
                .collect::<Vec<_>>()
        )
        .to_string(),
        Output::Table => {
            let mut lines = vec!["         patient  admitted    hubs  state".to_owned()];
            lines.extend(rows.iter().map(|(patient, stays)| {
                let hubs: Vec<String> = stays.iter().map(|stay| stay.hub.0.to_string()).collect();
                let here = stays.iter().any(|stay| stay.to_ms.is_none());
                let state = match patient.erased_ms {
                    Some(ms) => format!("erased {}", day(ms)),
                    None if here => "here".to_owned(),
                    None => "discharged".to_owned(),
                };
                let (number, admitted) = (patient.patient.0, day(patient.admitted_ms));
                format!("{number:>16}  {admitted}  {:<4}  {state}", hubs.join(","))
            }));
            lines.join("\n")
        }
    });
    Ok(())
}

async fn erase(store: &Store, options: &PatientEraseOptions) -> Result<(), Failure> {
    let patient = PatientId(options.patient);
    if !store.patients().await?.iter().any(|row| row.patient == patient) {
        return Err(unknown(options.patient, "was never admitted"));
    }
    if !options.really {
        return Err(Failure::Denied(format!(
            "patient {}: nothing of an erasure can be taken back; if you mean it, say --really",
            options.patient
        )));
    }
    let erased = store.erase_patient(patient, now_ms()).await?;
    let keys = erased.keys.len();
    print(&match options.output {
        Output::Json => json!({ "patient": options.patient, "keys": keys, "done": "erased" }).to_string(),
        Output::Table => format!(
            "patient {}  erased with {keys} keys; a clinic that runs removes the payloads from its ledger within seconds, and so \
             do its replicas:\nbodywire audit list LEDGER --kind key-erased,erasure-done",
            options.patient
        ),
    });
    Ok(())
}
