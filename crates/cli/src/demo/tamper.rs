//! The intruder: changes one byte of a stored record behind the ledger's back.

use bodywire_ledger::segment::Frame;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Flips one bit of a payload in the middle of the newest segment; returns the record's number.
pub(super) fn tamper(ledger: &Path) -> Result<u64, String> {
    let directory = ledger.join("segment");
    let text = |error: std::io::Error| error.to_string();
    let mut files: Vec<_> =
        fs::read_dir(&directory).map_err(text)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let file = files.last().ok_or("there is no record yet")?;
    let bytes = fs::read(file).map_err(text)?;
    let (record, offset) = victim(&bytes).ok_or("there is no record yet")?;
    let byte = bytes.get(offset).copied().unwrap_or(0) ^ 1;
    let mut file = OpenOptions::new().write(true).open(file).map_err(text)?;
    file.seek(SeekFrom::Start(offset as u64)).and_then(|_| file.write_all(&[byte])).map_err(text)?;
    Ok(record)
}

/// A payload byte of a record in the middle of the segment, and the record's number.
fn victim(segment: &[u8]) -> Option<(u64, usize)> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Ok(frame) = Frame::parse(segment.get(at..)?) {
        for (number, item) in (frame.header.first..).zip(&frame.items) {
            let payload = item.payload.as_ptr() as usize - segment.as_ptr() as usize;
            places.push((number, payload + item.payload.len() / 2));
        }
        at += frame.header.len as usize;
    }
    places.get(places.len() / 2).copied()
}
