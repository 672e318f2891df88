//! What the papers print, with its place. Nothing of it is measured here.

/// Paper B, 4.2.2 (7): 36 mA.
pub(crate) const CURRENT_MA: f64 = 36.0;
/// Paper B, 4.2.2 (7): "36 V".
pub(crate) const VOLTAGE_V: f64 = 36.0;
/// The supply at which 36 mA are 118.8 mW.
pub(crate) const SUPPLY_V: f64 = 3.3;
/// Paper B, 4.2.2 (7): 118.8 mW.
pub(crate) const POWER_MW: f64 = 118.8;
/// Paper B, 4.2.2 (7): a Cortex-M3 at 72 MHz.
pub(crate) const CLOCK_KHZ: f64 = 72_000.0;
/// Paper B, 4.2.2 (6), sensor node, control node, both.
pub(crate) const SENSOR_MS: f64 = 0.28;
/// See [`SENSOR_MS`].
pub(crate) const HUB_MS: f64 = 2.91;
/// See [`SENSOR_MS`].
pub(crate) const BOTH_MS: f64 = 3.19;
/// Paper B, 4.2.2 (7), sensor node, control node, both.
pub(crate) const SENSOR_MJ: f64 = 0.033;
/// See [`SENSOR_MJ`].
pub(crate) const HUB_MJ: f64 = 0.346;
/// See [`SENSOR_MJ`].
pub(crate) const BOTH_MJ: f64 = 0.379;
/// Paper B, 4.2.2 (5): bits of all messages.
pub(crate) const HANDSHAKE_BITS: f64 = 1472.0;
/// Paper B, 4.2.2 (4): an initial seed of 640 bits and a variation of 16.
pub(crate) const STATE_BITS: f64 = 656.0;
/// Paper B, 4.2.2 (2) and (3): sensors, end-to-end delay in milliseconds, loss in percent.
pub(crate) const STAR: [(u32, f64, f64); 3] = [(5, 0.0168, 2.0), (10, 0.0183, 9.0), (15, 0.0196, 14.0)];

/// Paper M, Table 2: iterations, "method of this paper" and "traditional method" in seconds.
pub(crate) const RESISTANCE_S: [(u32, f64, f64); 5] =
    [(100, 0.921, 0.812), (200, 0.943, 0.824), (300, 0.957, 0.835), (400, 0.975, 0.857), (500, 0.986, 0.861)];
/// Paper M, Table 3: "traditional method" and "method of this paper", in seconds.
pub(crate) const DELAY_S: [(f64, f64); 10] = [
    (1.5, 0.3),
    (1.8, 0.2),
    (1.7, 0.4),
    (1.6, 0.3),
    (1.4, 0.5),
    (1.3, 0.4),
    (1.4, 0.5),
    (1.6, 0.3),
    (1.7, 0.4),
    (1.5, 0.2),
];
