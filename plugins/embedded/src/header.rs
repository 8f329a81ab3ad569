//! A first walk through a GGUF header, before candle reads it.
//!
//! candle keeps each element of a list in 32 bytes and divides by the file's
//! alignment; a damaged file could so take 32 times its size in memory, or end
//! in a panic. This walk allocates nothing.

use llmbench_api::{Error, Result};

use crate::error::{broken, unsupported};

const MAGIC: &[u8; 4] = b"GGUF";
/// Versions of the format that llama.cpp and candle read.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=3;
/// Most elements of all lists together; a vocabulary of 256,000 tokens has about 1.5 million.
const MOST_ELEMENTS: u64 = 8 << 20;
/// Largest alignment; the usual one is 32.
const MOST_ALIGNMENT: u64 = 1 << 20;
const ALIGNMENT_KEY: &[u8] = b"general.alignment";
/// Type number of texts and of lists.
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Checks the header of `bytes` as far as its metadata goes.
///
/// # Errors
/// `InvalidInput` for a damaged file, `Unsupported` for another kind of GGUF.
pub(crate) fn check(bytes: &[u8], what: &str) -> Result<()> {
    let Some(start) = bytes.first_chunk::<8>() else {
        return Err(broken(what, format!("{} bytes are no GGUF file", bytes.len())));
    };
    if start[..4] != *MAGIC {
        return Err(broken(what, "it does not begin with `GGUF`"));
    }
    let version = u32::from_le_bytes([start[4], start[5], start[6], start[7]]);
    if !VERSIONS.contains(&version) {
        return Err(if VERSIONS.contains(&version.swap_bytes()) {
            unsupported(what, "it is big-endian")
        } else {
            unsupported(what, format!("version {version} of GGUF is not known"))
        });
    }
    Walk { rest: &bytes[8..], what, wide: version > 1, elements: 0 }.metadata()
}

struct Walk<'a> {
    rest: &'a [u8],
    what: &'a str,
    /// Lengths have 64 bits instead of 32.
    wide: bool,
    elements: u64,
}

impl<'a> Walk<'a> {
    fn metadata(&mut self) -> Result<()> {
        let _tensors = self.length()?;
        for _ in 0..self.length()? {
            let key = self.text()?;
            let kind = self.number()?;
            let value = self.rest;
            self.value(kind)?;
            if key == ALIGNMENT_KEY {
                self.check_alignment(kind, value)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: u32) -> Result<()> {
        match kind {
            STRING => self.text().map(|_| ()),
            ARRAY => {
                let kind = self.number()?;
                let count = self.length()?;
                self.elements = self.elements.saturating_add(count);
                if self.elements > MOST_ELEMENTS {
                    return Err(broken(self.what, "its header declares lists without end"));
                }
                match kind {
                    STRING => (0..count).try_for_each(|_| self.text().map(|_| ())),
                    ARRAY => Err(broken(self.what, "its header nests lists")),
                    _ => self.take(count.saturating_mul(self.width(kind)?)).map(|_| ()),
                }
            }
            _ => self.take(self.width(kind)?).map(|_| ()),
        }
    }

    /// Bytes of a plain value.
    fn width(&self, kind: u32) -> Result<u64> {
        match kind {
            0 | 1 | 7 => Ok(1),
            2 | 3 => Ok(2),
            4..=6 => Ok(4),
            10..=12 => Ok(8),
            _ => Err(broken(self.what, format!("its header has a value of unknown type {kind}"))),
        }
    }

    fn check_alignment(&self, kind: u32, value: &[u8]) -> Result<()> {
        let width = self.width(kind)? as usize;
        let number = value[..width].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        // candle takes the usual 32 for one in 64 bits, whatever it says.
        if number.is_power_of_two() && number <= MOST_ALIGNMENT && width < 8 {
            Ok(())
        } else {
            Err(broken(self.what, format!("{number} is no valid alignment")))
        }
    }

    fn text(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn length(&mut self) -> Result<u64> {
        if self.wide {
            let bytes = self.take(8)?;
            Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        } else {
            Ok(self.number()?.into())
        }
    }

    fn number(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let split = usize::try_from(count).ok().and_then(|at| self.rest.split_at_checked(at));
        let (taken, rest) = split.ok_or_else(|| self.cut_off())?;
        self.rest = rest;
        Ok(taken)
    }

    fn cut_off(&self) -> Error {
        broken(self.what, "it is cut off, or its header makes no sense")
    }
}
