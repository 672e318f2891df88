//! Times, rates and sizes of the two radio standards.
//!
//! IEEE 802.15.4-2006, 2.4 GHz O-QPSK: clause 6.5 (250 kbit/s, 62.5 ksymbol/s), table 22 (`aTurnaroundTime`), table 86
//! (`macAckWaitDuration`, interframe spaces), clause 7.2 (frames). IEEE 802.15.6-2012, narrowband at 2400 to 2483.5 MHz:
//! clause 8 (preamble of 90 bits, header of 31 coded bits spread by four, 600 ksymbol/s, pi/4-DQPSK, BCH(63, 51)), clause 5
//! (frames), clause 6 (`pSIFS`, `pCCATime`, slots of CSMA).

use super::reception::Modulation;

/// Longest message that a [`super::Medium`] takes, in bytes: the longest frame of the sensor link. It fits one frame of
/// IEEE 802.15.6; over IEEE 802.15.4 what is longer than [`Standard::payload_bytes_max`] goes as several MAC frames.
pub const MESSAGE_BYTES_MAX: usize = bodywire_proto::wire::FRAME_BYTES_MAX;

/// Bytes in front of each piece of a message that does not fit one MAC frame: size, tag and offset as in RFC 4944, 5.3.
/// The first piece could do with four; all are counted with five.
pub const FRAGMENT_HEADER_BYTES: usize = 5;

/// How bytes become time on air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Each byte takes so many nanoseconds.
    Plain {
        /// Nanoseconds for a byte.
        octet: u64,
    },
    /// BCH(63, 51) over the bits, two coded bits a symbol, 600,000 symbols a second.
    Bch,
}

/// What the physical layer and the frames of a standard look like. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standard {
    /// Its name for people.
    pub name: &'static str,
    /// How bits become a signal.
    pub modulation: Modulation,
    /// How bytes become time.
    pub coding: Coding,
    /// Information bits a second: how long a piece of a frame is, in bits.
    pub bits_per_second: u64,
    /// Preamble, delimiter and header of the physical layer.
    pub header: u64,
    /// Bytes of a data frame beside its payload: MAC header with short addresses, and check sequence.
    pub overhead_bytes: usize,
    /// Bytes of an acknowledgement.
    pub ack_bytes: usize,
    /// Whether an acknowledgement says whom it is for. If not, all who wait take it, and only its number tells.
    pub ack_names_receiver: bool,
    /// Longest payload of a data frame, in bytes.
    pub payload_bytes_max: usize,
    /// Listening before sending.
    pub assessment: u64,
    /// From the end of a free assessment to the first symbol of a frame.
    pub turnaround: u64,
    /// From the end of a frame to the first symbol of its acknowledgement, and to where its sender hears again.
    pub ack_gap: u64,
    /// How long a sender waits for an acknowledgement, from the end of its frame.
    pub ack_wait: u64,
    /// Unit of waiting before listening.
    pub slot: u64,
    /// Silence after an acknowledged frame of at most [`Standard::short_frame_bytes_max`] bytes.
    pub short_space: u64,
    /// Silence after a longer one.
    pub long_space: u64,
    /// Longest frame after which the silence is short, in bytes.
    pub short_frame_bytes_max: usize,
    /// Width of the channel that noise comes through, in hertz.
    pub bandwidth_hz: f64,
}

/// A symbol of IEEE 802.15.4 at 2.4 GHz: four bits, 16 microseconds.
const SYMBOL_154: u64 = 16_000;

/// IEEE 802.15.4, 2.4 GHz O-QPSK, no beacons.
pub const IEEE_802_15_4: Standard = Standard {
    name: "IEEE 802.15.4 O-QPSK 250 kbit/s",
    modulation: Modulation::OQpsk,
    coding: Coding::Plain { octet: 2 * SYMBOL_154 },
    bits_per_second: 250_000,
    // Preamble 8, delimiter 2, length 2 symbols.
    header: 12 * SYMBOL_154,
    // Control 2, number 1, network 2, addresses 2 and 2, check 2.
    overhead_bytes: 11,
    // Control 2, number 1, check 2.
    ack_bytes: 5,
    ack_names_receiver: false,
    // aMaxPHYPacketSize is 127.
    payload_bytes_max: 127 - 11,
    assessment: 8 * SYMBOL_154,
    // aTurnaroundTime.
    turnaround: 12 * SYMBOL_154,
    ack_gap: 12 * SYMBOL_154,
    // aUnitBackoffPeriod 20, aTurnaroundTime 12, synchronisation 10, and six bytes.
    ack_wait: (20 + 12 + 10 + 12) * SYMBOL_154,
    // aUnitBackoffPeriod.
    slot: 20 * SYMBOL_154,
    short_space: 12 * SYMBOL_154,
    long_space: 40 * SYMBOL_154,
    short_frame_bytes_max: 18,
    bandwidth_hz: 2e6,
};

/// So many symbols of IEEE 802.15.6 at 2.4 GHz, in nanoseconds, rounded up.
const fn symbols_156(symbols: u64) -> u64 {
    // 600,000 a second.
    (symbols * 5_000).div_ceil(3)
}

/// Time on air of a frame of so many bytes under [`Coding::Bch`], without its header.
const fn bch_airtime(bytes: usize) -> u64 {
    let bits = 8 * bytes as u64;
    let coded = bits + bits.div_ceil(51) * 12;
    symbols_156(coded.div_ceil(2))
}

/// `pSIFS` of the narrowband physical layer.
const SIFS_156: u64 = 75_000;
/// `pCCATime`: 63 symbols.
const ASSESSMENT_156: u64 = 63 * 5_000 / 3;
/// `pCSMAMACPHYTime`: what a node has to turn a decision into a signal.
const DECISION_156: u64 = 40_000;
/// Preamble of 90 symbols, and 31 header bits spread by four, one bit a symbol.
const HEADER_156: u64 = symbols_156(90 + 31 * 4);

/// IEEE 802.15.6, narrowband, 2400 to 2483.5 MHz, 971.4 kbit/s.
pub const IEEE_802_15_6: Standard = Standard {
    name: "IEEE 802.15.6 narrowband 971.4 kbit/s",
    modulation: Modulation::Dqpsk,
    coding: Coding::Bch,
    bits_per_second: 971_429,
    header: HEADER_156,
    // MAC header 7, check 2.
    overhead_bytes: 9,
    ack_bytes: 9,
    ack_names_receiver: true,
    // pMaxFrameBodyLength.
    payload_bytes_max: 255,
    assessment: ASSESSMENT_156,
    turnaround: DECISION_156,
    ack_gap: SIFS_156,
    // The gap, the acknowledgement, and pExtraIFS for clocks that differ.
    ack_wait: SIFS_156 + HEADER_156 + bch_airtime(9) + 10_000,
    slot: ASSESSMENT_156 + DECISION_156,
    short_space: SIFS_156,
    long_space: SIFS_156,
    short_frame_bytes_max: 255 + 9,
    bandwidth_hz: 1e6,
};

impl Standard {
    /// How long a frame of so many bytes is on air, header of the physical layer included, in nanoseconds.
    pub const fn airtime(&self, bytes: usize) -> u64 {
        self.header
            + match self.coding {
                Coding::Plain { octet } => octet * bytes as u64,
                Coding::Bch => bch_airtime(bytes),
            }
    }

    /// How long an acknowledgement is on air, in nanoseconds.
    pub const fn ack_airtime(&self) -> u64 {
        self.airtime(self.ack_bytes)
    }

    /// The silence that follows an acknowledged frame of so many bytes, in nanoseconds.
    pub const fn space(&self, bytes: usize) -> u64 {
        if bytes <= self.short_frame_bytes_max { self.short_space } else { self.long_space }
    }

    /// In how many MAC frames a message of so many bytes goes.
    pub const fn frames(&self, message_bytes: usize) -> usize {
        if message_bytes <= self.payload_bytes_max {
            return 1;
        }
        message_bytes.div_ceil(self.payload_bytes_max - FRAGMENT_HEADER_BYTES)
    }

    /// Bytes of MAC frame number `index` of a message of so many bytes, overhead included.
    pub const fn frame_bytes(&self, message_bytes: usize, index: usize) -> usize {
        let frames = self.frames(message_bytes);
        if frames == 1 {
            return self.overhead_bytes + message_bytes;
        }
        let piece = self.payload_bytes_max - FRAGMENT_HEADER_BYTES;
        let rest = message_bytes.saturating_sub(index * piece);
        self.overhead_bytes + FRAGMENT_HEADER_BYTES + if rest < piece { rest } else { piece }
    }

    /// Bits on air of a message that nobody disturbs, MAC overhead and acknowledgements included, headers of the physical
    /// layer not.
    pub const fn message_bits(&self, message_bytes: usize) -> usize {
        let frames = self.frames(message_bytes);
        let pieces = if frames == 1 { 0 } else { FRAGMENT_HEADER_BYTES };
        8 * (message_bytes + frames * (self.overhead_bytes + self.ack_bytes + pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::{IEEE_802_15_4, IEEE_802_15_6, MESSAGE_BYTES_MAX};

    #[test]
    fn the_times_of_802_15_4_are_those_of_its_tables() {
        let s = IEEE_802_15_4;
        // 133 bytes with the synchronisation header at 32 microseconds each: 4.256 ms, the longest frame there is.
        assert_eq!(s.airtime(127), 4_256_000);
        assert_eq!(s.ack_airtime(), 352_000);
        assert_eq!((s.assessment, s.turnaround, s.slot), (128_000, 192_000, 320_000));
        assert_eq!(s.ack_wait, 864_000);
        assert!(s.ack_gap + s.ack_airtime() < s.ack_wait);
        assert_eq!((s.space(18), s.space(19)), (192_000, 640_000));
    }

    #[test]
    fn the_times_of_802_15_6_are_those_of_its_tables() {
        let s = IEEE_802_15_6;
        assert_eq!(s.assessment, 105_000);
        assert_eq!(s.slot, 145_000);
        // 90 + 124 symbols at 600 ksymbol/s.
        assert_eq!(s.header, 356_667);
        // 255 + 9 bytes: 2,112 bits in 42 code words, 2,616 coded bits, 1,308 symbols.
        assert_eq!(s.airtime(264) - s.header, 2_180_000);
        // The information rate of the longest frame is close to the 971.4 kbit/s of whole code words.
        assert!((2_112.0 / 2.18e-3 - 971_429.0_f64).abs() < 5_000.0);
        assert!(s.ack_gap + s.ack_airtime() < s.ack_wait);
    }

    #[test]
    fn long_messages_go_in_pieces_that_fit() {
        let s = IEEE_802_15_4;
        assert_eq!((s.frames(116), s.frames(117), s.frames(222), s.frames(223)), (1, 2, 2, 3));
        assert_eq!(s.frame_bytes(116, 0), 127);
        let all: usize = (0..3).map(|index| s.frame_bytes(MESSAGE_BYTES_MAX, index)).sum();
        assert_eq!(all, MESSAGE_BYTES_MAX + 3 * (11 + 5));
        assert!((0..3).all(|index| s.frame_bytes(MESSAGE_BYTES_MAX, index) <= 127));
        assert_eq!(IEEE_802_15_6.frames(MESSAGE_BYTES_MAX), 1);
        assert_eq!(s.message_bits(10), 8 * (10 + 11 + 5));
    }
}
