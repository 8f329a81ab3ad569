//! Splits a single-file component into its blocks, as Vue's own parser does.
//!
//! Two crates were looked at: `vue-sfc` (last release 2022, does not look into
//! templates) and `vize` (a whole compiler that changes weekly). What is needed
//! here is small: top-level blocks, and of the template its elements, attributes,
//! interpolations and comments. Expressions are not parsed here.

mod markup;
mod template;

pub use markup::{Attribute, MarkupError};
pub use template::{Expression, ExpressionKind, Template};

use markup::{Cursor, Next};

/// A component, cut into pieces that borrow from its text.
#[derive(Debug, Default)]
pub struct Sfc<'s> {
    /// In the order of the file. The template is among them, too.
    pub blocks: Vec<Block<'s>>,
    /// What the HTML template holds; `None` without one or in another language.
    pub template: Option<Template<'s>>,
    /// Comments between the blocks: offset and text without the delimiters.
    pub comments: Vec<(usize, &'s str)>,
    /// In the order of the file.
    pub errors: Vec<MarkupError>,
}

/// A top-level block.
#[derive(Debug)]
pub struct Block<'s> {
    /// `script`, `template`, `style` or a name of the author's.
    pub name: &'s str,
    /// In the order of the tag.
    pub attributes: Vec<Attribute<'s>>,
    /// What stands between the tags.
    pub content: &'s str,
    /// Offset of the tag in the file.
    pub offset: usize,
    /// Offset of `content` in the file.
    pub content_offset: usize,
}

impl<'s> Block<'s> {
    /// The attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute<'s>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The value of `lang`.
    pub fn lang(&self) -> Option<&'s str> {
        self.attribute("lang").and_then(|attribute| attribute.value)
    }

    /// True for `<script setup>`.
    pub fn is_setup(&self) -> bool {
        self.name == "script" && self.attribute("setup").is_some()
    }
}

/// Cuts `text` into blocks; what is wrong is among the errors, never a panic.
pub fn split(text: &str) -> Sfc<'_> {
    let mut sfc = Sfc::default();
    let mut cursor = Cursor::new(text);
    loop {
        match cursor.next(&mut sfc.errors) {
            Next::End => break,
            Next::Text { .. } => {}
            Next::Comment { offset, text } => sfc.comments.push((offset, text)),
            Next::Close { offset, name } => sfc.errors.push(MarkupError::new(
                offset,
                format!("`</{name}>` closes nothing that was opened"),
            )),
            Next::Open(tag) => {
                let content_offset = cursor.position;
                let html = tag.name == "template"
                    && !tag.attributes.iter().any(|attribute| {
                        attribute.name == "lang" && !matches!(attribute.value, None | Some("html"))
                    });
                let end = if tag.self_closing {
                    content_offset
                } else if html {
                    let template = template::read(&mut cursor, tag.offset, &mut sfc.errors);
                    let end = template.end;
                    sfc.template.get_or_insert(template);
                    end
                } else {
                    cursor.raw_text(tag.name).unwrap_or_else(|| {
                        sfc.errors.push(MarkupError::new(
                            tag.offset,
                            format!("`<{}>` is never closed", tag.name),
                        ));
                        text.len()
                    })
                };
                sfc.blocks.push(Block {
                    name: tag.name,
                    attributes: tag.attributes,
                    content: &text[content_offset..end],
                    offset: tag.offset,
                    content_offset,
                });
            }
        }
    }
    check_blocks(&mut sfc);
    sfc.errors.sort_by_key(|error| error.offset);
    sfc
}

/// What Vue's parser refuses about the set of blocks.
fn check_blocks(sfc: &mut Sfc<'_>) {
    let mut seen: Vec<(&str, bool)> = Vec::new();
    for block in &sfc.blocks {
        if !matches!(block.name, "script" | "template") {
            continue;
        }
        let key = (block.name, block.is_setup());
        if seen.contains(&key) {
            let setup = if key.1 { " setup" } else { "" };
            sfc.errors.push(MarkupError::new(
                block.offset,
                format!("a component can hold only one `<{}{setup}>`", block.name),
            ));
        }
        seen.push(key);
    }
    if seen.is_empty() {
        sfc.errors.push(MarkupError::new(0, "no `<template>` and no `<script>` was found"));
    }
    let scripts: Vec<&Block<'_>> = sfc.blocks.iter().filter(|b| b.name == "script").collect();
    if let [first, second, ..] = scripts[..]
        && first.lang() != second.lang()
    {
        sfc.errors.push(MarkupError::new(
            second.offset,
            "`<script>` and `<script setup>` must have the same `lang`",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    /// Blocks as `name[attribute names]=content`, then errors as `!offset`.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let sfc = split(text);
        let mut found: Vec<String> = sfc
            .blocks
            .iter()
            .map(|block| {
                let names: Vec<&str> = block.attributes.iter().map(|a| a.name).collect();
                assert_eq!(
                    block.content,
                    &text[block.content_offset..block.content_offset + block.content.len()]
                );
                format!("{}[{}]={}", block.name, names.join(","), block.content)
            })
            .collect();
        found.extend(sfc.errors.iter().map(|e| format!("!{} {}", e.offset, e.message)));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn blocks_are_found_where_vue_finds_them() {
        check("<script>a</script>", &["script[]=a"]);
        check(
            "<script lang='ts'>a</script>\r\n<script setup lang=ts>b</script >",
            &["script[lang]=a", "script[setup,lang]=b"],
        );
        check("\u{feff}<script>a</script>", &["script[]=a"]);
        check("<!-- <script>no</script> --><script>a</script>", &["script[]=a"]);
        check("<script>if (a < b) c('<p>')</script>", &["script[]=if (a < b) c('<p>')"]);
        check(
            "<template><div><template #x><p/></template></div></template><script>a</script>",
            &["template[]=<div><template #x><p/></template></div>", "script[]=a"],
        );
        check(
            "<template><p :a=\"'</template>'\">{{ '<b>' }}</p></template>",
            &["template[]=<p :a=\"'</template>'\">{{ '<b>' }}</p>"],
        );
        check("<template src='./a.html' /><script>a</script>", &["template[src]=", "script[]=a"]);
        check("<template lang='pug'>p(</template>", &["template[lang]=p("]);
        check(
            "<script setup generic=\"T extends Array<string>\">a</script>",
            &["script[setup,generic]=a"],
        );
        check(
            "<script>a</script>\n<i18n>{\"a\": \"<b\"}</i18n>",
            &["script[]=a", "i18n[]={\"a\": \"<b\"}"],
        );
    }

    #[test]
    fn an_end_tag_in_a_string_ends_the_script_as_in_vue() {
        let sfc = split("<script>const a = '</script>'</script>");
        assert_eq!(sfc.blocks[0].content, "const a = '");
        assert_eq!(sfc.errors.len(), 1, "{:?}", sfc.errors);
    }

    #[test]
    fn what_is_wrong_is_located() {
        check("", &["!0 no `<template>` and no `<script>` was found"]);
        check("const a = 1", &["!0 no `<template>` and no `<script>` was found"]);
        check("<script>a", &["script[]=a", "!0 `<script>` is never closed"]);
        check("\n<template><p></template>", &["template[]=<p>", "!11 `<p>` is never closed"]);
        check(
            "<template><p></b></p></template>",
            &["template[]=<p></b></p>", "!13 `</b>` closes nothing that was opened"],
        );
        check(
            "<template><p>{{ a </p></template>",
            &["template[]=<p>{{ a </p>", "!13 `{{` is never closed"],
        );
        check(
            "<template><p",
            &[
                "template[]=<p",
                "!0 `<template>` is never closed",
                "!10 the tag `<p` is never closed",
            ],
        );
        check(
            "<script>a</script><script>b</script>",
            &["script[]=a", "script[]=b", "!18 a component can hold only one `<script>`"],
        );
        check(
            "<script lang='ts'>a</script><script setup>b</script>",
            &[
                "script[lang]=a",
                "script[setup]=b",
                "!28 `<script>` and `<script setup>` must have the same `lang`",
            ],
        );
        check("<script>a</script><!-- b", &["script[]=a", "!18 the comment is never closed"]);
    }
}
