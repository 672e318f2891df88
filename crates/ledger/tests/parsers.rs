//! Bytes from outside are refused or parsed, never a panic; what is parsed is emitted again as it was. The same plain
//! functions are the entry points for a fuzzer.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use bodywire_ledger::{
    Checkpoint, VerifierKey,
    head::{self, HeadSlot, SLOT_BYTES},
    note::Note,
    prove::Proof,
    segment::{self, FrameHeader},
    snapshot::Snapshot,
    tile::{self, TilePath},
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Note::parse(&bytes);
        let _ = FrameHeader::parse(&bytes);
        let _ = head::parse_file(&bytes);
        let _ = Snapshot::parse(&bytes);
        // With a right hash, so that the parts behind it are reached.
        let body = [&b"BWSNAP1\0"[..], &bytes].concat();
        let hashed = [&body[..], &bodywire_ledger::Hash::of(&body).0].concat();
        if let Ok(snapshot) = Snapshot::parse(&hashed) {
            prop_assert_eq!(snapshot.emit(), hashed);
        }
        let _ = tile::parse_hashes(&bytes);
        if let Ok(entries) = tile::parse_bundle(&bytes) {
            prop_assert!(!entries.is_empty());
        }
    }

    #[test]
    fn any_text(text in any::<String>()) {
        let _ = Checkpoint::parse(&text);
        let _ = VerifierKey::parse(&text);
        let _ = Proof::parse(&text);
        let _ = TilePath::parse(&text);
        prop_assert!(segment::parse_path(&text).is_none());
    }

    #[test]
    fn nearly_right_notes(lines in prop::collection::vec("(\u{2014} )?[a-z +]{0,6}( [A-Za-z0-9+/]{0,12}={0,2})?\n?\n", 0..6)) {
        let text = lines.concat();
        if let Ok(note) = Note::parse(text.as_bytes()) {
            prop_assert!(note.text().ends_with('\n') && !note.signatures().is_empty());
            prop_assert!(note.verify(&drill::verifier()).is_err());
            let _ = Checkpoint::parse(note.text());
        }
    }

    #[test]
    fn nearly_right_paths(path in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,7}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(parsed) = TilePath::parse(&path) {
            prop_assert_eq!(parsed.to_string(), path);
        }
    }

    #[test]
    fn checkpoints_round_trip(size in any::<u64>(), root in any::<[u8; 32]>()) {
        let head = Checkpoint { origin: drill::origin(), size, root: bodywire_ledger::Hash(root) };
        prop_assert_eq!(Checkpoint::parse(&head.text()).unwrap(), head.clone());
        let signed = head.sign(&drill::signing_key()).unwrap();
        prop_assert_eq!(Checkpoint::open(signed.as_bytes(), &drill::verifier()).unwrap(), head);
    }

    #[test]
    fn head_slots_round_trip(seq in any::<u64>(), size in any::<u64>(), root in any::<[u8; 32]>()) {
        let root = bodywire_ledger::Hash(root);
        let slot = HeadSlot { seq, size, root, segment_first: size / 2, segment_len: seq / 2 };
        let bytes = slot.emit();
        prop_assert_eq!(bytes.len(), SLOT_BYTES);
        prop_assert_eq!(HeadSlot::parse(&bytes).unwrap(), slot);
    }
}
