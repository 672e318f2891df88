//! The same on a PostgreSQL server, and what only a server can do: die, and be followed by another.

mod server;
mod suite;

use bodywire_store::Location;
use server::Server;
use std::sync::{Arc, Mutex, Weak};
use suite::Place;

/// A database of its own on a server that tests share.
struct Database {
    url: String,
    _server: Arc<Server>,
}

impl Place for Database {
    fn location(&self) -> Location {
        Location::parse(&self.url).unwrap()
    }
}

/// The server ends with the last test that has it.
fn database(test: &str) -> Option<Database> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let bin = server::installed(test)?;
    let mut shared = SHARED.lock().unwrap_or_else(|broken| broken.into_inner());
    let server = shared.upgrade().unwrap_or_else(|| Arc::new(Server::start(&bin)));
    *shared = Arc::downgrade(&server);
    Some(Database { url: server.database(), _server: server })
}

on_this_engine!(database);
