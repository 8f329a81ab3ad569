//! The inside of an HTML template: elements, expressions and comments.

use std::borrow::Cow;

use super::markup::{Attribute, Cursor, MarkupError, Next};

/// What a template holds.
#[derive(Debug, Default)]
pub struct Template<'s> {
    /// Number of elements.
    pub node_count: u32,
    /// Names of elements and components, as often as they stand there.
    pub tags: Vec<&'s str>,
    /// In the order of the file.
    pub expressions: Vec<Expression<'s>>,
    /// Offset and text of comments.
    pub comments: Vec<(usize, &'s str)>,
    /// Byte offset of the end tag.
    pub end: usize,
}

/// JavaScript in a template.
#[derive(Debug)]
pub struct Expression<'s> {
    /// How it is to be read.
    pub kind: ExpressionKind,
    /// Its text, character references resolved.
    pub text: Cow<'s, str>,
    /// Byte offset in the file.
    pub offset: usize,
}

/// How JavaScript in a template is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpressionKind {
    /// One expression.
    Value,
    /// An expression or statements: `@click`.
    Handler,
    /// `item in items`.
    For,
    /// Parameters of a slot.
    Parameters,
}

/// Reads up to and including the end tag of the template that opened at `opened`.
pub(super) fn read<'s>(
    cursor: &mut Cursor<'s>,
    opened: usize,
    errors: &mut Vec<MarkupError>,
) -> Template<'s> {
    let mut template = Template::default();
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut unclosed = false;
    // Number of open elements at which `v-pre` began: nothing is compiled below it.
    let mut verbatim: Option<usize> = None;
    loop {
        match cursor.next(errors) {
            Next::End => {
                errors.push(MarkupError::new(opened, "`<template>` is never closed"));
                template.end = cursor.text.len();
                break;
            }
            Next::Comment { offset, text } => template.comments.push((offset, text)),
            Next::Text { offset, text } => {
                // One error is enough, and every further search would go to the end again.
                if verbatim.is_none() && !unclosed {
                    unclosed = interpolations(cursor, &mut template, offset, text, errors);
                }
            }
            Next::Open(tag) => {
                template.node_count += 1;
                template.tags.push(tag.name);
                if verbatim.is_none() {
                    if tag.attributes.iter().any(|attribute| attribute.name == "v-pre") {
                        verbatim = Some(open.len());
                    } else {
                        template.expressions.extend(tag.attributes.iter().filter_map(directive));
                    }
                }
                if tag.self_closing || is_void(tag.name) {
                    if verbatim == Some(open.len()) {
                        verbatim = None;
                    }
                } else if matches!(tag.name, "script" | "style" | "textarea" | "title") {
                    if cursor.raw_text(tag.name).is_none() {
                        errors.push(never_closed(tag.name, tag.offset));
                    }
                } else {
                    open.push((tag.name, tag.offset));
                }
            }
            Next::Close { name, .. } if is_void(name) => {}
            Next::Close { offset, name } => {
                match open.iter().rposition(|(open_name, _)| open_name.eq_ignore_ascii_case(name)) {
                    Some(at) => {
                        errors.extend(open[at + 1..].iter().map(|(n, o)| never_closed(n, *o)));
                        open.truncate(at);
                        if verbatim.is_some_and(|depth| depth >= at) {
                            verbatim = None;
                        }
                    }
                    None if name.eq_ignore_ascii_case("template") => {
                        template.end = offset;
                        break;
                    }
                    None => errors.push(MarkupError::new(
                        offset,
                        format!("`</{name}>` closes nothing that was opened"),
                    )),
                }
            }
        }
    }
    errors.extend(open.iter().map(|(name, offset)| never_closed(name, *offset)));
    template
}

/// Adds what stands in `{{ }}`; it may reach beyond `text`, whose end was a guess.
/// Returns true when one is never closed.
fn interpolations<'s>(
    cursor: &mut Cursor<'s>,
    template: &mut Template<'s>,
    offset: usize,
    text: &'s str,
    errors: &mut Vec<MarkupError>,
) -> bool {
    let mut at = offset;
    let mut end = offset + text.len();
    while let Some(found) = cursor.text[at..end].find("{{") {
        let start = at + found + 2;
        let Some(length) = cursor.text[start..].find("}}") else {
            errors.push(MarkupError::new(start - 2, "`{{` is never closed"));
            return true;
        };
        template.expressions.push(Expression {
            kind: ExpressionKind::Value,
            text: Cow::Borrowed(&cursor.text[start..start + length]),
            offset: start,
        });
        at = start + length + 2;
        if at > end {
            // The `<` that ended the text belongs to the expression.
            cursor.position = at;
            end = at;
        }
    }
    false
}

fn directive<'s>(attribute: &Attribute<'s>) -> Option<Expression<'s>> {
    let name = attribute.name;
    let kind = if name == "v-for" {
        ExpressionKind::For
    } else if name.starts_with('#') || name == "v-slot" || name.starts_with("v-slot:") {
        ExpressionKind::Parameters
    } else if name.starts_with('@') || name == "v-on" || name.starts_with("v-on:") {
        if name == "v-on" { ExpressionKind::Value } else { ExpressionKind::Handler }
    } else if name.starts_with([':', '.']) || name.starts_with("v-") {
        ExpressionKind::Value
    } else {
        return None;
    };
    match attribute.value {
        Some(value) => {
            Some(Expression { kind, text: unescape(value), offset: attribute.value_offset })
        }
        // `:user` stands for `:user="user"`.
        None => name.strip_prefix(':').map(|bound| Expression {
            kind,
            text: Cow::Owned(camel_case(bound)),
            offset: attribute.offset,
        }),
    }
}

fn camel_case(name: &str) -> String {
    let mut parts = name.split('-');
    let mut result = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let mut characters = part.chars();
        result.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        result.push_str(characters.as_str());
    }
    result
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let mut text = value.to_owned();
    for (reference, character) in [
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(reference, character);
    }
    Cow::Owned(text)
}

fn never_closed(name: &str, offset: usize) -> MarkupError {
    MarkupError::new(offset, format!("`<{name}>` is never closed"))
}

fn is_void(name: &str) -> bool {
    const VOID: [&str; 14] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
        "source", "track", "wbr",
    ];
    VOID.contains(&name)
}
