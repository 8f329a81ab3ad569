//! What is left of code when types and comments are taken away, as a list of tokens.
//!
//! Two versions of a component that differ only in their types have the same
//! tokens. That makes them comparable; it is no compiler: nothing is moved,
//! and what only its author would know to be a type stays.

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

/// The tokens of a script without its types, comments, commas and semicolons.
pub(super) fn script_tokens(program: &Program<'_>) -> Vec<String> {
    let source = program.source_text;
    let mut types = Types { source, spans: Vec::new() };
    types.visit_program(program);
    let mut spans = types.spans;
    spans.extend(program.comments.iter().map(|comment| range(comment.span)));
    spans.sort_unstable();
    let mut kept = String::new();
    let mut at = 0;
    for (start, end) in spans {
        if let Some(text) = source.get(at..start) {
            kept.push_str(text);
            kept.push(' ');
        }
        at = at.max(end);
    }
    kept.push_str(source.get(at..).unwrap_or_default());
    tokens(&kept)
}

/// The tokens of a template without its comments.
pub(super) fn template_tokens(content: &str) -> Vec<String> {
    let mut kept = String::new();
    let mut rest = content;
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, rest)| rest);
    }
    kept.push_str(rest);
    tokens(&kept)
}

/// Words and marks; those that are a matter of style are left out or made alike.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || matches!(character, '_' | '$') {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        match character {
            ',' | ';' => {}
            '"' => tokens.push("'".to_owned()),
            _ if character.is_whitespace() => {}
            _ => tokens.push(character.to_string()),
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

fn range(span: Span) -> (usize, usize) {
    (span.start as usize, span.end as usize)
}

/// Collects where types stand.
struct Types<'s> {
    source: &'s str,
    spans: Vec<(usize, usize)>,
}

impl Types<'_> {
    fn erase(&mut self, span: Span) {
        self.spans.push(range(span));
    }

    /// All of `outer` that lies behind `inner`: the ` as T` of `x as T`.
    fn erase_behind(&mut self, outer: Span, inner: Span) {
        self.spans.push((inner.end as usize, outer.end as usize));
    }
}

impl<'a> Visit<'a> for Types<'_> {
    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        // The mark of `a?: T` and `a!: T` belongs to the type as well.
        let (start, end) = range(it.span);
        let before = self.source.get(..start).unwrap_or_default().trim_end();
        let marked = before.ends_with(['?', '!']);
        self.spans.push((if marked { before.len() - 1 } else { start }, end));
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.erase(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.erase(it.span);
    }

    fn visit_ts_interface_declaration(&mut self, it: &TSInterfaceDeclaration<'a>) {
        self.erase(it.span);
    }

    fn visit_ts_type_alias_declaration(&mut self, it: &TSTypeAliasDeclaration<'a>) {
        self.erase(it.span);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: oxc_syntax::scope::ScopeFlags) {
        if it.body.is_none() {
            self.erase(it.span);
        } else {
            walk::walk_function(self, it, flags);
        }
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        let is_type = matches!(
            it.declaration,
            Declaration::TSInterfaceDeclaration(_) | Declaration::TSTypeAliasDeclaration(_)
        );
        if is_type {
            self.erase(it.span);
        } else {
            walk::walk_export_declaration(self, it);
        }
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        if it.export_kind.is_type() {
            self.erase(it.span);
        }
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        if it.export_kind.is_type() {
            self.erase(it.span);
        }
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let is_type = |specifier: &ImportDeclarationSpecifier<'_>| match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(it) => it.import_kind.is_type(),
            _ => false,
        };
        let specifiers: &[_] = it.specifiers.as_ref().map_or(&[], |list| list.as_slice());
        if it.import_kind.is_type() || (!specifiers.is_empty() && specifiers.iter().all(is_type)) {
            self.erase(it.span);
            return;
        }
        for specifier in specifiers.iter().filter(|specifier| is_type(specifier)) {
            self.erase(specifier.span());
        }
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.erase_behind(it.span, it.expression.span());
        self.visit_expression(&it.expression);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.erase_behind(it.span, it.expression.span());
        self.visit_expression(&it.expression);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.erase_behind(it.span, it.expression.span());
        self.visit_expression(&it.expression);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.spans.push((it.span.start as usize, it.expression.span().start as usize));
        self.visit_expression(&it.expression);
    }
}

#[cfg(test)]
mod tests {
    use oxc_allocator::Allocator;
    use oxc_parser::Parser;
    use oxc_span::SourceType;

    use super::*;

    fn erased(code: &str) -> Vec<String> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, code, SourceType::ts()).parse();
        assert!(parsed.diagnostics.is_empty(), "{code}: {:?}", parsed.diagnostics);
        script_tokens(&parsed.program)
    }

    #[test]
    fn typed_code_and_the_code_it_was_made_from_have_the_same_tokens() {
        for (typed, untyped) in [
            ("const a: number = 1;", "const a = 1"),
            ("interface A { b: string }\nlet c", "let c"),
            ("export interface A { b: string }\nexport type B = A | null\nlet c", "let c"),
            (
                "function f<T extends A>(a?: T, ...b: T[]): a is T { return a }",
                "function f(a, ...b) { return a }",
            ),
            ("const f = (a: A): void => g<A>(a)", "const f = (a) => g(a)"),
            (
                "import type { A } from 'a'\nimport { type B, c } from \"b\"",
                "import { c } from 'b'",
            ),
            ("import { type B } from 'b'\nc", "c"),
            ("a = b as unknown as C; d = e!.f satisfies G", "a = b\nd = e.f"),
            ("class A { b!: C; d?: E = 1 }", "class A { b; d = 1 }"),
            ("a // why\n/* because */ = 'x'", "a = \"x\""),
            ("function f(a: string): void\nfunction f(a) {}", "function f(a) {}"),
            ("export type { A } from 'a'\nexport type { B }\nc", "c"),
            ("const a = ref<Array<{ b: number }>>([])", "const a = ref([])"),
        ] {
            assert_eq!(erased(typed), erased(untyped), "{typed}");
        }
        assert_ne!(erased("a = 1"), erased("a = 2"));
        assert_ne!(erased("f(a?.b)"), erased("f(a.b)"));
    }

    #[test]
    fn a_template_loses_its_comments() {
        assert_eq!(
            template_tokens("<p :a=\"b\"><!-- c --></p>"),
            template_tokens("<p :a='b'></p>")
        );
        assert_eq!(template_tokens("a<!-- b"), ["a"]);
    }
}
