//! Who the session is, and the ward as it may see it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::Console;
use super::sessions::Session;
use super::shown::{self, Around};
use crate::board::WARD;
use crate::gate::directory::{relation_name, role_name};
use crate::gate::{AccessView, Rights};
use bodywire_proto::access::{Bed, Relation};

pub(super) async fn session(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
) -> Response {
    let credential = session.credential.as_deref();
    let certificate = credential.map(|credential| &credential.certificate);
    let name = certificate.map(|certificate| console.inner.gate.name(certificate.person));
    Json(json!({
        "server_ms": console.now_ms(),
        "csrf": session.csrf(),
        "demo": console.inner.demo.is_some(),
        "wall": session.is_wall(),
        "code": credential.is_some_and(|credential| credential.code.is_some()),
        "person": {
            "name": name.unwrap_or_else(|| session.person.clone()),
            "number": certificate.map(|certificate| crate::gate::hex(certificate.person)),
            "role": certificate.map(|certificate| role_name(certificate.role)),
            "highest": certificate.map(|certificate| certificate.highest_class.to_string()),
        },
        "certificate": certificate.map(|certificate| json!({
            "serial": format!("{:016x}", certificate.serial),
            "until_ms": certificate.not_after_ms,
        })),
    }))
    .into_response()
}

pub(super) async fn ward(State(console): State<Console>, Extension(session): Extension<Session>) -> Response {
    let (rights, _) = console.rights_on_record(&session).await;
    Json(console.ward_of(&session, &rights)).into_response()
}

impl Console {
    /// What a session may see now, each bed of it on record as read; and the beds that could not be recorded, which are left out.
    pub(super) async fn rights_on_record(&self, session: &Session) -> (Rights, Vec<u16>) {
        let gate = &self.inner.gate;
        let Some(credential) = session.credential.as_deref() else { return (Rights::default(), Vec::new()) };
        let mut rights = gate.rights(Some(credential));
        let mut unrecorded = Vec::new();
        let beds: Vec<u16> = rights.beds.keys().copied().collect();
        for bed in beds {
            if gate.note_read(credential, bed, "live").await.is_err() {
                rights.beds.remove(&bed);
                unrecorded.push(bed);
            }
        }
        (rights, unrecorded)
    }

    /// The ward as a session with these rights may see it.
    pub(super) fn ward_of(&self, session: &Session, rights: &Rights) -> Value {
        let now_ms = self.now_ms();
        let views = self.inner.board.ward(now_ms);
        let last = views.first().map_or(0, |view| view.last_event_id);
        let source = views.first().map(|view| view.source.clone());
        let grants = session.credential.as_deref().map(|credential| self.inner.gate.grants(credential));
        let grants = grants.unwrap_or_default();
        let (mut beds, mut ward) = (Vec::new(), Value::Null);
        for view in views {
            let number = view.bed;
            let around = self.around(session, number, &grants, &view.patient.bed);
            let shown = shown::bed(view, rights, around);
            if number == WARD { ward = shown } else { beds.push(shown) }
        }
        json!({
            "server_ms": now_ms, "last_event_id": last, "source": source, "beds": beds, "ward": ward,
            "break_glass": self.open_glass(session),
        })
    }

    /// The glasses that are broken now, and which of them by this session.
    pub(super) fn open_glass(&self, session: &Session) -> Value {
        let own = session.credential.as_deref().map(|credential| credential.certificate.serial);
        let open = self.inner.gate.open_glass().into_iter().map(|glass| {
            let mine = Some(glass.serial) == own;
            let mut value = json!(glass);
            if let Value::Object(fields) = &mut value {
                fields.insert("mine".to_owned(), json!(mine));
            }
            value
        });
        json!({ "open": open.collect::<Vec<_>>() })
    }

    fn around(&self, session: &Session, bed: u16, grants: &[AccessView], on_board: &str) -> Around {
        let person = session.credential.as_deref().map(|credential| credential.certificate.person);
        self.inner.gate.with_directory(|directory| {
            let relation = person.map_or(Relation::None, |person| directory.relation(person, Bed(bed)));
            let place = directory.beds.get(&Bed(bed));
            let related = relation != Relation::None;
            let patient = place.and_then(|place| place.patient).filter(|_| related);
            let label = place.map(|place| place.label.clone()).filter(|label| !label.is_empty());
            Around {
                relation: relation_name(relation),
                patient_number: patient.map(|patient| patient.0.to_string()),
                grants: grants.iter().filter(|grant| grant.bed == bed).cloned().collect(),
                label: label.unwrap_or_else(|| {
                    if on_board.is_empty() && bed != WARD { bed.to_string() } else { on_board.to_owned() }
                }),
            }
        })
    }
}
