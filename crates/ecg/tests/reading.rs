//! Every recording at hand is read, its samples add up to the checksums of its header, and its annotations read the same
//! when they are written again.
#![expect(clippy::unwrap_used, reason = "a test stops at a surprise")]

#[expect(dead_code, reason = "the loader of whole databases is for other tests")]
mod recordings;

use bodywire_ecg::{
    Error,
    wfdb::{AnnotationWriter, Annotations, Header, Recording, checksum},
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
            let read: Vec<_> = Annotations::new(&annotations).collect::<Result<_, _>>().unwrap();
            // All are plain: written again, they take no more room than they did.
            let mut out = vec![0; annotations.len() + 2];
            let mut writer = AnnotationWriter::new(&mut out);
            read.iter().for_each(|annotation| writer.push(annotation).unwrap());
            let len = writer.finish().unwrap();
            let again: Result<Vec<_>, _> = Annotations::new(&out[..len]).collect();
            assert_eq!(again, Ok(read), "{}", path.display());
        }
    }
}
