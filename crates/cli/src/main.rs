//! The one binary.

use bodywire_cli::args::{Arguments, Command, ConfigCommand, LedgerCommand, SensorCommand};
use bodywire_cli::exit::Failure;
use bodywire_cli::{attacks, config, demo, hub, ledger, sensor};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("BODYWIRE_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bodywire: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Demo(options) => demo::run(&options),
        Command::Sensor { command } => match command {
            SensorCommand::Enroll(options) => sensor::enroll(&options),
            SensorCommand::List(options) => sensor::list(&options),
            SensorCommand::Resync(options) => sensor::resync(&options),
            SensorCommand::Revoke(options) => sensor::revoke(&options),
            SensorCommand::Run(options) => sensor::run(&options),
        },
        Command::Hub(options) => hub::run(&options),
        Command::Config { command } => match command {
            ConfigCommand::Check(options) => config::check(&options),
            ConfigCommand::Print(options) => config::print_example(&options),
        },
        Command::Ledger { command: LedgerCommand::Verify(options) } => ledger::verify(&options),
        Command::Attacks(options) => attacks::run(&options),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "bodywire", &mut std::io::stdout());
            Ok(())
        }
    }
}
