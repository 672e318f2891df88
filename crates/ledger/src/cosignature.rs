//! C2SP tlog-cosignature 1.0: what a witness or a mirror adds to a checkpoint, with the time at which it did (Ed25519,
//! signature type 0x04).
//!
//! A cosignature says: of this log, the tree of this size with this root is the largest consistent one that I have seen.
//! What a mirror's says beyond that, that it holds everything durably, follows from who the key belongs to.

#![deny(clippy::indexing_slicing)]

use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::{
    Error,
    note::{HexId, Note, NoteKeyId, NoteSignature, is_key_name, key_id, parse_key},
};

/// Signature type byte of a timestamped Ed25519 cosignature.
const COSIGNATURE_TYPE: u8 = 4;

/// Largest time that C2SP allows in a cosignature, in seconds.
pub const MAX_TIME_S: u64 = i64::MAX as u64;

/// Public key of a witness or a mirror. Its text form is `<name>+<id in hex>+<base64(0x04 | public key)>`.
///
/// The signed bytes do not name the cosigner, so each needs a key of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerKey {
    name: String,
    id: NoteKeyId,
    key: VerifyingKey,
}

impl CosignerKey {
    /// The cosigner's key of `name` and a public key.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a name that signed notes cannot carry.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, Error> {
        if !is_key_name(name) {
            let why = "its name is empty, too long, or holds a space, a plus or a control character";
            return Err(Error::Malformed { what: "a cosigner's key", why });
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, COSIGNATURE_TYPE, &key), key })
    }

    /// Parses the text form. Exactly one text is accepted for each key.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the text is none, the id does not belong to the key, or the type is another one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, key) = parse_key(text, COSIGNATURE_TYPE, "a cosigner's key")?;
        Self::new(name, key)
    }

    /// Name in signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Name and id, enough to tell keys apart in a message.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}+{}", self.name, HexId(self.id))
    }

    /// Whether a signature line is of this key: name and id, whatever its signature is worth.
    #[must_use]
    pub fn is_of(&self, line: &NoteSignature) -> bool {
        line.name == self.name && line.id == self.id
    }

    /// Verifies this cosigner's line in a checkpoint and returns its time in seconds since 1970; of several lines the
    /// latest. Every line of this key must be valid. A cosignature says nothing of the log's own signature: verify
    /// that, too.
    ///
    /// # Errors
    /// [`Error::BadSignature`] if there is none, or one that is not valid.
    pub fn verify(&self, note: &Note) -> Result<u64, Error> {
        let bad = || Error::BadSignature { key: self.label() };
        let mut latest = None;
        for line in note.signatures().iter().filter(|line| self.is_of(line)) {
            latest = latest.max(Some(self.verify_line(note.text(), line).ok_or_else(bad)?));
        }
        latest.ok_or_else(bad)
    }

    fn verify_line(&self, text: &str, line: &NoteSignature) -> Option<u64> {
        let (time, signature) = line.bytes.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        let signature = Signature::from_slice(signature).ok()?;
        let message = message(text, time);
        let valid = time <= MAX_TIME_S && self.key.verify_strict(message.as_bytes(), &signature).is_ok();
        valid.then_some(time)
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![COSIGNATURE_TYPE];
        typed.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, HexId(self.id), STANDARD.encode(typed))
    }
}

/// What is signed: two lines and the note's text.
fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// Cosigns the text of a checkpoint and returns the signature line with its newline. The caller has made sure that the
/// checkpoint is consistent with all that this key has signed for the log, and that it will remember this one.
///
/// # Errors
/// [`Error::Malformed`] for a name that notes cannot carry; [`Error::Limit`] for a time beyond [`MAX_TIME_S`].
pub fn cosign(text: &str, time_s: u64, name: &str, key: &SigningKey) -> Result<String, Error> {
    if time_s > MAX_TIME_S {
        return Err(Error::Limit { what: "the time of a cosignature", got: time_s, limit: MAX_TIME_S });
    }
    let CosignerKey { name, id, .. } = CosignerKey::new(name, key.verifying_key())?;
    let mut bytes = time_s.to_be_bytes().to_vec();
    bytes.extend(key.sign(message(text, time_s).as_bytes()).to_bytes());
    Ok(NoteSignature { name, id, bytes }.to_string())
}

/// Adds signature lines, such as a witness answers with, to a signed note. A line takes the place of an earlier one
/// of the same name and id.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Limit`] if that gives no note.
pub fn attach(signed: &str, lines: &str) -> Result<String, Error> {
    let before = Note::parse(signed.as_bytes())?;
    let added = Note::parse(format!("{}\n{lines}", before.text()).as_bytes())?;
    let replaced =
        |old: &&NoteSignature| !added.signatures().iter().any(|new| new.name == old.name && new.id == old.id);
    let mut note = format!("{}\n", before.text());
    for line in before.signatures().iter().filter(replaced).chain(added.signatures()) {
        note.push_str(&line.to_string());
    }
    Note::parse(note.as_bytes()).map(|_| note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note;

    const TEXT: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    // The example of C2SP tlog-cosignature; its public key is not published.
    const EXAMPLE: &str = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    // Secret key 32 bytes 2a; signed by OpenSSL, the id by hand.
    const VKEY: &str = "witness.example.com/w1+b2b3731c+BBl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h";
    const LINE: &str = "\u{2014} witness.example.com/w1 srNzHAAAAABkGFDLO3QHuVkoSLXBTFXEZirSXMcqft7KH9IJ/9dNoJmEuYKyHYdwR8Hl82lSBc3HRuL0pix1dLkwMzmSzwYLULbTBA==\n";

    fn secret() -> SigningKey {
        SigningKey::from_bytes(&[42; 32])
    }

    fn note(lines: &str) -> Note {
        Note::parse(format!("{TEXT}\n{lines}").as_bytes()).unwrap()
    }

    #[test]
    fn the_line_is_the_one_that_openssl_and_a_hash_give() {
        let key = CosignerKey::new("witness.example.com/w1", secret().verifying_key()).unwrap();
        assert_eq!(key.to_string(), VKEY);
        assert_eq!(CosignerKey::parse(VKEY).unwrap(), key);
        assert_eq!(cosign(TEXT, 1_679_315_147, key.name(), &secret()).unwrap(), LINE);
        assert_eq!(key.verify(&note(LINE)).unwrap(), 1_679_315_147);
    }

    #[test]
    fn the_specification_example_has_its_layout() {
        let parsed = note(EXAMPLE);
        let line = &parsed.signatures()[0];
        assert_eq!(line.bytes.len(), 72);
        assert_eq!(u64::from_be_bytes(line.bytes[..8].try_into().unwrap()), 1_679_315_147);
        assert_eq!(line.to_string(), EXAMPLE);
    }

    #[test]
    fn no_changed_byte_verifies() {
        let key = CosignerKey::parse(VKEY).unwrap();
        let good = format!("{TEXT}\n{LINE}").into_bytes();
        for at in 0..good.len() {
            for mask in [1, 0x20, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= mask;
                assert!(Note::parse(&bad).and_then(|note| key.verify(&note)).is_err(), "byte {at}");
            }
        }
        for at in 0..VKEY.len() {
            let mut bad = VKEY.as_bytes().to_vec();
            bad[at] ^= 1;
            assert!(CosignerKey::parse(std::str::from_utf8(&bad).unwrap()).is_err(), "byte {at} of the key");
        }
    }

    #[test]
    fn the_keys_of_logs_and_cosigners_are_not_mistaken_for_each_other() {
        let key = CosignerKey::parse(VKEY).unwrap();
        let plain = note::sign(TEXT, key.name(), &secret()).unwrap();
        assert!(key.verify(&Note::parse(plain.as_bytes()).unwrap()).is_err());
        assert!(crate::VerifierKey::parse(VKEY).is_err());
        let log = crate::VerifierKey::new(key.name(), secret().verifying_key()).unwrap();
        assert!(CosignerKey::parse(&log.to_string()).is_err());
        assert!(note(LINE).verify(&log).is_err());
    }

    #[test]
    fn a_later_line_takes_the_place_of_the_earlier_one() {
        let signed =
            note::sign(TEXT, "example.com/behind-the-sofa", &SigningKey::from_bytes(&[1; 32])).unwrap();
        let once = attach(&signed, LINE).unwrap();
        let later = cosign(TEXT, 1_679_315_148, "witness.example.com/w1", &secret()).unwrap();
        let twice = attach(&once, &later).unwrap();
        assert_eq!(twice, format!("{signed}{later}"));
        let key = CosignerKey::parse(VKEY).unwrap();
        assert_eq!(key.verify(&Note::parse(twice.as_bytes()).unwrap()).unwrap(), 1_679_315_148);
        // Two lines of one key: all must be valid, the latest counts.
        assert_eq!(key.verify(&note(&format!("{later}{LINE}"))).unwrap(), 1_679_315_148);
        assert!(key.verify(&note(&format!("{later}{}", LINE.replace("AAABk", "AAABl")))).is_err());
        assert!(attach(&signed, "no line\n").is_err());
        assert!(attach(&signed, "").is_err());
        assert!(cosign(TEXT, MAX_TIME_S + 1, "w", &secret()).is_err());
    }
}
