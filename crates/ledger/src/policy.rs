//! C2SP tlog-policy: which logs' checkpoints are valid, and which cosigners must have cosigned them: k of n, and such
//! groups of groups. Mirrors are cosigners, too, so that "mirrored" and "witnessed" are each a policy.

#![deny(clippy::indexing_slicing)]

use std::collections::HashMap;

use crate::{Checkpoint, CosignerKey, Error, VerifierKey, checkpoint::parse_decimal, note::Note};

/// Largest policy in bytes: all logs, witnesses and groups with long names and addresses.
pub const MAX_POLICY_BYTES: usize = 128 << 10;

/// Logs of a policy, its witnesses and its groups, each; C2SP asks for at least 32.
pub const MAX_POLICY_ITEMS: usize = 64;

/// Which checkpoints are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<CosignerKey>,
    quorum: Rule,
}

/// Who must have cosigned. Every witness and group is in one place only, so that this is a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Nobody,
    /// The witness at this place of the list.
    Witness(usize),
    /// At least `k` of the members.
    Group {
        k: usize,
        members: Vec<Rule>,
    },
}

impl Rule {
    fn holds(&self, cosigned: &[bool]) -> bool {
        match self {
            Self::Nobody => true,
            Self::Witness(place) => cosigned.get(*place).copied().unwrap_or(false),
            Self::Group { k, members } => members.iter().filter(|rule| rule.holds(cosigned)).count() >= *k,
        }
    }
}

fn bad(why: &'static str) -> Error {
    Error::Malformed { what: "a log policy", why }
}

/// What has been read so far.
#[derive(Default)]
struct Reading<'a> {
    logs: Vec<VerifierKey>,
    witnesses: Vec<CosignerKey>,
    /// Names that nobody has used yet; one that was used is there without its rule.
    names: HashMap<&'a [u8], Option<Rule>>,
    groups: usize,
    quorum: Option<Rule>,
}

impl<'a> Reading<'a> {
    fn define(&mut self, name: &'a [u8], rule: Rule) -> Result<(), Error> {
        if name == b"none" || self.names.contains_key(name) {
            return Err(bad("a name is taken"));
        }
        self.names.insert(name, Some(rule));
        Ok(())
    }

    fn take(&mut self, name: &[u8]) -> Result<Rule, Error> {
        let rule = self.names.get_mut(name).ok_or_else(|| bad("a name is not defined before it is used"))?;
        rule.take().ok_or_else(|| bad("a name is a member twice"))
    }

    fn line(&mut self, items: &[&'a [u8]]) -> Result<(), Error> {
        match items {
            [b"log", key] | [b"log", key, _] => {
                let key = VerifierKey::parse(text(key)?)?;
                if self.logs.iter().any(|other| other.key() == key.key()) {
                    return Err(bad("two logs have one key"));
                }
                self.logs.push(key);
            }
            [b"witness", name, key] | [b"witness", name, key, _] => {
                let key = CosignerKey::parse(text(key)?)?;
                if self.witnesses.iter().any(|other| other.key() == key.key()) {
                    return Err(bad("two witnesses have one key"));
                }
                self.define(name, Rule::Witness(self.witnesses.len()))?;
                self.witnesses.push(key);
            }
            [b"group", name, k, members @ ..] if !members.is_empty() => {
                let k = match *k {
                    b"any" => 1,
                    b"all" => members.len(),
                    k => parse_decimal(text(k)?).and_then(|k| usize::try_from(k).ok()).unwrap_or(0),
                };
                if !(1..=members.len()).contains(&k) {
                    return Err(bad("a group's threshold is not 1 to the number of its members"));
                }
                let members = members.iter().map(|member| self.take(member)).collect::<Result<_, _>>()?;
                self.define(name, Rule::Group { k, members })?;
                self.groups += 1;
            }
            [b"quorum", name] if self.quorum.is_none() => {
                // The quorum is no member: a group may be it and be defined for nothing else.
                self.quorum = Some(if *name == b"none" { Rule::Nobody } else { self.take(name)? });
            }
            [b"quorum", _] => return Err(bad("it has two quorum lines")),
            _ => return Err(bad("a line is none of log, witness, group and quorum")),
        }
        let most = self.logs.len().max(self.witnesses.len()).max(self.groups);
        if most > MAX_POLICY_ITEMS {
            let (got, limit) = (most as u64, MAX_POLICY_ITEMS as u64);
            return Err(Error::Limit {
                what: "the number of a policy's logs, witnesses or groups",
                got,
                limit,
            });
        }
        Ok(())
    }
}

fn text(item: &[u8]) -> Result<&str, Error> {
    str::from_utf8(item).map_err(|_| bad("a key or threshold is not text"))
}

impl Policy {
    /// Parses a policy. Addresses are allowed and dropped: it is for checking, offline.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Limit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_POLICY_BYTES {
            let (got, limit) = (bytes.len() as u64, MAX_POLICY_BYTES as u64);
            return Err(Error::Limit { what: "a policy's length in bytes", got, limit });
        }
        let allowed = |byte: &u8| matches!(byte, b'\t' | b'\n' | 0x20..=0x7e | 0x80..);
        if !bytes.iter().all(allowed) {
            return Err(bad("it holds a control character"));
        }
        let body = bytes.strip_suffix(b"\n").ok_or_else(|| bad("it does not end in a newline"))?;
        let mut reading = Reading::default();
        for line in body.split(|byte| *byte == b'\n') {
            let items = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|item| !item.is_empty());
            let items: Vec<&[u8]> = items.collect();
            if items.first().is_some_and(|first| !first.starts_with(b"#")) {
                reading.line(&items)?;
            }
        }
        let Reading { logs, witnesses, quorum, .. } = reading;
        Ok(Self { logs, witnesses, quorum: quorum.ok_or_else(|| bad("it has no quorum line"))? })
    }

    /// The policy that a checkpoint of this log is cosigned by at least `k` of these.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless 1 <= k <= n and all keys differ.
    pub fn k_of(log: VerifierKey, k: usize, cosigners: Vec<CosignerKey>) -> Result<Self, Error> {
        if !(1..=cosigners.len()).contains(&k) {
            return Err(bad("a group's threshold is not 1 to the number of its members"));
        }
        let twin = |(at, one): (usize, &CosignerKey)| {
            cosigners.iter().take(at).any(|other| other.key() == one.key())
        };
        if cosigners.iter().enumerate().any(twin) {
            return Err(bad("two witnesses have one key"));
        }
        let members = (0..cosigners.len()).map(Rule::Witness).collect();
        Ok(Self { logs: vec![log], witnesses: cosigners, quorum: Rule::Group { k, members } })
    }

    /// Whether the quorum has cosigned a note. That a log of the policy has signed it, and what it says, is
    /// [`Policy::open`].
    #[must_use]
    pub fn satisfied(&self, note: &Note) -> bool {
        let cosigned: Vec<bool> = self.witnesses.iter().map(|key| key.verify(note).is_ok()).collect();
        self.quorum.holds(&cosigned)
    }

    /// The checkpoint in a note that a log of this policy has signed and its quorum has cosigned.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; [`Error::BadSignature`] where the quorum is missing.
    pub fn open(&self, signed: &[u8]) -> Result<Checkpoint, Error> {
        let note = Note::parse(signed)?;
        let missing = |who: &str| Error::BadSignature { key: who.to_owned() };
        let opened = self.logs.iter().find_map(|log| Checkpoint::open(signed, log).ok());
        let head = opened.ok_or_else(|| missing("any log of the policy"))?;
        if self.satisfied(&note) { Ok(head) } else { Err(missing("a quorum of the policy")) }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::{Hash, Origin, cosignature};

    fn secret(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn witness(seed: u8) -> CosignerKey {
        CosignerKey::new(&format!("w{seed}.example"), secret(seed).verifying_key()).unwrap()
    }

    fn log() -> VerifierKey {
        VerifierKey::new("ward.example/log", secret(99).verifying_key()).unwrap()
    }

    /// A checkpoint that these have cosigned.
    fn cosigned(by: &[u8]) -> String {
        let head =
            Checkpoint { origin: Origin::new("ward.example/log").unwrap(), size: 1, root: Hash([1; 32]) };
        by.iter().fold(head.sign(&secret(99)).unwrap(), |signed, seed| {
            let line = cosignature::cosign(&head.text(), 1, witness(*seed).name(), &secret(*seed)).unwrap();
            cosignature::attach(&signed, &line).unwrap()
        })
    }

    fn example() -> String {
        let mut text = format!("# The example of the specification.\n\nlog {} https://a/\n", log());
        for (seed, name) in (1..).zip(["X1", "X2", "X3", "Y1", "Y2", "Y3"]) {
            text += &format!("\t witness {name}  {}\n", witness(seed));
        }
        text + "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n  # both\n\
                group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    }

    #[test]
    fn the_specification_example_is_satisfied_as_it_says() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        for (by, holds) in [
            (&[][..], false),
            (&[1, 2], false),
            (&[1, 4], false),
            (&[1, 2, 4], true),
            (&[2, 3, 6], true),
            (&[4, 5, 6, 3], false),
            (&[1, 2, 3, 4, 5, 6], true),
            (&[1, 2, 7], false),
        ] {
            assert_eq!(policy.open(cosigned(by).as_bytes()).is_ok(), holds, "{by:?}");
        }
        // A forged line counts for nothing.
        let forged = cosigned(&[1, 2, 4]).replace("w4.example", "w5.example");
        assert!(policy.open(forged.as_bytes()).is_err());
    }

    #[test]
    fn any_k_of_n_satisfy_it_and_fewer_do_not() {
        let policy = Policy::k_of(log(), 2, (1..=3).map(witness).collect()).unwrap();
        for set in 0u8..8 {
            let by: Vec<u8> = (1..=3).filter(|seed| set & (1 << (seed - 1)) != 0).collect();
            let note = Note::parse(cosigned(&by).as_bytes()).unwrap();
            assert_eq!(policy.satisfied(&note), by.len() >= 2, "{by:?}");
        }
        assert!(Policy::k_of(log(), 0, vec![witness(1)]).is_err());
        assert!(Policy::k_of(log(), 2, vec![witness(1)]).is_err());
        assert!(Policy::k_of(log(), 1, vec![witness(1), witness(1)]).is_err());
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        let good = example();
        assert!(
            Policy::parse(b"quorum none\n")
                .unwrap()
                .satisfied(&Note::parse(cosigned(&[]).as_bytes()).unwrap())
        );
        for bad in [
            good.replace("quorum X-and-Y\n", ""),
            good.clone() + "quorum none\n",
            good.replace("quorum X-and-Y\n", "quorum X-and-Y"),
            good.replace("quorum X-and-Y", "quorum Z"),
            good.replace("2 X1", "0 X1"),
            good.replace("2 X1", "4 X1"),
            good.replace("2 X1", "02 X1"),
            good.replace("2 X1 X2 X3", "2"),
            good.replace("2 X1 X2 X3", "2 X1 X1 X3"),
            good.replace("any Y1", "any X1"),
            good.replace("group X-witnesses", "group none"),
            good.replace("group X-witnesses", "group X1"),
            good.replace("group X-witnesses", "grp X-witnesses"),
            good.replace(&witness(2).to_string(), &witness(1).to_string()),
            good.clone() + &format!("log {}\n", log()),
            good.replace(&log().to_string(), &witness(9).to_string()),
            good.replace("# both", "# bo\u{7f}th"),
            good.replace("\t witness", "\r witness"),
            String::new(),
        ] {
            assert!(Policy::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let many: String =
            (0..=MAX_POLICY_ITEMS).map(|n| format!("witness {n} {}\n", witness(n as u8))).collect();
        assert!(matches!(Policy::parse((many + "quorum none\n").as_bytes()), Err(Error::Limit { .. })));
    }
}
