//! The house's issuer: one Ed25519 key under which certificates and revocation lists are signed.

use crate::args::Output;
use crate::exit::Failure;
use crate::print;
use crate::state::{State, create_directory};
use bodywire_proto::access::Issuer;
use bodywire_proto::access::verify::name_of;
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::SigningKey;
use serde_json::json;

/// The secret, 32 bytes.
const SECRET: &str = "access/issuer";
/// The public key, 64 hexadecimal digits and a newline: for hubs and sensors.
pub(super) const PUBLIC: &str = "access/issuer.pub";

/// The issuer of the house in this directory. It is made when there is none yet.
pub(crate) fn issuer(state: &State) -> Result<SigningKey, Failure> {
    create_directory(&state.root().join("access"))?;
    let key = SigningKey::from_bytes(&state.secret(SECRET)?);
    let public = format!("{}\n", HEX.encode(key.verifying_key().as_bytes()));
    let kept = state.kept(PUBLIC, || Ok(public.clone().into_bytes()))?;
    if kept != public.as_bytes() {
        let path = state.root().join(PUBLIC);
        let next = "remove it, and bodywire access init --config FILE writes the right one";
        return Err(Failure::path(&path, "is not the public half of access/issuer", next));
    }
    Ok(key)
}

/// The same, when there must be one.
pub(crate) fn kept_issuer(state: &State) -> Result<SigningKey, Failure> {
    if !state.has(SECRET) {
        let next = "make it first: bodywire access init --config FILE";
        return Err(Failure::path(&state.root().join(SECRET), "the house has no issuer", next));
    }
    issuer(state)
}

/// The name that its certificates and lists carry.
pub(super) fn name(key: &SigningKey) -> Issuer {
    name_of(key.verifying_key().as_bytes())
}

pub(super) fn init(state: &State, output: Output) -> Result<(), Failure> {
    let made = !state.has(SECRET);
    let key = issuer(state)?;
    let public = HEX.encode(key.verifying_key().as_bytes());
    let file = state.root().join(PUBLIC);
    print(&match output {
        Output::Json => json!({ "issuer": public, "file": file, "made": made }).to_string(),
        Output::Table => format!(
            "issuer {public}  {}\nhubs and sensors need {}; the secret beside it belongs into the copy of the keys",
            if made { "made" } else { "was there" },
            file.display()
        ),
    });
    Ok(())
}
