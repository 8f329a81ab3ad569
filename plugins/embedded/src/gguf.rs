//! Reading a GGUF file: candle's reader, and the checks that it leaves to its caller.
//!
//! After [`Gguf::read`] every tensor lies inside the file and has a size that
//! can be computed, so that loading one neither panics nor allocates more than
//! the file holds. Format: `docs/gguf.md` in the ggml repository.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use llmbench_api::Result;

use crate::error::{broken, first_line, unsupported};
use crate::header;

/// Most weights of one tensor; larger ones overflow sizes in bytes.
const MOST_WEIGHTS: u64 = 1 << 40;

/// A checked GGUF header.
#[derive(Debug)]
pub(crate) struct Gguf {
    pub(crate) content: Content,
    /// How errors call the model.
    pub(crate) what: String,
}

impl Gguf {
    /// Reads the header of `bytes`, the whole file of the model that errors call `what`.
    ///
    /// # Errors
    /// `InvalidInput` for a damaged file, `Unsupported` for weights in a format that candle lacks.
    pub(crate) fn read(bytes: &[u8], what: &str) -> Result<Self> {
        header::check(bytes, what)?;
        let read = catch_unwind(AssertUnwindSafe(|| Content::read(&mut Cursor::new(bytes))));
        let content = match read {
            Ok(Ok(content)) => content,
            Ok(Err(error)) => return Err(unreadable(what, &error)),
            Err(_) => return Err(broken(what, "its header makes no sense")),
        };
        let gguf = Self { content, what: what.to_owned() };
        gguf.check_tensors(bytes.len() as u64)?;
        Ok(gguf)
    }

    fn check_tensors(&self, length: u64) -> Result<()> {
        let start = self.content.tensor_data_offset;
        for (name, info) in &self.content.tensor_infos {
            let (_, size) = measure(info)
                .ok_or_else(|| broken(&self.what, format!("tensor `{name}` has no valid shape")))?;
            let end = start.checked_add(info.offset).and_then(|at| at.checked_add(size));
            match end {
                Some(end) if end <= length => {}
                Some(end) => {
                    return Err(broken(
                        &self.what,
                        format!("it is cut off: tensor `{name}` ends at byte {end} of {length}"),
                    ));
                }
                None => return Err(broken(&self.what, format!("tensor `{name}` lies nowhere"))),
            }
        }
        Ok(())
    }

    /// All weights of the file.
    pub(crate) fn parameters(&self) -> u64 {
        self.content.tensor_infos.values().filter_map(measure).map(|(weights, _)| weights).sum()
    }

    /// The weights that take part in one token when `used` of `count` experts do.
    pub(crate) fn active_parameters(&self, used: u64, count: u64) -> u64 {
        let share = |(name, info): (&String, &TensorInfo)| {
            let (weights, _) = measure(info)?;
            let of_experts = name.contains("_exps.");
            Some(if of_experts { weights / count.max(1) * used } else { weights })
        };
        self.content.tensor_infos.iter().filter_map(share).sum()
    }

    /// The text under `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.content.metadata.get(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number under `key`, which must not be negative.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        number(self.content.metadata.get(key)?)
    }

    /// The number under `key`.
    pub(crate) fn real(&self, key: &str) -> Option<f64> {
        match *self.content.metadata.get(key)? {
            Value::F32(number) => Some(f64::from(number)),
            Value::F64(number) => Some(number),
            _ => None,
        }
    }

    /// The truth value under `key`.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match *self.content.metadata.get(key)? {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// The array under `key`, each element through `read`.
    ///
    /// # Errors
    /// When the key is not there, or is something else.
    pub(crate) fn list<'a, T>(
        &'a self,
        key: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>> {
        let list = match self.content.metadata.get(key) {
            None => return Err(broken(&self.what, format!("`{key}` is missing"))),
            Some(Value::Array(values)) => values.iter().map(read).collect::<Option<Vec<T>>>(),
            Some(_) => None,
        };
        list.ok_or_else(|| broken(&self.what, format!("`{key}` is not the list it has to be")))
    }

    /// As [`Gguf::number`].
    ///
    /// # Errors
    /// When the key is not there.
    pub(crate) fn need_number(&self, key: &str) -> Result<u64> {
        self.number(key).ok_or_else(|| broken(&self.what, format!("`{key}` is missing")))
    }
}

/// A whole number of any width.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match *value {
        Value::U8(number) => Some(number.into()),
        Value::U16(number) => Some(number.into()),
        Value::U32(number) => Some(number.into()),
        Value::U64(number) => Some(number),
        Value::I8(number) => number.try_into().ok(),
        Value::I16(number) => number.try_into().ok(),
        Value::I32(number) => number.try_into().ok(),
        Value::I64(number) => number.try_into().ok(),
        _ => None,
    }
}

/// Text of a list.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn unreadable(what: &str, error: &candle_core::Error) -> llmbench_api::Error {
    let first = first_line(error);
    if first.contains("unknown dtype") {
        return unsupported(what, format!("it has weights in a format the engine lacks ({first})"));
    }
    if first.contains("failed to fill whole buffer") {
        return broken(what, "it is cut off");
    }
    broken(what, first)
}

/// Weights of a tensor and its bytes in the file; `None` when they cannot be computed.
fn measure(info: &TensorInfo) -> Option<(u64, u64)> {
    let dims = info.shape.dims();
    let weights = dims.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim as u64))?;
    let (block, bytes) = (info.ggml_dtype.block_size() as u64, info.ggml_dtype.type_size() as u64);
    let row = *dims.last()? as u64;
    let step = match info.ggml_dtype {
        // candle multiplies these in pairs of blocks.
        GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 => 2 * block,
        _ => block,
    };
    (weights > 0 && weights <= MOST_WEIGHTS && row.is_multiple_of(step))
        .then(|| (weights, weights / block * bytes))
}
