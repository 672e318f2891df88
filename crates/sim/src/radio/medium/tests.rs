use super::{Access, Config, Event, Medium, NODES_MAX, Reason};
use crate::Error;
use crate::agenda::Time;
use crate::radio::csma::Parameters;
use crate::radio::energy::CC2420;
use crate::radio::path_loss::PathLoss;
use crate::radio::standard::{IEEE_802_15_4, IEEE_802_15_6, MESSAGE_BYTES_MAX};

fn medium(sensors: usize, seed: u64) -> Medium {
    Medium::new(&Config::star(IEEE_802_15_4, sensors, 0.5), seed).unwrap()
}

fn all(medium: &mut Medium, until: Time) -> Vec<Event> {
    medium.handle(until);
    std::iter::from_fn(|| medium.poll()).collect()
}

#[test]
fn a_message_arrives_once_and_its_sender_knows() {
    for standard in [IEEE_802_15_4, IEEE_802_15_6] {
        let mut medium = Medium::new(&Config::star(standard, 3, 0.5), 1).unwrap();
        medium.send(Time::ZERO, 2, 0, vec![1, 2, 3], 77).unwrap();
        let events = all(&mut medium, Time::from_secs(1));
        let delivered = Event::Delivered { to: 0, from: 2, bytes: vec![1, 2, 3], sent_at: Time::ZERO };
        assert_eq!(events, [delivered, Event::Done { from: 2, tag: 77 }]);
        assert_eq!((medium.counts().data_frames, medium.counts().acks), (1, 1));
        assert_eq!(medium.counts().bits as usize, standard.message_bits(3));
    }
}

#[test]
fn a_long_message_goes_in_pieces_and_arrives_whole() {
    let message: Vec<u8> = (0..MESSAGE_BYTES_MAX).map(|i| i as u8).collect();
    let mut medium = medium(2, 3);
    medium.send(Time::ZERO, 0, 1, message.clone(), 1).unwrap();
    let events = all(&mut medium, Time::from_secs(1));
    assert!(matches!(&events[0], Event::Delivered { to: 1, from: 0, bytes, .. } if *bytes == message));
    assert_eq!(events[1..], [Event::Done { from: 0, tag: 1 }]);
    assert_eq!(medium.counts().data_frames, 3);
    assert_eq!(medium.counts().bits as usize, IEEE_802_15_4.message_bits(MESSAGE_BYTES_MAX));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut medium = medium(2, 1);
    let too_long = medium.send(Time::ZERO, 1, 0, vec![0; MESSAGE_BYTES_MAX + 1], 1);
    assert!(matches!(too_long, Err(Error::Limit { limit: "MESSAGE_BYTES_MAX", .. })));
    assert!(matches!(medium.send(Time::ZERO, 1, 1, vec![], 1), Err(Error::Misuse(_))));
    assert!(matches!(medium.send(Time::ZERO, 9, 0, vec![], 1), Err(Error::Misuse(_))));
    assert!(medium.set_listening(Time::ZERO, 9, true).is_err());
    assert!(Medium::new(&Config::star(IEEE_802_15_4, 0, 0.5), 1).is_err());
    let many = Config::star(IEEE_802_15_4, NODES_MAX, 0.5);
    assert!(matches!(Medium::new(&many, 1), Err(Error::Limit { limit: "NODES_MAX", .. })));
}

#[test]
fn a_queue_that_is_full_loses_what_comes_last() {
    let mut medium = medium(1, 1);
    for tag in 0..40 {
        medium.send(Time::ZERO, 1, 0, vec![0; 20], tag).unwrap();
    }
    let events = all(&mut medium, Time::from_secs(5));
    let lost: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Lost { tag, reason: Reason::QueueFull, .. } => Some(*tag),
            _ => None,
        })
        .collect();
    assert_eq!(lost, (32..40).collect::<Vec<_>>());
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Delivered { .. })).count(), 32);
}

#[test]
fn who_is_too_far_away_is_not_acknowledged() {
    let mut config = Config::star(IEEE_802_15_4, 1, 500.0);
    config.path_loss = PathLoss::NS3;
    let mut medium = Medium::new(&config, 1).unwrap();
    medium.send(Time::ZERO, 1, 0, vec![0; 20], 5).unwrap();
    let events = all(&mut medium, Time::from_secs(1));
    assert!(matches!(events[..], [Event::Lost { from: 1, tag: 5, .. }]));
    // The first time and macMaxFrameRetries more.
    assert_eq!(medium.counts().data_frames, 4);
}

#[test]
fn a_channel_that_is_never_free_is_a_failure_of_access() {
    let mut config = Config::star(IEEE_802_15_4, 2, 0.5);
    config.access = Access::Contention(Parameters { backoffs_max: 0, ..Parameters::STANDARD });
    let mut medium = Medium::new(&config, 4).unwrap();
    let mut failures = 0;
    for round in 0..200 {
        let now = Time::from_millis(40 * round);
        // The first is on air for 4 ms when the second listens.
        medium.send(now, 1, 0, vec![0; 116], 1).unwrap();
        medium.send(now.after(3_000_000), 2, 0, vec![0; 116], 2).unwrap();
        let events = all(&mut medium, now.after(39_000_000));
        let failure = Event::Lost { from: 2, tag: 2, reason: Reason::ChannelAccess };
        failures += usize::from(events.contains(&failure));
    }
    assert!(failures > 100, "{failures}");
}

#[test]
fn no_message_is_delivered_twice_though_frames_are() {
    // Sensors that do not hear each other: 1 and 2 are out of each other's reach, the hub hears both faintly, so that
    // acknowledgements are lost and frames are sent again after they were received.
    let mut config = Config::star(IEEE_802_15_4, 2, 60.0);
    config.path_loss = PathLoss::NS3;
    config.threshold_dbm = -70.0;
    let mut medium = Medium::new(&config, 11).unwrap();
    let mut delivered = Vec::new();
    let mut lost = 0;
    for round in 0..3_000_u64 {
        let now = Time::from_millis(12 * round);
        for sensor in [1, 2] {
            let tag = 2 * round + sensor as u64;
            medium.send(now, sensor, 0, tag.to_be_bytes().to_vec(), tag).unwrap();
        }
        for event in all(&mut medium, now.after(11_999_999)) {
            match event {
                Event::Delivered { bytes, .. } => {
                    delivered.push(u64::from_be_bytes(bytes.try_into().unwrap()))
                }
                Event::Lost { .. } => lost += 1,
                Event::Done { .. } => {}
            }
        }
    }
    let all_delivered = delivered.len();
    delivered.sort_unstable();
    delivered.dedup();
    assert_eq!(delivered.len(), all_delivered, "a message was delivered twice");
    let counts = medium.counts();
    assert!(counts.duplicates > 0, "no frame was received again: the test tests nothing");
    // Received frames are first ones, repeated ones, and no others.
    assert_eq!(counts.acks, all_delivered as u64 + counts.duplicates);
    assert!(lost > 0 && counts.collisions > 0);
}

#[test]
fn a_sensor_that_sleeps_hears_nothing_and_uses_little() {
    let mut medium = medium(2, 1);
    medium.set_listening(Time::ZERO, 1, false).unwrap();
    medium.send(Time::ZERO, 0, 1, vec![1], 1).unwrap();
    assert!(matches!(all(&mut medium, Time::from_secs(1))[..], [Event::Lost { .. }]));
    // It can still send, and is awake for the acknowledgement.
    medium.send(Time::from_secs(1), 1, 0, vec![1], 2).unwrap();
    assert_eq!(all(&mut medium, Time::from_secs(10)).len(), 2);
    let (asleep, awake) = (medium.joules(1), medium.joules(2));
    assert!(asleep.total() < awake.total() / 50.0);
    assert!(asleep.transmit > 0.0 && asleep.receive > 0.0 && asleep.idle > 0.0 && asleep.sleep > 0.0);
    // One byte and 17 around it at 32 microseconds each.
    assert!((asleep.transmit - 18.0 * 32e-6 * CC2420.volts * CC2420.transmit_a).abs() < 1e-12);
    medium.set_listening(Time::from_secs(10), 1, true).unwrap();
    medium.send(Time::from_secs(10), 0, 1, vec![1], 3).unwrap();
    assert_eq!(all(&mut medium, Time::from_secs(11)).len(), 2);
}

#[test]
fn both_ends_may_have_something_to_say() {
    let mut medium = medium(4, 9);
    let mut delivered = 0;
    for round in 0..500 {
        let now = Time::from_millis(20 * round);
        for sensor in 1..=4 {
            medium.send(now, sensor, 0, vec![7; 10], round).unwrap();
        }
        medium.send(now, 0, 1 + (round as usize % 4), vec![8; 10], round).unwrap();
        delivered += all(&mut medium, now.after(19_999_999))
            .iter()
            .filter(|event| matches!(event, Event::Delivered { .. }))
            .count();
    }
    assert!(delivered > 2_300, "{delivered} of 2500");
}
