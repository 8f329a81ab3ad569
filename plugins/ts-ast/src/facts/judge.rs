//! Small questions about expressions and types.

use oxc_ast::ast::{
    Argument, ArrayExpressionElement, Expression, ObjectPropertyKind, Program, TSAnyKeyword,
    TSType, TSTypeName,
};
use oxc_ast_visit::Visit;
use oxc_span::Span;

/// Offsets of all `any` of a program, so that “is one in here” costs a search
/// and no walk; nested annotations would make that quadratic.
#[derive(Debug, Default)]
pub(super) struct AnyPlaces(Vec<u32>);

impl AnyPlaces {
    pub(super) fn of(program: &Program<'_>) -> Self {
        let mut places = Self::default();
        places.visit_program(program);
        places.0.sort_unstable();
        places
    }

    /// True when an `any` stands within `span`.
    pub(super) fn within(&self, span: Span) -> bool {
        let first = self.0.partition_point(|at| *at < span.start);
        self.0.get(first).is_some_and(|at| *at < span.end)
    }
}

impl<'a> Visit<'a> for AnyPlaces {
    fn visit_ts_any_keyword(&mut self, any: &TSAnyKeyword) {
        self.0.push(any.span.start);
    }
}

/// True when the value determines its type: `0` does, `null`, `[]` and `new Map()` do not.
pub(super) fn determines(value: &Expression<'_>) -> bool {
    match value {
        Expression::NullLiteral(_) => false,
        Expression::Identifier(name) => name.name != "undefined",
        Expression::ArrayExpression(array) => {
            !array.elements.is_empty()
                && array.elements.iter().all(|element| match element {
                    ArrayExpressionElement::SpreadElement(_) => true,
                    other => other.as_expression().is_some_and(determines),
                })
        }
        Expression::ObjectExpression(object) => {
            !object.properties.is_empty()
                && object.properties.iter().all(|property| match property {
                    ObjectPropertyKind::ObjectProperty(property) => determines(&property.value),
                    ObjectPropertyKind::SpreadProperty(_) => true,
                })
        }
        Expression::NewExpression(new) => {
            let collection = matches!(
                &new.callee,
                Expression::Identifier(name)
                    if matches!(name.name.as_str(), "Map" | "Set" | "WeakMap" | "WeakSet" | "Array")
            );
            !collection || new.type_arguments.is_some() || !new.arguments.is_empty()
        }
        _ => true,
    }
}

/// True when an assertion only gives an empty value its type: `[] as User[]`,
/// `null as User | null`. Nothing is claimed that the value does not fulfil.
pub(super) fn only_widens(value: &Expression<'_>, kind: &TSType<'_>) -> bool {
    match value {
        Expression::ArrayExpression(array) if array.elements.is_empty() => match kind {
            TSType::TSArrayType(_) => true,
            TSType::TSTypeOperatorType(_) => true,
            _ => matches!(type_name(kind), Some("Array" | "ReadonlyArray")),
        },
        Expression::NullLiteral(_) => {
            union_has(kind, |part| matches!(part, TSType::TSNullKeyword(_)))
        }
        Expression::Identifier(name) if name.name == "undefined" => {
            union_has(kind, |part| matches!(part, TSType::TSUndefinedKeyword(_)))
        }
        _ => false,
    }
}

/// True for `Object as PropType<T>` and the older `Object as () => T`.
pub(super) fn is_prop_type(value: &Expression<'_>, kind: &TSType<'_>) -> bool {
    let constructor =
        matches!(
            value,
            Expression::Identifier(name) if matches!(
                name.name.as_str(),
                "Object" | "Array" | "Function" | "String" | "Number" | "Boolean" | "Date"
            )
        ) || matches!(value, Expression::ArrayExpression(_) | Expression::NullLiteral(_));
    constructor
        && (type_name(kind) == Some("PropType") || matches!(kind, TSType::TSFunctionType(_)))
}

/// The simple name of a type reference.
pub(super) fn type_name<'k>(kind: &'k TSType<'_>) -> Option<&'k str> {
    let TSType::TSTypeReference(reference) = kind else { return None };
    match &reference.type_name {
        TSTypeName::IdentifierReference(name) => Some(name.name.as_str()),
        _ => None,
    }
}

/// The simple name of what is called.
pub(super) fn callee_name<'e>(callee: &'e Expression<'_>) -> Option<&'e str> {
    match callee {
        Expression::Identifier(name) => Some(name.name.as_str()),
        _ => None,
    }
}

/// The expression below `as`, `satisfies`, `<T>` and `!`.
pub(super) fn bare<'e, 'a>(mut value: &'e Expression<'a>) -> &'e Expression<'a> {
    loop {
        value = match value {
            Expression::TSAsExpression(it) => &it.expression,
            Expression::TSSatisfiesExpression(it) => &it.expression,
            Expression::TSTypeAssertion(it) => &it.expression,
            Expression::TSNonNullExpression(it) => &it.expression,
            Expression::ParenthesizedExpression(it) => &it.expression,
            _ => return value,
        }
    }
}

/// The text of a string literal given as an argument.
pub(super) fn string_argument<'e>(argument: Option<&'e Argument<'_>>) -> Option<&'e str> {
    match argument {
        Some(Argument::StringLiteral(text)) => Some(text.value.as_str()),
        _ => None,
    }
}

fn union_has(kind: &TSType<'_>, mut wanted: impl FnMut(&TSType<'_>) -> bool) -> bool {
    match kind {
        TSType::TSUnionType(union) => union.types.iter().any(wanted),
        other => wanted(other),
    }
}
