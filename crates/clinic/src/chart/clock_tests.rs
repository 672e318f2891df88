use super::*;
use crate::board::Source;
use bodywire_proto::observation::{BATCH_HEADER_BYTES, BatchHeader, Scale};
use bodywire_proto::report::ReportHeader;

const SENSOR: SensorId = SensorId(1);
const SENSOR_CLOCK_US: u64 = 5_000_000;
/// Hub clock minus sensor clock.
const OFFSET_MS: i64 = 1_000_000;
const NOW_MS: u64 = 2_000_000;

fn chart(kind: observation::Signal) -> Chart {
    let card = SensorCard { kind, class: risk::RiskClass::II, wrapping_key: Some(Key::new([1; 32])) };
    Chart::new(Board::new(1_000, Source::Simulated), BTreeMap::from([(SENSOR, card)]))
}

/// A report of one batch that came to the hub `delay_ms` after its last sample.
fn report(
    signal: observation::Signal,
    rate_millihertz: u32,
    first: u64,
    count: usize,
    delay_ms: i64,
) -> Vec<u8> {
    let scale = Scale { gain_milli: 200_000, baseline: 0 };
    let start = BatchHeader {
        signal,
        simulated: true,
        rate_millihertz,
        scale,
        first_index: 0,
        time_us: SENSOR_CLOCK_US,
    };
    let batch = BatchHeader { first_index: first, time_us: start.time_of(first), ..start };
    let mut buffer = [0u8; BATCH_HEADER_BYTES + 1_000];
    let (len, taken) = observation::emit(&batch, &vec![0; count], &mut buffer).unwrap();
    assert_eq!(taken, count);
    let length_ms = (batch.time_of(count as u64 - 1) - batch.time_us) / 1_000;
    let header = ReportHeader {
        kind: Kind::Observations,
        sensor: SENSOR,
        number: first,
        hub_time_ms: NOW_MS,
        offset_ms: OFFSET_MS + length_ms as i64 + delay_ms,
        backlog: 0,
    };
    let part = [&(len as u16).to_be_bytes()[..], &buffer[..len]].concat();
    [&report::emit_header(&header).unwrap()[..], &part].concat()
}

#[test]
fn delayed_batches_follow_each_other_without_gap_or_overlap() {
    let mut chart = chart(observation::Signal::Ecg);
    for (n, delay_ms) in [0, 130, 20, 700, 5].into_iter().enumerate() {
        let bytes = report(observation::Signal::Ecg, 360_000, n as u64 * 90, 90, delay_ms);
        chart.show(&Report::parse(&bytes).unwrap(), NOW_MS).unwrap();
    }
    let frames = chart.board.watch_waves(&[chart.board.bed()]).recent;
    let starts: Vec<u64> =
        frames.iter().map(|frame| u64::from_le_bytes(frame.bytes[8..16].try_into().unwrap())).collect();
    let first = OFFSET_MS as u64 + SENSOR_CLOCK_US / 1_000;
    assert_eq!(starts, [first, first + 250, first + 500, first + 750, first + 1_000]);
}

#[test]
fn a_number_says_how_often_it_comes() {
    let mut chart = chart(observation::Signal::Temperature);
    let bytes = report(observation::Signal::Temperature, 200, 3, 1, 40);
    chart.show(&Report::parse(&bytes).unwrap(), NOW_MS).unwrap();
    assert_eq!(chart.board.snapshot().numerics[0].period_ms, 5_000);
}
