//! Every recording at hand is read, and its samples add up to the checksums of its header.
#![expect(clippy::unwrap_used, reason = "a test stops at a surprise")]

#[expect(dead_code, reason = "the loader of whole databases is for other tests")]
mod recordings;

use bodywire_ecg::{
    Error,
    wfdb::{Annotations, Header, Recording, checksum},
};
use std::path::{Path, PathBuf};

/// Files of ECG-ID whose samples do not add up to their header's checksum, as downloaded and as listed.
const DISAGREEING: [&str; 3] = ["Person_15/rec_1.hea", "Person_24/rec_5.hea", "Person_44/rec_1.hea"];

fn headers(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            headers(&path, found);
        } else if path.extension().is_some_and(|e| e == "hea") {
            found.push(path);
        }
    }
}

#[test]
fn checksums_of_all_recordings_agree() {
    for name in ["mitdb", "vfdb", "cudb", "ecgiddb"] {
        let Some(folder) = recordings::database(name) else { continue };
        let mut found = Vec::new();
        headers(&folder, &mut found);
        assert!(!found.is_empty(), "{name}");
        for path in found {
            let text = std::fs::read_to_string(&path).unwrap();
            let header = Header::parse(&text).unwrap();
            let bytes = std::fs::read(path.with_extension("dat")).unwrap();
            let recording = Recording::new(&header, &bytes).unwrap();
            let agrees = header.signals().iter().enumerate().all(|(i, spec)| {
                let first = recording.sample(0, i).map(i32::from);
                spec.checksum == Some(checksum(recording.signal(i))) && first == Some(spec.initial_value)
            });
            let known = DISAGREEING.iter().any(|name| path.ends_with(name));
            assert_eq!(agrees, !known, "{}", path.display());
            let cut = Recording::new(&header, &bytes[..bytes.len() - 1]);
            assert!(matches!(cut, Err(Error::Truncated { .. })), "{}", path.display());
            let annotations = std::fs::read(path.with_extension("atr")).unwrap_or_default();
            assert!(Annotations::new(&annotations).all(|a| a.is_ok()), "{}", path.display());
        }
    }
}
