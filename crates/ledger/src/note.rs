//! C2SP signed-note 1.0.0 with Ed25519 (signature type 0x01).

#![deny(clippy::indexing_slicing)]

use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature as Ed25519Signature, Signer as _, SigningKey, VerifyingKey};

use crate::{Error, Hash};

/// Largest note in bytes that is parsed. C2SP asks for at least 16 signatures, and a post-quantum one is near 5 kB.
pub const MAX_NOTE_BYTES: usize = 128 << 10;

/// Signature lines that are parsed; C2SP asks for at least 16.
pub const MAX_SIGNATURES: usize = 32;

/// Bytes of a key name that are accepted; it is a URL without scheme.
pub const MAX_KEY_NAME_BYTES: usize = 255;

/// Signature type byte of plain Ed25519 in C2SP signed-note.
const ED25519_TYPE: u8 = 1;

/// What a signature line begins with: an em dash and a space.
pub(crate) const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// What starts a signature line: four bytes, not a secure hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteKeyId(pub [u8; 4]);

/// A C2SP verifier key ("vkey"): name, key id and Ed25519 public key. Its text form is
/// `<name>+<id in hex>+<base64(0x01 | public key)>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: NoteKeyId,
    key: VerifyingKey,
}

/// Whether `name` may stand in a signature line: not empty, no Unicode space, no plus, no control character.
pub(crate) fn is_key_name(name: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c == '+' || c.is_control();
    !name.is_empty() && name.len() <= MAX_KEY_NAME_BYTES && !name.contains(refused)
}

/// The key id that C2SP recommends: the first four bytes of SHA-256(name | newline | type | public key).
pub(crate) fn key_id(name: &str, signature_type: u8, key: &VerifyingKey) -> NoteKeyId {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend([b'\n', signature_type]);
    bytes.extend(key.as_bytes());
    let [a, b, c, d, ..] = Hash::of(&bytes).0;
    NoteKeyId([a, b, c, d])
}

/// Name and public key in the text form `<name>+<id in hex>+<base64(type | public key)>`, which is that of verifiers and of
/// cosigners. Exactly one text is accepted for each key.
pub(crate) fn parse_key<'t>(
    text: &'t str,
    signature_type: u8,
    what: &'static str,
) -> Result<(&'t str, VerifyingKey), Error> {
    let bad = |why| Error::Malformed { what, why };
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad("it is not of the form name+id+key"));
    };
    let key = STANDARD.decode(key).map_err(|_| bad("the key is not base64"))?;
    let (found, key) = key.split_first().ok_or_else(|| bad("the key is empty"))?;
    if *found != signature_type {
        return Err(bad("the key is of another signature type"));
    }
    let key: &[u8; 32] = key.try_into().map_err(|_| bad("the key is not 32 bytes long"))?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| bad("the key is not a point of the curve"))?;
    if HexId(key_id(name, signature_type, &key)).to_string() == id {
        Ok((name, key))
    } else {
        Err(bad("the id is not that of the key"))
    }
}

impl VerifierKey {
    /// The verifier key of `name` and a public key.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a name that signed notes cannot carry.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, Error> {
        if !is_key_name(name) {
            let why = "its name is empty, too long, or holds a space, a plus or a control character";
            return Err(Error::Malformed { what: "a verifier key", why });
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, ED25519_TYPE, &key), key })
    }

    /// Parses the text form. Exactly one text is accepted for each key.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the text is not a verifier key, the id does not belong to the key, or the type is not Ed25519.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, key) = parse_key(text, ED25519_TYPE, "a verifier key")?;
        Self::new(name, key)
    }

    /// Whether a signature line is of this key: name and id, whatever its signature is worth.
    #[must_use]
    pub fn is_of(&self, line: &NoteSignature) -> bool {
        line.name == self.name && line.id == self.id
    }

    /// Name in signature lines; for a log, its origin.
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
}

pub(crate) struct HexId(pub(crate) NoteKeyId);

impl fmt::Display for HexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519_TYPE];
        typed.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, HexId(self.id), STANDARD.encode(typed))
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Key name.
    pub name: String,
    /// Key id.
    pub id: NoteKeyId,
    /// The signature itself, without the key id; not empty.
    pub bytes: Vec<u8>,
}

impl fmt::Display for NoteSignature {
    /// The line as it stands in a note, with its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [&self.id.0, self.bytes.as_slice()].concat();
        writeln!(f, "{SIGNATURE_PREFIX}{} {}", self.name, STANDARD.encode(blob))
    }
}

/// A parsed note. Its text means nothing until [`Note::verify`] has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Parses a note.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything the C2SP format does not allow, [`Error::Limit`] beyond [`MAX_NOTE_BYTES`] or
    /// [`MAX_SIGNATURES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "a signed note", why };
        let limit =
            |what, got: usize, limit: usize| Error::Limit { what, got: got as u64, limit: limit as u64 };
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(limit("a note's length in bytes", bytes.len(), MAX_NOTE_BYTES));
        }
        let note = str::from_utf8(bytes).map_err(|_| bad("it is not UTF-8"))?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(bad("it holds a control character"));
        }
        let (before, lines) = note.rsplit_once("\n\n").ok_or_else(|| bad("no empty line ends its text"))?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| bad("it does not end in a newline"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            signatures.push(parse_signature(line).ok_or_else(|| bad("a signature line is malformed"))?);
            if signatures.len() > MAX_SIGNATURES {
                return Err(limit("a note's number of signatures", signatures.len(), MAX_SIGNATURES));
            }
        }
        Ok(Self { text: format!("{before}\n"), signatures })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Verifies the signature of `key` and returns the text. Lines of other keys are ignored; every line of this key
    /// must be valid. Ed25519 is checked strictly, so that a signature has one encoding only.
    ///
    /// # Errors
    /// [`Error::BadSignature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, Error> {
        let mut own = self.signatures.iter().filter(|line| key.is_of(line)).peekable();
        let signed = own.peek().is_some()
            && own.all(|line| {
                Ed25519Signature::from_slice(&line.bytes)
                    .is_ok_and(|signature| key.key.verify_strict(self.text.as_bytes(), &signature).is_ok())
            });
        if signed { Ok(&self.text) } else { Err(Error::BadSignature { key: key.label() }) }
    }
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, blob) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let blob = STANDARD.decode(blob).ok()?;
    let (id, bytes) = blob.split_first_chunk::<4>()?;
    if !is_key_name(name) || bytes.is_empty() {
        return None;
    }
    Some(NoteSignature { name: name.to_owned(), id: NoteKeyId(*id), bytes: bytes.to_vec() })
}

/// Signs `text` as `name` and returns the whole note. Deterministic: the same text and key give the same bytes.
///
/// # Errors
/// [`Error::Malformed`] if the text or the name cannot stand in a note.
pub fn sign(text: &str, name: &str, key: &SigningKey) -> Result<String, Error> {
    let id = VerifierKey::new(name, key.verifying_key())?.id;
    if !text.ends_with('\n') || text.chars().any(|c| c < ' ' && c != '\n') {
        let why = "its text does not end in a newline or holds a control character";
        return Err(Error::Malformed { what: "a note to sign", why });
    }
    let mut blob = id.0.to_vec();
    blob.extend(key.sign(text.as_bytes()).to_bytes());
    Ok(format!("{text}\n{SIGNATURE_PREFIX}{name} {}\n", STANDARD.encode(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the tests of golang.org/x/mod/sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn vector() -> String {
        format!("{TEXT}\n{LINE}")
    }

    #[test]
    fn the_go_vector_verifies_and_is_signed_byte_for_byte() {
        let key = VerifierKey::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(Note::parse(vector().as_bytes()).unwrap().verify(&key).unwrap(), TEXT);
        let secret = STANDARD.decode(SECRET).unwrap();
        let secret = SigningKey::from_bytes(secret[1..].try_into().unwrap());
        assert_eq!(sign(TEXT, "PeterNeumann", &secret).unwrap(), vector());
    }

    #[test]
    fn no_changed_byte_of_the_go_vector_verifies() {
        let (key, good) = (VerifierKey::parse(KEY).unwrap(), vector().into_bytes());
        for at in 0..good.len() {
            for mask in [1, 0x20, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= mask;
                assert!(Note::parse(&bad).and_then(|n| n.verify(&key).map(str::len)).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn no_changed_byte_of_a_verifier_key_is_accepted() {
        for at in 0..KEY.len() {
            for mask in [1, 2, 4, 8, 16, 32] {
                let mut bad = KEY.as_bytes().to_vec();
                bad[at] ^= mask;
                let text = String::from_utf8(bad).unwrap();
                assert!(VerifierKey::parse(&text).is_err(), "{text}");
            }
        }
        for end in 0..KEY.len() {
            assert!(VerifierKey::parse(&KEY[..end]).is_err());
        }
    }

    #[test]
    fn signatures_of_unknown_keys_are_ignored_and_a_wrong_one_of_the_known_key_is_fatal() {
        let key = VerifierKey::parse(KEY).unwrap();
        let stranger = sign(TEXT, "stranger", &SigningKey::from_bytes(&[7; 32])).unwrap();
        let stranger_line = stranger.strip_prefix(&format!("{TEXT}\n")).unwrap();
        let both = format!("{}{stranger_line}", vector());
        assert!(Note::parse(both.as_bytes()).unwrap().verify(&key).is_ok());
        assert!(Note::parse(stranger.as_bytes()).unwrap().verify(&key).is_err());
        let wrong = LINE.replace("x08go/ZJ", "x08go/ZK");
        let spoilt = format!("{}{wrong}", vector());
        assert!(Note::parse(spoilt.as_bytes()).unwrap().verify(&key).is_err());
    }

    #[test]
    fn malformed_notes_are_refused() {
        let blob = "AAAAAQ==";
        let (dash, lines) = (SIGNATURE_PREFIX, LINE.repeat(MAX_SIGNATURES + 1));
        let cases = [
            String::new(),
            TEXT.to_owned(),
            format!("{TEXT}\n"),
            format!("{TEXT}{LINE}"),
            vector().trim_end().to_owned(),
            format!("{TEXT}\n{LINE}\n"),
            format!("{TEXT}\n{dash}a+b {blob}\n"),
            format!("{TEXT}\n{dash}a b {blob}\n"),
            format!("{TEXT}\n{dash}a {blob}\n"),
            format!("te\txt\n\n{LINE}"),
            format!("{TEXT}\n{lines}"),
        ];
        for case in cases {
            assert!(Note::parse(case.as_bytes()).is_err(), "{case:?}");
        }
    }
}
