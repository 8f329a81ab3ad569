//! Byte offsets as line and column.

/// Where the lines of a text begin.
#[derive(Debug)]
pub struct Lines<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    /// The lines of `text`; they end with `\n`, `\r\n` being one end.
    pub fn new(text: &'s str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// Line and column of a byte offset, both counted from 1; columns are characters.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let before = self.text[start..offset].trim_start_matches('\u{feff}');
        (line as u32, before.chars().count() as u32 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_and_columns_count_from_one() {
        for (text, offset, expected) in [
            ("", 0, (1, 1)),
            ("ab", 1, (1, 2)),
            ("a\r\nb", 3, (2, 1)),
            ("ä\nöx", 5, (2, 2)),
            ("ä", 1, (1, 1)),
            ("\u{feff}x", 3, (1, 1)),
            ("a\n", 99, (2, 1)),
        ] {
            assert_eq!(Lines::new(text).position(offset), expected, "{text:?} {offset}");
        }
    }
}
