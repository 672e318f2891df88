//! MQTT 3.1.1.

use super::{
    Delivery, GREETING_TIMEOUT, IN_FLIGHT_MAX, KEEP_ALIVE, PACKET_BYTES_MAX, Publication, QUEUE_MESSAGES,
    Step, WRITE_BATCH, Will,
};
use crate::broker::Broker;
use crate::reason::{Reason, Refusal};
use crate::socket::Dialer;
use rumqttc_v4::mqttbytes::Error as PacketError;
use rumqttc_v4::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, NetworkOptions,
    Outgoing, Packet, PublishOptions, QoS, StateError, SubscribeReasonCode,
};
use std::io;
use std::sync::Arc;

pub(super) fn open(
    broker: &Broker,
    dialer: &Arc<Dialer>,
    client_id: &str,
    will: Option<&Will>,
) -> (AsyncClient, EventLoop) {
    let to = rumqttc_v4::Broker::tcp(broker.host.as_str(), broker.port);
    let mut options = MqttOptions::new(client_id, to);
    options
        .set_keep_alive(KEEP_ALIVE.as_secs() as u16)
        .set_clean_session(true)
        .set_max_packet_size(PACKET_BYTES_MAX as usize, PACKET_BYTES_MAX as usize)
        .set_max_request_batch(WRITE_BATCH)
        .set_inflight(IN_FLIGHT_MAX);
    if let Some(login) = &broker.login {
        options.set_credentials(login.user.clone(), login.password.as_bytes().to_vec());
    }
    if let Some(Will { topic, payload, retain }) = will {
        options.set_last_will(LastWill::new(topic, payload.clone(), QoS::AtLeastOnce, *retain));
    }
    let dialer = Arc::clone(dialer);
    options.set_socket_connector(move |_, _| {
        let dialer = Arc::clone(&dialer);
        async move { dialer.dial().await.map_err(io::Error::other) }
    });
    let (client, mut events) = AsyncClient::builder(options).capacity(QUEUE_MESSAGES).build();
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(GREETING_TIMEOUT.as_secs());
    events.set_network_options(network);
    (client, events)
}

pub(super) fn publish(client: &AsyncClient, publication: Publication) -> bool {
    let Publication { topic, payload, delivery, retain } = publication;
    let qos = match delivery {
        Delivery::AtMostOnce => QoS::AtMostOnce,
        Delivery::AtLeastOnce => QoS::AtLeastOnce,
    };
    client.try_publish(topic, payload, PublishOptions::new(qos).retain(retain)).is_ok()
}

pub(super) async fn poll(events: &mut EventLoop) -> Result<Step, Reason> {
    let packet = match events.poll().await {
        Ok(Event::Incoming(packet)) => packet,
        Ok(Event::Outgoing(Outgoing::Subscribe(_))) => return Ok(Step::Asked),
        Ok(Event::Outgoing(_)) => return Ok(Step::Sent),
        Err(ConnectionError::RequestsDone | ConnectionError::DisconnectTimeout) => return Ok(Step::Over),
        Err(error) => return Err(reason(error)),
    };
    Ok(match packet {
        Packet::ConnAck(_) => Step::Accepted { packet_bytes_max: None },
        Packet::Publish(message) => Step::Message {
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            payload: message.payload.to_vec(),
        },
        // This version has no way to refuse a publication.
        Packet::PubAck(_) => Step::Acknowledged { taken: true },
        Packet::SubAck(answer) => Step::Subscribed {
            granted: answer.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_))),
        },
        _ => Step::Heard,
    })
}

fn reason(error: ConnectionError) -> Reason {
    match error {
        ConnectionError::Io(error)
        | ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(PacketError::Io(error)),
        ) => Reason::of_io(&error),
        ConnectionError::MqttState(StateError::ConnectionAborted) => Reason::Closed,
        ConnectionError::NetworkTimeout
        | ConnectionError::FlushTimeout
        | ConnectionError::MqttState(StateError::AwaitPingResp) => Reason::Timeout,
        ConnectionError::ConnectionRefused(code) => Reason::Refused(refusal(code)),
        other => Reason::Protocol(other.to_string()),
    }
}

fn refusal(code: ConnectReturnCode) -> Refusal {
    match code {
        ConnectReturnCode::RefusedProtocolVersion => Refusal::Version,
        ConnectReturnCode::BadClientId => Refusal::ClientName,
        ConnectReturnCode::BadUserNamePassword => Refusal::Login,
        ConnectReturnCode::NotAuthorized => Refusal::NotAuthorized,
        ConnectReturnCode::ServiceUnavailable => Refusal::Unavailable,
        ConnectReturnCode::Success => Refusal::Other("it accepted and refused".to_owned()),
    }
}
