//! What the sensor's side of a handshake costs: emulated instructions and modelled cycles, from `firmware/figures.json`.

use crate::exit::Failure;
use serde::Deserialize;

/// Made by `firmware/measure`, which emulates a Cortex-M3. Not measured on silicon.
const FIGURES: &str = include_str!("../../../../firmware/figures.json");

/// The file.
#[derive(Debug, Deserialize)]
pub(crate) struct SensorCosts {
    /// What they are, and what they are not.
    pub(crate) about: String,
    /// The compiler of the images.
    pub(crate) compiler: String,
    /// What ran them.
    pub(crate) emulator: String,
    rows: Vec<SensorCost>,
}

/// An operation.
#[derive(Debug, Deserialize)]
pub(crate) struct SensorCost {
    operation: String,
    /// Emulated instructions; exact.
    pub(crate) instructions: f64,
    /// The least that the model allows.
    pub(crate) cycles_low: f64,
    /// The model's estimate.
    pub(crate) cycles: f64,
    /// The most that the model allows.
    pub(crate) cycles_high: f64,
}

impl SensorCosts {
    /// Reads the figures that are built in.
    ///
    /// # Errors
    /// [`Failure::Failed`] when they are not what `firmware/measure` writes.
    pub(crate) fn read() -> Result<Self, Failure> {
        serde_json::from_str(FIGURES).map_err(|error| {
            Failure::Failed(format!(
                "firmware/figures.json cannot be read: {error}; make it with firmware/measure --accept"
            ))
        })
    }

    /// A whole handshake of a scheme.
    ///
    /// # Errors
    /// [`Failure::Failed`] when it is not among them.
    pub(crate) fn handshake(&self, scheme: &str) -> Result<&SensorCost, Failure> {
        self.row(&format!("{scheme}/handshake"))
    }
}

impl SensorCosts {
    /// Modelled cycles of an operation, by its name in the file.
    ///
    /// # Errors
    /// [`Failure::Failed`] when it is not among them.
    pub(crate) fn cycles(&self, operation: &str) -> Result<u64, Failure> {
        Ok(self.row(operation)?.cycles as u64)
    }

    fn row(&self, name: &str) -> Result<&SensorCost, Failure> {
        self.rows.iter().find(|row| row.operation == name).ok_or_else(|| {
            Failure::Failed(format!(
                "firmware/figures.json has no row {name}; make it with firmware/measure --accept"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_a_handshake_in_the_file_that_is_built_in() {
        let costs = SensorCosts::read().unwrap();
        for scheme in ["paper", "polar256", "polar512", "hash-l", "hash-i", "ecc-ez", "ecc-eh"] {
            let cost = costs.handshake(scheme).unwrap();
            assert!(
                cost.cycles_low <= cost.cycles && cost.cycles <= cost.cycles_high && cost.instructions > 0.0
            );
        }
        assert!(costs.handshake("rot13").is_err() && costs.emulator.contains("QEMU"));
    }
}
