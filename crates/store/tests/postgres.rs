//! The same on a PostgreSQL server, and what only a server can do: die, and be followed by another.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod outages;
mod server;
mod suite;
mod tls;

use bodywire_store::{Error, Location, Store};
use server::Server;
use std::sync::{Arc, Mutex, Weak};
use suite::{Place, key, open};

/// A database of its own on a server that tests share.
struct Database {
    url: String,
    server: Arc<Server>,
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
    Some(Database { url: server.database(), server })
}

on_this_engine!(database);

#[tokio::test]
async fn a_password_is_needed_and_arrives_as_it_is() {
    let Some(bin) = server::installed("a_password_is_needed") else { return };
    let server = Server::start(&bin);
    let (role, password) = (server::WITH_PASSWORD, "p%41 @/:?#'s");
    server.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", password.replace('\'', "''")));
    server.sql("postgres", &format!("CREATE DATABASE {role} OWNER {role}"));
    let location = Location::parse(&server.url(role).replace("bodywire", role)).unwrap();
    for wrong in [location.clone(), location.clone().with_password("hunter2").unwrap()] {
        let refused = Store::open(&wrong, &key()).await.err().unwrap().to_string();
        assert!(refused.contains("password") && !refused.contains("hunter2"), "{refused}");
    }
    Store::open(&location.with_password(password).unwrap(), &key()).await.unwrap();
    // Whoever is on this machine may come through the socket.
    let socket = Location::parse(&server.socket_url("postgres")).unwrap();
    Store::open(&socket, &key()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_can_lose_data_is_refused() {
    let Some(place) = database("a_server_that_can_lose_data_is_refused") else { return };
    let name = place.url.rsplit('/').next().unwrap();
    for bad in ["off", "local"] {
        place.server.sql("postgres", &format!("ALTER DATABASE {name} SET synchronous_commit = {bad}"));
        let refused = Store::open(&place.location(), &key()).await.err().unwrap();
        assert!(matches!(refused, Error::NotDurable { setting: "synchronous_commit", .. }), "{refused}");
    }
    place.server.sql("postgres", &format!("ALTER DATABASE {name} RESET synchronous_commit"));
    let store = open(&place).await;
    let refused = store.backup_to(std::path::Path::new("/nowhere")).await.err().unwrap().to_string();
    assert!(refused.contains("pg_dump") && refused.contains("pg_basebackup"), "{refused}");
}
