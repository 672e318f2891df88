//! UDP sockets with bad air in front of them.

use super::air::{Air, Weather};
use crate::exit::Failure;
use bodywire_hub::machine::{Heard, RadioAddress};
use bodywire_hub::service::{FRAMES_QUEUE, Transmit};
use bodywire_proto::wire::FRAME_BYTES_MAX;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Longest sleep of an idle radio.
const TICK: Duration = Duration::from_millis(100);

/// A socket, the air on its way out and the air on its way in.
pub(crate) struct Radio {
    socket: UdpSocket,
    out: Air<(SocketAddrV4, Vec<u8>)>,
    into: Air<(SocketAddrV4, Vec<u8>)>,
    rng: StdRng,
    started: Instant,
    sent: u64,
    received: u64,
}

impl Radio {
    /// Listens on `address`. `seed` decides what the air does.
    pub(crate) async fn bind(address: SocketAddrV4, weather: Weather, seed: u64) -> Result<Self, Failure> {
        let socket = UdpSocket::bind(address).await.map_err(|error| Failure::Configuration {
            what: format!("UDP {address}"),
            why: error.to_string(),
            next: "choose a free port, or any with port 0".to_owned(),
        })?;
        Ok(Self {
            socket,
            out: Air::new(weather),
            into: Air::new(weather),
            rng: StdRng::seed_from_u64(seed),
            started: Instant::now(),
            sent: 0,
            received: 0,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddrV4> {
        match self.socket.local_addr()? {
            std::net::SocketAddr::V4(address) => Ok(address),
            std::net::SocketAddr::V6(_) => Err(io::Error::other("the radio speaks IPv4")),
        }
    }

    /// Frames that were sent and received, and those that the air has lost both ways.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [self.sent, self.received, self.out.lost() + self.into.lost()]
    }

    /// Puts a frame on the air.
    pub(crate) fn send(&mut self, to: SocketAddrV4, frame: &[u8]) {
        self.sent += 1;
        self.out.send(self.started.elapsed(), (to, frame.to_vec()), &mut self.rng);
    }

    /// Waits for the next frame, at most until `deadline`, and meanwhile lets what is in the air arrive.
    pub(crate) async fn receive(&mut self, deadline: Instant) -> Option<(SocketAddrV4, Vec<u8>)> {
        loop {
            let now = self.started.elapsed();
            while let Some((to, frame)) = self.out.arrive(now) {
                // Nobody listens there, or the socket is full: the frame is lost, as it would be on the air.
                let _ = self.socket.send_to(&frame, to).await;
            }
            if let Some(arrived) = self.into.arrive(now) {
                self.received += 1;
                return Some(arrived);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let arrivals = [self.out.next_arrival(), self.into.next_arrival()];
            let next = arrivals.into_iter().flatten().map(|at| at.saturating_sub(now)).min();
            let wait = next.unwrap_or(left).min(left).max(Duration::from_millis(1));
            // One byte more than a frame, to see that there was one.
            let mut buffer = [0u8; FRAME_BYTES_MAX + 1];
            if let Ok(Ok((len, std::net::SocketAddr::V4(from)))) =
                tokio::time::timeout(wait, self.socket.recv_from(&mut buffer)).await
                && let Some(frame) = buffer.get(..len.min(FRAME_BYTES_MAX)).filter(|_| len <= FRAME_BYTES_MAX)
            {
                self.into.send(self.started.elapsed(), (from, frame.to_vec()), &mut self.rng);
            }
        }
    }
}

fn address_of(from: SocketAddrV4) -> RadioAddress {
    RadioAddress(u64::from(from.ip().to_bits()) << 16 | u64::from(from.port()))
}

fn socket_address(address: RadioAddress) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits((address.0 >> 16) as u32), address.0 as u16)
}

/// Gives the radio to a hub: the way to the sensors, and what is heard. It runs until the hub lets go of both.
pub(crate) fn serve(mut radio: Radio) -> (Transmit, mpsc::Receiver<Heard>) {
    let (heard, frames) = mpsc::channel(FRAMES_QUEUE);
    let (outbox, mut to_send) = mpsc::channel::<(RadioAddress, Vec<u8>)>(FRAMES_QUEUE);
    tokio::spawn(async move {
        loop {
            let wait_until = Instant::now() + TICK;
            tokio::select! {
                message = to_send.recv() => match message {
                    Some((to, frame)) => radio.send(socket_address(to), &frame),
                    None => return,
                },
                arrived = radio.receive(wait_until) => {
                    if let Some((from, bytes)) = arrived
                        && heard.send(Heard { from: address_of(from), bytes }).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    });
    let transmit: Transmit =
        Box::new(move |to, frame| outbox.try_send((to, frame.as_bytes().to_vec())).is_ok());
    (transmit, frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 9), 65_535);
        assert_eq!(socket_address(address_of(address)), address);
    }

    #[tokio::test]
    async fn frames_go_both_ways_and_giants_do_not() {
        let loopback = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let mut a = Radio::bind(loopback, Weather::default(), 1).await.unwrap();
        let mut b = Radio::bind(loopback, Weather::default(), 2).await.unwrap();
        let (at_a, at_b) = (a.address().unwrap(), b.address().unwrap());
        let soon = || Instant::now() + Duration::from_millis(200);
        a.send(at_b, &[1; FRAME_BYTES_MAX + 1]);
        a.send(at_b, &[2; FRAME_BYTES_MAX]);
        assert!(a.receive(Instant::now() + Duration::from_millis(20)).await.is_none());
        assert_eq!(b.receive(soon()).await, Some((at_a, vec![2; FRAME_BYTES_MAX])));
        b.send(at_a, b"back");
        assert!(b.receive(Instant::now() + Duration::from_millis(20)).await.is_none());
        assert_eq!(a.receive(soon()).await, Some((at_b, b"back".to_vec())));
        assert_eq!((a.counts(), b.counts()), ([2, 1, 0], [1, 1, 0]));
    }
}
