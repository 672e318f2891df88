//! Paths: one MQTT connection to one broker each, and nothing of what travels on it.
//!
//! A path connects, keeps connecting with a growing and jittered pause, tells what happens to it, publishes and
//! subscribes. It speaks MQTT 5 where the broker does and 3.1.1 otherwise, over TCP or TLS (client certificate, own
//! authorities), from an address or interface of its own when it is told one. It is not trusted with delivery: the
//! acknowledgements of the layer above are what counts.

mod broker;

pub use broker::{Bind, Broker, ClientCertificate, Login, Tls, Version};
