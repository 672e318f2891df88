//! `bodywire access`: the house's issuer of certificates, and what it says about persons.
//!
//! `issuer` is the key, `gate` what a clinic that runs makes of it all, `person`, `relation` and `policy` are the ward's lists, `invite` makes certificates with the
//! links that carry them, `revocation` the list of those that were taken back.

pub(crate) mod gate;
mod invite;
mod issuer;
mod person;
mod policy;
mod relation;
mod revocation;

pub(crate) use invite::{ExportCredential, Invited, Pass, invite};
pub(crate) use issuer::issuer;
pub(crate) use revocation::keep_renewed;
pub(crate) use revocation::renew;

use crate::args::AccessCommand;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::{clinic, logging};

/// Carries out a command in the clinic's database. A clinic that runs sees it within seconds.
pub fn run(command: &AccessCommand) -> Result<(), Failure> {
    let house = command.house();
    let loaded = Loaded::read(&house.config)?;
    logging::start(Some(loaded.config.log));
    crate::block_on(async {
        let (state, side) = clinic::open(&loaded).await?;
        let store = &side.store;
        match command {
            AccessCommand::Init(_) => issuer::init(&state, house.output),
            AccessCommand::Add(options) => person::add(store, options).await,
            AccessCommand::List(_) => person::list(store, house.output).await,
            AccessCommand::Leave(options) => person::leave(&state, store, options).await,
            AccessCommand::Relate(options) => relation::relate(store, options).await,
            AccessCommand::Unrelate(options) => relation::unrelate(store, options).await,
            AccessCommand::Policy(options) => policy::policy(store, options).await,
            AccessCommand::Invite(options) => invite::command(&state, store, options).await,
            AccessCommand::Revoke(options) => revocation::revoke(&state, store, options).await,
            AccessCommand::Crl(_) => revocation::show(&state, store, house.output).await,
        }?;
        side.store.close().await;
        Ok(())
    })
}
