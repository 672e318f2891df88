//! Attacks on the data that follow a run. The benchmark schemes end with a key and say nothing of data.

use super::air::{Air, Side, VICTIM};
use super::link::{self, Link};
use super::transcript::Transcript;
use super::{Attack, Scheme, Stage, Verdict};
use crate::Error;
use bodywire_proto::paper;

/// What a calm patient's sensor says. An attacker knows how such messages look, and what a calm patient's numbers are.
const CALM: &[u8] = b"HR=072 SpO2=98 ";
/// The same patient a little later.
const LATER: &[u8] = b"HR=074 SpO2=97 ";
/// What an attacker would like to be believed.
const ALARMING: &[u8] = b"HR=172 SpO2=71 ";

/// Bytes before the ciphertext: of a record, and of a data frame of the paper's profile.
const HEADERS: [usize; 2] = [7, 9];
/// Bytes of the frame check sequence.
const FCS_BYTES: usize = 2;

/// The victims of one of the profiles, after a run; nothing for the benchmark schemes.
fn after_a_run(stage: &mut Stage) -> Result<Option<Air<Link>>, Error> {
    let link = match stage.scheme {
        Scheme::Paper => link::paper(stage.seed)?,
        Scheme::Hardened => link::hardened(stage.seed)?,
        _ => return Ok(None),
    };
    let mut air = Air::new(Box::new(link));
    air.honest(VICTIM, &mut stage.log)?;
    Ok(Some(air))
}

pub(super) fn attack(stage: &mut Stage, attack: Attack) -> Result<Option<Verdict>, Error> {
    let Some(air) = after_a_run(stage)? else { return Ok(None) };
    Ok(Some(match attack {
        Attack::TwoTimePad => two_time_pad(stage, air)?,
        Attack::SpoofEmergency => spoof(stage, air),
        Attack::SuppressEmergency => suppress(stage, air),
        _ => forge_parity(stage, air),
    }))
}

/// The sensor sends a payload; the attacker hears the frame, and it arrives or not.
fn send(stage: &mut Stage, air: &mut Air<Link>, payload: &[u8], arrives: bool) -> Vec<u8> {
    let frame = air.target.seal(VICTIM, payload).unwrap_or_default();
    stage.log.bytes("sensor", format!("sends \"{}\" protected", String::from_utf8_lossy(payload)), &frame);
    if arrives {
        deliver(air, &frame);
    } else {
        stage.log.note("attacker", "blocks it");
    }
    frame
}

fn deliver(air: &mut Air<Link>, frame: &[u8]) {
    air.inject(VICTIM, Side::Hub, frame, &mut Transcript::muted());
}

/// A frame of the attacker arrives. True when the hub took `wanted` for the sensor's.
fn believed(stage: &mut Stage, air: &mut Air<Link>, frame: &[u8], wanted: &[u8]) -> bool {
    stage.log.bytes("attacker", "sends to the hub", frame);
    let before = air.target.ends[VICTIM].received.len();
    deliver(air, frame);
    let received = &air.target.ends[VICTIM].received;
    let taken = received.len() > before && received.last().is_some_and(|(_, payload)| payload == wanted);
    if taken {
        stage.log.note("hub", format!("takes \"{}\" for the sensor's", String::from_utf8_lossy(wanted)));
    }
    taken
}

/// The forgeries of a frame whose payload is guessed: the difference is put onto the ciphertext, with the parity bits and
/// the frame check sequence mended where they would be, and without.
fn rewritten_frames(frame: &[u8], guessed: &[u8], wanted: &[u8]) -> Vec<Vec<u8>> {
    let mut forgeries = Vec::new();
    for header in HEADERS {
        for with_parity in [true, false] {
            let difference: Vec<u8> = guessed.iter().zip(wanted).map(|(a, b)| a ^ b).collect();
            let mut spread = vec![0; frame.len()];
            if with_parity {
                // The code is linear: the parity bits of a difference are the difference of the parity bits.
                if paper::insert_parity(&difference, &mut spread).is_err() {
                    continue;
                }
            } else {
                spread.iter_mut().zip(&difference).for_each(|(slot, byte)| *slot = *byte);
            }
            let mut forged = frame.to_vec();
            forged.iter_mut().skip(header).zip(&spread).for_each(|(byte, mask)| *byte ^= mask);
            if let Some(body) = forged.len().checked_sub(FCS_BYTES).filter(|end| *end > header) {
                let mut mended = forged.clone();
                let fcs = crc16(&mended[header..body]).to_be_bytes();
                mended[body..].copy_from_slice(&fcs);
                forgeries.push(mended);
            }
            forgeries.push(forged);
        }
    }
    forgeries
}

/// CRC-16/CCITT-FALSE, written out because anybody can compute it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

/// Rewrites data on their way after an untouched run. True when the hub believes it.
pub(super) fn rewritten(stage: &mut Stage) -> Result<bool, Error> {
    let Some(mut air) = after_a_run(stage)? else { return Ok(false) };
    let frame = send(stage, &mut air, CALM, false);
    let forgeries = rewritten_frames(&frame, CALM, ALARMING);
    Ok(forgeries.iter().any(|forged| believed(stage, &mut air, forged, ALARMING)))
}

fn forge_parity(stage: &mut Stage, mut air: Air<Link>) -> Verdict {
    let frame = send(stage, &mut air, CALM, false);
    let forgeries = rewritten_frames(&frame, CALM, LATER);
    for forged in &forgeries {
        if believed(stage, &mut air, forged, LATER) {
            return Verdict::falls(
                "parity bits and frame check sequence are linear and without a key: both are mended after the change",
            );
        }
    }
    Verdict::holds(format!("{} rewritten frames are refused", forgeries.len()))
}

fn spoof(stage: &mut Stage, mut air: Air<Link>) -> Verdict {
    // A frame that has already arrived: the sensor itself is silent while the attacker speaks.
    let frame = send(stage, &mut air, CALM, true);
    let mut forgeries = rewritten_frames(&frame, CALM, ALARMING);
    let random = stage.random(frame.len());
    let known = HEADERS.map(|header| [&frame[..header], &random[header..]].concat());
    forgeries.extend(known);
    for forged in &forgeries {
        if believed(stage, &mut air, forged, ALARMING) {
            return Verdict::falls(
                "one frame with a payload that can be guessed gives the keystream, and with it any other payload",
            );
        }
    }
    Verdict::holds(format!(
        "{} forged frames are refused; that somebody may change what the electrodes feel is not the link's affair",
        forgeries.len()
    ))
}

fn suppress(stage: &mut Stage, mut air: Air<Link>) -> Verdict {
    let calm = send(stage, &mut air, CALM, true);
    let alarm = send(stage, &mut air, ALARMING, false);
    if believed(stage, &mut air, &calm, CALM) {
        return Verdict::falls(
            "the alarm is blocked, and a recorded calm frame takes its place: it is accepted twice",
        );
    }
    for forged in rewritten_frames(&alarm, ALARMING, CALM) {
        if believed(stage, &mut air, &forged, CALM) {
            return Verdict::falls("the alarm is rewritten on its way");
        }
    }
    send(stage, &mut air, ALARMING, true);
    let counters: Vec<u32> = air.target.ends[VICTIM].received.iter().map(|(counter, _)| *counter).collect();
    if counters.windows(2).any(|pair| pair[1] > pair[0] + 1) {
        return Verdict::holds(
            "recorded and rewritten frames are refused, and the next record shows that one is missing",
        );
    }
    Verdict::falls("an alarm can be blocked without a trace")
}

/// Two frames under one keystream give the XOR of their payloads, and one guessed payload gives the other.
fn two_time_pad(stage: &mut Stage, mut air: Air<Link>) -> Result<Verdict, Error> {
    let mut frames = vec![send(stage, &mut air, CALM, true), send(stage, &mut air, LATER, true)];
    for _ in 1..paper::SEEDS_MAX {
        air.honest(VICTIM, &mut Transcript::muted())?;
    }
    air.target.enrol_again(VICTIM);
    stage.log.note("hub", "reads the pairs again after 640 runs, since they are used up");
    if !air.honest(VICTIM, &mut Transcript::muted())?.0 {
        return Err(Error::Misuse("a sensor with fresh pairs agrees with its hub"));
    }
    frames.push(send(stage, &mut air, ALARMING, true));
    let payloads = [CALM, LATER, ALARMING];
    for (i, a) in frames.iter().enumerate() {
        for (j, b) in frames.iter().enumerate().skip(i + 1) {
            for header in HEADERS {
                if under_one_pad(a, b, header, payloads[i], payloads[j]) {
                    stage
                        .log
                        .note("attacker", format!("frames {} and {} are under one keystream", i + 1, j + 1));
                    return Ok(Verdict::falls(
                        "after 640 runs the seeds repeat, and so do the keystreams: the XOR of two frames and one \
                         guessed payload give the other payload",
                    ));
                }
            }
        }
    }
    Ok(Verdict::holds("no two frames are under one keystream, in one session or 640 runs later"))
}

/// Whether the attacker, who guesses one payload, gets the other.
fn under_one_pad(a: &[u8], b: &[u8], header: usize, guessed: &[u8], secret: &[u8]) -> bool {
    let codes = |payload: &[u8]| {
        let mut coded = vec![0; 2 * payload.len()];
        let room = paper::insert_parity(payload, &mut coded).map_or(0, |bits| bits.div_ceil(8));
        [coded[..room].to_vec(), payload.to_vec()]
    };
    codes(guessed).iter().zip(&codes(secret)).any(|(guessed, secret)| {
        let xored = a.iter().zip(b).skip(header).map(|(a, b)| a ^ b);
        let opened: Vec<u8> = xored.zip(guessed).map(|(pad, byte)| pad ^ byte).collect();
        opened == *secret
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_check_sequence_is_that_of_the_catalogue() {
        assert_eq!(crc16(b"123456789"), 0x29b1);
    }
}
