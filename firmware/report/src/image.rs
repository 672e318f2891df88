//! Sizes of an image.

use object::elf::{SHF_ALLOC, SHT_PROGBITS};
use object::read::elf::{ElfFile32, SectionHeader};
use std::fs;
use std::path::Path;

/// Bytes that an image takes in flash: vectors, code, constants and initial values.
pub(crate) fn flash_bytes(file: &Path) -> Result<u64, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let elf = ElfFile32::<object::LittleEndian>::parse(&*bytes);
    let elf = elf.map_err(|error| format!("{}: {error}", file.display()))?;
    let endian = object::LittleEndian;
    let in_flash = |section: &&object::elf::SectionHeader32<object::LittleEndian>| {
        section.sh_type(endian) == SHT_PROGBITS && section.sh_flags(endian) & SHF_ALLOC != 0
    };
    Ok(elf
        .elf_section_table()
        .iter()
        .filter(in_flash)
        .map(|section| u64::from(section.sh_size(endian)))
        .sum())
}
