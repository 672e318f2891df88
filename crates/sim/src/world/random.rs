//! A scenario from a seed: a small ward and a bad minute. Each seed has a temper, so that some are quiet but for one thing and some are
//! all at once.

use super::chance::Chance;
use super::scenario::{Access, Air, Attacker, Fault, Path, Radio, Scenario, Standard, Wearable, What};

/// The scenario of a seed.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    let mut chance = Chance::new(seed, "scenario");
    let seconds = chance.between(16, 40);
    let beds = if chance.happens(0.2) { 2 } else { 1 };
    let paths = if chance.happens(0.15) { 4 } else { 3 };
    let sensors = sensors(&mut chance);
    let replicas = u8::try_from(chance.between(0, 3)).unwrap_or(0);
    let mut scenario = Scenario {
        name: format!("seed {seed}"),
        seconds,
        beds,
        sensor_tick_ms: 50,
        report_ms: chance.between(150, 1_000),
        air: air(&mut chance),
        paths: (0..paths).map(|_| path(&mut chance)).collect(),
        commit_ms: chance.between(1, 60),
        replicas,
        wait_for_replicas: replicas > 0 && chance.happens(0.3),
        requests_per_minute: u32::try_from(chance.between(0, 60)).unwrap_or(0),
        faults: Vec::new(),
        attackers: Attacker::ALL.into_iter().filter(|_| chance.happens(0.25)).collect(),
        sensors,
    };
    let faults = if chance.happens(0.25) { 0 } else { chance.between(1, 12) };
    for _ in 0..faults {
        let fault = fault(&mut chance, &scenario);
        scenario.faults.push(fault);
    }
    if chance.happens(0.15) {
        emergency(&mut chance, &mut scenario);
    }
    scenario
}

fn sensors(chance: &mut Chance) -> Vec<Wearable> {
    let others = [Wearable::SpO2, Wearable::Respiration, Wearable::Temperature, Wearable::InsulinPump];
    let ecg = chance.happens(0.7).then_some(Wearable::Ecg);
    let mut sensors: Vec<Wearable> =
        ecg.into_iter().chain(others.into_iter().filter(|_| chance.happens(0.4))).collect();
    if sensors.is_empty() {
        sensors.push(Wearable::SpO2);
    }
    sensors
}

/// A share below so many thousandths.
fn share(chance: &mut Chance, thousandths: u64) -> f64 {
    chance.below(thousandths) as f64 / 1_000.0
}

fn air(chance: &mut Chance) -> Air {
    let radio = chance.happens(0.3).then(|| Radio {
        standard: if chance.happens(0.5) { Standard::Ieee802154 } else { Standard::Ieee802156 },
        access: if chance.happens(0.7) { Access::Contention } else { Access::Slots },
        radius_m: chance.between(3, 20) as f64 / 10.0,
    });
    if chance.happens(0.5) {
        return Air { radio, ..Air::default() };
    }
    Air {
        radio,
        loss: share(chance, 250),
        duplicate: share(chance, 100),
        lie: share(chance, 50),
        delay_ms: chance.between(1, 20),
        jitter_ms: chance.between(0, 80),
    }
}

fn path(chance: &mut Chance) -> Path {
    if chance.happens(0.5) {
        return Path::default();
    }
    Path {
        loss: share(chance, 150),
        duplicate: share(chance, 200),
        lie: share(chance, 50),
        delay_ms: chance.between(1, 100),
        jitter_ms: chance.between(0, 600),
        // A radio for things: what a bed makes, and some more.
        kbit_per_s: if chance.happens(0.2) { u32::try_from(chance.between(20, 100)).unwrap_or(0) } else { 0 },
    }
}

fn fault(chance: &mut Chance, scenario: &Scenario) -> Fault {
    let at_ms = chance.between(500, 1_000 * scenario.seconds - 2_000);
    let for_ms = chance.between(100, 6_000);
    let bed = u16::try_from(chance.below(u64::from(scenario.beds))).unwrap_or(0);
    let path = usize::try_from(chance.below(scenario.paths.len() as u64)).unwrap_or(0);
    let sensor = usize::try_from(chance.below(scenario.sensors.len() as u64)).unwrap_or(0);
    let power = chance.happens(0.5);
    let what = match chance.below(15) {
        0 => What::HubCut { bed, path },
        1 => What::ClinicCut { path },
        2 => What::BrokerDown { path },
        3 | 4 => What::HubCrash { bed, power },
        5 | 6 => What::ClinicCrash { power },
        7 => What::LedgerRolledBack,
        8 => What::LedgerDiskFails,
        14 => What::LedgerForked,
        9 => What::SensorReset { bed, sensor },
        10 => What::Jammed { bed },
        11 => What::HubUnheard { bed },
        12 => What::PairsAway,
        _ if scenario.replicas > 0 => What::ReplicaCrash {
            replica: u8::try_from(chance.below(u64::from(scenario.replicas))).unwrap_or(0),
        },
        _ => What::RecordsAway,
    };
    Fault { at_ms, for_ms, what }
}

/// An emergency late in a longer run, with little else around it.
fn emergency(chance: &mut Chance, scenario: &mut Scenario) {
    scenario.seconds = 50;
    if !scenario.sensors.contains(&Wearable::Ecg) {
        scenario.sensors.insert(0, Wearable::Ecg);
        scenario.faults.retain(|fault| !matches!(fault.what, What::SensorReset { .. }));
    }
    // Mostly nothing excuses a missing alarm, not the air either.
    if chance.happens(0.8) {
        let loss = if chance.happens(0.5) { share(chance, 31) } else { 0.0 };
        scenario.air = Air { radio: scenario.air.radio, loss, ..Air::default() };
    }
    scenario.faults.truncate(usize::try_from(chance.between(0, 2)).unwrap_or(0));
    let mut at_ms = chance.between(26_000, 33_000);
    // In some nothing has been sent for long when it begins, and not much of it can be at once.
    if chance.happens(0.2) {
        scenario.seconds = 110;
        at_ms += 60_000;
        scenario.faults.clear();
        for (path, of) in scenario.paths.iter_mut().enumerate() {
            let kbit_per_s = u32::try_from(chance.between(20, 40)).unwrap_or(0);
            *of = Path { kbit_per_s, ..Path::default() };
            let for_ms = at_ms - 3_000 + chance.below(2_000);
            scenario.faults.push(Fault { at_ms: 3_000, for_ms, what: What::HubCut { bed: 0, path } });
        }
    }
    scenario.faults.push(Fault { at_ms, for_ms: 20_000, what: What::Emergency { bed: 0 } });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_a_scenario_that_can_be_played_and_they_differ() {
        let mut promised = 0;
        for seed in 0..2_000 {
            let scenario = scenario(seed);
            scenario.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            promised += usize::from((0..scenario.faults.len()).any(|n| scenario.alarm_is_promised(n)));
        }
        assert!(promised > 100, "{promised} of 2000 seeds look whether an alarm comes");
        assert_ne!(scenario(1), scenario(2));
        assert_eq!(scenario(1), scenario(1));
    }
}
