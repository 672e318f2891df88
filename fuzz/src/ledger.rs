//! The ledger: files that anybody may have changed, and proofs from strangers.

use bodywire_ledger::entry::ENTRY_BYTES;
use bodywire_ledger::head::{HeadSlot, SLOT_BYTES, parse_file};
use bodywire_ledger::note::Note;
use bodywire_ledger::prove::Proof;
use bodywire_ledger::segment::{self, Frame, FrameHeader, ItemHeader};
use bodywire_ledger::snapshot::Snapshot;
use bodywire_ledger::tile::{self, TilePath};
use bodywire_ledger::witness::{Request, Seen};
use bodywire_ledger::{Checkpoint, CosignerKey, Entry, Origin, VerifierKey, cosignature as cosign};
use ed25519_dalek::SigningKey;

/// The log's signing key.
pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

/// The log's name.
pub const ORIGIN: &str = "ward.example/log";

/// The log's public key.
pub fn verifier() -> VerifierKey {
    let key = VerifierKey::new(ORIGIN, signing_key().verifying_key());
    key.unwrap_or_else(|error| panic!("the log's own name was refused: {error}"))
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// An entry; what is accepted is emitted as it was.
pub fn entry(data: &[u8]) -> bool {
    Entry::parse(data).map(|entry| assert_eq!(entry.emit(), *data)).is_ok()
}

/// A signed note.
pub fn note(data: &[u8]) -> bool {
    let Ok(note) = Note::parse(data) else { return false };
    assert!(!note.signatures().is_empty());
    note.verify(&verifier()).is_ok()
}

/// A checkpoint, bare or signed.
pub fn checkpoint(data: &[u8]) -> bool {
    let bare = text(data).and_then(|text| Checkpoint::parse(text).ok());
    if let Some(head) = &bare {
        assert_eq!(Checkpoint::parse(&head.text()).as_ref().ok(), Some(head));
    }
    bare.is_some() || Checkpoint::open(data, &verifier()).is_ok()
}

/// A frame of a segment.
pub fn frame(data: &[u8]) -> bool {
    let _ = (FrameHeader::parse(data), ItemHeader::parse(data));
    let Ok(frame) = Frame::parse(data) else { return false };
    assert_eq!(frame.items.len(), frame.header.count as usize);
    assert!(frame.header.len as usize <= data.len());
    let _ = Checkpoint::open(frame.note, &verifier());
    true
}

/// A tile of hashes or a bundle of entries.
pub fn tiles(data: &[u8]) -> bool {
    let hashes = tile::parse_hashes(data).map(|hashes| assert_eq!(tile::emit_hashes(&hashes), data));
    let bundle = tile::parse_bundle(data).map(|entries| {
        let whole: Option<Vec<[u8; ENTRY_BYTES]>> = entries.iter().map(|e| (*e).try_into().ok()).collect();
        if let Some(whole) = whole {
            assert_eq!(tile::emit_bundle(&whole), data);
        }
    });
    hashes.is_ok() || bundle.is_ok()
}

/// A proof in its text form.
pub fn proof(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let Ok(proof) = Proof::parse(text) else { return false };
    assert_eq!(proof.emit(), text);
    let _ = proof.verify_payload(&verifier(), b"");
    proof.verify(&verifier()).is_ok()
}

/// The head file, or one slot of it.
pub fn head(data: &[u8]) -> bool {
    let slots = parse_file(data);
    let slot = data.get(..SLOT_BYTES).unwrap_or(data);
    let one = HeadSlot::parse(slot).map(|parsed| assert_eq!(parsed.emit(), slot));
    one.is_ok() || slots.iter().any(Result::is_ok)
}

/// A snapshot; what is accepted is emitted as it was.
pub fn snapshot(data: &[u8]) -> bool {
    let Ok(snapshot) = Snapshot::parse(data) else { return false };
    assert_eq!(snapshot.emit(), data);
    snapshot.verify(&verifier()).is_ok()
}

/// Names of tiles, segments, logs and keys.
pub fn names(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let tile = TilePath::parse(text).map(|path| assert_eq!(path.to_string(), text));
    let key = VerifierKey::parse(text).map(|key| assert_eq!(key.to_string(), text));
    let origin = Origin::new(text).map(|origin| assert_eq!(origin.as_str(), text));
    let segment = segment::parse_path(text).map(|first| assert_eq!(segment::path(first), text));
    tile.is_ok() || key.is_ok() || origin.is_ok() || segment.is_some()
}

/// Name of a witness.
pub const COSIGNER: &str = "witness.example/w1";

/// Its signing key.
pub fn cosigner_key() -> SigningKey {
    SigningKey::from_bytes(&[43; 32])
}

/// Its public key.
pub fn cosigner() -> CosignerKey {
    let key = CosignerKey::new(COSIGNER, cosigner_key().verifying_key());
    key.unwrap_or_else(|error| panic!("the witness's own name was refused: {error}"))
}

/// A request to a witness that has cosigned nothing; asked again, it is the same.
pub fn witness(data: &[u8]) -> bool {
    let Ok(request) = Request::parse(data) else { return false };
    let Ok(seen) = Seen::default().advance(&request, &verifier()) else { return false };
    let kept = seen.signed().and_then(|signed| Seen::open(signed, &verifier()).ok());
    assert_eq!(kept.as_ref(), Some(&seen));
    let again = seen.advance(&request, &verifier());
    assert!(again.is_ok_and(|next| next == seen) || seen.size() > 0);
    true
}

/// A cosigner's key, or a checkpoint with its cosignature.
pub fn cosignature(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    if let Ok(key) = CosignerKey::parse(text) {
        assert_eq!(key.to_string(), text);
        return true;
    }
    let Ok(note) = Note::parse(data) else { return false };
    let lines: String = note.signatures().iter().map(ToString::to_string).collect();
    let joined = cosign::attach(text, &lines);
    assert!(joined.is_ok_and(|joined| Note::parse(joined.as_bytes()).is_ok()));
    cosigner().verify(&note).is_ok()
}
