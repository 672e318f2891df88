//! MQTT 5.

use super::{
    Delivery, GREETING_TIMEOUT, IN_FLIGHT_MAX, KEEP_ALIVE, PACKET_BYTES_MAX, Publication, QUEUE_MESSAGES,
    Step, WRITE_BATCH, Will,
};
use crate::broker::Broker;
use crate::reason::{Reason, Refusal};
use crate::socket::Dialer;
use rumqttc_v5::mqttbytes::Error as PacketError;
use rumqttc_v5::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing,
    Packet, PubAckReason, PublishOptions, QoS, StateError, SubscribeReasonCode,
};
use std::io;
use std::sync::Arc;

pub(super) fn open(
    broker: &Broker,
    dialer: &Arc<Dialer>,
    client_id: &str,
    will: Option<&Will>,
) -> (AsyncClient, EventLoop) {
    let to = rumqttc_v5::Broker::tcp(broker.host.as_str(), broker.port);
    let mut options = MqttOptions::new(client_id, to);
    options
        .set_keep_alive(KEEP_ALIVE.as_secs() as u16)
        .set_clean_start(true)
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_max_request_batch(WRITE_BATCH)
        .set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX)
        .set_connect_timeout(GREETING_TIMEOUT);
    if let Some(login) = &broker.login {
        options.set_credentials(login.user.clone(), login.password.as_bytes().to_vec());
    }
    if let Some(Will { topic, payload, retain }) = will {
        options.set_last_will(LastWill::new(topic, payload.clone(), QoS::AtLeastOnce, *retain, None));
    }
    let dialer = Arc::clone(dialer);
    options.set_socket_connector(move |_, _| {
        let dialer = Arc::clone(&dialer);
        async move { dialer.dial().await.map_err(io::Error::other) }
    });
    AsyncClient::builder(options).capacity(QUEUE_MESSAGES).build()
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
        Ok(Event::Auth(_)) => return Ok(Step::Heard),
        Err(ConnectionError::RequestsDone | ConnectionError::DisconnectTimeout) => return Ok(Step::Over),
        Err(error) => return Err(reason(error)),
    };
    Ok(match packet {
        Packet::ConnAck(accepted) => {
            Step::Accepted { packet_bytes_max: accepted.properties.and_then(|it| it.max_packet_size) }
        }
        Packet::Publish(message) => Step::Message {
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            payload: message.payload.to_vec(),
        },
        Packet::PubAck(answer) => Step::Acknowledged {
            taken: matches!(answer.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers),
        },
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
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            Reason::Dismissed(format!("{reason_code:?}"))
        }
        ConnectionError::Timeout(_) | ConnectionError::MqttState(StateError::AwaitPingResp) => {
            Reason::Timeout
        }
        ConnectionError::ConnectionRefused(code) => Reason::Refused(refusal(code)),
        other => Reason::Protocol(other.to_string()),
    }
}

fn refusal(code: ConnectReturnCode) -> Refusal {
    match code {
        ConnectReturnCode::RefusedProtocolVersion | ConnectReturnCode::UnsupportedProtocolVersion => {
            Refusal::Version
        }
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => Refusal::ClientName,
        ConnectReturnCode::BadUserNamePassword => Refusal::Login,
        ConnectReturnCode::NotAuthorized | ConnectReturnCode::Banned => Refusal::NotAuthorized,
        ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ServerBusy
        | ConnectReturnCode::QuotaExceeded
        | ConnectReturnCode::ConnectionRateExceeded => Refusal::Unavailable,
        other => Refusal::Other(format!("{other:?}")),
    }
}
