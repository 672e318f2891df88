//! Recordings in the WFDB formats, from anywhere.

use bodywire_ecg::wfdb::{Annotations, Header, Recording};

/// A header file.
pub fn header(data: &[u8]) -> bool {
    let Some(header) = std::str::from_utf8(data).ok().and_then(|text| Header::parse(text).ok()) else {
        return false;
    };
    let _ = header.comments().count();
    let mut written = String::new();
    if header.write(&mut written).is_ok() {
        let again = Header::parse(&written);
        assert!(again.is_ok_and(|again| again.signals().len() == header.signals().len()), "{written}");
    }
    true
}

/// A header file and, behind the first zero byte, the samples it describes.
pub fn recording(data: &[u8]) -> bool {
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return false };
    let (text, samples) = (&data[..end], &data[end + 1..]);
    let Some(header) = std::str::from_utf8(text).ok().and_then(|text| Header::parse(text).ok()) else {
        return false;
    };
    let Ok(recording) = Recording::new(&header, samples) else { return false };
    assert_eq!(recording.iter().count() as u64, recording.frames());
    for signal in 0..recording.signals() {
        let samples = recording.samples(signal);
        assert_eq!(recording.signal(signal).count() as u64, samples);
        assert_eq!(recording.sample(samples, signal), None);
    }
    recording.frames() > 0
}

/// An annotation file.
pub fn annotations(data: &[u8]) -> bool {
    let mut read = 0;
    for annotation in Annotations::new(data) {
        let Ok(annotation) = annotation else { return false };
        let _ = annotation.text();
        read += 1;
        assert!(read <= data.len(), "more annotations than bytes");
    }
    read > 0
}
