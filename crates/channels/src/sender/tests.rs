use super::*;
use crate::Spread;
use crate::ack::AckWriter;
use crate::keys::Secret;
use crate::reassemble::{Outcome, Reassembler};
use crate::{QUEUE_MAX, WINDOW_MIN};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn keys() -> SessionKeys {
    SessionKeys::new(&Secret([1; 32]), Spread::TWO_OF_THREE).unwrap()
}

fn sender() -> (Sender, ChaCha20Rng) {
    let started = Started { start: b"start".to_vec(), keys: keys() };
    (Sender::new(started, Duration::ZERO), ChaCha20Rng::seed_from_u64(1))
}

fn stored(id: u64) -> Status {
    Status { stored: vec![MessageId(id)], ..Status::default() }
}

fn paths(outputs: &[Output]) -> Vec<usize> {
    let path = |o: &Output| if let Output::Fragment { path, .. } = o { Some(*path) } else { None };
    outputs.iter().filter_map(path).collect()
}

fn drain(sender: &mut Sender) -> Vec<Output> {
    std::iter::from_fn(|| sender.poll()).collect()
}

fn confirm(sender: &mut Sender, rng: &mut ChaCha20Rng) -> AckWriter {
    let mut writer = AckWriter::new(keys());
    let ack = writer.seal(&Status::default()).unwrap();
    sender.handle(Duration::ZERO, Input::Ack(0, &ack[0]), rng).unwrap();
    writer
}

#[test]
fn nothing_but_the_start_goes_out_before_the_clinic_confirms() {
    let (mut s, mut rng) = sender();
    assert!(s.handle(Duration::ZERO, Input::Submit(Token(1), Priority::Routine, b"m"), &mut rng).is_err());
    s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
    assert_eq!(drain(&mut s), [Output::Start { path: 1, payload: b"start".to_vec() }]);
    s.handle(s.next_timeout().unwrap(), Input::Timeout, &mut rng).unwrap();
    assert_eq!(drain(&mut s).len(), 1);
    confirm(&mut s, &mut rng);
    assert_eq!(drain(&mut s), [Output::Confirmed]);
    assert!(s.ready(Priority::Routine));
}

#[test]
fn each_path_gets_its_own_fragment_once_until_time_runs_out() {
    let (mut s, mut rng) = sender();
    confirm(&mut s, &mut rng);
    for path in [0, 2] {
        s.handle(Duration::ZERO, Input::PathUp(path), &mut rng).unwrap();
    }
    drain(&mut s);
    s.handle(Duration::ZERO, Input::Submit(Token(9), Priority::Routine, b"m"), &mut rng).unwrap();
    assert_eq!(paths(&drain(&mut s)), [0, 2]);
    s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
    assert_eq!(paths(&drain(&mut s)), [1]);
    s.handle(RESEND_MIN, Input::Timeout, &mut rng).unwrap();
    assert_eq!(paths(&drain(&mut s)), [0, 1, 2]);
    assert_eq!(s.resent(), 3);
    let next = s.next_timeout().unwrap();
    assert!((RESEND_MIN * 5 / 2..=RESEND_MIN * 3).contains(&next), "{next:?}");
}

#[test]
fn an_order_comes_out_once_and_confirms_nothing() {
    let (mut s, mut rng) = sender();
    let orders = crate::downlink::OrderWriter::new(keys()).seal(b"ask").unwrap();
    for (path, order) in orders.iter().enumerate() {
        s.handle(Duration::ZERO, Input::Order(path, order), &mut rng).unwrap();
    }
    assert!(s.handle(Duration::ZERO, Input::Order(0, &orders[1]), &mut rng).is_err());
    let told = |o: &Output| matches!(o, Output::Ordered(content) if content == b"ask");
    let outputs = drain(&mut s);
    assert_eq!(outputs.iter().filter(|o| told(o)).count(), 1);
    assert!(!outputs.contains(&Output::Confirmed) && !s.ready(Priority::Routine));
}

#[test]
fn acknowledgements_end_a_message_and_forged_ones_do_not() {
    let (mut s, mut rng) = sender();
    let mut writer = confirm(&mut s, &mut rng);
    s.handle(Duration::ZERO, Input::Submit(Token(9), Priority::Routine, b"m"), &mut rng).unwrap();
    drain(&mut s);
    assert!(s.handle(Duration::ZERO, Input::Ack(0, &[1; 40]), &mut rng).is_err());
    let ack = writer.seal(&stored(0)).unwrap();
    s.handle(Duration::ZERO, Input::Ack(2, &ack[2]), &mut rng).unwrap();
    s.handle(Duration::ZERO, Input::Ack(1, &ack[1]), &mut rng).unwrap();
    assert_eq!(drain(&mut s), [Output::Acknowledged(Token(9))]);
    assert_eq!(s.in_flight(), 0);
    let ahead = writer.seal(&stored(50)).unwrap();
    assert!(s.handle(Duration::ZERO, Input::Ack(0, &ahead[0]), &mut rng).is_err());
}

#[test]
fn only_what_is_missing_is_sent_again_and_what_was_given_up_is_not_forgotten() {
    let (mut s, mut rng) = sender();
    let mut writer = confirm(&mut s, &mut rng);
    (0..3).for_each(|path| s.handle(Duration::ZERO, Input::PathUp(path), &mut rng).unwrap());
    s.handle(Duration::ZERO, Input::Submit(Token(9), Priority::Routine, b"m"), &mut rng).unwrap();
    drain(&mut s);
    let incomplete = Status { incomplete: vec![(MessageId(0), 0b010)], ..Status::default() };
    let ack = writer.seal(&incomplete).unwrap();
    s.handle(Duration::from_secs(1), Input::Ack(0, &ack[0]), &mut rng).unwrap();
    assert_eq!(paths(&drain(&mut s)), [0, 2]);
    s.handle(Duration::from_secs(3), Input::Timeout, &mut rng).unwrap();
    assert_eq!(paths(&drain(&mut s)), [0, 2]);
    // After the longest wait the receiver may have given up what it had.
    let all = (0..10).any(|_| {
        let due = s.next_timeout().unwrap();
        s.handle(due, Input::Timeout, &mut rng).unwrap();
        paths(&drain(&mut s)) == [0, 1, 2]
    });
    assert!(all);
}

#[test]
fn emergencies_have_room_and_go_first_and_previews_go_once() {
    let (mut s, mut rng) = sender();
    confirm(&mut s, &mut rng);
    drain(&mut s);
    let submit = |s: &mut Sender, rng: &mut ChaCha20Rng, token, priority| {
        s.handle(Duration::ZERO, Input::Submit(Token(token), priority, b"m"), rng)
    };
    for token in 0..IN_FLIGHT_MESSAGES_MAX as u64 {
        submit(&mut s, &mut rng, token, Priority::Routine).unwrap();
    }
    assert!(submit(&mut s, &mut rng, 900, Priority::Routine).is_err());
    submit(&mut s, &mut rng, 901, Priority::Emergency).unwrap();
    assert!(submit(&mut s, &mut rng, 902, Priority::Preview).is_err());
    assert_eq!(s.next_timeout(), Some(RESEND_MIN_EMERGENCY));
    s.handle(Duration::ZERO, Input::PathUp(1), &mut rng).unwrap();
    let first = drain(&mut s).remove(0);
    assert!(matches!(first, Output::Fragment { priority: Priority::Emergency, .. }), "{first:?}");
    s.handle(Duration::ZERO, Input::Preview(b"look"), &mut rng).unwrap();
    assert_eq!(paths(&drain(&mut s)), [1]);
    s.handle(Duration::ZERO, Input::PathUp(2), &mut rng).unwrap();
    let previews = |o: &Output| matches!(o, Output::Fragment { priority: Priority::Preview, .. });
    assert!(!drain(&mut s).iter().any(previews));
}

#[test]
fn a_message_that_stays_behind_stops_the_others_before_it_is_out_of_the_window() {
    let (mut s, mut rng) = sender();
    let mut writer = confirm(&mut s, &mut rng);
    let mut sent = 0;
    while s.ready(Priority::Routine) {
        s.handle(Duration::ZERO, Input::Submit(Token(sent), Priority::Routine, b"m"), &mut rng).unwrap();
        if sent > 0 {
            let ack = writer.seal(&stored(sent)).unwrap();
            s.handle(Duration::ZERO, Input::Ack(0, &ack[0]), &mut rng).unwrap();
        }
        sent += 1;
    }
    assert_eq!((sent, s.in_flight()), (IDS_AHEAD_MAX, 1));
    let ack = writer.seal(&stored(0)).unwrap();
    s.handle(Duration::ZERO, Input::Ack(0, &ack[0]), &mut rng).unwrap();
    assert!(s.ready(Priority::Routine));
}

/// A backlog of reports over paths that carry so many bytes a second, each in order, and an emergency after half a minute.
/// When it arrived, how many reports had by then, and how many fragments were sent again. 0 swallows everything.
fn backlog(bytes_per_s: [u32; 3], way: Duration) -> (Duration, u64, u64) {
    let (mut s, mut rng) = sender();
    let mut writer = confirm(&mut s, &mut rng);
    (0..3).for_each(|path| s.handle(Duration::ZERO, Input::PathUp(path), &mut rng).unwrap());
    drain(&mut s);
    let mut clinic = Reassembler::default();
    let session = clinic.add(1, keys()).unwrap().unwrap();
    let (mut free, mut queues) = ([Duration::ZERO; 3], BTreeMap::new());
    let (mut now, mut token, mut alarm, mut delivered, mut nth) = (Duration::ZERO, 0, None, 0, 0u64);
    let (alarm_at, mut look_at) = (Duration::from_secs(30), Duration::ZERO);
    loop {
        if now >= alarm_at && alarm.is_none() {
            alarm = Some(s.next_id);
            s.handle(now, Input::Submit(Token(u64::MAX), Priority::Emergency, b"alarm"), &mut rng).unwrap();
        }
        while s.ready(Priority::Routine) {
            s.handle(now, Input::Submit(Token(token), Priority::Routine, &[7; 1_000]), &mut rng).unwrap();
            token += 1;
        }
        for output in drain(&mut s) {
            if let Output::Fragment { path, payload, .. } = output
                && bytes_per_s[path] > 0
            {
                free[path] =
                    free[path].max(now) + Duration::from_secs(payload.len() as u64) / bytes_per_s[path];
                nth += 1;
                queues.insert((free[path] + way, nth), (path, payload, true));
            }
        }
        let next = queues.first_key_value().map(|((at, _), _)| *at);
        let until_alarm = Some(alarm_at).filter(|_| alarm.is_none());
        let others = s.next_timeout().into_iter().chain(until_alarm).chain([look_at]);
        now = others.chain(next).min().unwrap().max(now);
        let mut status = Status::default();
        if next == Some(now) {
            let (_, (path, payload, is_up)) = queues.pop_first().unwrap();
            if !is_up {
                s.handle(now, Input::Ack(path, &payload), &mut rng).unwrap();
                continue;
            }
            let _ = clinic.handle(now, path, &payload);
            status.stored.extend(std::iter::from_fn(|| clinic.poll()).map(|delivered| delivered.id));
        } else if now >= look_at {
            look_at = now + Duration::from_millis(250);
            clinic.expire(now);
            status.incomplete = clinic.incomplete(now).into_iter().flat_map(|(_, ids)| ids).collect();
        } else {
            s.handle(now, Input::Timeout, &mut rng).unwrap();
            continue;
        }
        if status.stored.iter().any(|id| Some(id.0) == alarm) {
            return (now - alarm_at, delivered, s.resent());
        }
        delivered += status.stored.len() as u64;
        status.received = clinic.received(session);
        for (path, ack) in writer.seal(&status).unwrap().into_iter().enumerate() {
            nth += 1;
            queues.insert((now + way, nth), (path, ack, false));
        }
    }
}

#[test]
fn an_alarm_overtakes_a_backlog_on_slow_paths_and_they_are_used() {
    const FRAGMENT: f64 = 89.0 + 508.0;
    for (rates, way_ms) in [
        ([8_000; 3], 30),
        ([8_000; 3], 300),
        ([100_000; 3], 30),
        ([300_000; 3], 100),
        ([2_600, 4_200, 6_400], 15),
        ([8_000, 0, 8_000], 30),
        ([500, 8_000, 100_000], 30),
    ] {
        let way = Duration::from_millis(way_ms);
        let (after, delivered, resent) = backlog(rates, way);
        let mut sorted = rates;
        sorted.sort_unstable();
        // A message is there with the second of three fragments.
        let second = sorted[1];
        let usual = way + QUEUE_MAX + Duration::from_secs(WINDOW_MIN as u64) / second;
        assert!(after < usual, "{rates:?} {way:?}: {after:?}");
        eprintln!("{rates:?} B/s, {way:?}: after {after:?}; {delivered} reports, {resent} fragments again");
        let share = delivered as f64 * FRAGMENT / (30.0 * f64::from(second));
        assert!(share > 0.7, "{rates:?} {way:?}: {share}");
        assert!(resent < 20 + delivered / 20, "{rates:?} {way:?}: {resent} of {delivered}");
    }
}

#[test]
fn a_session_ends_with_its_numbers_or_its_day() {
    let (mut s, mut rng) = sender();
    confirm(&mut s, &mut rng);
    assert!(!s.is_spent(SESSION_AGE_MAX - Duration::from_secs(1)) && s.is_spent(SESSION_AGE_MAX));
    s.next_id = MESSAGES_PER_SESSION_MAX;
    assert!(s.is_spent(Duration::ZERO) && !s.ready(Priority::Emergency));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever paths lose and however often they fail, each message arrives once and is acknowledged.
    #[test]
    fn lossy_paths_deliver_everything_once(losses in proptest::collection::vec(any::<u8>(), 200), dead in 0usize..3) {
        let (mut s, mut rng) = sender();
        let mut clinic = Reassembler::default();
        clinic.add(1, keys()).unwrap();
        let mut writer = confirm(&mut s, &mut rng);
        (0..3).filter(|p| *p != dead).for_each(|p| s.handle(Duration::ZERO, Input::PathUp(p), &mut rng).unwrap());
        for token in 0..20u64 {
            s.handle(Duration::ZERO, Input::Submit(Token(token), Priority::Routine, &token.to_be_bytes()), &mut rng).unwrap();
        }
        let (mut got, mut acked, mut now) = (Vec::new(), Vec::new(), Duration::ZERO);
        let mut lost = losses.iter().cycle();
        for _ in 0..200 {
            let outputs = drain(&mut s);
            for output in outputs {
                match output {
                    Output::Fragment { path, payload, .. } if *lost.next().unwrap() > 76 => {
                        now += Duration::from_millis(20);
                        let mut status = Status::default();
                        if let Ok(Outcome::Known { id, .. }) = clinic.handle(now, path, &payload) {
                            status.stored.push(id);
                        }
                        clinic.expire(now);
                        while let Some(d) = clinic.poll() {
                            status.stored.push(d.id);
                            got.push(d.message);
                        }
                        status.incomplete = clinic.incomplete(now).into_iter().flat_map(|(_, ids)| ids).collect();
                        let ack = writer.seal(&status).unwrap();
                        if *lost.next().unwrap() > 76 {
                            s.handle(now, Input::Ack(path, &ack[path]), &mut rng).unwrap();
                        }
                    }
                    Output::Acknowledged(token) => acked.push(token.0),
                    _ => {}
                }
            }
            if let Some(due) = s.next_timeout() {
                now = now.max(due);
                s.handle(now, Input::Timeout, &mut rng).unwrap();
            }
        }
        got.sort();
        acked.sort_unstable();
        prop_assert_eq!(got, (0..20u64).map(|t| t.to_be_bytes().to_vec()).collect::<Vec<_>>());
        prop_assert_eq!(acked, (0..20).collect::<Vec<_>>());
    }
}
