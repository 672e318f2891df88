//! The hub's half of MQTT: one connection for each path, which publishes fragments and hears acknowledgements.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use std::time::Duration;
use tokio::sync::mpsc;

/// Publications that wait inside the client. What does not fit is sent again later by the sender above.
const QUEUE_MESSAGES: usize = 1_024;
/// Pause after a failed connection.
const RECONNECT: Duration = Duration::from_millis(500);
/// A silent broker is given up after one and a half of these.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Largest packet: a fragment of the longest message, with room for its topic.
const PACKET_BYTES_MAX: u32 = 128 * 1024;

/// What happens on a path.
#[derive(Debug)]
pub enum PathEvent {
    /// The broker has accepted the connection.
    Up,
    /// The connection is gone, and why.
    Down(String),
    /// A message on a topic this path listens to.
    Message {
        /// Its topic.
        topic: String,
        /// Its bytes, not trusted.
        payload: Vec<u8>,
    },
}

/// One connection.
pub struct Path {
    client: AsyncClient,
}

impl Path {
    /// Connects to `host:port` and keeps connecting. `client_id` must say nothing about hub or patient.
    /// Events come out of `events` with the number `index`.
    pub fn connect(
        index: usize,
        host: &str,
        port: u16,
        client_id: &str,
        events: mpsc::Sender<(usize, PathEvent)>,
    ) -> Self {
        let mut options = MqttOptions::new(client_id, host, port);
        options.set_keep_alive(KEEP_ALIVE).set_clean_start(true).set_max_packet_size(Some(PACKET_BYTES_MAX));
        let (client, event_loop) = AsyncClient::new(options, QUEUE_MESSAGES);
        tokio::spawn(drive(index, event_loop, events));
        Self { client }
    }

    /// Listens to a topic, from the next connection on too if it is asked again after [`PathEvent::Up`].
    /// False when the client's queue is full.
    pub fn subscribe(&self, topic: &str) -> bool {
        self.client.try_subscribe(topic, QoS::AtLeastOnce).is_ok()
    }

    /// Publishes at least once. False when the client's queue is full; nothing is lost by it, the sender repeats.
    pub fn publish(&self, topic: &str, payload: Vec<u8>) -> bool {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).is_ok()
    }

    /// Says goodbye to the broker.
    pub fn disconnect(&self) {
        // When the queue is full the connection ends with the process instead.
        let _ = self.client.try_disconnect();
    }
}

async fn drive(index: usize, mut event_loop: EventLoop, events: mpsc::Sender<(usize, PathEvent)>) {
    let mut up = false;
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                up = true;
                PathEvent::Up
            }
            Ok(Event::Incoming(Packet::Publish(message))) => PathEvent::Message {
                topic: String::from_utf8_lossy(&message.topic).into_owned(),
                payload: message.payload.to_vec(),
            },
            Ok(_) => continue,
            Err(error) => {
                // The old connection's queue must not be repeated on the new one: the sender above decides that.
                event_loop.pending.clear();
                if up {
                    up = false;
                    if events.send((index, PathEvent::Down(error.to_string()))).await.is_err() {
                        return;
                    }
                }
                tokio::time::sleep(RECONNECT).await;
                if events.is_closed() {
                    return;
                }
                continue;
            }
        };
        if events.send((index, event)).await.is_err() {
            return;
        }
    }
}
