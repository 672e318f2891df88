use super::*;
use crate::board::{AlarmState, Source};
use bodywire_proto::consent::{DataKey, Occasion, Sealer, grant};
use bodywire_proto::observation::{BatchHeader, Scale};
use bodywire_proto::report::{Condition, OF_THE_BED, ReportHeader};

const ECG: SensorId = SensorId(1);
const PUMP: SensorId = SensorId(5);
const NOW: u64 = 1_000_000;

fn chart() -> (Chart, Board) {
    let board = Board::new(0, Source::Simulated);
    let card = |kind, class| SensorCard { kind, class, wrapping_key: Some(Key::new([7; 32])) };
    let sensors = BTreeMap::from([
        (ECG, card(observation::Signal::Ecg, risk::RiskClass::II)),
        (PUMP, card(observation::Signal::InsulinRate, risk::RiskClass::III)),
    ]);
    (Chart::new(board.clone(), sensors), board)
}

/// Shows a report made at `hub_time_ms` with `backlog` others waiting; the clinic's clock is at `NOW`.
fn show(chart: &mut Chart, kind: Kind, sensor: SensorId, times: (u64, u32), body: &[u8]) -> Vec<AlarmChange> {
    let (hub_time_ms, backlog) = times;
    let header = ReportHeader { kind, sensor, number: 0, hub_time_ms, offset_ms: 0, backlog };
    let bytes = [&report::emit_header(&header).unwrap()[..], body].concat();
    chart.show(&Report::parse(&bytes).unwrap(), NOW).unwrap()
}

fn part(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn number(signal: observation::Signal, sample: i16) -> Vec<u8> {
    let scale = Scale { gain_milli: 10_000, baseline: 0 };
    let header = BatchHeader {
        signal,
        simulated: true,
        rate_millihertz: 1_000,
        scale,
        first_index: 0,
        time_us: NOW * 1_000,
    };
    let mut buffer = [0; 64];
    let (len, _) = observation::emit(&header, &[sample], &mut buffer).unwrap();
    buffer[..len].to_vec()
}

fn fibrillation(present: bool) -> Vec<u8> {
    let condition = Condition::VentricularFibrillation;
    let (onset_index, decided_index, threshold) = (0, 9, 0.4);
    let alarm = Alarm { condition, present, onset_index, decided_index, correlation: Some(0.1), threshold };
    alarm.to_bytes().unwrap().to_vec()
}

#[test]
fn live_numbers_are_shown_as_simulated_and_late_ones_are_kept_off() {
    let (mut chart, board) = chart();
    let body = part(&number(observation::Signal::SpO2, 975));
    show(&mut chart, Kind::Observations, ECG, (NOW - 60_000, 90), &body);
    assert!(board.snapshot().numerics.is_empty());
    show(&mut chart, Kind::Observations, ECG, (NOW, 0), &body);
    let shown = board.snapshot();
    assert_eq!(shown.numerics[0].value, Some(97.5));
    assert_eq!(shown.numerics[0].note.as_deref(), Some("simulated (HTEST)"));
    assert_eq!(shown.late_numerics, 1);
}

#[test]
fn an_alarm_from_the_spool_is_history_and_a_fresh_one_counts_whatever_the_clocks_say() {
    let (mut chart, board) = chart();
    assert!(show(&mut chart, Kind::Alarm, ECG, (NOW - 60_000, 90), &fibrillation(true)).is_empty());
    assert!(board.snapshot().alarms.is_empty());
    // The hub's clock is a minute behind: the alarm is raised, and so is one about the clock.
    let body = part(&number(observation::Signal::SpO2, 975));
    (1..CLOCK_REPORTS).for_each(|_| {
        show(&mut chart, Kind::Observations, ECG, (NOW - 60_000, 0), &body);
    });
    assert!(board.snapshot().alarms.is_empty(), "a few old reports are no proof of a wrong clock");
    let raised = show(&mut chart, Kind::Alarm, ECG, (NOW - 60_000, 0), &fibrillation(true));
    assert!(matches!(raised[..], [AlarmChange::Raised(_, Condition::VentricularFibrillation)]));
    let texts: Vec<String> = board.snapshot().alarms.into_iter().map(|alarm| alarm.text).collect();
    assert!(texts.contains(&"VENTRICULAR FIBRILLATION".to_owned()), "{texts:?}");
    assert!(texts.contains(&"HUB CLOCK DIFFERS BY 60 S".to_owned()), "{texts:?}");
    show(&mut chart, Kind::Alarm, ECG, (NOW, 0), &fibrillation(false));
    let alarms = board.snapshot().alarms;
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].state, AlarmState::Latched);
}

#[test]
fn an_alarm_carries_the_ecg_that_led_to_it() {
    let (mut chart, board) = chart();
    let header = BatchHeader {
        signal: observation::Signal::Ecg,
        simulated: true,
        rate_millihertz: 180_000,
        scale: Scale { gain_milli: 1_000_000, baseline: 0 },
        first_index: 40,
        time_us: NOW * 1_000,
    };
    let mut buffer = [0; 64];
    let (len, _) = observation::emit(&header, &[700, -20, 3], &mut buffer).unwrap();
    let body = [&fibrillation(true)[..], &buffer[..len]].concat();
    let raised = show(&mut chart, Kind::Alarm, ECG, (NOW, 0), &body);
    let [AlarmChange::Raised(id, _)] = raised[..] else { panic!("{raised:?}") };
    assert!(board.snapshot().alarms[0].strip);
    let strip = board.alarm_strip(id).unwrap();
    assert_eq!(
        strip[26..],
        [3, 0, 0, 0, 188, 2, 236, 255, 3, 0],
        "count, bed, then the samples in microvolts"
    );
    // Said again without a strip, it keeps the one it has; over, it gives it up.
    show(&mut chart, Kind::Alarm, ECG, (NOW, 0), &fibrillation(true));
    assert!(board.alarm_strip(id).is_ok());
    board.acknowledge(id, "S. Ode", NOW).unwrap();
    show(&mut chart, Kind::Alarm, ECG, (NOW, 0), &fibrillation(false));
    assert!(board.alarm_strip(id).is_err());
}

#[test]
fn silence_is_an_alarm_until_the_sensor_is_heard_again() {
    let (mut chart, board) = chart();
    let body = part(&number(observation::Signal::SpO2, 975));
    show(&mut chart, Kind::Observations, ECG, (NOW, 0), &body);
    chart.listen(NOW + SILENT_AFTER_MS);
    assert!(board.snapshot().alarms.is_empty());
    chart.heard.insert(ECG, NOW - SILENT_AFTER_MS - 1);
    chart.listen(NOW);
    assert_eq!(board.snapshot().alarms[0].text, "NO DATA FROM ECG");
    show(&mut chart, Kind::Observations, ECG, (NOW, 0), &body);
    assert!(board.snapshot().alarms.is_empty());
}

#[test]
fn a_vector_shows_nothing_and_is_no_sensor_that_falls_silent() {
    let (mut chart, board) = chart();
    let window = bodywire_proto::window::Window { start_ms: NOW, length_ms: 1, simulated: true };
    let body = [&window.to_bytes()[..], &[7; 100]].concat();
    show(&mut chart, Kind::Vector, OF_THE_BED, (NOW, 0), &body);
    chart.listen(NOW + SILENT_AFTER_MS + 1);
    assert!(chart.heard.is_empty());
    let shown = board.snapshot();
    assert!(shown.alarms.is_empty() && shown.numerics.is_empty());
}

#[test]
fn a_sealed_number_is_shown_only_after_the_sensors_consent() {
    let (mut chart, board) = chart();
    let (key, mut sealed) = (DataKey::new([3; 16]), [0u8; 128]);
    let plain = number(observation::Signal::InsulinRate, 9);
    let len = Sealer::new(key.clone(), PUMP, 4).seal(&plain, &mut sealed).unwrap();
    let body = part(&sealed[..len]);
    show(&mut chart, Kind::Sealed, PUMP, (NOW, 0), &body);
    assert!(board.snapshot().numerics.is_empty());
    let give = |occasion| grant(&Key::new([7; 32]), PUMP, 4, NOW + 1, occasion, &key).unwrap();
    let (released, consent) = (give(Occasion::Emergency), give(Occasion::Request([9; 16])));
    show(&mut chart, Kind::Consent, PUMP, (NOW, 0), &released);
    show(&mut chart, Kind::Sealed, PUMP, (NOW, 0), &body);
    assert!(board.snapshot().numerics.is_empty(), "there is no emergency");
    show(&mut chart, Kind::Consent, PUMP, (NOW, 0), &consent);
    show(&mut chart, Kind::Sealed, PUMP, (NOW, 0), &body);
    let shown = board.snapshot().numerics;
    assert_eq!(shown[0].value, Some(0.9));
    assert!(shown[0].note.as_deref().unwrap().contains("by its consent"));
}
