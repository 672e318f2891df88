//! The worked example of `docs/ledger-format.md` is computed anew and compared byte for byte.
//! `BODYWIRE_REGENERATE=1` writes it into the page instead.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use bodywire_ledger::{
    Draft, EntryKind, Floor, KeyId, MemDisk, StreamId,
    prove::{self, Proof},
    segment::{FRAME_HEADER_BYTES, Frame},
    tile,
};

const FENCE: &str = "```text\n";

fn draft(kind: EntryKind, seq: u64, payload: &[u8]) -> Draft {
    Draft {
        kind,
        flags: 0,
        time_ms: 1_700_000_000_000 + seq,
        stream: StreamId([1; 16]),
        stream_seq: seq,
        key: KeyId([9; 16]),
        payload: payload.to_vec(),
    }
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    let batch = vec![draft(EntryKind::Telemetry, 0, b"sealed"), draft(EntryKind::Read, 1, b"")];
    log.append(batch).unwrap();
    log.publish().unwrap();
    disk.files()
}

fn hex_lines(out: &mut String, bytes: &[u8]) {
    for line in bytes.chunks(32) {
        line.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap());
        out.push('\n');
    }
}

/// All files: text as text, bytes in hexadecimal; of `head` the parts that are not zero.
fn example() -> String {
    let mut out = String::new();
    for (file, bytes) in &files() {
        writeln!(out, "{file} ({} bytes)", bytes.len()).unwrap();
        match file.as_str() {
            "checkpoint" | "key.vkey" => out.push_str(str::from_utf8(bytes).unwrap()),
            "head" => {
                for slot in bytes.chunks(4096) {
                    hex_lines(&mut out, &slot[..72]);
                    out.push_str("zeros, then ");
                    hex_lines(&mut out, &slot[4092..]);
                }
            }
            _ => hex_lines(&mut out, bytes),
        }
        out.push('\n');
    }
    let proof = prove::inclusion(&MemDisk::from_files(files()), &drill::verifier(), 1).unwrap();
    write!(out, "proof of entry 1\n{}", proof.emit()).unwrap();
    out
}

#[test]
fn the_worked_example_is_what_the_crate_writes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ledger-format.md");
    let text = fs::read_to_string(&page).unwrap();
    let start = text.find(FENCE).unwrap() + FENCE.len();
    let end = start + text[start..].find("```").unwrap();
    if std::env::var("BODYWIRE_REGENERATE").is_ok_and(|value| value == "1") {
        fs::write(&page, format!("{}{}{}", &text[..start], example(), &text[end..])).unwrap();
        return;
    }
    assert_eq!(&text[start..end], example());
}

/// The offsets of the page's tables, applied by hand to the bytes of the example.
#[test]
fn the_tables_of_the_page_describe_the_bytes() {
    let files = files();
    let segment = &files["segment/00000000000000000000.seg"];
    let number =
        |at: usize, len: usize| segment[at..at + len].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    assert_eq!(&segment[..8], b"BWFRAME1");
    assert_eq!((number(8, 4), number(12, 8), number(20, 4)), (segment.len() as u64, 0, 2));
    assert_eq!(number(24, 4), files["checkpoint"].len() as u64);
    assert_eq!(number(28, 4), u64::from(crc32c::crc32c(&segment[..28])));
    let entry = FRAME_HEADER_BYTES;
    assert_eq!((segment[entry], segment[entry + 1], number(entry + 4, 8)), (1, 1, 1_700_000_000_000));
    assert_eq!((number(entry + 52, 4), number(entry + 128, 4)), (6, 6));
    assert_eq!(number(entry + 132, 4), u64::from(crc32c::crc32c(&segment[entry..entry + 132])));
    assert_eq!(&segment[entry + 136..entry + 142], b"sealed");
    let second = entry + 142;
    let previous = bodywire_ledger::Hash::of(&segment[entry..entry + 128]);
    assert_eq!(segment[second + 88..second + 120], previous.0);
    assert_eq!(Frame::parse(segment).unwrap().note, files["checkpoint"]);
    let bundle = tile::parse_bundle(&files["tile/entries/000.p/2"]).unwrap();
    assert_eq!(bundle, [&segment[entry..entry + 128], &segment[second..second + 128]]);
}

#[test]
fn the_printed_proof_verifies() {
    let text = example();
    let proof = text.split_once("proof of entry 1\n").unwrap().1;
    let (entry, head) = Proof::parse(proof).unwrap().verify(&drill::verifier()).unwrap();
    assert_eq!((entry.kind, head.size), (EntryKind::Read, 2));
}
