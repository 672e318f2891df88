//! One fragment: what of it is in clear, what is sealed for its path, and how it is opened.
//!
//! ```text
//! version 1 | session pseudonym 8 | header block 16 | sealed( J 16 | l_i 32 | c_i ) | tag 16
//! header block = AES-256(header key of the path, id 8 | |C0| 4 | index 1 | k 1 | n 1 | priority 1)
//! sealed       = AES-256-GCM(fragment key of the path, id, everything before as associated data)
//! ```
//!
//! Pseudonym, header block and commitment differ from path to path, so that two brokers cannot join what they carry.
//! The fragments of paper M's split mode have a form of their own ([`crate::split`]).

use crate::erasure::Slices;
use crate::error::{Error, Refusal};
use crate::keys::{PSEUDONYM_BYTES, PathKeys, SessionKeys, TAG_BYTES};
use crate::{Mode, Priority, Spread, split};
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};

/// Version of a threshold fragment.
pub(crate) const VERSION_THRESHOLD: u8 = 1;
/// Version of a fragment of the split mode.
pub(crate) const VERSION_SPLIT: u8 = 2;
/// Longest message, tag included. The hub's longest report, an encrypted vector of 64 KiB with its headers, stays below; a
/// fragment, even of one path that carries all of it, stays below the limit of the paths' packets (128 KiB).
pub const MESSAGE_BYTES_MAX: usize = 80 * 1024;
/// Messages of one session; then a new one is due, long before AES-GCM's limits.
pub const MESSAGES_PER_SESSION_MAX: u64 = 1 << 24;
/// Previews have numbers of their own from here on: whether one arrived says nothing about the others.
pub(crate) const FIRST_PREVIEW: u64 = 1 << 32;
/// Bytes a threshold fragment adds to its slice of the message.
pub const FRAGMENT_OVERHEAD_BYTES: usize = CLEAR_BYTES + BINDING_BYTES + SHARE_BYTES + TAG_BYTES;

const CLEAR_BYTES: usize = 1 + PSEUDONYM_BYTES + BLOCK_BYTES;
const BLOCK_BYTES: usize = 16;
pub(crate) const BINDING_BYTES: usize = 16;
pub(crate) const SHARE_BYTES: usize = 32;
/// Shortest and longest fragment that can be one.
const FRAGMENT_BYTES_MIN: usize = split::OVERHEAD_BYTES;
const FRAGMENT_BYTES_MAX: usize = FRAGMENT_OVERHEAD_BYTES + MESSAGE_BYTES_MAX;
/// Nonce purpose of the path layer.
const PURPOSE_FRAGMENT: u8 = 2;

/// Number of a message in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// True for the number of a preview.
    pub(crate) const fn is_preview(self) -> bool {
        self.0 >= FIRST_PREVIEW
    }

    /// True for a number that a session may have.
    pub(crate) const fn is_in_range(self) -> bool {
        self.0 % FIRST_PREVIEW < MESSAGES_PER_SESSION_MAX && self.0 < 2 * FIRST_PREVIEW
    }
}

/// What the header of a fragment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: MessageId,
    /// Length of C0.
    pub(crate) sealed_len: u32,
    pub(crate) index: u8,
    pub(crate) k: u8,
    pub(crate) n: u8,
    pub(crate) priority: Priority,
}

impl Header {
    pub(crate) fn to_block(self) -> [u8; BLOCK_BYTES] {
        let [i0, i1, i2, i3, i4, i5, i6, i7] = self.id.0.to_be_bytes();
        let [l0, l1, l2, l3] = self.sealed_len.to_be_bytes();
        let priority = self.priority.code();
        [i0, i1, i2, i3, i4, i5, i6, i7, l0, l1, l2, l3, self.index, self.k, self.n, priority]
    }

    fn from_block(
        [i0, i1, i2, i3, i4, i5, i6, i7, l0, l1, l2, l3, index, k, n, priority]: [u8; BLOCK_BYTES],
    ) -> Option<Self> {
        Some(Self {
            id: MessageId(u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7])),
            sealed_len: u32::from_be_bytes([l0, l1, l2, l3]),
            index,
            k,
            n,
            priority: Priority::from_code(priority)?,
        })
    }

    /// Whether this can be the header of a fragment on `path` in a session that spreads messages so.
    pub(crate) fn fits(&self, spread: Spread, path: usize) -> bool {
        (usize::from(self.k), usize::from(self.n)) == (spread.k(), spread.n())
            && usize::from(self.index) == path
            && (TAG_BYTES..=MESSAGE_BYTES_MAX).contains(&(self.sealed_len as usize))
            && self.id.is_in_range()
            && self.id.is_preview() == (self.priority == Priority::Preview)
    }

    /// Length of each slice of C1.
    pub(crate) fn slice_len(&self) -> usize {
        (self.sealed_len as usize).div_ceil(usize::from(self.k).max(1))
    }
}

/// One opened fragment.
#[derive(Debug, Clone)]
pub(crate) struct Fragment {
    pub(crate) header: Header,
    /// Equal in all fragments of a message: the commitment J, or the paper's message password.
    pub(crate) binding: [u8; BINDING_BYTES],
    /// The share of the mask's seed; zeros in the split mode.
    pub(crate) share: [u8; SHARE_BYTES],
    /// What was opened, the slice at its end: moving it would cost as much as opening it did.
    body: Vec<u8>,
    slice_at: usize,
}

impl Fragment {
    /// A fragment that is nothing but its slice, of the split mode.
    pub(crate) const fn bare(header: Header, binding: [u8; BINDING_BYTES], slice: Vec<u8>) -> Self {
        Self { header, binding, share: [0; SHARE_BYTES], body: slice, slice_at: 0 }
    }

    /// Its part of the ciphertext.
    pub(crate) fn slice(&self) -> &[u8] {
        self.body.get(self.slice_at..).unwrap_or_default()
    }

    /// Bytes it holds in memory.
    pub(crate) const fn len(&self) -> usize {
        self.body.len() + SHARE_BYTES + BINDING_BYTES
    }
}

/// Writes and seals a threshold fragment for its path, in one buffer.
pub(crate) fn seal(
    path: &PathKeys,
    header: &Header,
    binding: &[u8; BINDING_BYTES],
    share: &[u8; SHARE_BYTES],
    slices: &Slices<'_>,
) -> Result<Vec<u8>, Error> {
    let mut block = header.to_block().into();
    path.header.encrypt_block(&mut block);
    let mut out = Vec::with_capacity(FRAGMENT_OVERHEAD_BYTES + header.slice_len());
    out.push(VERSION_THRESHOLD);
    out.extend_from_slice(&path.pseudonym);
    out.extend_from_slice(&block);
    let clear: [u8; CLEAR_BYTES] = *out.first_chunk().ok_or(Error::Crypto("fragment"))?;
    out.extend_from_slice(binding);
    out.extend_from_slice(share);
    slices.append(usize::from(header.index), &mut out);
    path.fragment.seal((PURPOSE_FRAGMENT, header.id.0), &clear, &mut out, CLEAR_BYTES)?;
    Ok(out)
}

/// The session pseudonym of a fragment, before anything is known to be true of it.
pub(crate) fn pseudonym_of(bytes: &[u8]) -> Result<[u8; PSEUDONYM_BYTES], Refusal> {
    let len_ok = (FRAGMENT_BYTES_MIN..=FRAGMENT_BYTES_MAX).contains(&bytes.len());
    let (version, rest) = bytes.split_first().filter(|_| len_ok).ok_or(Refusal::Malformed)?;
    let known = [VERSION_THRESHOLD, VERSION_SPLIT].contains(version);
    let pseudonym = rest.first_chunk().filter(|_| known).ok_or(Refusal::Malformed)?;
    Ok(*pseudonym)
}

/// Opens a fragment that came in on the path with index `path` of a session.
pub(crate) fn open(keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Fragment, Refusal> {
    match (keys.spread.mode(), bytes.first()) {
        (Mode::Threshold, Some(&VERSION_THRESHOLD)) => open_sealed(keys, path, bytes),
        (Mode::Split(_), Some(&VERSION_SPLIT)) => split::open(keys, path, bytes),
        _ => Err(Refusal::Malformed),
    }
}

fn open_sealed(keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Fragment, Refusal> {
    let path_keys = keys.paths.get(path).ok_or(Refusal::UnknownSession)?;
    let (clear, sealed) = bytes.split_at_checked(CLEAR_BYTES).ok_or(Refusal::Malformed)?;
    let block: [u8; BLOCK_BYTES] = *clear.last_chunk().ok_or(Refusal::Malformed)?;
    let mut block = block.into();
    path_keys.header.decrypt_block(&mut block);
    // Nothing in the header is believed before the tag has verified, except the nonce that it takes to verify it.
    let header = Header::from_block(block.into()).ok_or(Refusal::BadTag)?;
    let mut body = sealed.to_vec();
    path_keys.fragment.open((PURPOSE_FRAGMENT, header.id.0), clear, &mut body).ok_or(Refusal::BadTag)?;
    let (binding, rest) = body.split_first_chunk().ok_or(Refusal::Malformed)?;
    let (share, slice) = rest.split_first_chunk().ok_or(Refusal::Malformed)?;
    if !header.fits(keys.spread, path) || slice.len() != header.slice_len() {
        return Err(Refusal::Inconsistent);
    }
    Ok(Fragment { header, binding: *binding, share: *share, slice_at: BINDING_BYTES + SHARE_BYTES, body })
}
