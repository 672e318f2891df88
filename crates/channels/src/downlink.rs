//! Orders: what the clinic has to tell a hub. They are rare, short, and told as a whole on every path: the first that
//! arrives counts, and its copies are refused as such.
//!
//! ```text
//! order    kind 2 | counter 8 | sealed( length 2 | content | zeros, together 514 ) | tag 16                   539 bytes
//! ```
//!
//! Sealed under the order key of the path, which is no acknowledgement's. Every order has the same length, so that a
//! broker does not learn which one it is. On the topic of acknowledgements, which begin with another byte
//! ([`crate::ack::VERSION`]).
//!
//! An order is confidential towards brokers by the session's keys alone: unlike a message it is not cut, so that whoever
//! has those keys reads it on one path.

use crate::error::{Error, Refusal};
use crate::keys::{PathKeys, SessionKeys, TAG_BYTES};

/// First byte of an order.
pub const KIND: u8 = 2;
/// Longest content: a certificate and a request with their addresses take 309 bytes.
pub const CONTENT_BYTES_MAX: usize = 512;
/// Length of an order.
pub const ORDER_BYTES: usize = CLEAR_BYTES + PADDED_BYTES + TAG_BYTES;
/// How many orders before the newest are still told from those that were seen. Paths differ by seconds, and a clinic gives
/// a hub few orders in one.
pub const WINDOW: u64 = 64;
/// Orders of one session at most, far below the 2^32 messages under one key of NIST SP 800-38D, section 8.3.
pub const ORDERS_PER_SESSION_MAX: u64 = 1 << 24;
/// Nonce purpose of orders.
const PURPOSE_ORDER: u8 = 4;
const CLEAR_BYTES: usize = 9;
const PADDED_BYTES: usize = 2 + CONTENT_BYTES_MAX;

/// True for bytes that say that they are an order. Nothing is verified.
pub fn is_order(bytes: &[u8]) -> bool {
    bytes.first() == Some(&KIND)
}

/// Seals the orders of one session, one form for each path.
#[derive(Debug)]
pub struct OrderWriter {
    keys: SessionKeys,
    counter: u64,
}

impl OrderWriter {
    /// A writer for a session that has just been accepted.
    pub const fn new(keys: SessionKeys) -> Self {
        Self { keys, counter: 0 }
    }

    /// The order for each path, in order.
    ///
    /// # Errors
    /// [`Error::Limit`] for content that is longer than [`CONTENT_BYTES_MAX`], and after [`ORDERS_PER_SESSION_MAX`].
    pub fn seal(&mut self, content: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        if content.len() > CONTENT_BYTES_MAX {
            return Err(Error::Limit { limit: "CONTENT_BYTES_MAX", value: CONTENT_BYTES_MAX });
        }
        if self.counter >= ORDERS_PER_SESSION_MAX {
            let value = ORDERS_PER_SESSION_MAX as usize;
            return Err(Error::Limit { limit: "ORDERS_PER_SESSION_MAX", value });
        }
        let counter = self.counter;
        self.counter += 1;
        let mut clear = vec![KIND];
        clear.extend_from_slice(&counter.to_be_bytes());
        let mut padded = (content.len() as u16).to_be_bytes().to_vec();
        padded.extend_from_slice(content);
        padded.resize(PADDED_BYTES, 0);
        let sealed = |path: &PathKeys| {
            let mut out = [clear.as_slice(), &padded].concat();
            path.order.seal((PURPOSE_ORDER, counter), &clear, &mut out, CLEAR_BYTES)?;
            Ok(out)
        };
        self.keys.paths.iter().map(sealed).collect()
    }
}

/// Opens the orders of one session, each once.
#[derive(Debug, Clone, Default)]
pub struct OrderReader {
    /// One more than the highest counter that was opened.
    next: u64,
    /// Bit `i` is set when counter `next - 1 - i` was opened.
    seen: u64,
}

impl OrderReader {
    /// Opens an order that came in on `path`; gives its content. One that is refused changes nothing.
    ///
    /// # Errors
    /// [`Refusal::Replayed`] also for the copies of an order on the other paths.
    pub fn open(&mut self, keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let path = keys.paths.get(path).ok_or(Refusal::UnknownSession)?;
        let (clear, sealed) = bytes.split_at_checked(CLEAR_BYTES).ok_or(Refusal::Malformed)?;
        let &[kind, c0, c1, c2, c3, c4, c5, c6, c7] = clear.first_chunk().ok_or(Refusal::Malformed)?;
        if kind != KIND || bytes.len() != ORDER_BYTES {
            return Err(Refusal::Malformed);
        }
        let counter = u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]);
        if counter >= ORDERS_PER_SESSION_MAX {
            return Err(Refusal::Malformed);
        }
        let mut padded = sealed.to_vec();
        path.order.open((PURPOSE_ORDER, counter), clear, &mut padded).ok_or(Refusal::BadTag)?;
        if self.was_seen(counter) {
            return Err(Refusal::Replayed);
        }
        let (length, rest) = padded.split_first_chunk::<2>().ok_or(Refusal::Malformed)?;
        let (content, zeros) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(Refusal::Malformed)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(Refusal::Malformed);
        }
        self.note(counter);
        Ok(content.to_vec())
    }

    const fn was_seen(&self, counter: u64) -> bool {
        if counter >= self.next {
            return false;
        }
        let back = self.next - 1 - counter;
        back >= WINDOW || self.seen >> back & 1 == 1
    }

    fn note(&mut self, counter: u64) {
        if counter >= self.next {
            let ahead = counter + 1 - self.next;
            self.seen = if ahead >= WINDOW { 0 } else { self.seen << ahead };
            self.seen |= 1;
            self.next = counter + 1;
        } else {
            self.seen |= 1 << (self.next - 1 - counter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spread;
    use crate::ack::{self, AckWriter, Status};
    use crate::keys::Secret;
    use proptest::prelude::*;

    fn keys(seed: u8) -> SessionKeys {
        SessionKeys::new(&Secret([seed; 32]), Spread::TWO_OF_THREE).unwrap()
    }

    #[test]
    fn an_order_opens_once_on_whichever_path_brings_it_first() {
        let (mut writer, mut reader) = (OrderWriter::new(keys(1)), OrderReader::default());
        let orders = writer.seal(b"ask sensor 5").unwrap();
        assert_eq!(orders.len(), 3);
        assert_eq!(reader.open(&keys(1), 2, &orders[2]), Ok(b"ask sensor 5".to_vec()));
        for (path, order) in orders.iter().enumerate() {
            assert_eq!(reader.open(&keys(1), path, order), Err(Refusal::Replayed));
        }
        let empty = writer.seal(b"").unwrap();
        assert_eq!(reader.open(&keys(1), 0, &empty[0]), Ok(Vec::new()));
        let full = writer.seal(&[7; CONTENT_BYTES_MAX]).unwrap();
        assert_eq!(reader.open(&keys(1), 1, &full[1]), Ok(vec![7; CONTENT_BYTES_MAX]));
        assert!([&orders, &empty, &full].iter().all(|order| order[0].len() == ORDER_BYTES), "all alike");
        assert!(writer.seal(&[7; CONTENT_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn forged_moved_and_foreign_orders_are_refused_and_change_nothing() {
        let orders = OrderWriter::new(keys(1)).seal(b"ask").unwrap();
        let mut reader = OrderReader::default();
        for i in (0..ORDER_BYTES).step_by(5).chain(0..10).chain(ORDER_BYTES - 20..ORDER_BYTES) {
            let mut changed = orders[0].clone();
            changed[i] ^= 2;
            assert!(reader.open(&keys(1), 0, &changed).is_err(), "byte {i}");
        }
        assert_eq!(reader.open(&keys(1), 1, &orders[0]), Err(Refusal::BadTag), "of another path");
        assert_eq!(reader.open(&keys(2), 0, &orders[0]), Err(Refusal::BadTag), "of another session");
        assert_eq!(reader.open(&keys(1), 3, &orders[0]), Err(Refusal::UnknownSession));
        assert_eq!(reader.open(&keys(1), 0, &orders[0][1..]), Err(Refusal::Malformed));
        assert_eq!(reader.open(&keys(1), 0, &orders[0]), Ok(b"ask".to_vec()));
    }

    #[test]
    fn an_order_is_no_acknowledgement_and_none_is_an_order() {
        let order = OrderWriter::new(keys(1)).seal(b"ask").unwrap();
        let ack = AckWriter::new(keys(1)).seal(&Status::default()).unwrap();
        assert!(is_order(&order[0]) && !is_order(&ack[0]));
        let mut reader = OrderReader::default();
        for (mut order, mut ack) in order.into_iter().zip(ack) {
            assert!(ack::open(&keys(1), 0, &order).is_err() && reader.open(&keys(1), 0, &ack).is_err());
            (order[0], ack[0]) = (ack[0], order[0]);
            ack.resize(ORDER_BYTES, 0);
            assert!(ack::open(&keys(1), 0, &order).is_err(), "by its first byte alone");
            assert_eq!(reader.open(&keys(1), 0, &ack), Err(Refusal::BadTag));
        }
    }

    #[test]
    fn orders_may_overtake_each_other_within_the_window() {
        let (mut writer, mut reader) = (OrderWriter::new(keys(1)), OrderReader::default());
        let orders: Vec<_> = (0..=WINDOW).map(|n| writer.seal(&n.to_be_bytes()).unwrap()).collect();
        let mut open = |n: u64| reader.open(&keys(1), 0, &orders[n as usize][0]);
        for n in [3, 1, 2] {
            assert_eq!(open(n), Ok(n.to_be_bytes().to_vec()));
        }
        for n in [1, 2, 3] {
            assert_eq!(open(n), Err(Refusal::Replayed));
        }
        assert!(open(WINDOW).is_ok());
        assert_eq!(open(0), Err(Refusal::Replayed), "older than the window");
        assert!(open(4).is_ok() && open(4).is_err());
    }

    proptest! {
        #[test]
        fn each_order_opens_once_in_any_order(arrivals in proptest::collection::vec((0usize..20, 0usize..3), 0..80)) {
            let (mut writer, mut reader) = (OrderWriter::new(keys(1)), OrderReader::default());
            let orders: Vec<_> = (0..20u8).map(|n| writer.seal(&[n]).unwrap()).collect();
            let mut opened = Vec::new();
            for (n, path) in arrivals {
                match reader.open(&keys(1), path, &orders[n][path]) {
                    Ok(content) => opened.push(content),
                    Err(refusal) => {
                        prop_assert_eq!(refusal, Refusal::Replayed);
                        prop_assert!(opened.contains(&vec![n as u8]));
                    }
                }
            }
            let all = opened.len();
            opened.sort_unstable();
            opened.dedup();
            prop_assert_eq!(opened.len(), all);
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(OrderReader::default().open(&keys(1), 0, &bytes).is_err());
        }
    }
}
