//! The command `bodywire`.
//!
//! [`args`] is what can be typed, [`exit`] what comes back; [`demo`] runs a ward in one process; [`ledger`] checks a
//! ledger directory as an auditor would.

pub mod args;
pub mod demo;
pub mod exit;
pub mod ledger;
