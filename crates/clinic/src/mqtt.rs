//! The clinic's half of MQTT: one connection for each path, which hears fragments and leaves prekeys and acknowledgements.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use std::time::Duration;
use tokio::sync::mpsc;

/// Publications that wait inside the client. What does not fit is given again when the hub repeats itself.
const QUEUE_MESSAGES: usize = 1_024;
/// Pause after a failed connection.
const RECONNECT: Duration = Duration::from_millis(500);
/// A silent broker is given up after one and a half of these.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Largest packet: a fragment of the longest message, with room for its topic.
const PACKET_BYTES_MAX: u32 = 128 * 1024;

/// What happens on a path.
#[derive(Debug)]
pub(crate) enum PathEvent {
    Up,
    Down(String),
    Fragment(Vec<u8>),
    Start(Vec<u8>),
}

/// One connection.
pub(crate) struct Path {
    client: AsyncClient,
}

impl Path {
    /// Connects, and listens to `filters` after each connection. Events come with the number `index`.
    pub(crate) fn connect(
        index: usize,
        (host, port): (&str, u16),
        client_id: &str,
        filters: [String; 2],
        events: mpsc::Sender<(usize, PathEvent)>,
    ) -> Self {
        let mut options = MqttOptions::new(client_id, host, port);
        options.set_keep_alive(KEEP_ALIVE).set_clean_start(true).set_max_packet_size(Some(PACKET_BYTES_MAX));
        let (client, event_loop) = AsyncClient::new(options, QUEUE_MESSAGES);
        tokio::spawn(drive(index, event_loop, client.clone(), filters, events));
        Self { client }
    }

    /// Publishes at least once, retained or not. False when the client's queue is full.
    pub(crate) fn publish(&self, topic: &str, retained: bool, payload: Vec<u8>) -> bool {
        self.client.try_publish(topic, QoS::AtLeastOnce, retained, payload).is_ok()
    }

    /// Says goodbye to the broker.
    pub(crate) fn disconnect(&self) {
        // When the queue is full the connection ends with the process instead.
        let _ = self.client.try_disconnect();
    }
}

async fn drive(
    index: usize,
    mut event_loop: EventLoop,
    client: AsyncClient,
    filters: [String; 2],
    events: mpsc::Sender<(usize, PathEvent)>,
) {
    let mut up = false;
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let asked = filters.iter().all(|f| client.try_subscribe(f, QoS::AtLeastOnce).is_ok());
                if !asked {
                    tracing::warn!(path = index, "the path's queue is full; nothing will be heard on it");
                }
                up = true;
                PathEvent::Up
            }
            Ok(Event::Incoming(Packet::Publish(message))) if message.topic.ends_with(b"/f") => {
                PathEvent::Fragment(message.payload.to_vec())
            }
            Ok(Event::Incoming(Packet::Publish(message))) => PathEvent::Start(message.payload.to_vec()),
            Ok(_) => continue,
            Err(error) => {
                // What waited for the old connection would be too late on the new one.
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
