//! End-to-end encryption over three paths for a program that publishes to MQTT already. The brokers are three lists here;
//! where it says "publish" and "receive", a client of yours does.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]
use bodywire_channels::ack::{AckWriter, Status};
use bodywire_channels::reassemble::Reassembler;
use bodywire_channels::sender::{Input, Output, Sender, Token};
use bodywire_channels::session::{self, HubNumber, Prekey};
use bodywire_channels::topic::Shard;
use bodywire_channels::{Priority, Spread};
use ed25519_dalek::SigningKey;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let now = Duration::ZERO; // any monotonic clock
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as u64;
    let mut key = || {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        SigningKey::from_bytes(&seed)
    };
    let (sending, receiving) = (key(), key()); // each side knows the other's verifying key

    // The receiver leaves a signed prekey at the brokers, retained. The sender starts a session with it.
    let prekey = Prekey::generate(&receiving, now_ms, &mut rng);
    let (me, receiver, spread) = (HubNumber(1), receiving.verifying_key(), Spread::TWO_OF_THREE);
    let started = session::start(me, &sending, &receiver, prekey.published(), spread, now_ms, &mut rng)?;
    let known = |number| (number == me).then_some(sending.verifying_key());
    let accepted = session::accept(&[prekey], known, &started.start, now_ms)?;
    let mut reassembler = Reassembler::default();
    let added = reassembler.add(accepted.hub.0, accepted.keys.clone());
    let number = added.map_err(bodywire_channels::Error::from)?.ok_or("the session is known already")?;
    let mut acks = AckWriter::new(accepted.keys);

    // The receiver's first acknowledgement confirms the session; then messages may be submitted.
    let mut sender = Sender::new(started, now);
    let confirmation = acks.seal(&Status::default())?;
    sender.handle(now, Input::Ack(0, &confirmation[0]), &mut rng)?;
    for path in [0, 2] {
        sender.handle(now, Input::PathUp(path), &mut rng)?; // path 1 is down, and nothing is lost
    }
    sender.handle(now, Input::Submit(Token(42), Priority::Routine, b"36.6 degrees"), &mut rng)?;

    while let Some(output) = sender.poll() {
        let Output::Fragment { path, payload, .. } = output else { continue };
        let topic = Shard::new("house-7")?.fragments(sender.keys(), path).unwrap_or_default();
        println!("publish {} bytes to {topic} at broker {path}", payload.len());
        reassembler.handle(now, path, &payload).map_err(bodywire_channels::Error::from)?; // receive
    }
    while let Some(message) = reassembler.poll() {
        println!("received: {}", String::from_utf8_lossy(&message.message));
        // Store it durably first. Then tell the sender, on every path, that it may forget, and what each path has brought:
        // by that it tells how much a path carries.
        let (received, stored) = (reassembler.received(number), vec![message.id]);
        let ack = acks.seal(&Status { received, stored, ..Status::default() })?;
        sender.handle(now, Input::Ack(2, &ack[2]), &mut rng)?;
    }
    println!("acknowledged: {}", sender.poll() == Some(Output::Acknowledged(Token(42))));
    Ok(())
}
