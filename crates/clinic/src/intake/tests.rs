//! An intake that is told by hand what is stored and what replicas have.

use super::*;
use bodywire_channels::reassemble::SessionNumber;
use bodywire_channels::session::HubNumber;
use bodywire_channels::{MessageId, Priority};
use bodywire_proto::report::{ReportHeader, emit_header};
use bodywire_store::LogHead;

const HUB: HubId = HubId(1);
const ECG: SensorId = SensorId(2);
const NOW_MS: u64 = 1_700_000_000_000;

fn intake(acknowledge: Acknowledge) -> Intake {
    let mut intake = Intake::new(acknowledge, true);
    intake.know([(HUB, ECG)], []);
    intake
}

fn receipt(id: u64) -> Receipt {
    Receipt { session: SessionNumber(0), id: MessageId(id) }
}

fn message(id: u64, kind: Kind, number: u64, hub_time_ms: u64) -> Arrived {
    let header = ReportHeader { kind, sensor: ECG, number, hub_time_ms, offset_ms: 0, backlog: 0 };
    Arrived {
        receipt: receipt(id),
        hub: HubNumber(HUB.0),
        priority: Priority::Routine,
        late: false,
        message: [&emit_header(&header).unwrap()[..], &[0; 11]].concat(),
    }
}

fn session(id: u64, number: u64) -> Arrived {
    message(id, Kind::Session, number, NOW_MS)
}

fn sort(intake: &mut Intake, arrived: Vec<Arrived>, stored: &[u64]) -> Sorted {
    let asked = intake.hold(arrived).unwrap();
    let stored = stored.iter().map(|number| (HUB, *number)).filter(|one| asked.contains(one)).collect();
    intake.sort(Known {
        stored,
        class_of: &|_, sensor| (sensor == ECG).then_some(RiskClass::II),
        takes: &|_| Err(Error::VectorOfNoWindow),
        now_ms: NOW_MS,
    })
}

fn batch(first: u64, sorted: &Sorted) -> Batch {
    let head = LogHead { size: first + sorted.items.len() as u64, root: [0; 32], note: String::new() };
    let rows = rows(first, &sorted.items);
    Batch { head, rows, vectors: Vec::new(), receipts: sorted.wait.clone() }
}

fn numbers(sorted: &Sorted) -> Vec<u64> {
    sorted.items.iter().map(|item| item.number).collect()
}

#[test]
fn what_waits_for_replicas_is_acknowledged_with_its_batch_and_an_alarm_at_once() {
    let mut intake = intake(Acknowledge::Mirrored);
    let alarm = message(2, Kind::Alarm, 2, NOW_MS);
    let first = sort(&mut intake, vec![session(1, 1), alarm, session(3, 1)], &[]);
    assert_eq!(numbers(&first), [1, 2]);
    assert_eq!(first.acknowledge, [receipt(2)]);
    assert_eq!(first.wait, [receipt(1), receipt(3)], "what comes twice is acknowledged with its first");
    assert_eq!(intake.appended(batch(0, &first)), None);
    assert_eq!((intake.unsettled(), intake.told()), (2, 2));
    // Not indexed, so that the index does not know it; it is not stored again, and not acknowledged before the first is.
    let again = sort(&mut intake, vec![session(4, 1)], &[]);
    assert!(again.items.is_empty() && again.acknowledge.is_empty() && again.wait.is_empty());
    assert_eq!(again.noticed.repeated, 1);
    assert_eq!(intake.settle(1, 2), []);
    let settled = intake.settle(2, 0);
    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].receipts, [receipt(1), receipt(3), receipt(4)]);
    assert_eq!(intake.unsettled(), 0);
}

#[test]
fn witnessed_waits_for_both_and_local_for_nobody() {
    let mut witnessed = intake(Acknowledge::Witnessed);
    let sorted = sort(&mut witnessed, vec![session(1, 1)], &[]);
    assert_eq!(witnessed.appended(batch(0, &sorted)), None);
    assert_eq!(witnessed.settle(1, 0), []);
    assert_eq!(witnessed.settle(0, 1), []);
    assert_eq!(witnessed.settle(1, 1).len(), 1);

    let mut local = intake(Acknowledge::Local);
    let sorted = sort(&mut local, vec![session(1, 1), session(2, 2)], &[2]);
    assert_eq!((numbers(&sorted), sorted.noticed.repeated), (vec![1], 1));
    assert_eq!(sorted.acknowledge, [receipt(1), receipt(2)], "what is stored already is acknowledged again");
    assert!(local.appended(batch(0, &sorted)).is_some());
    // Without replicas there is nobody to wait for.
    let mut alone = Intake::new(Acknowledge::Witnessed, false);
    let sorted = sort(&mut alone, vec![session(1, 1)], &[]);
    assert_eq!((sorted.acknowledge.len(), sorted.noticed.unknown_sensors), (1, 1));
    assert!(alone.appended(batch(0, &sorted)).is_some());
}

#[test]
fn late_is_what_is_old_or_comes_after_a_later_one_and_alarms_are_not_in_turn() {
    let mut intake = Intake::new(Acknowledge::Local, false);
    intake.know([(HUB, ECG)], [((HUB, ECG), 10)]);
    let old = message(4, Kind::Session, 12, NOW_MS - LATE_AFTER_MS - 1);
    let arrived = vec![session(1, 9), message(2, Kind::Alarm, 8, NOW_MS), session(3, 11), old];
    let sorted = sort(&mut intake, arrived, &[]);
    let late: Vec<bool> = sorted.items.iter().map(|item| item.late).collect();
    assert_eq!(late, [true, false, false, true]);
    assert_eq!((sorted.noticed.late, sorted.noticed.out_of_order), (2, 1));
    assert!(sorted.items.iter().all(|item| item.class == RiskClass::II));
}

#[test]
fn what_is_no_report_is_acknowledged_and_not_stored() {
    let mut intake = intake(Acknowledge::Mirrored);
    let nothing = Arrived { message: b"nothing".to_vec(), ..session(1, 1) };
    let sorted = sort(&mut intake, vec![nothing, message(2, Kind::Vector, 2, NOW_MS)], &[]);
    assert!(sorted.items.is_empty());
    assert_eq!(sorted.acknowledge, [receipt(1), receipt(2)]);
    assert_eq!(sorted.noticed, Noticed { malformed: 2, ..Noticed::default() });
    assert_eq!(intake.hold(Vec::new()), None);
}

#[test]
fn while_too_much_is_unsettled_what_arrives_is_held() {
    let mut intake = intake(Acknowledge::Mirrored);
    let many: Vec<Arrived> =
        (0..crate::settle::UNSETTLED_MAX as u64).map(|number| session(number, number)).collect();
    let sorted = sort(&mut intake, many, &[]);
    assert_eq!(intake.appended(batch(0, &sorted)), None);
    assert_eq!(intake.hold(vec![session(0, 1 << 40)]), None);
    assert_eq!(intake.held(), 1);
    assert_eq!(intake.settle(u64::MAX, 0).len(), 1);
    assert_eq!(numbers(&sort(&mut intake, Vec::new(), &[])), [1 << 40]);
}
