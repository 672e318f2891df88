//! The public key of the house's issuer of certificates, as hubs and sensors are given it: 64 hexadecimal digits.

use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::state::State;
use bodywire_proto::access::IssuerKey;
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use std::path::Path;

/// Longest file that is read: the digits and what an editor puts behind them.
const FILE_BYTES_MAX: usize = 256;

/// Reads a file's content. `None` for what is no key, and for a weak one.
pub(crate) fn parse(content: &[u8]) -> Option<IssuerKey> {
    let text = content.get(..content.len().min(FILE_BYTES_MAX))?.trim_ascii();
    let bytes = HEX.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())?;
    IssuerKey::from_bytes(&bytes)
}

/// The key that a hub's side goes by: that of `hub.issuer_file`, or the one in its directory. `None` when there is neither.
pub(crate) fn of_hub(state: &State, loaded: Option<&Loaded>) -> Result<Option<IssuerKey>, Failure> {
    let told = loaded.and_then(|loaded| Some((loaded, loaded.config.hub.as_ref()?.issuer.as_ref()?)));
    match told {
        Some((loaded, source)) => {
            let key = parse(&loaded.public(source)?);
            Ok(Some(key.ok_or_else(|| match loaded.place(source) {
                Ok(place) => refused(&place),
                Err(failure) => failure,
            })?))
        }
        None => state.issuer(),
    }
}

/// A file that should hold the key, and does not.
pub(crate) fn refused(file: &Path) -> Failure {
    let next = "copy access/issuer.pub from the clinic's directory, where bodywire access init made it";
    Failure::path(file, "is no issuer's public key of 64 hexadecimal digits", next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    #[test]
    fn digits_with_and_without_a_newline_are_a_key_and_nothing_else_is() {
        let public = SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes();
        let text = HEX.encode(&public);
        for written in [text.clone(), format!("{text}\n"), format!(" {text}\r\n")] {
            assert_eq!(parse(written.as_bytes()).map(|key| key.to_bytes()), Some(public));
        }
        for written in ["", "00", &text[1..], &"0".repeat(64), &format!("{text}00")] {
            assert!(parse(written.as_bytes()).is_none(), "{written}");
        }
    }
}
