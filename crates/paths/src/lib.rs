//! Paths: one MQTT connection to one broker each, and nothing of what travels on it.
//!
//! A path connects, keeps connecting with a growing and jittered pause, tells what happens to it, publishes and
//! subscribes. It speaks MQTT 5 where the broker does and 3.1.1 otherwise, over TCP or TLS (client certificate, own
//! authorities), from an address or interface of its own when it is told one. It is not trusted with delivery: the
//! acknowledgements of the layer above are what counts. For this reason nothing that waited for a lost connection is
//! sent on the next one, and messages are acknowledged to the broker as soon as they are read.

mod backoff;
mod broker;
mod error;
mod mqtt;
mod path;
mod probe;
mod reason;
mod socket;
mod tls;
mod versions;

pub use backoff::{PAUSE_MAX, PAUSE_MIN, PAUSE_REFUSED_MIN, STEADY};
pub use broker::{Bind, Broker, ClientCertificate, Login, Tls, Version};
pub use error::Error;
pub use mqtt::{
    Delivery, GOODBYE_TIMEOUT, GREETING_TIMEOUT, KEEP_ALIVE, PACKET_BYTES_MAX, Publication, QUEUE_MESSAGES,
    SILENCE_MAX, Will,
};
pub use path::{Event, Path};
pub use probe::{Overheard, Probe, ProbeError, Stranger, overhear, probe};
pub use reason::{Reason, Refusal, TlsFault};
pub use tls::TlsFacts;
