//! Paths to brokers that others have written: Mosquitto in both versions and with TLS, and NATS.

mod access;
mod certificates;
mod connection;
mod engines;
mod silence;
mod tls;
mod versions;
