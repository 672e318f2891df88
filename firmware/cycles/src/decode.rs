//! What kind of instruction it is, as far as its time depends on it (Armv7-M Architecture Reference Manual, chapter
//! A5, encodings of the Thumb instruction set).

/// A kind of instruction with a time of its own in the manual's table 3-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One cycle: data processing, `MUL`, moves, branches that are not taken.
    Simple,
    /// A load of one register.
    Load,
    /// A store of one register to an address with an immediate offset: the write buffer takes it.
    Store,
    /// A store of one register to an address with a register offset.
    StoreIndexed,
    /// A load or store of this many registers: `LDM`, `STM`, `PUSH`, `POP`, `LDRD`, `STRD`.
    Multiple(u8),
    /// `TBB` and `TBH`: a load, then a branch.
    TableBranch,
    /// `MLA` and `MLS`.
    MultiplyAdd,
    /// `UMULL` and `SMULL`: ends early for small operands.
    LongMultiply,
    /// `UMLAL` and `SMLAL`: ends early for small operands.
    LongMultiplyAdd,
    /// `UDIV` and `SDIV`: ends early.
    Divide,
    /// `SEV`, the marker of a region's beginning.
    Begin,
    /// `DSB`, the marker of a region's end.
    End,
}

impl Class {
    /// True when the instruction's time depends on its operands, so that it must not see a secret.
    pub const fn depends_on_operands(self) -> bool {
        matches!(self, Self::LongMultiply | Self::LongMultiplyAdd | Self::Divide)
    }

    /// True for loads and stores of one register, whose address phases the core overlaps.
    pub const fn is_single_access(self) -> bool {
        matches!(self, Self::Load | Self::Store | Self::StoreIndexed)
    }

    /// True when the instruction reads or writes memory if its condition holds.
    pub const fn accesses_memory(self) -> bool {
        self.is_single_access() || matches!(self, Self::Multiple(_) | Self::TableBranch)
    }

    /// Bytes of the instruction that begins with this halfword (Armv7-M Architecture Reference Manual, section A5.1).
    pub const fn bytes(first: u16) -> usize {
        if first >> 11 >= 0b11101 { 4 } else { 2 }
    }

    /// Decodes one instruction from its halfwords; `second` is that of a 32-bit instruction.
    pub const fn of(first: u16, second: Option<u16>) -> Self {
        match second {
            None => narrow(first),
            Some(second) => wide(first, second),
        }
    }
}

const fn multiple(registers: u16) -> Class {
    Class::Multiple(registers.count_ones() as u8)
}

const fn narrow(word: u16) -> Class {
    match word >> 12 {
        0x4 if word & 0x0800 != 0 => Class::Load,
        0x5 if word & 0x0e00 < 0x0600 => Class::StoreIndexed,
        0x5 => Class::Load,
        0x6..=0x9 if word & 0x0800 != 0 => Class::Load,
        0x6..=0x9 => Class::Store,
        0xb if word & 0x0600 == 0x0400 => multiple(word & 0x01ff),
        0xb if word == 0xbf40 => Class::Begin,
        0xc => multiple(word & 0x00ff),
        _ => Class::Simple,
    }
}

const fn wide(first: u16, second: u16) -> Class {
    let op = (first >> 4) & 0x7f;
    match (first >> 11) & 3 {
        1 if op & 0x64 == 0x00 => multiple(second),
        1 if op & 0x64 == 0x04 => dual_exclusive_or_table(first, second),
        2 if first == 0xf3bf && second & 0xfff0 == 0x8f40 => Class::End,
        3 if op & 0x71 == 0x00 => {
            let immediate = first & 0x0080 != 0 || second & 0x0800 != 0;
            if immediate { Class::Store } else { Class::StoreIndexed }
        }
        3 if matches!(op & 0x67, 0x01 | 0x03 | 0x05) => Class::Load,
        3 if op & 0x78 == 0x30 => {
            if op & 7 == 0 && second >> 12 != 0xf {
                Class::MultiplyAdd
            } else {
                Class::Simple
            }
        }
        3 if op & 0x78 == 0x38 => match op & 7 {
            0 | 2 => Class::LongMultiply,
            4 | 6 => Class::LongMultiplyAdd,
            1 | 3 => Class::Divide,
            _ => Class::Simple,
        },
        _ => Class::Simple,
    }
}

const fn dual_exclusive_or_table(first: u16, second: u16) -> Class {
    match first & 0xfff0 {
        0xe840 => Class::Store,
        0xe850 => Class::Load,
        0xe8c0 => Class::Store,
        0xe8d0 if second & 0xffe0 == 0xf000 => Class::TableBranch,
        0xe8d0 => Class::Load,
        _ => Class::Multiple(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words from the assembler (`llvm-mc -triple=thumbv7m -show-encoding`), with what they are.
    #[test]
    fn narrow_instructions() {
        for (word, expected, text) in [
            (0x1840, Class::Simple, "adds r0, r0, r1"),
            (0x4048, Class::Simple, "eors r0, r1"),
            (0x4348, Class::Simple, "muls r0, r1, r0"),
            (0x4770, Class::Simple, "bx lr"),
            (0x4801, Class::Load, "ldr r0, [pc, #4]"),
            (0x5088, Class::StoreIndexed, "str r0, [r1, r2]"),
            (0x5288, Class::StoreIndexed, "strh r0, [r1, r2]"),
            (0x5488, Class::StoreIndexed, "strb r0, [r1, r2]"),
            (0x5688, Class::Load, "ldrsb r0, [r1, r2]"),
            (0x5888, Class::Load, "ldr r0, [r1, r2]"),
            (0x5e88, Class::Load, "ldrsh r0, [r1, r2]"),
            (0x6048, Class::Store, "str r0, [r1, #4]"),
            (0x6848, Class::Load, "ldr r0, [r1, #4]"),
            (0x7048, Class::Store, "strb r0, [r1, #1]"),
            (0x8848, Class::Load, "ldrh r0, [r1, #2]"),
            (0x9001, Class::Store, "str r0, [sp, #4]"),
            (0x9801, Class::Load, "ldr r0, [sp, #4]"),
            (0xa801, Class::Simple, "add r0, sp, #4"),
            (0xb082, Class::Simple, "sub sp, #8"),
            (0xb5f0, Class::Multiple(5), "push {r4, r5, r6, r7, lr}"),
            (0xbdf0, Class::Multiple(5), "pop {r4, r5, r6, r7, pc}"),
            (0xb108, Class::Simple, "cbz r0, +2"),
            (0xbf08, Class::Simple, "it eq"),
            (0xba08, Class::Simple, "rev r0, r1"),
            (0xbf00, Class::Simple, "nop"),
            (0xbf40, Class::Begin, "sev"),
            (0xc107, Class::Multiple(3), "stm r1!, {r0, r1, r2}"),
            (0xc90d, Class::Multiple(3), "ldm r1!, {r0, r2, r3}"),
            (0xd1fe, Class::Simple, "bne ."),
            (0xe7fe, Class::Simple, "b ."),
        ] {
            assert_eq!((Class::bytes(word), Class::of(word, None)), (2, expected), "{text}");
        }
    }

    #[test]
    fn wide_instructions() {
        for (first, second, expected, text) in [
            (0xe92d, 0x4ff0, Class::Multiple(9), "push.w {r4-r11, lr}"),
            (0xe8bd, 0x8ff0, Class::Multiple(9), "pop.w {r4-r11, pc}"),
            (0xe88d, 0x000f, Class::Multiple(4), "stm.w sp, {r0-r3}"),
            (0xe9d0, 0x1201, Class::Multiple(2), "ldrd r1, r2, [r0, #4]"),
            (0xe9c0, 0x1201, Class::Multiple(2), "strd r1, r2, [r0, #4]"),
            (0xe8f0, 0x1201, Class::Multiple(2), "ldrd r1, r2, [r0], #4"),
            (0xe8d0, 0xf001, Class::TableBranch, "tbb [r0, r1]"),
            (0xe8d0, 0xf011, Class::TableBranch, "tbh [r0, r1, lsl #1]"),
            (0xe850, 0x1f00, Class::Load, "ldrex r1, [r0]"),
            (0xe840, 0x1200, Class::Store, "strex r2, r1, [r0]"),
            (0xea80, 0x0001, Class::Simple, "eor.w r0, r0, r1"),
            (0xea4f, 0x1030, Class::Simple, "ror.w r0, r0, #4"),
            (0xf8c1, 0x0100, Class::Store, "str.w r0, [r1, #256]"),
            (0xf841, 0x0c04, Class::Store, "str r0, [r1, #-4]"),
            (0xf841, 0x0022, Class::StoreIndexed, "str.w r0, [r1, r2, lsl #2]"),
            (0xf801, 0x0b01, Class::Store, "strb r0, [r1], #1"),
            (0xf8d1, 0x0100, Class::Load, "ldr.w r0, [r1, #256]"),
            (0xf851, 0x0022, Class::Load, "ldr.w r0, [r1, r2, lsl #2]"),
            (0xf811, 0x0b01, Class::Load, "ldrb r0, [r1], #1"),
            (0xf831, 0x0b02, Class::Load, "ldrh r0, [r1], #2"),
            (0xf991, 0x0001, Class::Load, "ldrsb.w r0, [r1, #1]"),
            (0xf000, 0xf800, Class::Simple, "bl"),
            (0xf240, 0x1234, Class::Simple, "movw r2, #0x134"),
            (0xfab0, 0xf080, Class::Simple, "clz r0, r0"),
            (0xfa01, 0xf002, Class::Simple, "lsl.w r0, r1, r2"),
            (0xfb01, 0xf002, Class::Simple, "mul r0, r1, r2"),
            (0xfb01, 0x3002, Class::MultiplyAdd, "mla r0, r1, r2, r3"),
            (0xfb01, 0x3012, Class::MultiplyAdd, "mls r0, r1, r2, r3"),
            (0xfb82, 0x0103, Class::LongMultiply, "smull r0, r1, r2, r3"),
            (0xfba2, 0x0103, Class::LongMultiply, "umull r0, r1, r2, r3"),
            (0xfbc2, 0x0103, Class::LongMultiplyAdd, "smlal r0, r1, r2, r3"),
            (0xfbe2, 0x0103, Class::LongMultiplyAdd, "umlal r0, r1, r2, r3"),
            (0xfb91, 0xf0f2, Class::Divide, "sdiv r0, r1, r2"),
            (0xfbb1, 0xf0f2, Class::Divide, "udiv r0, r1, r2"),
            (0xf3bf, 0x8f4f, Class::End, "dsb sy"),
            (0xf3bf, 0x8f6f, Class::Simple, "isb sy"),
        ] {
            assert_eq!((Class::bytes(first), Class::of(first, Some(second))), (4, expected), "{text}");
        }
    }
}
