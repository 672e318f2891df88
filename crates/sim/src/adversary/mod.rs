//! Attacks on BodyWire's link, on paper B's own protocol and on the schemes it is compared with.
//!
//! An attacker sees, blocks, changes and injects bytes between the real code of a sensor and of its hub; where the row of
//! the matrix says so it is also given a key, a database or a device. What is reported is what happened: whether a victim
//! accepted, and whether the attacker has the secret that the victims agreed on.
//!
//! [`Outcome::Holds`] means that this attacker failed, which is an experiment and not a proof.
//! Each outcome is compared with the [expectation] and its source; `docs/attacks.md` has the matrix.

mod air;
mod availability;
mod capture;
mod data;
mod exchange;
pub mod expectation;
mod hash_l;
mod impersonation;
mod link;
mod listening;
mod modelling;
mod proximity;
mod questioning;
mod replaying;
mod seizure;
mod tampering;
mod toolbox;
mod transcript;

pub use transcript::Step;

use crate::Error;
use air::{Air, Target};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use transcript::Transcript;

macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All, in the order of the matrix.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in tables, on the command line and in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// What is attacked.
    Scheme {
        /// Paper B's own protocol, byte sizes included.
        Paper = "paper",
        /// BodyWire's link.
        Hardened = "hardened",
        /// HASH-BASED L, Li et al. 2017.
        HashL = "hash-l",
        /// HASH-BASED I, in the shape of Ibrahim et al. 2016.
        HashI = "hash-i",
        /// ECC-BASED E-Z, in the shape of Zhao 2014.
        EccEz = "ecc-ez",
        /// ECC-BASED E-H, the same mended.
        EccEh = "ecc-eh",
    }
}

named! {
    /// What an attacker tries.
    Attack {
        /// Listens to a run and looks for its secret.
        Eavesdrop = "eavesdrop",
        /// Listens to runs of two sensors and looks for what tells them apart.
        Trace = "trace",
        /// Changes a message on its way.
        Tamper = "tamper",
        /// Sends recorded messages again.
        Replay = "replay",
        /// Stands between both, with an enrolled sensor of its own.
        ManInTheMiddle = "man-in-the-middle",
        /// Claims to be the sensor, without its secrets.
        ImpersonateSensor = "impersonate-sensor",
        /// Claims to be the hub, without its secrets.
        ImpersonateHub = "impersonate-hub",
        /// Sends a side's own message back to it.
        Reflect = "reflect",
        /// Loses or spoils messages, so that sensor and hub never agree again.
        Desynchronise = "desynchronise",
        /// Issues keys, as the key manager does, and claims to be a sensor.
        AbuseManager = "abuse-manager",
        /// Takes the keys of sensor and hub, then listens to later sessions.
        CaptureForward = "capture-forward",
        /// Takes the keys of sensor and hub, and has recorded earlier sessions.
        CaptureBackward = "capture-backward",
        /// Takes what the hub keeps of each sensor, without keys.
        StealDatabase = "steal-database",
        /// Uses up the challenge-response pairs with messages of its own.
        ExhaustPairs = "exhaust-pairs",
        /// Learns the PUF from what is on the air, with the key known.
        ModelPuf = "model-puf",
        /// Takes K once and questions the PUF in the hub's place.
        QuestionPuf = "question-puf",
        /// XORs two data frames.
        TwoTimePad = "two-time-pad",
        /// Flips many bits of a message, as noise would.
        FlipUnderThreshold = "flip-under-threshold",
        /// Changes a message so that a linear check sum stays the same.
        ForgeFold = "forge-fold",
        /// Rewrites data and mends parity bits and frame check sequence.
        ForgeParity = "forge-parity",
        /// Forges the message that confirms.
        ForgeConfirmation = "forge-confirmation",
        /// Reports an emergency that there is not.
        SpoofEmergency = "spoof-emergency",
        /// Hides an emergency behind earlier data.
        SuppressEmergency = "suppress-emergency",
        /// Stands within two metres of a patient in an emergency.
        StrangerNearby = "stranger-nearby",
        /// Is further away, with an antenna.
        StrangerAntenna = "stranger-antenna",
        /// Raises an emergency at the electrodes, to read what it opens.
        FalseEmergency = "false-emergency",
        /// Takes all that a sensor remembers and is.
        TakeBoth = "take-both",
        /// Takes one sensor with everything in it and attacks another one.
        CaptureNode = "capture-node",
    }
}

named! {
    /// How an attack ended.
    Outcome {
        /// The attacker failed.
        Holds = "holds",
        /// The attacker reached its goal.
        Falls = "falls",
        /// The attacker reached its goal, with means against which no scheme claims anything.
        Limit = "limit",
    }
}

/// One cell of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The row.
    pub attack: Attack,
    /// The column.
    pub scheme: Scheme,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub why: String,
    /// What happened.
    pub transcript: Vec<Step>,
}

/// How an attack ended, and why.
struct Verdict {
    outcome: Outcome,
    why: String,
}

impl Verdict {
    fn falls(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Falls, why: why.into() }
    }

    fn holds(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Holds, why: why.into() }
    }

    fn limit(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Limit, why: why.into() }
    }
}

/// An attack being carried out.
struct Stage {
    scheme: Scheme,
    seed: u64,
    /// The attacker's dice.
    rng: ChaCha20Rng,
    log: Transcript,
}

impl Stage {
    /// Freshly enrolled victims, the same each time.
    fn victims(&self) -> Result<Air, Error> {
        let target: Box<dyn Target> = match self.scheme {
            Scheme::Paper => Box::new(link::paper(self.seed)?),
            Scheme::Hardened => Box::new(link::hardened(self.seed)?),
            Scheme::HashL => Box::new(exchange::hash_l(self.seed)),
            Scheme::HashI => Box::new(exchange::hash_i(self.seed)?),
            Scheme::EccEz => Box::new(exchange::ecc_ez(self.seed)?),
            Scheme::EccEh => Box::new(exchange::ecc_eh(self.seed)?),
        };
        Ok(Air::new(target))
    }

    /// Random bytes of the attacker.
    fn random(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

/// Carries out one attack. Nothing when the scheme has nothing that this attack is about.
///
/// The same seed gives the same transcript. Fails when the victims cannot be enrolled.
pub fn attack(attack: Attack, scheme: Scheme, seed: u64) -> Result<Option<Cell>, Error> {
    let dice = seed ^ ((attack as u64) << 32 | (scheme as u64) << 48);
    let rng = ChaCha20Rng::seed_from_u64(dice);
    let mut stage = Stage { scheme, seed, rng, log: Transcript::default() };
    let verdict = match attack {
        Attack::Eavesdrop => listening::eavesdrop(&mut stage)?,
        Attack::Trace => listening::trace(&mut stage)?,
        Attack::Tamper => tampering::tamper(&mut stage)?,
        Attack::Replay => replaying::replay(&mut stage)?,
        Attack::ManInTheMiddle => impersonation::man_in_the_middle(&mut stage)?,
        Attack::ImpersonateSensor => impersonation::sensor(&mut stage)?,
        Attack::ImpersonateHub => impersonation::hub(&mut stage)?,
        Attack::Reflect => replaying::reflect(&mut stage)?,
        Attack::Desynchronise => availability::desynchronise(&mut stage)?,
        Attack::AbuseManager => match capture::manager(&mut stage)? {
            Some(verdict) => verdict,
            None => return Ok(None),
        },
        Attack::CaptureForward => capture::forward(&mut stage)?,
        Attack::CaptureBackward => capture::backward(&mut stage)?,
        Attack::StealDatabase => capture::database(&mut stage)?,
        Attack::ExhaustPairs => availability::exhaust(&mut stage)?,
        Attack::ModelPuf => match modelling::model(&mut stage)? {
            Some(verdict) => verdict,
            None => return Ok(None),
        },
        Attack::QuestionPuf => match questioning::question(&mut stage)? {
            Some(verdict) => verdict,
            None => return Ok(None),
        },
        Attack::TwoTimePad | Attack::ForgeParity | Attack::SpoofEmergency | Attack::SuppressEmergency => {
            match data::attack(&mut stage, attack)? {
                Some(verdict) => verdict,
                None => return Ok(None),
            }
        }
        Attack::StrangerNearby | Attack::StrangerAntenna | Attack::FalseEmergency => {
            match proximity::attack(&mut stage, attack)? {
                Some(verdict) => verdict,
                None => return Ok(None),
            }
        }
        Attack::FlipUnderThreshold => tampering::flip_under_threshold(&mut stage)?,
        Attack::ForgeFold => tampering::forge_fold(&mut stage)?,
        Attack::ForgeConfirmation => tampering::forge_confirmation(&mut stage)?,
        Attack::TakeBoth => capture::both(&mut stage)?,
        Attack::CaptureNode => capture::node(&mut stage)?,
    };
    let Verdict { outcome, why } = verdict;
    Ok(Some(Cell { attack, scheme, outcome, why, transcript: stage.log.into_steps() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell with two seeds, against the expectation and its source.
    #[test]
    fn every_cell_is_as_expected() {
        for seed in [1, 20_261_122] {
            for each in Attack::ALL {
                for scheme in Scheme::ALL {
                    let cell = attack(*each, *scheme, seed).unwrap();
                    let expected = expectation::expected(*each, *scheme);
                    let (outcome, why) = cell.map(|cell| (cell.outcome, cell.why)).unzip();
                    let wanted = expected.map(|expected| expected.outcome);
                    assert_eq!(
                        outcome, wanted,
                        "{each} against {scheme}, seed {seed}: {why:?} ({expected:?})"
                    );
                }
            }
        }
    }

    /// Were honest runs to fail, every attack would.
    #[test]
    fn honest_runs_succeed_on_both_links_of_every_scheme() {
        for scheme in Scheme::ALL {
            let rng = ChaCha20Rng::seed_from_u64(0);
            let stage = Stage { scheme: *scheme, seed: 5, rng, log: Transcript::default() };
            let mut air = stage.victims().unwrap();
            for link in [air::VICTIM, air::OTHER, air::VICTIM] {
                let (agreed, frames) = air.honest(link, &mut Transcript::muted()).unwrap();
                assert!(agreed, "{scheme}");
                for (number, frame) in frames.iter().enumerate() {
                    assert_eq!(
                        air.target.fields(number).iter().sum::<usize>(),
                        frame.bytes.len(),
                        "{scheme}"
                    );
                }
                let secret = air.secret(link, air::Side::Sensor).unwrap();
                assert!(secret.len() >= 20 && secret.iter().any(|byte| *byte != 0), "{scheme}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_transcript() {
        for scheme in Scheme::ALL {
            let run = |seed| attack(Attack::Desynchronise, *scheme, seed).unwrap().unwrap();
            assert_eq!(run(7), run(7));
            assert!(!run(7).transcript.is_empty());
            assert_ne!(run(7).transcript, run(8).transcript);
        }
    }

    #[test]
    fn names_are_found_again() {
        for each in Attack::ALL {
            assert_eq!(Attack::named(each.name()), Some(*each));
        }
        assert_eq!((Scheme::named("hash-l"), Scheme::named("hash")), (Some(Scheme::HashL), None));
        assert_eq!(Outcome::ALL.len(), 3);
    }
}
