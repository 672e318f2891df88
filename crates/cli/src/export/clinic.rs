//! The conversation with a clinic that runs: a challenge, a signed request, and what it opens.

use crate::access::{ExportCredential, Pass};
use crate::exit::Failure;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request as HttpRequest, Response, StatusCode};
use bodywire_proto::RiskClass;
use bodywire_proto::access::request::REQUEST_BYTES;
use bodywire_proto::access::{Bed, PatientNumber, Purpose, Request, Role, SIGNATURE_BYTES};
use bodywire_proto::wire::SensorId;
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::Signer;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rand::Rng;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Bytes of an answer that is one JSON object: a ward of 32 beds with full boards has less.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of one line of a record: a batch of 16,384 samples has less than 128 KiB as text.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How long the clinic may be silent: it reads a page of reports in well under a second.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long a class III sensor may take to answer: the clinic asks it for 15 seconds.
const CONSENT_WITHIN: Duration = Duration::from_secs(20);
/// Pause between two looks whether it has.
const CONSENT_EVERY: Duration = Duration::from_millis(250);

/// An answer whose body has not been read.
type Answer = Response<Body>;

/// What to do when the credential does not do any more.
const ANEW: &str = "make another one: bodywire access invite PERSON --export --config FILE";
/// The cookie of a session of the console.
const COOKIE: &str = "bodywire_session";

/// A clinic, with what it is asked under.
pub(super) struct Clinic {
    url: String,
    credential: ExportCredential,
    http: HttpClient<HttpConnector, Full<Bytes>>,
    /// The session's, and what its requests that do something carry.
    cookie: Zeroizing<String>,
    csrf: Zeroizing<String>,
}

impl Clinic {
    /// Signs in at an address, or at the one that the credential names.
    ///
    /// # Errors
    /// [`Failure::Denied`] when the credential has been used up or its session has ended.
    pub(super) async fn sign_in(credential: ExportCredential, url: Option<&str>) -> Result<Self, Failure> {
        let url = url.unwrap_or(&credential.address).trim_end_matches('/').to_owned();
        if url.is_empty() {
            return Err(Failure::Configuration {
                what: "the console's address".to_owned(),
                why: "is not known".to_owned(),
                next: "name it with --console http://HOST:PORT".to_owned(),
            });
        }
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        let (cookie, csrf) = Default::default();
        let mut clinic = Self { url, credential, http, cookie, csrf };
        clinic.cookie = match &clinic.credential.pass {
            Pass::Session(cookie) => cookie.clone(),
            Pass::Once(token) => {
                let path = Zeroizing::new(format!("/?once={}", &**token));
                let cookie = clinic.open_session(&path).await?;
                clinic.credential.signed_in(&cookie)?;
                cookie
            }
        };
        let session = clinic.json(Method::GET, "/api/v1/session", None).await?;
        let csrf = session["csrf"].as_str().ok_or_else(|| clinic.stranger())?;
        clinic.csrf = Zeroizing::new(csrf.to_owned());
        Ok(clinic)
    }

    /// Uses the token up; the session's cookie.
    async fn open_session(&self, path: &str) -> Result<Zeroizing<String>, Failure> {
        let response = self.send(Method::GET, path, None).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(Failure::Denied(format!("the credential is used up or has ended; {ANEW}")));
        }
        let set = response.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let pair = set.and_then(|set| set.split(';').next()).and_then(|pair| pair.split_once('='));
        let cookie = pair.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned());
        cookie.map(Zeroizing::new).ok_or_else(|| self.stranger())
    }

    /// Asks for a class of a bed; the number of the grant.
    ///
    /// # Errors
    /// [`Failure::Denied`] with the clinic's reason.
    pub(super) async fn ask(&self, bed: u16, class: RiskClass, sensor: Option<u16>) -> Result<u64, Failure> {
        let patient = self.patient(bed).await?;
        let given = self.json(Method::POST, "/api/v1/access/challenge", None).await?;
        let challenge = given["challenge"].as_str().and_then(|hex| HEX.decode(hex.as_bytes()).ok());
        let challenge = challenge.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| self.stranger())?;
        let purpose = match self.credential.certificate.role {
            Role::Patient => Purpose::OwnData,
            Role::Reviewer => Purpose::Review,
            _ => Purpose::Treatment,
        };
        let mut request = Request {
            challenge,
            serial: self.credential.certificate.serial,
            patient: Some(patient),
            bed: Bed(bed),
            sensor: sensor.filter(|_| class == RiskClass::III).map(SensorId),
            class,
            purpose,
            time_ms: crate::now_ms(),
            statement: None,
            signature: [0; SIGNATURE_BYTES],
        };
        request.signature = self.credential.key.sign(&request.signed_bytes()?).to_bytes();
        let bytes: [u8; REQUEST_BYTES] = request.to_bytes()?;
        let body = json!({ "request": HEX.encode(&bytes) });
        let answer = self.json(Method::POST, "/api/v1/access", Some(&body)).await?;
        let id = answer["access"]["id"].as_u64().ok_or_else(|| self.stranger())?;
        if answer["decision"] == "asking" {
            self.consent(id).await?;
        }
        Ok(id)
    }

    /// The number of the patient in a bed, as far as this person has to do with them.
    async fn patient(&self, bed: u16) -> Result<PatientNumber, Failure> {
        let ward = self.json(Method::GET, "/api/v1/ward", None).await?;
        let beds = ward["beds"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(found) = beds.iter().find(|one| one["bed"].as_u64() == Some(bed.into())) else {
            let numbers: Vec<String> =
                beds.iter().filter_map(|one| one["bed"].as_u64()).map(|one| one.to_string()).collect();
            return Err(Failure::Configuration {
                what: format!("bed {bed}"),
                why: format!("is not in this ward; its beds are {}", numbers.join(", ")),
                next: "name one of them with --bed".to_owned(),
            });
        };
        let number = found["patient_number"].as_str().and_then(|text| text.parse().ok());
        let number = number.filter(|number| *number != 0).map(PatientNumber);
        number.ok_or_else(|| {
            Failure::Denied(format!(
                "bed {bed}: this credential's person has no relation to a patient there; \
                 bodywire access relate PERSON PATIENT --as treating --config FILE"
            ))
        })
    }

    /// Waits until a sensor has answered.
    async fn consent(&self, id: u64) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < CONSENT_WITHIN {
            tokio::time::sleep(CONSENT_EVERY).await;
            let held = self.json(Method::GET, "/api/v1/access", None).await?;
            let grants = held["grants"].as_array().map(Vec::as_slice).unwrap_or_default();
            let Some(grant) = grants.iter().find(|grant| grant["id"].as_u64() == Some(id)) else { break };
            match (grant["waiting"].as_bool(), grant["class"].as_str()) {
                (Some(false), Some("III")) => return Ok(()),
                (Some(false), _) => break,
                _ => {}
            }
        }
        let text = "the sensor has not consented to class III; ask for --class II, or look at the sensor on the console";
        Err(Failure::Denied(text.to_owned()))
    }

    /// Gives an access back. It would end by itself, so that a failure changes nothing.
    pub(super) async fn close(&self, id: u64) {
        if let Err(error) = self.json(Method::POST, &format!("/api/v1/access/{id}/close"), None).await {
            tracing::info!(%error, "an access was not closed");
        }
    }

    /// Reads lines of JSON.
    pub(super) async fn lines(
        &self,
        path: &str,
        mut line: impl FnMut(Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let response = self.send(Method::GET, path, None).await?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let mut body = response.into_body();
        let mut waiting: Vec<u8> = Vec::new();
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
            let frame = frame.map_err(|_| self.silent("nothing came for a minute"))?;
            let ended = frame.is_none();
            if let Some(frame) = frame {
                let frame = frame.map_err(|error| self.silent(&error.to_string()))?;
                waiting.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
            let mut from = 0;
            while let Some(len) = waiting.iter().skip(from).position(|byte| *byte == b'\n') {
                let bytes = waiting.get(from..from + len).unwrap_or_default();
                line(serde_json::from_slice(bytes).map_err(|_| self.stranger())?)?;
                from += len + 1;
            }
            waiting.drain(..from);
            if waiting.len() > LINE_BYTES_MAX {
                return Err(self.silent("a line of its answer is too long"));
            }
            if ended {
                return if waiting.is_empty() {
                    Ok(())
                } else {
                    Err(self.silent("it has ended in the middle"))
                };
            }
        }
    }

    /// Asks for one JSON object.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let response = self.send(method, path, body).await?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        self.value(response).await
    }

    async fn value(&self, response: Answer) -> Result<Value, Failure> {
        let read = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let read = tokio::time::timeout(SILENCE_MAX, read).await;
        let read = read.map_err(|_| self.silent("nothing came for a minute"))?;
        let bytes = read.map_err(|error| self.silent(&error.to_string()))?.to_bytes();
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.stranger())
    }

    async fn refused(&self, response: Answer) -> Failure {
        let status = response.status();
        let said = self.value(response).await.unwrap_or_default();
        let why = said["error"].as_str().unwrap_or("it was refused").to_owned();
        match status.as_u16() {
            401 => Failure::Denied(format!(
                "the session has ended, as each does when the clinic starts anew; {ANEW}"
            )),
            403 => Failure::Denied(format!("{why}; see who may: bodywire access list --config FILE")),
            404 => Failure::Failed(format!("{why}; is the clinic of this version?")),
            _ => Failure::Failed(why),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let mut key = [0u8; 16];
        rand::rng().fill_bytes(&mut key);
        let request = HttpRequest::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("cookie", format!("{COOKIE}={}", &*self.cookie))
            .header("x-bodywire-csrf", &**self.csrf)
            .header("content-type", "application/json")
            .header("idempotency-key", HEX.encode(&key))
            .body(Full::new(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()))))
            .map_err(|error| self.silent(&error.to_string()))?;
        let answer = tokio::time::timeout(SILENCE_MAX, self.http.request(request)).await;
        let answer = answer.map_err(|_| self.silent("nothing came for a minute"))?;
        answer.map(|answer| answer.map(Body::new)).map_err(|error| self.silent(&error.to_string()))
    }

    fn silent(&self, why: &str) -> Failure {
        Failure::Unreachable(format!(
            "the clinic at {} does not answer: {why}; start it with bodywire clinic --config FILE, or name it with --console",
            self.url
        ))
    }

    pub(super) fn stranger(&self) -> Failure {
        Failure::Unreachable(format!(
            "what answers at {} is no clinic of this version; name another address with --console",
            self.url
        ))
    }
}
