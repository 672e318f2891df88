//! Certificates, and the links that carry them.
//!
//! The key pair is drawn here. The link has the private half behind its `#`, which a browser keeps to itself; it is printed
//! once and written nowhere, but for exports, which a command signs.

use super::issuer::{kept_issuer, name};
use super::person::{find_here, hex};
use crate::args::{AccessInviteOptions, Output, role_name};
use crate::exit::Failure;
use crate::state::{State, replace_private};
use crate::{now_ms, print};
use bodywire_proto::access::certificate::{CERTIFICATE_BYTES, LIFETIME_MAX_MS};
use bodywire_proto::access::{CLOCK_SKEW_MAX_MS, Certificate, Person, Role, SIGNATURE_BYTES};
use bodywire_store::{CODE_DIGITS, CodeHash, InvitationKind, InvitationRow, Store};
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::{Signer, SigningKey};
use rand::{CryptoRng, RngExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// What was made for somebody. Only the hash of the token and of the code are in the database, and the key nowhere.
pub(crate) struct Invited {
    /// Path, query and fragment of the link, to be put behind `http://host:port`.
    pub(crate) link_path: Zeroizing<String>,
    /// The code that break-glass asks for, six digits.
    pub(crate) code: Zeroizing<String>,
    /// The certificate's number.
    pub(crate) serial: u64,
    /// The end of the certificate, milliseconds since 1970.
    pub(crate) until_ms: u64,
    token: Zeroizing<[u8; 32]>,
    seed: Zeroizing<[u8; 32]>,
    certificate: [u8; CERTIFICATE_BYTES],
}

/// Makes a key, a certificate of so many hours (24 at most), a token and a code for somebody of the house.
///
/// # Errors
/// [`Failure::Configuration`] for somebody who is not there, or has left.
pub(crate) async fn invite(
    store: &Store,
    issuer: &SigningKey,
    person: Person,
    kind: InvitationKind,
    hours: u8,
    rng: &mut impl CryptoRng,
    now_ms: u64,
) -> Result<Invited, Failure> {
    let row = store.person(person).await?.filter(|row| row.left_ms.is_none());
    let row = row.ok_or_else(|| Failure::Configuration {
        what: format!("person {}", hex(person)),
        why: "there is none".to_owned(),
        next: "see who there is: bodywire access list --config FILE".to_owned(),
    })?;
    let (mut seed, mut token, mut salt) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]), [0; 16]);
    rng.fill_bytes(&mut *seed);
    rng.fill_bytes(&mut *token);
    rng.fill_bytes(&mut salt);
    let number: u32 = rng.random_range(0..10u32.pow(CODE_DIGITS as u32));
    let code = Zeroizing::new(format!("{number:0width$}", width = CODE_DIGITS));
    let not_before_ms = now_ms.saturating_sub(CLOCK_SKEW_MAX_MS);
    let until_ms = (now_ms + u64::from(hours) * HOUR_MS).min(not_before_ms + LIFETIME_MAX_MS);
    let mut certificate = Certificate {
        serial: rng.random_range(1..=u64::MAX),
        person,
        role: row.role,
        highest_class: row.highest,
        key: SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
        not_before_ms,
        not_after_ms: until_ms,
        issuer: name(issuer),
        signature: [0; SIGNATURE_BYTES],
    };
    certificate.signature = issuer.sign(&certificate.signed_bytes()?).to_bytes();
    let bytes = certificate.to_bytes()?;
    let invitation = InvitationRow {
        token_hash: Sha256::digest(*token).into(),
        person,
        kind,
        serial: certificate.serial,
        certificate: bytes,
        code: CodeHash::new(&code, salt)?,
        made_ms: now_ms,
        until_ms,
        used_ms: None,
        revoked_ms: None,
    };
    store.add_invitation(&invitation).await?;
    let link_path = format!("/?once={}#k={}", HEX.encode(&*token), HEX.encode(&*seed));
    Ok(Invited {
        link_path: Zeroizing::new(link_path),
        code,
        serial: certificate.serial,
        until_ms,
        token,
        seed,
        certificate: bytes,
    })
}

pub(super) async fn command(
    state: &State,
    store: &Store,
    options: &AccessInviteOptions,
) -> Result<(), Failure> {
    let issuer = kept_issuer(state)?;
    let row = find_here(store, &options.person).await?;
    let kind = match (options.wall, options.export) {
        (true, _) => InvitationKind::Wall,
        (_, true) => InvitationKind::Export,
        _ => InvitationKind::Console,
    };
    if kind == InvitationKind::Wall && row.role != Role::Program {
        return Err(Failure::Configuration {
            what: format!("a wall display for {}", row.name),
            why: format!("is a {}, and a screen that everybody sees is nobody's", role_name(row.role)),
            next: "add the screen: bodywire access add \"Wall\" --role program --class II --config FILE"
                .to_owned(),
        });
    }
    let invited = invite(store, &issuer, row.person, kind, options.hours, &mut rand::rng(), now_ms()).await?;
    let console = console_address(state);
    let (serial, code) = (format!("{:016x}", invited.serial), &*invited.code);
    if kind == InvitationKind::Export {
        let file = ExportCredential::leave(state, console.as_deref(), &invited)?;
        print(&match options.house.output {
            Output::Json => {
                json!({ "person": hex(row.person), "serial": serial, "until_ms": invited.until_ms, "file": file })
                    .to_string()
            }
            Output::Table => format!("{}  may export until {}; credential in {file}", row.name, time(invited.until_ms)),
        });
        return Ok(());
    }
    let link = Zeroizing::new(format!("{}{}", console.as_deref().unwrap_or_default(), &*invited.link_path));
    print(&Zeroizing::new(match options.house.output {
        Output::Json => json!({
            "person": hex(row.person),
            "name": row.name,
            "serial": serial,
            "until_ms": invited.until_ms,
            "link": &*link,
            "code": code,
        })
        .to_string(),
        Output::Table => {
            let whole = if console.is_some() { "" } else { "  (behind the console's address)" };
            format!(
                "{}  signs in once until {}\nlink {}{whole}\ncode {code}",
                row.name,
                time(invited.until_ms),
                &*link
            )
        }
    }));
    Ok(())
}

fn time(ms: u64) -> String {
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
    humantime::format_rfc3339_seconds(moment).to_string()
}

/// `http://host:port` of a clinic that runs, or ran last, in this directory.
fn console_address(state: &State) -> Option<String> {
    let text = std::fs::read_to_string(state.console_link()).ok()?;
    text.split_once("/?once=").map(|(address, _)| address.to_owned())
}

/// What `bodywire export` signs in and signs with: a file that only the clinic's owner may read.
///
/// ```text
/// http://host:port of the console, empty when it was not known
/// once and the token, 64 hexadecimal digits; after the first export session and the cookie
/// certificate, 310 hexadecimal digits
/// key, 64 hexadecimal digits: the Ed25519 seed
/// ```
pub(crate) struct ExportCredential {
    path: PathBuf,
    pub(crate) address: String,
    pub(crate) pass: Pass,
    pub(crate) certificate: Certificate,
    pub(crate) key: SigningKey,
}

/// What opens the console, in hexadecimal digits.
pub(crate) enum Pass {
    /// A token that opens a session once.
    Once(Zeroizing<String>),
    /// The cookie of a session that was opened with it.
    Session(Zeroizing<String>),
}

impl ExportCredential {
    /// Its place in a state directory.
    pub(crate) const FILE: &str = "clinic/export-credential";

    fn leave(state: &State, address: Option<&str>, invited: &Invited) -> Result<String, Failure> {
        let credential = Self {
            path: state.root().join(Self::FILE),
            address: address.unwrap_or_default().to_owned(),
            pass: Pass::Once(Zeroizing::new(HEX.encode(&*invited.token))),
            certificate: Certificate::parse(&invited.certificate)?,
            key: SigningKey::from_bytes(&invited.seed),
        };
        credential.write()?;
        Ok(credential.path.display().to_string())
    }

    /// Keeps the session that the token has opened, for the exports that follow.
    pub(crate) fn signed_in(&mut self, cookie: &str) -> Result<(), Failure> {
        self.pass = Pass::Session(Zeroizing::new(cookie.to_owned()));
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let (kind, secret) = match &self.pass {
            Pass::Once(secret) => ("once", secret),
            Pass::Session(secret) => ("session", secret),
        };
        let seed = Zeroizing::new(self.key.to_bytes());
        let text = Zeroizing::new(format!(
            "{}\n{kind} {}\n{}\n{}\n",
            self.address,
            &**secret,
            HEX.encode(&self.certificate.to_bytes()?),
            HEX.encode(&*seed)
        ));
        replace_private(&self.path, text.as_bytes())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`Failure::Configuration`] when there is none, or it is something else.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        const NEXT: &str = "make one: bodywire access invite PERSON --export --config FILE";
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| Failure::path(path, error, NEXT))?;
        let mut lines = text.lines();
        let mut next = || lines.next().unwrap_or_default();
        let (address, pass, certificate, seed) = (next(), next(), next(), next());
        let pass = match pass.split_once(' ') {
            Some(("once", secret)) => Some(Pass::Once(Zeroizing::new(secret.to_owned()))),
            Some(("session", secret)) => Some(Pass::Session(Zeroizing::new(secret.to_owned()))),
            _ => None,
        };
        let certificate = HEX.decode(certificate.as_bytes()).ok();
        let certificate = certificate.and_then(|bytes| Certificate::parse(&bytes).ok());
        let seed = HEX.decode(seed.as_bytes()).ok().map(Zeroizing::new);
        let seed: Option<&[u8; 32]> = seed.as_ref().and_then(|seed| seed.as_slice().try_into().ok());
        match (pass, certificate, seed) {
            (Some(pass), Some(certificate), Some(seed)) => Ok(Self {
                path: path.to_owned(),
                address: address.to_owned(),
                pass,
                certificate,
                key: SigningKey::from_bytes(seed),
            }),
            _ => Err(Failure::path(path, "is no credential for exports", NEXT)),
        }
    }
}
