//! Why a class III sensor's key was not given.

/// Why. Those below 128 are the sensor's, the others its hub's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The sensor was given no issuer's key when it was enrolled.
    NoIssuerKey = 1,
    /// The certificate is none, is not its issuer's, or its issuer is not the sensor's.
    Certificate = 2,
    /// The certificate's time has not begun or is over.
    CertificateTime = 3,
    /// The request is none, or was not signed by the certificate's holder.
    Request = 4,
    /// The request names another sensor or none.
    OtherSensor = 5,
    /// The certificate does not reach class III, or the request is not for it.
    Class = 6,
    /// Only physicians and consultants may ask, and patients for their own data; and nobody to break the glass.
    Role = 7,
    /// The request is dated too far from the sensor's clock.
    Stale = 8,
    /// The request was answered before.
    Replayed = 9,
    /// Another request was answered only just now.
    TooOften = 10,
    /// The end that was granted has passed, or is too far away.
    Until = 11,
    /// The wearer does not agree.
    Wearer = 12,
    /// The sensor did not answer in time.
    Silent = 129,
    /// No class III sensor of this number is enrolled at the hub.
    NotEnrolled = 130,
    /// The hub has no issuer's key.
    HubWithoutIssuerKey = 131,
    /// The hub found the certificate bad.
    HubCertificate = 132,
    /// The hub found the request bad.
    HubRequest = 133,
    /// The sensor is being asked something else.
    HubBusy = 134,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 18] = [
        Self::NoIssuerKey,
        Self::Certificate,
        Self::CertificateTime,
        Self::Request,
        Self::OtherSensor,
        Self::Class,
        Self::Role,
        Self::Stale,
        Self::Replayed,
        Self::TooOften,
        Self::Until,
        Self::Wearer,
        Self::Silent,
        Self::NotEnrolled,
        Self::HubWithoutIssuerKey,
        Self::HubCertificate,
        Self::HubRequest,
        Self::HubBusy,
    ];

    /// The reason of a code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == code)
    }

    /// Whether the hub gives it, and not the sensor.
    pub const fn is_of_hub(self) -> bool {
        self as u8 >= 128
    }

    /// In words, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoIssuerKey => "the sensor knows no issuer of certificates",
            Self::Certificate => "the sensor does not take the certificate",
            Self::CertificateTime => "the certificate is not in its time by the sensor's clock",
            Self::Request => "the request's signature is bad",
            Self::OtherSensor => "the request is for another sensor",
            Self::Class => "not for class III",
            Self::Role => "this role may not ask the sensor for this",
            Self::Stale => "the request is too old or too new for the sensor's clock",
            Self::Replayed => "the request was answered before",
            Self::TooOften => "the sensor has answered another request only just now",
            Self::Until => "the end that was granted is past or too far away",
            Self::Wearer => "the wearer does not agree",
            Self::Silent => "the sensor does not answer",
            Self::NotEnrolled => "no class III sensor of this number is enrolled at the hub",
            Self::HubWithoutIssuerKey => "the hub knows no issuer of certificates",
            Self::HubCertificate => "the hub does not take the certificate",
            Self::HubRequest => "the hub does not take the request",
            Self::HubBusy => "the sensor is being asked something else",
        }
    }
}
