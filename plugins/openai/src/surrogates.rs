//! Mends JSON whose strings hold halves of letters.
//!
//! A model's token may be half an emoji, and some servers then write half of its escape,
//! which is no Unicode and which `serde_json` refuses.

/// `json` with U+FFFD for each half of a surrogate pair; `None` where there is none.
pub(crate) fn mend(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < json.len() {
        let length = match (json[at], json.get(at + 1), unit(&json[at..])) {
            (_, _, Some(0xd800..0xdc00)) if is_low(json.get(at + 6..)) => 12,
            (_, _, Some(0xd800..0xe000)) => {
                let mended = mended.get_or_insert_with(|| json.to_vec());
                mended[at..at + 6].copy_from_slice(br"\ufffd");
                6
            }
            (b'\\', Some(_), _) => 2,
            _ => 1,
        };
        at += length;
    }
    mended
}

fn is_low(rest: Option<&[u8]>) -> bool {
    rest.and_then(unit).is_some_and(|unit| (0xdc00..0xe000).contains(&unit))
}

/// The UTF-16 unit whose escape `text` begins with.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_replaced_and_pairs_kept() {
        for (json, expected) in [
            (r#""a \ud83d\ude00 b""#, None),
            (r#""a \ud83d b""#, Some(r#""a \ufffd b""#)),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\uDE00\u00e4\ud83d""#, Some(r#""\ufffd\u00e4\ufffd""#)),
            (r#""no escape: \\ud83d""#, None),
            (r#""a half: \\\ud83d""#, Some(r#""a half: \\\ufffd""#)),
            (r#""cut: \ud8"#, None),
        ] {
            let mended = mend(json.as_bytes()).map(|mended| String::from_utf8(mended).unwrap());
            assert_eq!(mended.as_deref(), expected, "{json}");
        }
    }
}
