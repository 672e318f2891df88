//! Writes the seeds in `corpus/` from the real encoders: each valid input, one cut off, and one with a flipped bit.
//!
//! ```text
//! cargo run --manifest-path fuzz/Cargo.toml --example seeds
//! ```
//!
//! The same program gives the same bytes. Files that begin with `found-` are left alone.

use bodywire_aggregate::{Owner, custody};
use bodywire_channels::ack::{AckWriter, Status};
use bodywire_channels::disperse::disperse;
use bodywire_channels::downlink::OrderWriter;
use bodywire_channels::state::State;
use bodywire_channels::{MessageId, Priority};
use bodywire_cli::config::{example, keys::Role};
use bodywire_ecg::wfdb::{self, Annotation, AnnotationCode, AnnotationWriter, Format};
use bodywire_fuzz::{TARGETS, Target, channels, ledger, proto};
use bodywire_ledger::snapshot::SNAPSHOT_FILE;
use bodywire_ledger::tile::{TileKind, TilePath, emit_bundle};
use bodywire_ledger::{
    Checkpoint, Draft, EntryKind, Floor, Hash, KeyId, Log, MemDisk, Origin, StreamId, cosignature, head,
    prove, witness,
};
use bodywire_proto::access::decide::{Decision, Terms};
use bodywire_proto::access::grant::{Asker, DecisionRecord};
use bodywire_proto::access::reason::Withheld;
use bodywire_proto::access::{
    Bed, Certificate, Condition as Patient, Issuer, PatientNumber, Person, Policy, Purpose, Relation,
    Request, Role as Holder, SIGNATURE_BYTES, revocation,
};
use bodywire_proto::ask::{Ask, Reason, Refused};
use bodywire_proto::consent::{Occasion, Sealer, grant};
use bodywire_proto::handshake::{HubInput, HubOutput, Profile, SensorInput, SensorOutput};
use bodywire_proto::observation::{BatchHeader, Scale, Signal, emit};
use bodywire_proto::receipt::Receipt;
use bodywire_proto::record::{Direction, RecordWriter};
use bodywire_proto::report::{Alarm, Condition, Kind, ReportHeader, Session, emit_header};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::window::Window;
use core::time::Duration;
use std::error::Error;
use std::path::Path;

type Seeds = Vec<(&'static str, Vec<Vec<u8>>)>;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let seeds: Seeds = [
        proto_seeds()?,
        channels_seeds()?,
        cli_seeds(),
        ecg_seeds()?,
        ledger_seeds()?,
        replica_seeds()?,
        aggregate_seeds()?,
    ]
    .concat();
    for Target { name, run } in TARGETS {
        let folder = corpus.join(name);
        std::fs::create_dir_all(&folder)?;
        let valid = seeds.iter().filter(|(target, _)| *target == name).flat_map(|(_, inputs)| inputs);
        for (number, input) in valid.enumerate() {
            if !run(input) {
                return Err(format!("{name}: its own seed {number} is refused").into());
            }
            let mut flipped = input.clone();
            let bit = input.len() * 5 + number * 11;
            let at = bit / 8 % input.len();
            flipped[at] ^= 1 << (bit % 8);
            std::fs::write(folder.join(format!("valid-{number}")), input)?;
            std::fs::write(folder.join(format!("truncated-{number}")), &input[..input.len() * 2 / 3])?;
            std::fs::write(folder.join(format!("flipped-{number}")), flipped)?;
        }
    }
    Ok(())
}

/// Messages one after the other, as [`bodywire_fuzz::pieces`] takes them apart.
fn joined<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> Vec<u8> {
    let piece = |piece: P| [&(piece.as_ref().len() as u16).to_be_bytes()[..], piece.as_ref()].concat();
    pieces.into_iter().flat_map(piece).collect()
}

/// A whole handshake: the frames to the hub and the frames to the sensor.
fn handshake(profile: Profile) -> Result<[Vec<Vec<u8>>; 2], Box<dyn Error>> {
    let (mut sensor, mut sensor_rng) = (proto::sensor(profile), proto::seeded(1));
    let (mut hub, mut hub_rng) = (proto::hub(profile), proto::seeded(2));
    let (mut up, mut down, mut now) = (Vec::<Vec<u8>>::new(), Vec::<Vec<u8>>::new(), Duration::ZERO);
    sensor.handle(now, SensorInput::Start, &mut sensor_rng)?;
    for _ in 0..8 {
        now += Duration::from_millis(1);
        let (mut read, mut claim) = (None, None);
        while let Some(output) = sensor.poll() {
            match output {
                SensorOutput::Send(frame) => {
                    up.push(frame.as_bytes().to_vec());
                    hub.handle(now, HubInput::Frame(frame.as_bytes()), &mut hub_rng)?;
                }
                SensorOutput::ReadPuf { response_bytes, .. } => read = Some(response_bytes),
                _ => {}
            }
        }
        while let Some(output) = hub.poll() {
            match output {
                HubOutput::Send(frame) => {
                    down.push(frame.as_bytes().to_vec());
                    sensor.handle(now, SensorInput::Frame(frame.as_bytes()), &mut sensor_rng)?;
                }
                HubOutput::ClaimPair(wanted) => claim = Some(wanted),
                _ => {}
            }
        }
        if let Some(bytes) = read {
            sensor.handle(now, SensorInput::Response(&proto::response(bytes)), &mut sensor_rng)?;
        }
        if let Some(wanted) = claim {
            let (challenge, response) = proto::pair(profile, wanted);
            hub.handle(now, HubInput::Pair(challenge, &response), &mut hub_rng)?;
        }
    }
    Ok([up, down])
}

fn batch() -> Result<Vec<u8>, Box<dyn Error>> {
    let header = BatchHeader {
        signal: Signal::from_code(1).ok_or("signal 1")?,
        simulated: true,
        rate_millihertz: 360_000,
        scale: Scale { gain_milli: 200_000, baseline: 1_024 },
        first_index: 720,
        time_us: 2_000_000,
    };
    let samples: Vec<i16> = (0..40).map(|i| 1_024 + (i * i * 13 % 700) - 350).collect();
    let mut buffer = [0; 230];
    let (written, _) = emit(&header, &samples, &mut buffer)?;
    Ok(buffer[..written].to_vec())
}

fn report(kind: Kind, body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let header = ReportHeader {
        kind,
        sensor: proto::SENSOR,
        number: 17,
        hub_time_ms: channels::NOW_MS,
        offset_ms: -40,
        backlog: 2,
    };
    Ok([&emit_header(&header)?[..], body].concat())
}

fn proto_seeds() -> Result<Seeds, Box<dyn Error>> {
    let (mut frames, mut to_sensor, mut to_hub, mut stored) = (vec![], vec![], vec![], vec![]);
    for (number, profile) in (0u8..).zip(Profile::ALL.iter().copied()) {
        let [up, down] = handshake(profile)?;
        frames.extend(up.iter().chain(&down).cloned());
        to_sensor.push([&[number][..], &joined(&down)].concat());
        to_hub.push([&[number][..], &joined(&up)].concat());
        stored.push(proto::sensor(profile).record().to_bytes()?.as_bytes().to_vec());
        stored.push(proto::hub(profile).record().to_bytes()?.as_bytes().to_vec());
    }
    let batch = batch()?;
    let mut writer = RecordWriter::new(proto::record_key(), Direction::Up, proto::SENSOR);
    let receipt = Receipt { next: 12 }.emit();
    let records = [writer.seal(&batch)?, writer.seal(b"")?, writer.seal(&[9; 40])?, writer.seal(&receipt)?];
    let granted = proto::granted();
    let give = |occasion| {
        grant(&proto::wrapping_key(), proto::SENSOR, granted.session, granted.until, occasion, &granted.key)
    };
    let (consent, released) = (give(Occasion::Request(granted.asked))?, give(Occasion::Emergency)?);
    let ask = Ask { certificate: [0x11; 155], request: [0x22; 143], until_ms: granted.until };
    let (first, second) = ask.to_halves()?;
    let refused = Refused { asked: ask.asked(), reason: Reason::Wearer };
    let mut sealed = vec![0; 300];
    let written =
        Sealer::new(granted.key.clone(), proto::SENSOR, granted.session).seal(&batch, &mut sealed)?;
    sealed.truncate(written);
    let alarm = Alarm {
        condition: Condition::Asystole,
        present: true,
        onset_index: 4_000,
        decided_index: 5_440,
        correlation: None,
        threshold: 0.7,
    };
    let session =
        Session { epoch: 9, class: RiskClass::from_code(2).ok_or("class 2")?, bits: 968, noise_bits: 6 };
    let window = Window { start_ms: 1_700_000_000_000, length_ms: 3_600_000, simulated: true };
    let reports = vec![
        report(Kind::Observations, &joined([&batch, &batch]))?,
        report(Kind::Sealed, &joined([&sealed]))?,
        report(Kind::Consent, &consent)?,
        report(Kind::Alarm, &alarm.to_bytes()?)?,
        report(Kind::Session, &session.to_bytes()?)?,
        report(Kind::Vector, &[&window.to_bytes()[..], &[0x66; 60]].concat())?,
        report(Kind::Declined, &refused.to_bytes()?)?,
    ];
    Ok(vec![
        ("proto_frames", frames),
        ("proto_sensor_handshake", to_sensor),
        ("proto_hub_handshake", to_hub),
        ("proto_paper_data", vec![proto::paper_key().seal(proto::SENSOR, 7, &batch)?.as_bytes().to_vec()]),
        ("proto_record", vec![joined(records.iter().rev().map(|frame| frame.as_bytes()))]),
        ("proto_batch", vec![batch]),
        ("proto_report", reports),
        (
            "proto_ask",
            vec![
                ask.to_order(proto::SENSOR)?.to_vec(),
                joined([&first[..], &second]),
                joined([refused.to_payload()?]),
            ],
        ),
        ("proto_consent", vec![consent.to_vec(), released.to_vec()]),
        ("proto_sealed", vec![sealed]),
        ("proto_stored", stored),
        ("proto_access", access_seeds()?),
    ])
}

/// One of each format of an access decision. Parsers do not look at signatures.
fn access_seeds() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let (day_ms, now_ms, signature) = (86_400_000, 1_700_000_000_000, [0x77; SIGNATURE_BYTES]);
    let certificate = Certificate {
        serial: 7,
        person: Person([0xaa; 16]),
        role: Holder::Physician,
        highest_class: RiskClass::III,
        key: [0x22; 32],
        not_before_ms: now_ms,
        not_after_ms: now_ms + day_ms,
        issuer: Issuer([0xbb; 16]),
        signature,
    };
    let request = Request {
        challenge: [0xcc; 16],
        serial: certificate.serial,
        patient: Some(PatientNumber(9)),
        bed: Bed(402),
        sensor: Some(proto::SENSOR),
        class: RiskClass::III,
        purpose: Purpose::BreakGlass,
        time_ms: now_ms + 1_000,
        statement: Some([0xdd; 32]),
        signature,
    };
    let terms = Terms { highest: RiskClass::II, until_ms: now_ms + 902_000 };
    let record = DecisionRecord {
        asker: Some(Asker { person: certificate.person, serial: certificate.serial, role: certificate.role }),
        patient: request.patient,
        bed: request.bed,
        sensor: request.sensor,
        asked: request.class,
        purpose: request.purpose,
        relation: Relation::None,
        condition: Patient::Emergency,
        decision: Decision::Override { terms, withheld: Some(Withheld::Sealed) },
        no_fresh_list: false,
        from_ms: now_ms + 2_000,
        evidence: [0xee; 32],
    };
    let mut list = vec![0; 200];
    let written = revocation::emit_signed_bytes(certificate.issuer, 7, now_ms, &[5, 6, 900], &mut list)?;
    list.truncate(written);
    list.extend(signature);
    Ok(vec![
        certificate.to_bytes()?.to_vec(),
        request.to_bytes()?.to_vec(),
        Policy::LEAST.to_bytes()?.to_vec(),
        record.to_bytes()?.to_vec(),
        list,
    ])
}

fn channels_seeds() -> Result<Seeds, Box<dyn Error>> {
    let on_path = |path: u8, bytes: &[u8]| [&[path][..], bytes].concat();
    let mut fragments = Vec::new();
    for (id, text) in [(0, &b"first"[..]), (7, &[0x55; 90])] {
        let cut =
            disperse(channels::keys(), MessageId(id), Priority::Routine, text, &mut proto::seeded(10 + id))?;
        fragments.extend((0u8..).zip(&cut).map(|(path, bytes)| on_path(path, bytes)));
    }
    let split = &channels::WORLD.split.keys;
    let cut = disperse(split, MessageId(0), Priority::Emergency, b"split", &mut proto::seeded(20))?;
    let split: Vec<Vec<u8>> = (0u8..).zip(&cut).map(|(path, bytes)| on_path(path, bytes)).collect();
    let mut acks = AckWriter::new(channels::keys().clone());
    let stored = vec![MessageId(0), MessageId(7)];
    let status =
        Status { received: [9, 9, 8, 0, 0, 0, 0, 0], stored, incomplete: vec![(MessageId(8), 0b101)] };
    let mut writer = OrderWriter::new(channels::keys().clone());
    let orders = [writer.seal(b"")?, writer.seal(&[0x44; 309])?];
    let acks = [acks.seal(&Status::default())?, acks.seal(&status)?];
    let state = State { online: true, connection: 77 }.to_bytes(&channels::rendezvous(), 1)?;
    Ok(vec![
        (
            "channels_fragments",
            vec![joined(&fragments), joined(fragments.iter().rev().skip(1)), joined(&split)],
        ),
        ("channels_start", vec![channels::WORLD.started.start.clone()]),
        ("channels_prekey", vec![channels::WORLD.prekey.published().to_vec()]),
        ("channels_order", vec![on_path(0, &orders[0][0]), on_path(2, &orders[1][2])]),
        ("channels_ack", vec![on_path(0, &acks[0][0]), on_path(2, &acks[1][2])]),
        ("channels_shard", vec![b"ward-4b".to_vec()]),
        ("channels_state", vec![on_path(1, &state)]),
    ])
}

fn cli_seeds() -> Seeds {
    let all = example(Role::All);
    // Everything that may be left out, written.
    let is_left_out = |line: &str| {
        line.starts_with('#') && !line.starts_with("# ") && (line.contains(" = ") || line.starts_with("#[["))
    };
    let full: Vec<&str> = all.lines().map(|line| if is_left_out(line) { &line[1..] } else { line }).collect();
    let terse: Vec<&str> = full.iter().filter(|line| !line.starts_with('#')).copied().collect();
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let secret = "ab".repeat(32);
    let sensor = |number: u16, kind: &str, class: &str, more: &str| {
        format!(
            "[[sensor]]\nnumber = {number}\nkind = \"{kind}\"\nclass = \"{class}\"\nprofile = \"hardened-256\"\n\
             wrapping_key = \"{secret}\"\nenrolled_ms = 1767225600000\nreliability = 0.97\nuniformity = 0.5\n{more}"
        )
    };
    let hub = format!("version = 1\nhub = 7\nverify_key = \"{key}\"\nrendezvous = \"{secret}\"\n");
    let sensors = [
        sensor(1, "ecg", "II", "uniqueness = 0.49\n"),
        sensor(300, "insulin-rate", "III", "revoked_ms = 1767225600001\n"),
    ];
    let card = [&hub[..], &sensors[0], &sensors[1]].concat();
    let bytes = |text: &str| text.as_bytes().to_vec();
    vec![
        ("cli_config", vec![bytes(&example(Role::Hub)), terse.join("\n").into_bytes(), bytes("\n")]),
        ("cli_card", vec![bytes(&card), hub.into_bytes()]),
    ]
}

fn ecg_seeds() -> Result<Seeds, Box<dyn Error>> {
    let mut recordings = Vec::new();
    let mut headers =
        vec![b"100 2 360/720(5) 650000 12:30:00 1/2/1990\n100.dat 212 200(1024)/mV 11 1024 995 -22131 0 MLII\n100.dat 212 200 11 1024 1011 20052 0 V5\n# 69 M\n".to_vec()];
    for format in Format::ALL {
        // Seven samples in each frame: the last group of every format is cut short.
        let range = format.range();
        let samples: Vec<i16> =
            (0..35).map(|i| (i * 613 % 900 - 450).clamp(*range.start(), *range.end())).collect();
        let header = format!(
            "r 3 360 5\nr.dat {0}x4:1+2 200 12 0 0 0 0 I\nr.dat {0}+2 200\nr.dat {0}x2+2 200(7)/uV\n",
            format.number()
        );
        let mut bytes = vec![0; 2 + wfdb::encoded_len(format, samples.len())];
        wfdb::encode(format, &samples, &mut bytes[2..])?;
        recordings.push([header.as_bytes(), &[0], &bytes].concat());
        headers.push(header.into_bytes());
    }
    // annot(5): a word is code << 10 | interval, low byte first; 59 skips, 63 carries text, zero ends.
    let words = [1 << 10 | 18, 1 << 10 | 300, 59 << 10, 0, 2_000, 28 << 10, 63 << 10 | 4, 0x4e28, 0x0000, 0];
    let annotations = words.iter().flat_map(|word: &u16| word.to_le_bytes()).collect();
    let mut written = vec![0; 200];
    let mut writer = AnnotationWriter::new(&mut written);
    writer.time_resolution(360.0)?;
    let normal = Annotation::new(77, AnnotationCode::NORMAL);
    writer.push(&normal)?;
    writer.push(&Annotation {
        sample: 90_000,
        subtype: -1,
        channel: 1,
        number: 3,
        aux: b"(VFL",
        ..normal
    })?;
    let len = writer.finish()?;
    written.truncate(len);
    // Settings, then a heart for half a minute with a gap and a new beginning, fibrillation, rails, and back and forth.
    let heart = |settings: [u8; 4]| {
        let steps = [[0xfa, 2, 52], [0xfa, 3, 60], [0, 9, 0], [0xfa, 2, 55], [1, 0, 0], [0xfb, 5, 0]];
        let rails = [[0xfc, 0xff, 0x7f], [0xfc, 0x00, 0x80], [0xfe, 0xff, 0x7f], [0x04, 0x34, 0x12]];
        [&settings[..], steps.as_flattened(), rails.as_flattened()].concat()
    };
    let monitors = [[1, 0, 1, 0], [0, 0, 1, 1], [5, 0, 1, 0]].map(heart).to_vec();
    Ok(vec![
        ("ecg_header", headers),
        ("ecg_recording", recordings),
        ("ecg_annotations", vec![annotations, written]),
        ("ecg_monitor", monitors),
    ])
}

fn draft(seq: u64) -> Draft {
    Draft {
        kind: EntryKind::ALL[seq as usize % EntryKind::ALL.len()],
        flags: 1,
        time_ms: channels::NOW_MS + seq,
        stream: StreamId([(seq % 2) as u8; 16]),
        stream_seq: seq / 2,
        key: KeyId([9; 16]),
        payload: vec![seq as u8; seq as usize * 5],
    }
}

/// A log of two frames and seven entries, not yet published.
fn log_on(disk: &MemDisk) -> Result<Log<MemDisk>, Box<dyn Error>> {
    let (mut log, _) =
        Log::open(disk.clone(), Origin::new(ledger::ORIGIN)?, ledger::signing_key(), Floor::NONE)?;
    log.append((0..5).map(draft).collect())?;
    log.append((5..7).map(draft).collect())?;
    Ok(log)
}

fn ledger_seeds() -> Result<Seeds, Box<dyn Error>> {
    let disk = MemDisk::new();
    let mut log = log_on(&disk)?;
    let published = log.publish()?;
    let files = disk.files();
    let file = |name: &str| files.get(name).cloned().ok_or_else(|| format!("the log has no file {name}"));
    let starting =
        |start: &str| files.iter().find(|(name, _)| name.starts_with(start)).map(|(_, bytes)| bytes.clone());
    let entries: Vec<_> =
        (0..7).map(|i| log.read(i).map(|(entry, _)| entry.emit())).collect::<Result<_, _>>()?;
    // A segment that is closed leaves a snapshot; one of so many entries has points in its index.
    let long = MemDisk::new();
    let (log, _) = Log::open(long.clone(), Origin::new(ledger::ORIGIN)?, ledger::signing_key(), Floor::NONE)?;
    let mut log = log.with_segment_bytes(1);
    log.append((0..100).map(|seq| draft(seq % 12)).collect())?;
    log.append(vec![draft(1)])?;
    let snapshot = long.files().remove(SNAPSHOT_FILE).ok_or("no snapshot")?;
    let signed = published.sign(&ledger::signing_key())?;
    let line =
        cosignature::cosign(&published.text(), 1_700_000_000, ledger::COSIGNER, &ledger::cosigner_key())?;
    let cosigned = cosignature::attach(&signed, &line)?.into_bytes();
    let asked = witness::request_of(&disk, &ledger::verifier(), 0)?.into_bytes();
    let signed = signed.into_bytes();
    let tile = TilePath::holding(TileKind::Entries, 6, 7).to_string();
    let name = |name: &str| name.as_bytes().to_vec();
    Ok(vec![
        ("ledger_entry", vec![entries[0].to_vec(), entries[6].to_vec()]),
        ("ledger_note", vec![signed.clone()]),
        ("ledger_checkpoint", vec![published.text().into_bytes(), signed]),
        ("ledger_frame", vec![starting("segment/").ok_or("no segment")?]),
        ("ledger_tiles", vec![emit_bundle(&entries), starting("tile/0/").ok_or("no tile")?]),
        ("ledger_proof", vec![prove::inclusion(&disk, &ledger::verifier(), 4)?.emit().into_bytes()]),
        ("ledger_head", vec![file(head::HEAD_FILE)?]),
        ("ledger_snapshot", vec![snapshot]),
        (
            "ledger_names",
            vec![
                name(&tile),
                name(&ledger::verifier().to_string()),
                name("segment/00000000000000000005.seg"),
                name(ledger::ORIGIN),
            ],
        ),
        ("ledger_witness", vec![asked]),
        ("ledger_cosignature", vec![cosigned, name(&ledger::cosigner().to_string())]),
    ])
}

fn replica_seeds() -> Result<Seeds, Box<dyn Error>> {
    let disk = MemDisk::new();
    let mut log = log_on(&disk)?;
    log.publish()?;
    let empty = Checkpoint { origin: Origin::new(ledger::ORIGIN)?, size: 0, root: Hash::empty_root() };
    let begin = empty.sign(&ledger::signing_key())?.into_bytes();
    let asked = witness::request_of(&disk, &ledger::verifier(), 0)?.into_bytes();
    let nothing = Vec::new;
    let requests: Vec<(&str, Vec<u8>)> = vec![
        ("POST /LOG/begin", begin),
        ("POST /LOG/add-frames?from=0", log.frame(0)?),
        ("POST /LOG/add-frames?from=5", log.frame(5)?),
        ("POST /add-checkpoint", asked),
        ("GET /LOG/checkpoint", nothing()),
        ("GET /witness/LOG/checkpoint", nothing()),
        ("GET /LOG/tile/0/000.p/7", nothing()),
        ("GET /LOG/tile/entries/000.p/7", nothing()),
        ("GET /LOG/frame/5", nothing()),
        ("GET /LOG/status", nothing()),
        ("GET /LOG/evidence", nothing()),
        ("GET /metrics", nothing()),
    ];
    let whole = joined(requests.iter().flat_map(|(head, body)| [head.as_bytes(), body.as_slice()]));
    let start = joined(requests.iter().take(2).flat_map(|(head, body)| [head.as_bytes(), body.as_slice()]));
    let terms = b"{\"terms\":[[0,1],[7,4294967295],[18446744073709551615,2]]}".to_vec();
    Ok(vec![("replica_request", vec![whole, start]), ("replica_terms", vec![terms])])
}

/// A whole vector has 64 KiB, and a public key 32 that are not the same twice: of a vector there is its beginning, and of the
/// keys a share.
fn aggregate_seeds() -> Result<Seeds, Box<dyn Error>> {
    let vector = |encoding: u8, largest: u64, coefficients: &[u8]| {
        let bounds = [largest, 1, 1].map(u64::to_be_bytes).concat();
        [&[b'B', b'W', b'H', b'V', 1, 1, encoding, 0], &[7; 16][..], &bounds, coefficients].concat()
    };
    let wide = joined([vector(2, 399, &[1, 2, 3, 4, 5, 6]), vector(2, 399, &[9; 17])]);
    let series = joined([vector(1, 300, &[1]), vector(1, 1_048_575, &[])]);
    let shares = custody::split(&Owner::from_bytes([9; 32]), 2, 3, &mut proto::seeded(7))?;
    let shares = shares.iter().take(1).map(|share| share.to_text().as_bytes().to_vec()).collect();
    let query = |function: &str, more: &str| {
        let signal = "heart-rate";
        let text = format!(r#"{{"function":"{function}","signal":"{signal}","from_ms":1,"to_ms":9{more}}}"#);
        text.into_bytes()
    };
    let queries = vec![query("count", r#","above":120.5,"weights":[[3,2],[4,7]]"#), query("trend", "")];
    let vectors = vec![wide, series];
    Ok(vec![("aggregate_vector", vectors), ("aggregate_keys", shares), ("aggregate_query", queries)])
}
