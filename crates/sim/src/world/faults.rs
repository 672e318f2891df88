//! Faults, and their end.

use super::broker::Client;
use super::checks::Rule;
use super::scenario::What;
use super::trace::Actor;
use super::ward::ALARM_WITHIN;
use super::{Event, World};
use crate::agenda::Time;
use bodywire_ledger::MemDisk;
use bodywire_ledger::mem_disk::Fault as DiskFault;

/// Operations of a disk before it fails: the failure hits an append and not what comes first.
const DISK_FAILS_AFTER: u64 = 6;

impl World {
    pub(super) fn fault(&mut self, at: Time, number: usize) {
        let Some(fault) = self.scenario.faults.get(number).copied() else { return };
        self.trace.note(at, Actor::World, name(fault.what), &[number as u64], &[]);
        self.signals.count("faults", 1);
        match fault.what {
            What::HubCut { bed, path } => self.cut(at, path, Client::Hub(usize::from(bed)), 1),
            What::ClinicCut { path } => self.cut(at, path, Client::Clinic, 1),
            What::BrokerDown { path } => {
                self.broker_down.entry(path).and_modify(|n| *n += 1).or_insert(1);
                self.run_broker(at, path);
            }
            What::HubCrash { bed, power } => {
                let bed = usize::from(bed);
                if let Some(of) = self.beds.get_mut(bed) {
                    of.down += 1;
                    of.crash(power);
                }
                (0..self.brokers.len()).for_each(|path| self.reconcile(at, path, Client::Hub(bed)));
            }
            What::ClinicCrash { power } => {
                self.clinic_down += 1;
                self.crash_clinic(at, power);
            }
            What::LedgerRolledBack => {
                self.clinic_down += 1;
                self.crash_clinic(at, false);
                self.roll_back(at);
            }
            What::LedgerForked => {
                let Some(older) = self.older.take() else { return };
                self.signals.count("other histories shown", 1);
                for text in self.replicas.show_another_history(at, &older.files, &self.vault.lock()) {
                    self.checks.violate(at, Rule::OneHistory, text);
                }
            }
            What::LedgerDiskFails => {
                let vault = self.vault.lock();
                let fails_at = vault.disk.operations() + DISK_FAILS_AFTER;
                vault.disk.fail_at(fails_at, DiskFault::Io);
            }
            What::SensorReset { bed, sensor } => self.reset(at, usize::from(bed), sensor),
            What::Jammed { bed } => self.with_bed(bed, |of| of.jammed += 1),
            What::HubUnheard { bed } => self.with_bed(bed, |of| of.unheard += 1),
            What::PairsAway => self.pairs_away += 1,
            What::ReplicaCrash { replica } => self.replicas.crash(usize::from(replica)),
            What::Emergency { bed } => self.emergency(at, number, usize::from(bed)),
            What::RecordsAway => {
                self.records_away += 1;
                self.vault.lock().records_away = true;
            }
        }
    }

    pub(super) fn mend(&mut self, at: Time, number: usize) {
        let Some(fault) = self.scenario.faults.get(number).copied() else { return };
        self.trace.note(at, Actor::World, "mended: ", &[number as u64], name(fault.what).as_bytes());
        match fault.what {
            What::HubCut { bed, path } => self.cut(at, path, Client::Hub(usize::from(bed)), -1),
            What::ClinicCut { path } => self.cut(at, path, Client::Clinic, -1),
            What::BrokerDown { path } => {
                self.broker_down.entry(path).and_modify(|n| *n = n.saturating_sub(1));
                self.run_broker(at, path);
            }
            What::HubCrash { bed, .. } => {
                self.with_bed(bed, |of| of.down -= 1);
                self.boot_hub(at, usize::from(bed));
            }
            What::ClinicCrash { .. } | What::LedgerRolledBack => {
                self.clinic_down -= 1;
                self.boot_clinic(at);
            }
            What::Jammed { bed } => self.with_bed(bed, |of| of.jammed -= 1),
            What::HubUnheard { bed } => self.with_bed(bed, |of| of.unheard -= 1),
            What::PairsAway => self.pairs_away -= 1,
            What::ReplicaCrash { replica } => {
                if let Err(text) = self.replicas.boot(usize::from(replica)) {
                    self.checks.violate(at, Rule::LedgerVerifies, text);
                }
            }
            What::Emergency { bed } => self.with_bed(bed, |of| {
                of.emergencies -= 1;
                of.condition.set_emergency(of.emergencies > 0);
            }),
            What::RecordsAway => {
                self.records_away -= 1;
                self.vault.lock().records_away = self.records_away > 0;
            }
            What::LedgerForked | What::LedgerDiskFails | What::SensorReset { .. } => {}
        }
    }

    fn with_bed(&mut self, bed: u16, change: impl FnOnce(&mut super::Bed)) {
        if let Some(of) = self.beds.get_mut(usize::from(bed)) {
            change(of);
        }
    }

    fn cut(&mut self, at: Time, path: usize, client: Client, by: i32) {
        let link = self.links.entry((path, client)).or_default();
        link.cut = link.cut.saturating_add_signed(by);
        self.reconcile(at, path, client);
    }

    fn run_broker(&mut self, at: Time, path: usize) {
        let running = self.broker_down.get(&path).is_none_or(|down| *down == 0);
        if let Some(broker) = self.brokers.get_mut(path) {
            broker.run(running);
        }
        let clients = (0..self.beds.len()).map(Client::Hub).chain([Client::Clinic]);
        let clients: Vec<Client> = clients.collect();
        clients.into_iter().for_each(|client| self.reconcile(at, path, client));
    }

    fn reset(&mut self, at: Time, bed: usize, sensor: usize) {
        let Some(device) = self.beds.get_mut(bed).and_then(|of| of.devices.get_mut(sensor)) else { return };
        if let Err(error) = device.power_on() {
            let text = format!("sensor {}.{} does not begin: {error}", bed + 1, sensor + 1);
            self.checks.violate(at, Rule::NothingStops, text);
            return;
        }
        let life = device.lives.len();
        self.agenda.schedule(at, Event::SensorTick { bed, sensor, life });
    }

    /// Somebody has put an older ledger in the place of the newest. The clinic must not begin with it.
    fn roll_back(&mut self, at: Time) {
        let Some(older) = self.older.take() else { return };
        let witnessed = self.replicas.witnessed();
        let with_database = self.chance.happens(0.5);
        let mut vault = self.vault.lock();
        let (disk, database) = (vault.disk.clone(), vault.database.clone());
        let newest = database.floor().size;
        let then = older.database.floor().size;
        vault.disk = MemDisk::from_files(older.files);
        if with_database {
            // The database was exchanged, too: then only replicas know.
            vault.database = older.database;
        }
        let known =
            vault.database.floor().size.max(witnessed.as_ref().map_or(0, |checkpoint| checkpoint.size));
        let opened = vault.open(witnessed.as_ref());
        let size = vault.open.as_ref().map_or(0, |ledger| ledger.log.size());
        vault.open = None;
        (vault.disk, vault.database) = (disk, database);
        drop(vault);
        self.signals.count("rollbacks tried", 1);
        if opened.is_ok() && size < known {
            let text = format!(
                "a ledger of {size} entries was taken, and {known} are known ({then} of {newest} then)"
            );
            self.checks.violate(at, Rule::NoRollback, text);
        }
    }

    fn emergency(&mut self, at: Time, number: usize, bed: usize) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        of.emergencies += 1;
        of.was_emergency = true;
        of.condition.set_emergency(true);
        if self.scenario.alarm_is_promised(number) {
            self.checks.unseen.insert(of.hub);
            self.agenda.schedule(at + ALARM_WITHIN, Event::AlarmDue { bed, since: at });
            self.signals.count("emergencies with a promised alarm", 1);
        }
    }
}

const fn name(what: What) -> &'static str {
    match what {
        What::HubCut { .. } => "a hub's connection is cut, fault",
        What::ClinicCut { .. } => "the clinic's connection is cut, fault",
        What::BrokerDown { .. } => "a broker ends, fault",
        What::HubCrash { .. } => "a hub crashes, fault",
        What::ClinicCrash { .. } => "the clinic crashes, fault",
        What::LedgerRolledBack => "the ledger is exchanged for an older one, fault",
        What::LedgerForked => "the log shows another history, attack",
        What::LedgerDiskFails => "the ledger's disk is going to fail, fault",
        What::SensorReset { .. } => "a sensor loses its power, fault",
        What::Jammed { .. } => "the air is jammed, fault",
        What::HubUnheard { .. } => "a hub is not heard, fault",
        What::PairsAway => "the database of pairs is away, fault",
        What::ReplicaCrash { .. } => "a replica loses its power, fault",
        What::Emergency { .. } => "a heart fibrillates, fault",
        What::RecordsAway => "the ledger takes no records of access, fault",
    }
}
