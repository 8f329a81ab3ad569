//! From the text of a component to facts: parses every script and expression.

use std::collections::{BTreeSet, HashMap};

use oxc_allocator::Allocator;
use oxc_ast::ast::{BindingIdentifier, Declaration, Program, Statement};
use oxc_ast_visit::Visit;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_span::SourceType;

use super::visitor::{Collector, Place};
use super::{Facts, MarkKind, Script, erased, suppressions};
use crate::sfc::{Block, Expression, ExpressionKind, Sfc};

/// What stands before the value of the attribute `generic` to make it code.
const GENERIC: &str = "function _<";

/// What the component holds. Recurses as deep as the code is nested; the caller
/// sees to the stack.
pub fn collect(sfc: &Sfc<'_>) -> Facts {
    let mut facts = Facts {
        errors: sfc.errors.iter().map(|e| (e.offset, e.message.clone())).collect(),
        ..Facts::default()
    };
    for block in sfc.blocks.iter().filter(|block| block.name == "script") {
        script(&mut facts, block);
    }
    for (offset, comment) in &sfc.comments {
        suppressed(&mut facts, *offset, comment);
    }
    if let Some(block) = sfc.blocks.iter().find(|block| block.name == "template") {
        facts.template_tokens = erased::template_tokens(block.content);
    }
    if let Some(template) = &sfc.template {
        facts.template_node_count = template.node_count;
        facts
            .names_used
            .extend(template.tags.iter().flat_map(|tag| [(*tag).to_owned(), pascal(tag)]));
        let mut local = BTreeSet::new();
        for expression in &template.expressions {
            template_expression(&mut facts, expression, &mut local);
        }
        facts
            .template_names
            .retain(|name| !local.contains(name) && !name.starts_with('$') && !is_global(name));
        for (offset, comment) in &template.comments {
            suppressed(&mut facts, *offset, comment);
        }
    }
    find_used_types(&mut facts);
    facts.errors.sort();
    facts.marks.sort_by_key(|mark| mark.offset);
    facts
}

/// What a TypeScript or JavaScript file holds; its language follows from the ending of `path`.
pub fn collect_module(path: &str, text: &str) -> Facts {
    let mut facts = Facts { is_module: true, ..Facts::default() };
    let (lang, source_type) = match path.rsplit('.').next() {
        Some("js" | "mjs" | "cjs") => (None, SourceType::mjs().with_jsx(false)),
        Some("jsx") => (None, SourceType::jsx()),
        Some("tsx") => (Some("tsx"), SourceType::tsx()),
        _ if path.ends_with(".d.ts") => (Some("ts"), SourceType::d_ts()),
        _ => (Some("ts"), SourceType::ts()),
    };
    facts.scripts.push(Script { offset: 0, setup: false, lang: lang.map(str::to_owned) });
    let allocator = Allocator::default();
    let parsed = parse(&allocator, text, source_type);
    report(&mut facts, &parsed, |at| at);
    comments(&mut facts, &parsed.program, |at| at);
    Collector::new(&mut facts, Place::Script).walk(&parsed.program, 0);
    facts.script_tokens = erased::script_tokens(&parsed.program);
    for name in exported_types(&parsed.program) {
        facts.type_uses.push((None, name));
    }
    find_used_types(&mut facts);
    facts.errors.sort();
    facts.marks.sort_by_key(|mark| mark.offset);
    facts
}

/// Types that other files can use; in a file that exports nothing all of them.
fn exported_types(program: &Program<'_>) -> Vec<String> {
    let mut exported = Vec::new();
    let mut own = Vec::new();
    let mut is_module = false;
    let name_of = |declaration: &Declaration<'_>| match declaration {
        Declaration::TSInterfaceDeclaration(it) => Some(it.id.name.to_string()),
        Declaration::TSTypeAliasDeclaration(it) => Some(it.id.name.to_string()),
        _ => None,
    };
    for statement in &program.body {
        match statement {
            Statement::ExportDeclaration(it) => exported.extend(name_of(&it.declaration)),
            Statement::ExportNamedDeclaration(it) => {
                exported.extend(it.specifiers.iter().map(|it| it.local.name().to_string()));
            }
            Statement::TSInterfaceDeclaration(it) => own.push(it.id.name.to_string()),
            Statement::TSTypeAliasDeclaration(it) => own.push(it.id.name.to_string()),
            _ => {}
        }
        is_module |= statement.is_module_declaration();
    }
    if is_module { exported } else { own }
}

fn script(facts: &mut Facts, block: &Block<'_>) {
    let lang = block.lang();
    facts.scripts.push(Script {
        offset: block.offset,
        setup: block.is_setup(),
        lang: lang.map(str::to_owned),
    });
    if block.attribute("src").is_some() {
        facts.errors.push((block.offset, "the script lies in another file (`src`)".into()));
        return;
    }
    let source_type = match lang {
        Some("ts") => SourceType::ts(),
        Some("tsx") => SourceType::tsx(),
        None | Some("js") => SourceType::mjs().with_jsx(false),
        Some("jsx") => SourceType::jsx(),
        Some(other) => {
            let message =
                format!("`<script lang=\"{other}\">` is neither TypeScript nor JavaScript");
            facts.errors.push((block.offset, message));
            return;
        }
    };
    if let Some(generic) = block.attribute("generic")
        && let Some(value) = generic.value
    {
        let allocator = Allocator::default();
        let code = format!("{GENERIC}{value}>(){{}}");
        let parsed = parse(&allocator, &code, SourceType::ts());
        let place =
            |at: usize| generic.value_offset + at.saturating_sub(GENERIC.len()).min(value.len());
        report(facts, &parsed, place);
        let mut of_generic = Facts::default();
        Collector::new(&mut of_generic, Place::Script).walk(&parsed.program, 0);
        facts.names_used.extend(of_generic.names_used);
        facts.type_parameters.extend(of_generic.type_parameters);
        facts.type_uses.extend(of_generic.type_uses.into_iter().map(|(_, name)| (None, name)));
        for mark in of_generic.marks {
            facts.mark(mark.kind, place(mark.offset), mark.text);
        }
    }
    let allocator = Allocator::default();
    let mut parsed = parse(&allocator, block.content, source_type);
    report(facts, &parsed, |at| block.content_offset + at);
    if !parsed.diagnostics.is_empty() && source_type.is_javascript() {
        let typescript = parse(&allocator, block.content, SourceType::ts());
        if typescript.diagnostics.is_empty() {
            let message = "TypeScript in a script without `lang=\"ts\"`".to_owned();
            facts.errors.push((block.offset, message));
            parsed = typescript;
        }
    }
    if block.is_setup() {
        let default = parsed.program.body.iter().find_map(|statement| match statement {
            Statement::ExportDefaultDeclaration(it) => Some(it.span.start as usize),
            _ => None,
        });
        if let Some(at) = default {
            let message = "`<script setup>` cannot hold `export default`".to_owned();
            facts.errors.push((block.content_offset + at, message));
        }
    }
    comments(facts, &parsed.program, |at| block.content_offset + at);
    facts.script_tokens.extend(erased::script_tokens(&parsed.program));
    Collector::new(facts, Place::Script).walk(&parsed.program, block.content_offset);
}

fn template_expression(
    facts: &mut Facts,
    expression: &Expression<'_>,
    local: &mut BTreeSet<String>,
) {
    let text: &str = &expression.text;
    let value = |facts: &mut Facts, local: &mut BTreeSet<String>, text: &str, offset: usize| {
        wrapped(facts, local, ("(", text, "\n)"), offset);
    };
    match expression.kind {
        _ if text.trim().is_empty() => {}
        ExpressionKind::Value => value(facts, local, text, expression.offset),
        ExpressionKind::Handler => {
            let allocator = Allocator::default();
            let code = format!("({text}\n)");
            if parse(&allocator, &code, SourceType::ts()).diagnostics.is_empty() {
                value(facts, local, text, expression.offset);
            } else {
                wrapped(facts, local, ("async()=>{", text, "\n}"), expression.offset);
            }
        }
        ExpressionKind::Parameters => {
            wrapped(facts, local, ("(", text, "\n)=>0"), expression.offset);
        }
        ExpressionKind::For => match split_for(text) {
            Some((left, right)) => {
                let inner = left.trim();
                let inner = inner.strip_prefix('(').and_then(|i| i.strip_suffix(')'));
                let inner = inner.unwrap_or(left);
                wrapped(facts, local, ("(", inner, "\n)=>0"), expression.offset);
                let offset = expression.offset + text.len() - right.len();
                value(facts, local, right, offset);
            }
            None => {
                let message = "`v-for` wants `item in items`".to_owned();
                facts.errors.push((expression.offset, message));
            }
        },
    }
}

/// Parses `text` between a prefix and a suffix and writes down what it holds.
fn wrapped(
    facts: &mut Facts,
    local: &mut BTreeSet<String>,
    (prefix, text, suffix): (&str, &str, &str),
    offset: usize,
) {
    let allocator = Allocator::default();
    let code = format!("{prefix}{text}{suffix}");
    let parsed = parse(&allocator, &code, SourceType::ts());
    let place = |at: usize| offset + at.saturating_sub(prefix.len()).min(text.len());
    report(facts, &parsed, place);
    comments(facts, &parsed.program, place);
    let marks_before = facts.marks.len();
    Collector::new(facts, Place::Template).walk(&parsed.program, offset);
    for mark in &mut facts.marks[marks_before..] {
        mark.offset = mark.offset.saturating_sub(prefix.len()).max(offset);
    }
    Locals(local).visit_program(&parsed.program);
}

/// Collects what an expression declares itself.
struct Locals<'l>(&'l mut BTreeSet<String>);

impl<'a> Visit<'a> for Locals<'_> {
    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        self.0.insert(it.name.to_string());
    }
}

fn parse<'a>(allocator: &'a Allocator, code: &'a str, kind: SourceType) -> ParserReturn<'a> {
    let options = ParseOptions { preserve_parens: false, ..ParseOptions::default() };
    Parser::new(allocator, code, kind).with_options(options).parse()
}

fn report(facts: &mut Facts, parsed: &ParserReturn<'_>, place: impl Fn(usize) -> usize) {
    for diagnostic in parsed.diagnostics.errors() {
        let at = diagnostic.labels.first().map_or(0, |label| label.offset() as usize);
        facts.errors.push((place(at), diagnostic.message.to_string()));
    }
}

fn comments(facts: &mut Facts, program: &Program<'_>, place: impl Fn(usize) -> usize) {
    for comment in &program.comments {
        let span = comment.span;
        let text = &program.source_text[span.start as usize..span.end as usize];
        for (at, directive) in suppressions::find(text) {
            facts.mark(
                MarkKind::Suppression,
                place(span.start as usize + at),
                format!("`{directive}`"),
            );
        }
    }
}

fn suppressed(facts: &mut Facts, offset: usize, comment: &str) {
    for (at, directive) in suppressions::find(comment) {
        facts.mark(MarkKind::Suppression, offset + at, format!("`{directive}`"));
    }
}

/// A type is used when something refers to it that is no type, or a used type.
fn find_used_types(facts: &mut Facts) {
    let mut inside: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut open: Vec<&str> = Vec::new();
    for (declaration, name) in &facts.type_uses {
        match declaration {
            None => open.push(name),
            Some(declaration) => inside.entry(declaration).or_default().push(name),
        }
    }
    let mut used: BTreeSet<String> = BTreeSet::new();
    while let Some(name) = open.pop() {
        if used.insert(name.to_owned())
            && let Some(names) = inside.get(name)
        {
            open.extend(names);
        }
    }
    for declaration in &mut facts.types {
        declaration.used = used.contains(&declaration.name);
    }
}

/// The two sides of `item in items`; the separator is the first that stands free.
fn split_for(text: &str) -> Option<(&str, &str)> {
    let mut previous_space = false;
    for (at, character) in text.char_indices() {
        let rest = &text[at..];
        if previous_space
            && let Some(right) = rest.strip_prefix("in").or_else(|| rest.strip_prefix("of"))
            && right.starts_with(char::is_whitespace)
        {
            return Some((&text[..at], right.trim_start()));
        }
        previous_space = character.is_whitespace() || character == ')';
    }
    None
}

fn pascal(tag: &str) -> String {
    tag.split('-')
        .flat_map(|part| {
            let mut characters = part.chars();
            characters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(characters)
        })
        .collect()
}

fn is_global(name: &str) -> bool {
    const GLOBALS: [&str; 24] = [
        "undefined",
        "Infinity",
        "NaN",
        "isFinite",
        "isNaN",
        "parseFloat",
        "parseInt",
        "decodeURI",
        "decodeURIComponent",
        "encodeURI",
        "encodeURIComponent",
        "Math",
        "Number",
        "Date",
        "Array",
        "Object",
        "Boolean",
        "String",
        "RegExp",
        "Map",
        "Set",
        "JSON",
        "Intl",
        "BigInt",
    ];
    GLOBALS.contains(&name) || matches!(name, "console" | "Error" | "Symbol" | "emit")
}
