//! `bodywire aggregate`: asks a clinic that runs for sums over encrypted vital signs, and looks after the ward's keys.

mod ask;
mod key;
mod show;

pub(crate) use ask::root;

use crate::args::{AggregateCommand, AggregateKeyCommand};
use crate::exit::Failure;
use serde_json::{Value, json};

/// Carries out a command.
pub fn run(command: &AggregateCommand) -> Result<(), Failure> {
    let (name, options, limits) = match command {
        AggregateCommand::Mean(options) => ("mean", options, Value::Null),
        AggregateCommand::Sum(options) => ("sum", options, Value::Null),
        AggregateCommand::Variance(options) => ("variance", options, Value::Null),
        AggregateCommand::Histogram(options) => ("histogram", options, Value::Null),
        AggregateCommand::Trend(options) => ("trend", options, Value::Null),
        AggregateCommand::Count(options) => {
            ("count", &options.of, json!({ "above": options.above, "below": options.below }))
        }
        AggregateCommand::Key { command } => {
            return match command {
                AggregateKeyCommand::Export(options) => key::export(options),
                AggregateKeyCommand::Split(options) => key::split(options),
                AggregateKeyCommand::Join(options) => key::join(options),
            };
        }
    };
    ask::ask(name, options, limits)
}
