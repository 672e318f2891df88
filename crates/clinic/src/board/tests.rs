use super::*;

fn board() -> Board {
    Board::new(1_000, Source::Simulated)
}

fn number(value: f64, sensor_time_ms: u64) -> NumericView {
    NumericView {
        signal: Signal::HeartRate,
        class: RiskClass::II,
        sensor: 1,
        value: Some(value),
        unit: "/min".into(),
        sensor_time_ms,
        period_ms: 1_000,
        late: false,
        note: None,
    }
}

fn kinds(board: &Board, after: u64) -> Vec<&'static str> {
    match board.events_since(after) {
        Since::Events(events) => events.iter().map(|event| event.kind).collect(),
        Since::TooOld => panic!("too old"),
    }
}

#[test]
fn each_change_is_one_event_and_no_change_is_none() {
    let board = board();
    let start = board.snapshot().last_event_id;
    for _ in 0..2 {
        board.set_patient("402", "Patient A");
        board.path_state(0, "lan", PathCondition::Up, "").unwrap();
        board.buffer(3);
        board.ledger_state(LedgerView { entries: 1, verified_at_ms: 1, damage: None });
        let sensor = SensorView {
            sensor: 1,
            signal: Some(Signal::Ecg),
            name: "ecg-1".into(),
            kind: "ECG".into(),
            class: RiskClass::II,
            authenticated_at_ms: Some(1),
            bits: 1472,
        };
        board.sensor_state(sensor).unwrap();
    }
    assert_eq!(kinds(&board, start), ["patient", "path", "buffer", "ledger", "sensor"]);
}

#[test]
fn late_and_older_numbers_stay_off_the_screen() {
    let board = board();
    board.numeric(number(72.0, 5_000));
    board.numeric(NumericView { late: true, ..number(40.0, 6_000) });
    board.numeric(number(41.0, 4_000));
    let view = board.snapshot();
    assert_eq!(view.numerics.len(), 1);
    assert_eq!(view.numerics[0].value, Some(72.0));
    assert_eq!(view.late_numerics, 2);
}

#[test]
fn a_number_that_is_none_is_shown_as_none() {
    let board = board();
    board.numeric(number(f64::NAN, 1));
    assert_eq!(board.snapshot().numerics[0].value, None);
}

#[test]
fn acknowledgement_is_logged_with_the_person() {
    let board = board();
    let input = AlarmInput {
        condition: "ecg.pattern-lost".into(),
        priority: Priority::High,
        text: "ECG PATTERN LOST".into(),
        at_ms: 10,
        evidence: Some(Evidence { rho: 0.31, threshold: 0.8, reason: "pattern lost".into() }),
        strip: None,
    };
    let id = board.raise_alarm(input).unwrap();
    board.acknowledge(id, "S. Ode", 20).unwrap();
    board.end_alarm("ecg.pattern-lost", 30);
    let view = board.snapshot();
    let lines: Vec<_> = view.log.iter().map(|line| (line.at_ms, line.text.as_str())).collect();
    assert_eq!(
        lines,
        [
            (10, "Alarm: ECG PATTERN LOST"),
            (20, "Acknowledged by S. Ode: ECG PATTERN LOST"),
            (30, "Ended: ECG PATTERN LOST"),
        ]
    );
    assert!(view.alarms.is_empty());
}

#[test]
fn every_collection_is_bounded() {
    let board = board();
    for n in 0..500_u64 {
        board.event(n, &"x".repeat(1_000));
        let correlation = CorrelationView { rho: 0.9, threshold: 0.8, reason: String::new(), at_ms: n };
        board.correlation(correlation);
    }
    for n in 0..MAX_PATHS as u8 {
        board.path_state(n, "p", PathCondition::Up, "").unwrap();
    }
    assert!(board.path_state(200, "p", PathCondition::Up, "").is_err());
    for n in 0..=MAX_SENSORS {
        let sensor = SensorView {
            sensor: 1,
            signal: None,
            name: n.to_string(),
            kind: "x".into(),
            class: RiskClass::I,
            authenticated_at_ms: None,
            bits: 0,
        };
        assert_eq!(board.sensor_state(sensor).is_ok(), n < MAX_SENSORS);
    }
    let view = board.snapshot();
    assert_eq!((view.log.len(), view.correlations.len()), (MAX_LOG_LINES, MAX_CORRELATIONS));
    assert!(view.log.iter().all(|line| line.text.chars().count() == MAX_TEXT_CHARS));
}

#[test]
fn slow_wave_client_loses_the_oldest_frames_only() {
    let board = board();
    let mut frames = board.watch_waves(&[]).live;
    let chunk = WaveChunk {
        signal: Signal::Ecg,
        start_ms: 0,
        period_us: 4_000,
        lsb_per_mv: 200.0,
        baseline: 0,
        samples: vec![0; 10],
        late: false,
    };
    for _ in 0..MAX_WAVE_QUEUE_FRAMES + 5 {
        board.wave(&chunk).unwrap();
    }
    assert!(matches!(frames.try_recv(), Err(broadcast::error::TryRecvError::Lagged(5))));
    assert_eq!(frames.try_recv().unwrap().bytes[4], 6, "the sixth frame is the oldest left");
}
