//! Arguments of `bodywire access`.

use super::{Output, class_named};
use bodywire_proto::RiskClass;
use bodywire_proto::access::{Relation, Role};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Who may see what: the house's issuer of certificates, persons, relations, policies, links and revocations.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Makes the house's issuer: the key that signs certificates and revocation lists. Once for each house.
    Init(AccessHouse),
    /// Adds a person, a program or a screen.
    Add(AccessAddOptions),
    /// Lists who there is, with relations and certificates.
    List(AccessHouse),
    /// Somebody leaves: relations end, certificates are revoked.
    Leave(AccessPersonOptions),
    /// Says what a person is to a patient, in place of what was said before.
    Relate(AccessRelateOptions),
    /// Takes a relation back.
    Unrelate(AccessUnrelateOptions),
    /// Shows a patient's policy, or sets it: which role with which relation sees which class.
    Policy(AccessPolicyOptions),
    /// Makes a key, a certificate and a link that signs a person in once. The key is written nowhere.
    Invite(AccessInviteOptions),
    /// Revokes the certificates of a person, or the one with a serial.
    Revoke(AccessRevokeOptions),
    /// Makes a new revocation list and shows it. A clinic that runs makes one every ten minutes.
    Crl(AccessHouse),
}

impl AccessCommand {
    /// The house that it is about.
    pub fn house(&self) -> &AccessHouse {
        match self {
            Self::Init(house) | Self::List(house) | Self::Crl(house) => house,
            Self::Add(options) => &options.house,
            Self::Leave(options) => &options.house,
            Self::Relate(options) => &options.house,
            Self::Unrelate(options) => &options.house,
            Self::Policy(options) => &options.house,
            Self::Invite(options) => &options.house,
            Self::Revoke(options) => &options.house,
        }
    }
}

/// Which house, and how results are printed.
#[derive(Debug, Clone, Args)]
pub struct AccessHouse {
    /// The clinic's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire access add`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire access add \"Dr A. Meyer\" --role physician --class III --config clinic.toml"
)]
pub struct AccessAddOptions {
    /// What people call them.
    pub name: String,
    /// nurse, physician, consultant, emergency-responder, patient, reviewer or program.
    #[arg(long, value_parser = role_named)]
    pub role: Role,
    /// The highest class that they may ever see: I, II or III.
    #[arg(long, value_parser = class_named)]
    pub class: RiskClass,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

/// Options of `bodywire access leave`.
#[derive(Debug, Clone, Args)]
pub struct AccessPersonOptions {
    /// The person: their name, their number, or the first digits of it.
    pub person: String,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

/// Options of `bodywire access relate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire access relate Meyer 4711 --as treating --until 2026-12-01T18:00:00Z --config clinic.toml"
)]
pub struct AccessRelateOptions {
    /// The person: their name, their number, or the first digits of it.
    pub person: String,
    /// The patient's number, as `bodywire patient list` shows it.
    pub patient: u64,
    /// treating, on-call, consulting (for a reviewer: the case is theirs), or own (the patient themself).
    #[arg(long = "as", value_parser = relation_named)]
    pub relation: Relation,
    /// Until when, such as 2026-12-01 or 2026-12-01T18:00:00Z; without it until it is taken back.
    #[arg(long, value_parser = moment)]
    pub until: Option<SystemTime>,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

/// Options of `bodywire access unrelate`.
#[derive(Debug, Clone, Args)]
pub struct AccessUnrelateOptions {
    /// The person: their name, their number, or the first digits of it.
    pub person: String,
    /// The patient's number, as `bodywire patient list` shows it.
    pub patient: u64,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

/// Options of `bodywire access policy`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire access policy 4711 --config clinic.toml\n  \
bodywire access policy 4711 --least --allow nurse,treating=I --longest 4h --config clinic.toml")]
pub struct AccessPolicyOptions {
    /// The patient's number, as `bodywire patient list` shows it.
    pub patient: u64,
    /// Begins with paper B's table: whoever is certified sees I and II, and III if the sensor agrees. Not for patients.
    #[arg(long, conflicts_with = "least")]
    pub paper: bool,
    /// Begins with the house's default, by least privilege.
    #[arg(long)]
    pub least: bool,
    /// Changes one place of the table: ROLE,RELATION=CLASS with a class of none, I, II or III; several times.
    #[arg(long, value_name = "ROLE,RELATION=CLASS", value_parser = place)]
    pub allow: Vec<PolicyPlace>,
    /// How long a grant lasts at most, 1 minute to 12 hours.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub longest: Option<Duration>,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

/// One place of a policy's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyPlace {
    /// For which role.
    pub role: Role,
    /// With which relation.
    pub relation: Relation,
    /// The highest class; nothing: none.
    pub class: Option<RiskClass>,
}

/// Options of `bodywire access invite`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire access invite Meyer --hours 12 --config clinic.toml")]
pub struct AccessInviteOptions {
    /// The person: their name, their number, or the first digits of it.
    pub person: String,
    /// How long the certificate lives; a certificate of 24 hours ends five minutes earlier, because it is dated back.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=24))]
    pub hours: u8,
    /// For a screen on the wall, which reads only; the role must be program.
    #[arg(long, conflicts_with = "export")]
    pub wall: bool,
    /// For exports by a command: leaves token, certificate and key in `clinic/export-credential` instead of printing a link.
    #[arg(long)]
    pub export: bool,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

/// Options of `bodywire access revoke`.
#[derive(Debug, Clone, Args)]
pub struct AccessRevokeOptions {
    /// A person (name, number, or its first digits), or a certificate's serial of 16 hexadecimal digits.
    pub whom: String,
    /// The house.
    #[command(flatten)]
    pub house: AccessHouse,
}

const ROLES: [(&str, Role); 7] = [
    ("nurse", Role::Nurse),
    ("physician", Role::Physician),
    ("consultant", Role::Consultant),
    ("emergency-responder", Role::EmergencyResponder),
    ("patient", Role::Patient),
    ("reviewer", Role::Reviewer),
    ("program", Role::Program),
];

const RELATIONS: [(&str, Relation); 5] = [
    ("none", Relation::None),
    ("consulting", Relation::Consulting),
    ("on-call", Relation::OnCall),
    ("treating", Relation::Treating),
    ("own", Relation::Own),
];

fn named<T: Copy>(table: &[(&'static str, T)], text: &str) -> Result<T, String> {
    let found = table.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    let names = || table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("say one of {}", names()))
}

fn role_named(text: &str) -> Result<Role, String> {
    named(&ROLES, text)
}

/// A relation that somebody can be given.
fn relation_named(text: &str) -> Result<Relation, String> {
    named(RELATIONS.get(1..).unwrap_or_default(), text)
}

/// A role in the words of the command line.
pub(crate) fn role_name(role: Role) -> &'static str {
    ROLES.iter().find(|(_, known)| *known == role).map_or("unknown", |(name, _)| name)
}

/// A relation in the words of the command line.
pub(crate) fn relation_name(relation: Relation) -> &'static str {
    RELATIONS.iter().find(|(_, known)| *known == relation).map_or("unknown", |(name, _)| name)
}

fn place(text: &str) -> Result<PolicyPlace, String> {
    let parts = text.split_once('=').and_then(|(place, class)| Some((place.split_once(',')?, class)));
    let ((role, relation), class) = parts.ok_or("say ROLE,RELATION=CLASS, such as nurse,treating=I")?;
    let class = match class {
        "none" => None,
        class => Some(class_named(class).map_err(|why| format!("{why}, or none"))?),
    };
    Ok(PolicyPlace { role: role_named(role)?, relation: named(&RELATIONS, relation)?, class })
}

/// A day, which begins at midnight UTC, or a moment.
pub(crate) fn moment(text: &str) -> Result<SystemTime, String> {
    let full = if text.len() == "2026-12-01".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    humantime::parse_rfc3339(&full)
        .map_err(|error| format!("{error}; say 2026-12-01 or 2026-12-01T18:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_relations_have_names() {
        for role in Role::ALL {
            assert_eq!(role_named(role_name(role)), Ok(role));
        }
        for relation in Relation::ALL {
            assert_eq!(named(&RELATIONS, relation_name(relation)), Ok(relation));
        }
        assert!(role_named("doctor").is_err() && relation_named("none").is_err());
    }

    #[test]
    fn places_of_a_policy_are_read() {
        let expected =
            PolicyPlace { role: Role::Nurse, relation: Relation::OnCall, class: Some(RiskClass::I) };
        assert_eq!(place("nurse,on-call=I"), Ok(expected));
        assert_eq!(place("nurse,on-call=none"), Ok(PolicyPlace { class: None, ..expected }));
        assert!(
            ["nurse=I", "nurse,on-call", "nurse,on-call=IV", "cook,own=I", ""]
                .iter()
                .all(|t| place(t).is_err())
        );
    }

    #[test]
    fn days_and_moments_are_read() {
        assert_eq!(moment("2026-12-01"), moment("2026-12-01T00:00:00Z"));
        assert!(["tomorrow", "2026-13-01", "2026-12-01 18:00"].iter().all(|text| moment(text).is_err()));
    }
}
