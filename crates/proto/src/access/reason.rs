//! Why a request is refused, and why an override gives less than was asked for.
//!
//! Reasons are told to the asker, so each is told only to who may know it. Up to [`Reason::Revoked`] they depend on the
//! certificate, the request and the challenge alone, and on nothing of the patient; that a certificate is expired or revoked
//! is told only to who has its key. Without a relation the reason does not depend on the patient's bed, condition or consent.

/// Why a request is refused, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// No certificate was shown.
    CertificateMissing = 1,
    /// The certificate is of an issuer that the house does not know.
    IssuerUnknown = 2,
    /// The issuer's signature does not verify.
    CertificateSignature = 3,
    /// The request says that it was signed under another certificate.
    WrongCertificate = 4,
    /// The request's signature does not verify.
    RequestSignature = 5,
    /// The decider never gave out this challenge.
    ChallengeUnknown = 6,
    /// The challenge was used before.
    ChallengeReplayed = 7,
    /// The challenge is too old.
    ChallengeExpired = 8,
    /// The certificate says that it lives longer than any may.
    CertificateTooLong = 9,
    /// The certificate's time has not begun.
    CertificateNotYetValid = 10,
    /// The certificate's time is over.
    CertificateExpired = 11,
    /// The certificate is revoked.
    Revoked = 12,
    /// Nobody of this role asks for this purpose.
    PurposeNotOfRole = 13,
    /// The asker has nothing to do with the patient.
    NoRelation = 14,
    /// Another patient lies in this bed, or the request is for another hub.
    WrongPatient = 15,
    /// The sensor is of another class, or there is none of this number.
    WrongClass = 16,
    /// The class is above what the certificate's holder may ever see.
    ClassAboveCertificate = 17,
    /// The patient's policy does not allow this class with this relation.
    ClassNotAllowed = 18,
    /// There is no emergency.
    NotAnEmergency = 19,
    /// The signal is too poor to say whether there is an emergency.
    ConditionUndetermined = 20,
    /// The revocation list is too old for this.
    RevocationListStale = 21,
    /// There is no revocation list.
    RevocationListMissing = 22,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 22] = [
        Self::CertificateMissing,
        Self::IssuerUnknown,
        Self::CertificateSignature,
        Self::WrongCertificate,
        Self::RequestSignature,
        Self::ChallengeUnknown,
        Self::ChallengeReplayed,
        Self::ChallengeExpired,
        Self::CertificateTooLong,
        Self::CertificateNotYetValid,
        Self::CertificateExpired,
        Self::Revoked,
        Self::PurposeNotOfRole,
        Self::NoRelation,
        Self::WrongPatient,
        Self::WrongClass,
        Self::ClassAboveCertificate,
        Self::ClassNotAllowed,
        Self::NotAnEmergency,
        Self::ConditionUndetermined,
        Self::RevocationListStale,
        Self::RevocationListMissing,
    ];

    /// The reason of a code on record.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == code)
    }

    /// True when the asker has proved to have the key of a certificate of the house, for this request. Before that, the
    /// person on record is only the one that the certificate or request names.
    pub const fn proves_holder(self) -> bool {
        self as u8 > Self::ChallengeExpired as u8
    }

    /// True when it depends on nothing of the patient.
    pub const fn is_about_credentials(self) -> bool {
        self as u8 <= Self::Revoked as u8
    }

    /// Its name in answers, as `docs/access.md` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CertificateMissing => "certificate missing",
            Self::IssuerUnknown => "issuer unknown",
            Self::CertificateSignature => "certificate's signature",
            Self::WrongCertificate => "wrong certificate",
            Self::RequestSignature => "request's signature",
            Self::ChallengeUnknown => "challenge unknown",
            Self::ChallengeReplayed => "challenge replayed",
            Self::ChallengeExpired => "challenge expired",
            Self::CertificateTooLong => "certificate too long",
            Self::CertificateNotYetValid => "certificate not yet valid",
            Self::CertificateExpired => "certificate expired",
            Self::Revoked => "revoked",
            Self::PurposeNotOfRole => "purpose not of role",
            Self::NoRelation => "no relation",
            Self::WrongPatient => "wrong patient",
            Self::WrongClass => "wrong class",
            Self::ClassAboveCertificate => "class above certificate",
            Self::ClassNotAllowed => "class not allowed",
            Self::NotAnEmergency => "not an emergency",
            Self::ConditionUndetermined => "condition undetermined",
            Self::RevocationListStale => "list stale",
            Self::RevocationListMissing => "list missing",
        }
    }

    /// What to tell the asker: what is wrong, and what to do.
    pub const fn text(self) -> &'static str {
        match self {
            Self::CertificateMissing => "no certificate was shown; sign in",
            Self::IssuerUnknown => "the certificate is not of this house",
            Self::CertificateSignature => "the certificate is not genuine",
            Self::WrongCertificate => "the request is for another certificate; sign in again",
            Self::RequestSignature => "the request was not signed by the certificate's holder",
            Self::ChallengeUnknown => "the challenge was not given out here; ask again",
            Self::ChallengeReplayed => "the request was used before; ask again",
            Self::ChallengeExpired => "the challenge is too old; ask again",
            Self::CertificateTooLong => "the certificate lives longer than any may",
            Self::CertificateNotYetValid => "the certificate is not valid yet; check the clock",
            Self::CertificateExpired => "the certificate has expired; sign in again",
            Self::Revoked => "the certificate is revoked",
            Self::PurposeNotOfRole => "this role does not ask for this purpose",
            Self::NoRelation => "you are not on this patient's list",
            Self::WrongPatient => "this patient does not lie in this bed",
            Self::WrongClass => "no sensor of this number and class is at this bed",
            Self::ClassAboveCertificate => "your certificate does not reach this class",
            Self::ClassNotAllowed => "the patient's policy does not let you see this class",
            Self::NotAnEmergency => "no emergency is detected; ask for treatment",
            Self::ConditionUndetermined => "the signal is too poor to tell an emergency; ask for treatment",
            Self::RevocationListStale => "the revocation list is too old; connect to the clinic",
            Self::RevocationListMissing => "there is no revocation list; connect to the clinic",
        }
    }
}

/// Why an override gives a lower class than was asked for. Break-glass is not refused because of too much being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Withheld {
    /// The class is above what the certificate's holder may ever see.
    AboveCertificate = 129,
    /// Class III outside a detected emergency.
    NoEmergency = 130,
    /// The revocation list is stale or missing: class III is not opened on it.
    NoFreshList = 131,
    /// The sensor has released no key that is in force, so that nobody can open its data.
    Sealed = 132,
}

impl Withheld {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AboveCertificate, Self::NoEmergency, Self::NoFreshList, Self::Sealed];

    /// The one of a code on record. No code is also that of a [`Reason`].
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|withheld| *withheld as u8 == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_none_means_two_things() {
        assert!(Reason::ALL.into_iter().all(|reason| Reason::from_code(reason as u8) == Some(reason)));
        assert!(
            Withheld::ALL.into_iter().all(|withheld| Withheld::from_code(withheld as u8) == Some(withheld))
        );
        for code in 0..=u8::MAX {
            assert!(Reason::from_code(code).is_none() || Withheld::from_code(code).is_none(), "{code}");
        }
        assert!(Reason::ALL.is_sorted());
        assert!(
            Reason::ALL.into_iter().all(|reason| reason.proves_holder() || reason.is_about_credentials())
        );
    }

    #[test]
    fn no_two_reasons_read_the_same() {
        for (i, one) in Reason::ALL.iter().enumerate() {
            assert!(Reason::ALL.iter().skip(i + 1).all(|other| other.text() != one.text()), "{one:?}");
        }
    }
}
