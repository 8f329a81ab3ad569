//! Walks a syntax tree and writes down what it sees.

use std::collections::HashSet;

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};
use oxc_syntax::scope::ScopeFlags;

use super::judge::{AnyPlaces, bare, callee_name, is_prop_type, only_widens, type_name};
use super::shape::{Member, Shape, is_typed, members_of, shape_of};
use super::signature::Signature;
use super::{Facts, Import, MarkKind, TypeDeclaration};

/// Functions whose object argument holds a component's options.
const OPTION_CALLS: [&str; 2] = ["defineComponent", "defineOptions"];

/// Where a piece of code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a script block.
    Script,
    /// In an expression of the template.
    Template,
}

/// Walks one piece of code after the other.
pub(super) struct Collector<'f> {
    pub(super) facts: &'f mut Facts,
    pub(super) place: Place,
    /// Offset in the file of the code's first byte.
    base: usize,
    pub(super) any: AnyPlaces,
    /// How functions in object literals are to be judged; the innermost last.
    contexts: Vec<Context>,
    /// Type declarations around the current place.
    declaring: Vec<String>,
    /// Starts of calls and assertions that were dealt with from further out.
    handled: HashSet<Span>,
}

/// How functions in an object literal are to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    /// As named functions.
    Named,
    /// Only their return types: the option `computed`.
    ReturnsOnly,
    /// Not at all: their types come from where the object goes.
    Typed,
    /// The object is a component's options.
    Options,
    /// The object is the options of a Pinia store.
    Store,
}

impl<'f> Collector<'f> {
    pub(super) fn new(facts: &'f mut Facts, place: Place) -> Self {
        Self {
            facts,
            place,
            base: 0,
            any: AnyPlaces::default(),
            contexts: vec![Context::Named],
            declaring: Vec::new(),
            handled: HashSet::new(),
        }
    }

    /// Writes down what `program`, which begins at `base` in the file, holds.
    pub(super) fn walk(&mut self, program: &Program<'_>, base: usize) {
        self.base = base;
        self.any = AnyPlaces::of(program);
        self.handled.clear();
        self.visit_program(program);
    }

    fn mark(&mut self, kind: MarkKind, span: Span, text: impl Into<String>) {
        self.facts.mark(kind, self.base + span.start as usize, text);
    }

    fn context(&self) -> Context {
        self.contexts.last().copied().unwrap_or(Context::Named)
    }

    fn within(&mut self, context: Context, walk: impl FnOnce(&mut Self)) {
        self.contexts.push(context);
        walk(self);
        self.contexts.pop();
    }

    fn annotation(&mut self, span: Span) {
        self.facts.annotation_count += 1;
        self.facts.any_annotation_count += u32::from(self.any.within(span));
    }

    /// True when the type arguments are there and hold no `any`.
    pub(super) fn are_typed(&self, arguments: Option<&TSTypeParameterInstantiation<'_>>) -> bool {
        arguments.is_some_and(|a| !a.params.is_empty() && !self.any.within(a.span))
    }

    fn assertion(&mut self, span: Span, value: &Expression<'_>, kind: &TSType<'_>) {
        let inner = match value {
            Expression::TSAsExpression(inner) => Some((inner.span, &inner.type_annotation)),
            Expression::TSTypeAssertion(inner) => Some((inner.span, &inner.type_annotation)),
            _ => None,
        };
        if self.handled.contains(&span) || only_widens(value, kind) {
            return;
        }
        let claims_any = matches!(kind, TSType::TSNeverKeyword(_)) || self.any.within(kind.span());
        self.facts.any_assertion_count += u32::from(claims_any);
        let laundered = inner.filter(|(_, kind)| {
            matches!(
                kind,
                TSType::TSUnknownKeyword(_) | TSType::TSAnyKeyword(_) | TSType::TSNeverKeyword(_)
            )
        });
        if let Some((inner_span, _)) = laundered {
            self.handled.insert(inner_span);
            self.mark(MarkKind::DoubleAssertion, span, "an assertion through `unknown` or `any`");
        } else {
            self.mark(MarkKind::Assertion, span, "a type assertion");
        }
    }
}

impl<'a> Visit<'a> for Collector<'_> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if self.place == Place::Script {
            self.facts.statement_count += 1;
        }
        walk::walk_statement(self, it);
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.facts.names_used.insert(it.name.to_string());
        if self.place == Place::Template {
            self.facts.template_names.insert(it.name.to_string());
        }
    }

    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        match self.place {
            Place::Script => self.facts.bindings.insert(it.name.to_string()),
            Place::Template => false,
        };
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        for specifier in it.specifiers.iter().flatten() {
            let (name, local, kind) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(s) => {
                    (s.imported.name().to_string(), &s.local, s.import_kind)
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(s) => {
                    ("default".to_owned(), &s.local, it.import_kind)
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(s) => {
                    ("*".to_owned(), &s.local, it.import_kind)
                }
            };
            self.facts.imports.push(Import {
                from: it.source.value.to_string(),
                name,
                local: local.name.to_string(),
                type_only: it.import_kind.is_type() || kind.is_type(),
            });
        }
        walk::walk_import_declaration(self, it);
    }

    fn visit_export_default_declaration(&mut self, it: &ExportDefaultDeclaration<'a>) {
        if let Some(Expression::ObjectExpression(_)) = it.declaration.as_expression().map(bare) {
            self.facts.options_api = true;
            self.within(Context::Options, |this| {
                walk::walk_export_default_declaration(this, it);
            });
        } else {
            walk::walk_export_default_declaration(self, it);
        }
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.vue_call(it);
        if !self.handled.contains(&it.span) {
            self.state(it, None, false);
        }
        for argument in it.type_arguments.iter().flat_map(|arguments| &arguments.params) {
            self.annotation(argument.span());
        }
        let options = callee_name(&it.callee).is_some_and(|name| OPTION_CALLS.contains(&name));
        self.facts.options_api |= options;
        let context = match callee_name(&it.callee) {
            _ if options => Context::Options,
            Some("defineStore") => Context::Store,
            _ => Context::Typed,
        };
        self.within(context, |this| walk::walk_call_expression(this, it));
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        for argument in it.type_arguments.iter().flat_map(|arguments| &arguments.params) {
            self.annotation(argument.span());
        }
        self.within(Context::Typed, |this| walk::walk_new_expression(this, it));
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        let name = it.id.get_identifier_name();
        let name = name.as_ref().map(|name| name.as_str());
        let annotated = is_typed(it.type_annotation.as_deref(), &self.any);
        if it.definite {
            self.mark(MarkKind::NonNull, it.span, "a definite assignment `!`");
        }
        if let Some(init) = &it.init {
            match (bare(init), name) {
                (Expression::CallExpression(call), _) => {
                    self.handled.insert(call.span);
                    self.state(call, name, annotated);
                    if let (Some("defineEmits"), Some(name)) = (callee_name(&call.callee), name) {
                        self.facts.emit_functions.insert(name.to_owned());
                    }
                }
                (function, Some(name)) => {
                    if let Some(signature) = Signature::of(function) {
                        let asserted = !std::ptr::eq(function, init);
                        self.function(name, signature, annotated || asserted);
                    }
                }
                _ => {}
            }
        }
        if it.type_annotation.is_some() {
            self.within(Context::Typed, |this| walk::walk_variable_declarator(this, it));
        } else {
            walk::walk_variable_declarator(self, it);
        }
    }

    fn visit_object_property(&mut self, it: &ObjectProperty<'a>) {
        let context = self.context();
        let key = it.key.static_name();
        if let Some(key) = &key {
            if self.place == Place::Script {
                self.facts.bindings.insert(key.to_string());
            }
            if context == Context::Options {
                self.option(key, &it.value);
            } else if context == Context::Store {
                if key == "state" {
                    self.option("data", &it.value);
                }
            } else if let Some(mut signature) = Signature::of(&it.value) {
                signature.wants_return_type = it.kind != PropertyKind::Set;
                if context == Context::ReturnsOnly {
                    signature.wants_parameters = false;
                    signature.wants_return_type &= key != "set";
                }
                if context != Context::Typed && signature.wants_parameters
                    || signature.wants_return_type && context == Context::ReturnsOnly
                {
                    self.function(key, signature, false);
                }
            }
        }
        let inner = match (context, key.as_deref()) {
            (Context::Options, Some("methods")) => Context::Named,
            (Context::Options, Some("computed")) => Context::ReturnsOnly,
            // Getters get their parameters from the store; actions are functions like others.
            (Context::Store, Some("actions")) => Context::Named,
            (Context::Options | Context::Store, _) => Context::Typed,
            (other, _) => other,
        };
        self.within(inner, |this| walk::walk_object_property(this, it));
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if let Some(name) = &it.id
            && it.r#type == FunctionType::FunctionDeclaration
        {
            self.function(name.name.as_str(), Signature::of_function(it), false);
        }
        self.within(Context::Named, |this| walk::walk_function(this, it, flags));
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.within(Context::Named, |this| walk::walk_arrow_function_expression(this, it));
    }

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        if let Some(name) = it.key.static_name().filter(|_| it.value.body.is_some()) {
            let mut signature = Signature::of_function(&it.value);
            signature.wants_return_type =
                !matches!(it.kind, MethodDefinitionKind::Constructor | MethodDefinitionKind::Set);
            self.function(&name, signature, false);
        }
        walk::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        if let Some(name) = it.key.static_name()
            && let Some(signature) = it.value.as_ref().and_then(Signature::of)
        {
            let annotated = is_typed(it.type_annotation.as_deref(), &self.any);
            self.function(&name, signature, annotated);
        }
        walk::walk_property_definition(self, it);
    }

    fn visit_ts_interface_declaration(&mut self, it: &TSInterfaceDeclaration<'a>) {
        let mut parts: Vec<Shape> = vec![Shape::Members(members_of(&it.body.body, &self.any))];
        for heritage in &it.extends {
            if let TSTypeName::IdentifierReference(name) = &heritage.type_name {
                let arguments = heritage.type_arguments.iter().flat_map(|a| &a.params);
                let arguments = arguments.map(|kind| shape_of(kind, &self.any)).collect();
                parts.push(Shape::Reference(name.name.to_string(), arguments));
            }
        }
        let name = it.id.name.to_string();
        let shape = Shape::All(parts);
        let used = false;
        self.facts.types.push(TypeDeclaration { name: name.clone(), interface: true, shape, used });
        self.declaring.push(name);
        walk::walk_ts_interface_declaration(self, it);
        self.declaring.pop();
    }

    fn visit_ts_type_alias_declaration(&mut self, it: &TSTypeAliasDeclaration<'a>) {
        let name = it.id.name.to_string();
        let mut shape = shape_of(&it.type_annotation, &self.any);
        if let Shape::Members(members) = &mut shape
            && self.any.within(it.type_annotation.span())
        {
            // `{ a: any }` keeps its typed members; `(a: any) => void` has none.
            members.retain(|member: &Member| member.name != "()");
        }
        let used = false;
        self.facts.types.push(TypeDeclaration {
            name: name.clone(),
            interface: false,
            shape,
            used,
        });
        self.declaring.push(name);
        walk::walk_ts_type_alias_declaration(self, it);
        self.declaring.pop();
    }

    fn visit_ts_type_name(&mut self, it: &TSTypeName<'a>) {
        if let TSTypeName::IdentifierReference(name) = it {
            let inside = self.declaring.last().cloned();
            self.facts.type_uses.push((inside, name.name.to_string()));
        }
        walk::walk_ts_type_name(self, it);
    }

    fn visit_ts_type_parameter(&mut self, it: &TSTypeParameter<'a>) {
        self.facts.type_parameters.insert(it.name.name.to_string());
        walk::walk_ts_type_parameter(self, it);
    }

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.annotation(it.span);
        walk::walk_ts_type_annotation(self, it);
    }

    fn visit_ts_any_keyword(&mut self, it: &TSAnyKeyword) {
        self.mark(MarkKind::Any, it.span, "`any`");
    }

    fn visit_ts_object_keyword(&mut self, it: &TSObjectKeyword) {
        self.mark(MarkKind::WeakType, it.span, "`object`");
    }

    fn visit_ts_type_reference(&mut self, it: &TSTypeReference<'a>) {
        if let TSTypeName::IdentifierReference(name) = &it.type_name
            && matches!(name.name.as_str(), "Function" | "Object")
        {
            self.mark(MarkKind::WeakType, it.span, format!("`{}`", name.name));
        }
        walk::walk_ts_type_reference(self, it);
    }

    fn visit_ts_type_literal(&mut self, it: &TSTypeLiteral<'a>) {
        if it.members.is_empty() && !self.handled.contains(&it.span) {
            self.mark(MarkKind::WeakType, it.span, "`{}`");
        }
        walk::walk_ts_type_literal(self, it);
    }

    fn visit_ts_intersection_type(&mut self, it: &TSIntersectionType<'a>) {
        // `string & {}` keeps the suggestions of a union; it is no weak type.
        for part in &it.types {
            if let TSType::TSTypeLiteral(literal) = part {
                self.handled.insert(literal.span);
            }
        }
        walk::walk_ts_intersection_type(self, it);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        if is_prop_type(&it.expression, &it.type_annotation) {
            self.annotation(it.type_annotation.span());
        } else if type_name(&it.type_annotation) != Some("const") {
            self.assertion(it.span, &it.expression, &it.type_annotation);
        }
        self.within_object(&it.expression, |this| walk::walk_ts_as_expression(this, it));
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        if type_name(&it.type_annotation) != Some("const") {
            self.assertion(it.span, &it.expression, &it.type_annotation);
        }
        self.within_object(&it.expression, |this| walk::walk_ts_type_assertion(this, it));
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.facts.satisfies_count += 1;
        self.within_object(&it.expression, |this| walk::walk_ts_satisfies_expression(this, it));
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.mark(MarkKind::NonNull, it.span, "a non-null assertion `!`");
        walk::walk_ts_non_null_expression(self, it);
    }
}

impl Collector<'_> {
    /// Walks an asserted value: an object literal then gets its types from the
    /// assertion, unless it is a component's options.
    fn within_object(&mut self, value: &Expression<'_>, walk: impl FnOnce(&mut Self)) {
        match (value, self.context()) {
            (Expression::ObjectExpression(_), Context::Named) => self.within(Context::Typed, walk),
            _ => walk(self),
        }
    }
}
