//! C2SP tlog-checkpoint 1.0.0: a signed note that says how many entries a log has and what its root is.

#![deny(clippy::indexing_slicing)]

use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;

use crate::{
    Error, Hash, VerifierKey,
    note::{self, Note},
};

/// Name of a log: a URL without scheme, also the name of its key. Valid as a C2SP key name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// An origin.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is empty, longer than 255 bytes, or holds a space, a plus or a control character.
    pub fn new(origin: &str) -> Result<Self, Error> {
        let why = "it is empty, too long, or holds a space, a plus or a control character";
        if note::is_key_name(origin) {
            Ok(Self(origin.to_owned()))
        } else {
            Err(Error::Malformed { what: "a log's origin", why })
        }
    }

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tree head: origin, size and root. Extension lines of others are accepted and dropped; none are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// Number of entries.
    pub size: u64,
    /// Root hash of the tree of that size.
    pub root: Hash,
}

impl Checkpoint {
    /// The note text: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    /// Parses a note text.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is not a checkpoint.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "a checkpoint", why };
        let body = text.strip_suffix('\n').ok_or_else(|| bad("it does not end in a newline"))?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(bad("it has fewer than three lines"));
        };
        if lines.any(str::is_empty) {
            return Err(bad("it has an empty line"));
        }
        let root = STANDARD.decode(root).map_err(|_| bad("the root is not base64"))?;
        let root = root.try_into().map_err(|_| bad("the root is not 32 bytes long"))?;
        let size = parse_decimal(size).ok_or_else(|| bad("the size is not a decimal number"))?;
        Ok(Self { origin: Origin::new(origin)?, size, root: Hash(root) })
    }

    /// Signs the checkpoint and returns the note.
    ///
    /// # Errors
    /// None for a valid [`Origin`]; the type is that of [`note::sign`].
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        note::sign(&self.text(), self.origin.as_str(), key)
    }

    /// Parses a signed checkpoint and verifies that `key`, whose name is the origin, signed it.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Limit`], or [`Error::BadSignature`].
    pub fn open(signed: &[u8], key: &VerifierKey) -> Result<Self, Error> {
        let note = Note::parse(signed)?;
        let checkpoint = Self::parse(note.verify(key)?)?;
        if checkpoint.origin.as_str() == key.name() {
            Ok(checkpoint)
        } else {
            Err(Error::Malformed { what: "a checkpoint", why: "its origin is not the name of the log's key" })
        }
    }
}

/// ASCII decimal without sign and leading zeros, as C2SP writes sizes and indices.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_example_parses() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.text(), text);
        assert!(Checkpoint::parse(&format!("{text}extension\n")).is_ok());
    }

    #[test]
    fn malformed_texts_are_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for text in [
            String::new(),
            "a\n1\n".to_owned(),
            format!("a\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("a b\n1\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            format!("a\n1\n{}\n", &root[4..]),
            format!("a\n1\n{root}\n\n"),
            // The two lowest bits of the last character before the padding carry nothing and must be zero.
            format!("a\n1\n{}\n", root.replace("2I=", "2J=")),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_only() {
        let secret = SigningKey::from_bytes(&[1; 32]);
        let origin = Origin::new("ward.example/log").unwrap();
        let key = VerifierKey::new(origin.as_str(), secret.verifying_key()).unwrap();
        let head = Checkpoint { origin, size: 3, root: Hash([9; 32]) };
        let signed = head.sign(&secret).unwrap();
        assert_eq!(Checkpoint::open(signed.as_bytes(), &key).unwrap(), head);
        let other =
            VerifierKey::new("ward.example/log", SigningKey::from_bytes(&[2; 32]).verifying_key()).unwrap();
        assert!(matches!(Checkpoint::open(signed.as_bytes(), &other), Err(Error::BadSignature { .. })));
        // Signed by the right key under its right name, but for another log.
        let foreign = note::sign(&head.text().replace("/log", "/lag"), "ward.example/log", &secret).unwrap();
        assert!(matches!(Checkpoint::open(foreign.as_bytes(), &key), Err(Error::Malformed { .. })));
    }
}
