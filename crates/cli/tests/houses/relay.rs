//! A wire between a client and its broker that can be cut, stalled and slowed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a stalled or refusing wire looks whether it still is.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Mood {
    /// Takes no connection.
    refuses: AtomicBool,
    /// Keeps connections open and carries nothing.
    stalls: AtomicBool,
    /// How much later everything arrives.
    delay_ms: AtomicU64,
    /// Bytes a second that it carries to the broker; 0: anything at once.
    rate: AtomicU64,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// One wire; whoever connects to it is connected to the broker behind it.
pub(crate) struct Relay {
    mood: Arc<Mood>,
    pub(crate) port: u16,
}

impl Relay {
    pub(crate) fn to(port: u16) -> Self {
        let broker = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mood = Arc::new(Mood::default());
        let shared = Arc::clone(&mood);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                if !shared.refuses.load(Ordering::Relaxed)
                    && let Ok(server) = TcpStream::connect(broker)
                {
                    carry(&shared, client, server);
                }
            }
        });
        Self { mood, port }
    }

    /// Ends every connection; a new one is taken at once.
    pub(crate) fn cut(&self) {
        for stream in self.mood.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.mood.refuses.store(refuses, Ordering::Relaxed);
    }

    pub(crate) fn stall(&self, stalls: bool) {
        self.mood.stalls.store(stalls, Ordering::Relaxed);
    }

    /// How many bytes a second it carries to the broker on each connection.
    pub(crate) fn rate(&self, bytes_per_s: u64) {
        self.mood.rate.store(bytes_per_s, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.mood.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.mood.over.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn carry(mood: &Arc<Mood>, client: TcpStream, server: TcpStream) {
    let both = [(&client, &server, true), (&server, &client, false)];
    for (from, to, is_up) in both {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let mood = Arc::clone(mood);
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while !mood.over.load(Ordering::Relaxed) {
                if mood.stalls.load(Ordering::Relaxed) {
                    std::thread::sleep(LOOK);
                    continue;
                }
                let rate = if is_up { mood.rate.load(Ordering::Relaxed) } else { 0 };
                // A tenth of a second at a time, so that what is small does not wait for a large piece.
                let most = if rate > 0 { (rate / 10) as usize } else { buffer.len() };
                let Ok(read @ 1..) = from.read(&mut buffer[..most]) else { break };
                if rate > 0 {
                    std::thread::sleep(Duration::from_secs(read as u64) / rate as u32);
                }
                std::thread::sleep(Duration::from_millis(mood.delay_ms.load(Ordering::Relaxed)));
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
    let mut open = mood.open.lock().unwrap();
    open.retain(|stream| stream.peer_addr().is_ok());
    open.extend([client, server]);
}
