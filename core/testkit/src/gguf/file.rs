//! Any GGUF file, sound or not.

use std::io;
use std::path::Path;

const ALIGNMENT: usize = 32;
/// `ggml_type` of plain 32-bit floats.
const F32: u32 = 0;
/// `ggml_type` of blocks of 32 bytes with a 16-bit scale.
const Q8_0: u32 = 8;
const BLOCK: usize = 32;

/// A GGUF file in memory; nothing is checked when it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GgufFile {
    /// Metadata in the order of the file.
    pub metadata: Vec<(String, Value)>,
    /// Tensors in the order of the file.
    pub tensors: Vec<RawTensor>,
}

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A 32-bit whole number.
    Number(u32),
    /// A 64-bit whole number.
    Long(u64),
    /// A 32-bit float.
    Real(f32),
    /// A truth value.
    Flag(bool),
    /// Text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of floats.
    Reals(Vec<f32>),
    /// A list of signed whole numbers.
    Integers(Vec<i32>),
    /// A type number of the format and the bytes that follow it.
    Raw(u32, Vec<u8>),
}

/// One entry of the tensor table, and its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct RawTensor {
    /// Name.
    pub name: String,
    /// Dimensions as in the file: the innermost first.
    pub shape: Vec<u64>,
    /// Number of the `ggml_type`.
    pub kind: u32,
    /// Bytes in the file.
    pub data: Vec<u8>,
    /// Written in place of the right offset.
    pub offset: Option<u64>,
}

impl GgufFile {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Sets `key`, in its place when it is there, else at the end.
    pub fn set(&mut self, key: &str, value: Value) {
        match self.metadata.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value,
            None => self.metadata.push((key.to_owned(), value)),
        }
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &str) {
        self.metadata.retain(|(known, _)| known != key);
    }

    /// The tensor called `name`.
    ///
    /// # Panics
    /// When there is none.
    pub fn tensor(&mut self, name: &str) -> &mut RawTensor {
        let tensor = self.tensors.iter_mut().find(|tensor| tensor.name == name);
        tensor.unwrap_or_else(|| panic!("no tensor `{name}`"))
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            put_string(&mut out, key);
            value.put(&mut out);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            put_string(&mut out, &tensor.name);
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().for_each(|dimension| out.extend(dimension.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(offset).to_le_bytes());
            offset += tensor.data.len().next_multiple_of(ALIGNMENT) as u64;
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        for tensor in &self.tensors {
            out.extend(&tensor.data);
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        }
        out
    }

    /// Writes the file to `path`, replacing what is there.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, self.bytes())
    }
}

impl RawTensor {
    /// 32-bit floats.
    pub fn f32(name: &str, shape: &[u64], values: &[f32]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.to_owned(), shape: shape.to_vec(), kind: F32, data, offset: None }
    }

    /// Blocks of 8-bit numbers with a scale each; rows have to be multiples of 32 long.
    pub fn q8_0(name: &str, shape: &[u64], values: &[f32]) -> Self {
        let mut data = Vec::with_capacity(values.len() / BLOCK * (BLOCK + 2));
        for block in values.chunks_exact(BLOCK) {
            let most = block.iter().fold(0f32, |most, value| most.max(value.abs()));
            let scale = most / 127.0;
            data.extend(half(scale).to_le_bytes());
            let unit = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            data.extend(block.iter().map(|value| (value * unit).round() as i8 as u8));
        }
        Self { name: name.to_owned(), shape: shape.to_vec(), kind: Q8_0, data, offset: None }
    }
}

impl Value {
    fn put(&self, out: &mut Vec<u8>) {
        const U32: u32 = 4;
        const I32: u32 = 5;
        const F32: u32 = 6;
        const BOOL: u32 = 7;
        const STRING: u32 = 8;
        const ARRAY: u32 = 9;
        const U64: u32 = 10;
        let array = |out: &mut Vec<u8>, kind: u32, len: usize| {
            out.extend(ARRAY.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend((len as u64).to_le_bytes());
        };
        let scalar = |out: &mut Vec<u8>, kind: u32, bytes: &[u8]| {
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        };
        match self {
            Self::Number(value) => scalar(out, U32, &value.to_le_bytes()),
            Self::Long(value) => scalar(out, U64, &value.to_le_bytes()),
            Self::Real(value) => scalar(out, F32, &value.to_le_bytes()),
            Self::Flag(value) => scalar(out, BOOL, &[u8::from(*value)]),
            Self::Text(value) => {
                out.extend(STRING.to_le_bytes());
                put_string(out, value);
            }
            Self::Texts(values) => {
                array(out, STRING, values.len());
                values.iter().for_each(|value| put_string(out, value));
            }
            Self::Reals(values) => {
                array(out, F32, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Self::Integers(values) => {
                array(out, I32, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Self::Raw(kind, bytes) => scalar(out, *kind, bytes),
        }
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A positive number as a 16-bit float, rounded down; too small ones are 0.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as i32 - 127 + 15;
    match exponent {
        ..=0 => 0,
        1..=30 => ((exponent as u16) << 10) | ((bits >> 13) & 0x3ff) as u16,
        _ => 0x7bff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_ieee_754() {
        for (value, expected) in [(0.0, 0), (1.0, 0x3c00), (0.5, 0x3800), (1.5, 0x3e00)] {
            assert_eq!(half(value), expected, "{value}");
        }
    }

    #[test]
    fn keys_keep_their_place() {
        let mut file = GgufFile::default();
        file.set("a", Value::Number(1));
        file.set("b", Value::Flag(true));
        file.set("a", Value::Number(2));
        assert_eq!(file.metadata[0], ("a".to_owned(), Value::Number(2)));
        file.remove("a");
        assert_eq!((file.get("a"), file.metadata.len()), (None, 1));
    }
}
