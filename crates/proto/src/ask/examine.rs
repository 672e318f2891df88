//! What is found out about an ask from its bytes, an issuer's key and a clock. Hub and sensor both look: the hub so that
//! nobody wears out a sensor through it, the sensor because it believes no hub.

use super::{Ask, Reason};
use crate::access::facts::Shown;
use crate::access::{CLOCK_SKEW_MAX_MS, Certificate, IssuerKey, Purpose, Request, Role, Validity, verify};
use crate::risk::RiskClass;
use crate::wire::SensorId;

/// Longest time that a sensor gives its key for, in milliseconds: twelve hours, the longest grant
/// ([`crate::access::authority`]) and the longest session.
pub const UNTIL_MAX_MS: u64 = 12 * 60 * 60 * 1000;
/// How far a request may be dated from the sensor's clock, in milliseconds. A sensor gives out no challenge, so that the
/// time bounds how long it has to remember what it has answered.
pub const REQUEST_AGE_MAX_MS: u64 = CLOCK_SKEW_MAX_MS;

/// Certificate and request of an ask whose signatures verify under `issuer`, and which are in their time at `now_ms`
/// (milliseconds since 1970).
///
/// # Errors
/// [`Reason::Certificate`], [`Reason::CertificateTime`], [`Reason::Request`].
pub fn credential(ask: &Ask, issuer: &IssuerKey, now_ms: u64) -> Result<(Certificate, Request), Reason> {
    let certificate = Certificate::parse(&ask.certificate).map_err(|_| Reason::Certificate)?;
    if !matches!(issuer.shown(&certificate), Shown::Verified(_)) {
        return Err(Reason::Certificate);
    }
    match in_its_time(&certificate, now_ms) {
        Validity::Valid => {}
        Validity::TooLong => return Err(Reason::Certificate),
        Validity::NotYetValid | Validity::Expired => return Err(Reason::CertificateTime),
    }
    let request = Request::parse(&ask.request).map_err(|_| Reason::Request)?;
    if !verify::signed_by(&request, &certificate) {
        return Err(Reason::Request);
    }
    Ok((certificate, request))
}

/// Whether a certificate is in its time by a clock that may be wrong by [`CLOCK_SKEW_MAX_MS`].
fn in_its_time(certificate: &Certificate, now_ms: u64) -> Validity {
    let skews = [0, CLOCK_SKEW_MAX_MS.cast_signed(), -CLOCK_SKEW_MAX_MS.cast_signed()];
    let found = skews.map(|skew| certificate.validity(now_ms.saturating_add_signed(skew)));
    let [at_once, ..] = found;
    if found.contains(&Validity::Valid) { Validity::Valid } else { at_once }
}

/// What `sensor` wants of an ask beyond its signatures, whoever wears it.
///
/// # Errors
/// [`Reason::OtherSensor`], [`Reason::Class`], [`Reason::Role`], [`Reason::Stale`], [`Reason::Until`].
pub fn wanted(
    certificate: &Certificate,
    request: &Request,
    sensor: SensorId,
    until_ms: u64,
    now_ms: u64,
) -> Result<(), Reason> {
    if request.sensor != Some(sensor) {
        return Err(Reason::OtherSensor);
    }
    if request.class != RiskClass::III || certificate.highest_class != RiskClass::III {
        return Err(Reason::Class);
    }
    let asks_for = match certificate.role {
        Role::Physician | Role::Consultant => {
            matches!(request.purpose, Purpose::Treatment | Purpose::EmergencyTreatment)
        }
        Role::Patient => request.purpose == Purpose::OwnData,
        Role::Nurse | Role::EmergencyResponder | Role::Reviewer | Role::Program => false,
    };
    if !asks_for {
        return Err(Reason::Role);
    }
    if request.time_ms.abs_diff(now_ms) > REQUEST_AGE_MAX_MS {
        return Err(Reason::Stale);
    }
    // The decider's clock may be ahead of the sensor's.
    let latest = now_ms.saturating_add(UNTIL_MAX_MS + CLOCK_SKEW_MAX_MS).min(certificate.not_after_ms);
    if until_ms <= now_ms || until_ms > latest {
        return Err(Reason::Until);
    }
    Ok(())
}
