//! Tags, attributes, comments and text of HTML as Vue's tokenizer reads them.

/// Something that Vue's parser refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkupError {
    /// Byte offset in the file.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

impl MarkupError {
    /// An error at a byte offset.
    pub fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }
}

/// An attribute of a tag.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'s> {
    /// As written, with `:`, `@`, `#` or `v-`.
    pub name: &'s str,
    /// Between the quotes; `None` without `=`.
    pub value: Option<&'s str>,
    /// Byte offset of the name.
    pub offset: usize,
    /// Byte offset of the value.
    pub value_offset: usize,
}

/// An opening tag.
#[derive(Debug)]
pub(crate) struct Tag<'s> {
    pub(crate) name: &'s str,
    pub(crate) attributes: Vec<Attribute<'s>>,
    pub(crate) offset: usize,
    pub(crate) self_closing: bool,
}

/// The next piece of markup.
#[derive(Debug)]
pub(crate) enum Next<'s> {
    Open(Tag<'s>),
    Close { offset: usize, name: &'s str },
    Comment { offset: usize, text: &'s str },
    Text { offset: usize, text: &'s str },
    End,
}

/// Reads markup from left to right.
#[derive(Debug)]
pub(crate) struct Cursor<'s> {
    pub(crate) text: &'s str,
    pub(crate) position: usize,
}

impl<'s> Cursor<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        Self { text, position: 0 }
    }

    /// The next piece; the position is then behind it.
    pub(crate) fn next(&mut self, errors: &mut Vec<MarkupError>) -> Next<'s> {
        let start = self.position;
        let rest = &self.text[start..];
        if rest.is_empty() {
            return Next::End;
        }
        let bytes = rest.as_bytes();
        match bytes {
            [b'<', b'!', b'-', b'-', ..] => return self.comment(start, errors),
            [b'<', b'/', letter, ..] if letter.is_ascii_alphabetic() => {
                return self.close(start, errors);
            }
            [b'<', letter, ..] if letter.is_ascii_alphabetic() => return self.open(start, errors),
            [b'<', b'!' | b'?', ..] => {
                self.position = rest.find('>').map_or(self.text.len(), |end| start + end + 1);
                return Next::Text { offset: start, text: "" };
            }
            _ => {}
        }
        // Text up to the next `<` that begins something.
        let length = (1..bytes.len())
            .find(|&at| {
                bytes[at] == b'<'
                    && bytes.get(at + 1).is_some_and(|next| {
                        next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?')
                    })
            })
            .unwrap_or(bytes.len());
        self.position = start + length;
        Next::Text { offset: start, text: &rest[..length] }
    }

    /// Skips to behind `</name>` and returns the offset of its `<`; `None`, at
    /// the end of the text, when there is none.
    pub(crate) fn raw_text(&mut self, name: &str) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.position;
        while let Some(found) = self.text[at..].find("</") {
            let start = at + found;
            let after = start + 2 + name.len();
            let same = bytes
                .get(start + 2..after)
                .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
            let ended = bytes.get(after).is_some_and(|b| matches!(b, b'>' | b'/') || is_space(*b));
            if same && ended {
                self.position =
                    self.text[after..].find('>').map_or(self.text.len(), |end| after + end + 1);
                return Some(start);
            }
            at = start + 2;
        }
        self.position = self.text.len();
        None
    }

    fn comment(&mut self, start: usize, errors: &mut Vec<MarkupError>) -> Next<'s> {
        let content = start + 4;
        if let Some(length) = self.text[content..].find("-->") {
            self.position = content + length + 3;
            return Next::Comment { offset: content, text: &self.text[content..content + length] };
        }
        errors.push(MarkupError::new(start, "the comment is never closed"));
        self.position = self.text.len();
        Next::Comment { offset: content, text: &self.text[content..] }
    }

    fn close(&mut self, start: usize, errors: &mut Vec<MarkupError>) -> Next<'s> {
        let name_start = start + 2;
        let name = self.take_while(name_start, |b| !is_space(b) && !matches!(b, b'>' | b'/'));
        match self.text[self.position..].find('>') {
            Some(end) => self.position += end + 1,
            None => {
                errors.push(MarkupError::new(start, format!("the tag `</{name}` is never closed")));
                self.position = self.text.len();
            }
        }
        Next::Close { offset: start, name }
    }

    fn open(&mut self, start: usize, errors: &mut Vec<MarkupError>) -> Next<'s> {
        let name = self.take_while(start + 1, |b| !is_space(b) && !matches!(b, b'>' | b'/'));
        let mut tag = Tag { name, attributes: Vec::new(), offset: start, self_closing: false };
        loop {
            self.take_while(self.position, is_space);
            match self.text.as_bytes()[self.position..] {
                [] => {
                    errors.push(MarkupError::new(
                        start,
                        format!("the tag `<{name}` is never closed"),
                    ));
                    return Next::Text { offset: start, text: "" };
                }
                [b'>', ..] => {
                    self.position += 1;
                    return Next::Open(tag);
                }
                [b'/', b'>', ..] => {
                    self.position += 2;
                    tag.self_closing = true;
                    return Next::Open(tag);
                }
                [b'/', ..] => self.position += 1,
                _ => tag.attributes.push(self.attribute(errors)),
            }
        }
    }

    fn attribute(&mut self, errors: &mut Vec<MarkupError>) -> Attribute<'s> {
        let offset = self.position;
        // `=` may begin a name, as in the HTML standard; otherwise nothing would be read.
        let mut first = true;
        let name = self.take_while(offset, |b| {
            let part = first || b != b'=';
            first = false;
            part && !is_space(b) && !matches!(b, b'>' | b'/')
        });
        let name_end = self.position;
        self.take_while(self.position, is_space);
        if self.text.as_bytes().get(self.position) != Some(&b'=') {
            self.position = name_end;
            return Attribute { name, value: None, offset, value_offset: name_end };
        }
        self.position += 1;
        self.take_while(self.position, is_space);
        let quote_at = self.position;
        let (value, value_offset) = match self.text.as_bytes().get(quote_at) {
            Some(&quote @ (b'"' | b'\'')) => {
                let value = self.take_while(quote_at + 1, |b| b != quote);
                if self.position == self.text.len() {
                    errors.push(MarkupError::new(
                        quote_at,
                        format!("the value of `{name}` is never closed"),
                    ));
                } else {
                    self.position += 1;
                }
                (value, quote_at + 1)
            }
            _ => (self.take_while(quote_at, |b| !is_space(b) && b != b'>'), quote_at),
        };
        Attribute { name, value: Some(value), offset, value_offset }
    }

    /// Moves from `start` over bytes that fulfil `part` and returns them. Only
    /// ASCII bytes may end the run, so that it always ends between characters.
    fn take_while(&mut self, start: usize, mut part: impl FnMut(u8) -> bool) -> &'s str {
        let bytes = &self.text.as_bytes()[start..];
        let length = bytes.iter().position(|b| b.is_ascii() && !part(*b)).unwrap_or(bytes.len());
        self.position = start + length;
        &self.text[start..self.position]
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}
