//! `bodywire aggregate key`: the public key for hubs, and the secret one in the hands of several people.

use super::ask::root;
use crate::args::{ClinicPlace, KeyExportOptions, KeyJoinOptions, KeySplitOptions, Output};
use crate::exit::Failure;
use crate::house::{self, AGGREGATE_SECRET};
use crate::state::{Holder, State, create_directory, write_private};
use bodywire_aggregate::custody::{self, Share};
use bodywire_aggregate::{Error, Owner};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use zeroize::Zeroizing;

/// Most bytes of a share's file.
const SHARE_BYTES_MAX: u64 = 4_096;

/// A demo that runs has its directory alone; its files can be read all the same.
fn open(place: &ClinicPlace) -> Result<State, Failure> {
    State::open(&root(place)?, Holder::Clinic)
}

/// Writes the public key.
pub(super) fn export(options: &KeyExportOptions) -> Result<(), Failure> {
    let state = open(&options.place)?;
    let ward = house::ward(&state)?;
    let (key, id) = (ward.public.to_bytes(), ward.public.id().to_string());
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&options.file)
        .and_then(|mut file| file.write_all(key))
        .map_err(|error| Failure::path(&options.file, error, "name a file that does not exist yet"))?;
    crate::print(&match options.output {
        Output::Json => json!({ "key": id, "file": options.file, "bytes": key.len() }).to_string(),
        Output::Table => format!(
            "key {id}  {}: take it to the hubs and write key_file below [hub.aggregate]",
            options.file.display()
        ),
    });
    Ok(())
}

/// Splits the secret.
pub(super) fn split(options: &KeySplitOptions) -> Result<(), Failure> {
    let state = open(&options.place)?;
    let owner = Owner::from_bytes(state.secret(AGGREGATE_SECRET)?);
    let shares =
        custody::split(&owner, options.threshold, options.shares, &mut rand::rng()).map_err(refused)?;
    if options.directory.exists() {
        return Err(Failure::path(&options.directory, "is there already", "name a directory that is not"));
    }
    create_directory(&options.directory)?;
    for (number, share) in (1..).zip(&shares) {
        let file = options.directory.join(format!("share-{number}"));
        write_private(&file, share.to_text().as_bytes())?;
    }
    let (directory, threshold) = (options.directory.display(), options.threshold);
    crate::print(&match options.output {
        Output::Json => {
            json!({ "directory": options.directory, "shares": shares.len(), "threshold": threshold })
                .to_string()
        }
        Output::Table => format!(
            "{} shares in {directory}, any {threshold} of which are the secret: give each to somebody and delete it here",
            shares.len()
        ),
    });
    Ok(())
}

/// Puts the secret together.
pub(super) fn join(options: &KeyJoinOptions) -> Result<(), Failure> {
    let mut shares = Vec::with_capacity(options.shares.len());
    for file in &options.shares {
        let next = "name files with one share each, as split wrote them";
        let failed = |error: std::io::Error| Failure::path(file, error, next);
        let mut text = Zeroizing::new(String::new());
        let opened = std::fs::File::open(file).map_err(failed)?;
        std::io::Read::read_to_string(&mut std::io::Read::take(opened, SHARE_BYTES_MAX), &mut text)
            .map_err(failed)?;
        shares.push(Share::parse(&text).map_err(|error| Failure::path(file, error, next))?);
    }
    let owner = custody::join(&shares).map_err(refused)?;
    let state = open(&options.place)?;
    let before = state.has(AGGREGATE_SECRET).then(|| state.secret(AGGREGATE_SECRET)).transpose()?;
    if before.is_some_and(|secret| secret != *owner.to_bytes()) {
        return Err(Failure::Denied(format!(
            "{} has another secret: what was encrypted for it could not be opened any more; choose another directory",
            state.root().display()
        )));
    }
    if before.is_none() {
        state.set_secret(AGGREGATE_SECRET, owner.to_bytes())?;
    }
    crate::print(&match options.output {
        Output::Json => json!({ "shares": shares.len(), "written": before.is_none() }).to_string(),
        Output::Table if before.is_none() => {
            "the secret is back; put the public key beside it, keys/aggregate.pub, or hubs need a new one"
                .to_owned()
        }
        Output::Table => "these shares are the secret that is there".to_owned(),
    });
    Ok(())
}

fn refused(error: Error) -> Failure {
    Failure::Configuration {
        what: "shares".to_owned(),
        why: error.to_string(),
        next: "see bodywire aggregate key --help".to_owned(),
    }
}
