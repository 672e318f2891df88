//! The one binary.

use bodywire_cli::args::{
    Arguments, AuditCommand, BackupCommand, ClinicCommand, Command, ConfigCommand, EcgCommand, HubCommand,
    LedgerCommand, SensorCommand,
};
use bodywire_cli::exit::Failure;
use bodywire_cli::{
    access, aggregate, attacks, backup, brokers, clinic, config, demo, doctor, ecg, export, hub, ledger,
    logging, patient, replica, report, sensor, sim,
};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            logging::say(&format!("bodywire: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    // Roles begin to log when they know how.
    if !matches!(
        arguments.command,
        Command::Hub(_) | Command::Clinic(_) | Command::Broker(_) | Command::Replica(_)
    ) {
        logging::start(None);
    }
    match arguments.command {
        Command::Demo(options) => demo::run(&options),
        Command::Sensor { command } => match command {
            SensorCommand::Enroll(options) => sensor::enroll(&options),
            SensorCommand::List(options) => sensor::list(&options),
            SensorCommand::Resync(options) => sensor::resync(&options),
            SensorCommand::Revoke(options) => sensor::revoke(&options),
            SensorCommand::Run(options) => sensor::run(&options),
        },
        Command::Hub(options) => match &options.command {
            Some(HubCommand::Card(card)) => hub::card(card),
            None => hub::run(&options),
        },
        Command::Clinic(options) => match &options.command {
            Some(ClinicCommand::Card(card)) => clinic::card(card),
            Some(ClinicCommand::Admit(card)) => clinic::admit(card),
            None => clinic::run(&options),
        },
        Command::Broker(options) => brokers::run(&options),
        Command::Replica(options) => replica::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Config { command } => match command {
            ConfigCommand::Check(options) => config::check(&options),
            ConfigCommand::Print(options) => config::print_example(&options),
        },
        Command::Ecg(options) => match &options.command {
            Some(EcgCommand::Evaluate(evaluate)) => ecg::evaluate(evaluate),
            Some(EcgCommand::Correlate(correlate)) => ecg::correlate(correlate),
            None => ecg::course(&options),
        },
        Command::Export { command } => export::run(&command),
        Command::Patient { command } => patient::run(&command),
        Command::Access { command } => access::run(&command),
        Command::Aggregate { command } => aggregate::run(&command),
        Command::Audit { command } => match command {
            AuditCommand::List(options) => ledger::audit_list(&options),
            AuditCommand::Prove(options) => ledger::audit_prove(&options),
        },
        Command::Backup { command } => match command {
            BackupCommand::Make(options) => backup::make(&options),
            BackupCommand::Verify(options) => backup::verify(&options),
            BackupCommand::Restore(options) => backup::restore(&options),
        },
        Command::Ledger { command } => match command {
            LedgerCommand::Verify(options) => ledger::verify(&options),
            LedgerCommand::Prove(options) => ledger::prove(&options),
            LedgerCommand::Check(options) => ledger::check(&options),
            LedgerCommand::Repair(options) => ledger::repair(&options),
            LedgerCommand::Anchor(options) => ledger::anchor(&options),
        },
        Command::Attacks(options) => attacks::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "bodywire", &mut std::io::stdout());
            Ok(())
        }
    }
}
