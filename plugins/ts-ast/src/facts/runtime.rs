//! Props, events and models that are declared by values instead of types.

use oxc_ast::ast::{ArrayExpressionElement, Expression, ObjectExpression, ObjectPropertyKind};

use super::judge::{AnyPlaces, bare, is_prop_type};
use super::shape::{Member, Shape, is_typed};
use oxc_span::GetSpan;

/// The shape of a `props` option or the argument of `defineProps`.
pub(super) fn props(value: &Expression<'_>, any: &AnyPlaces) -> Shape {
    members(value, |value| prop_is_typed(value, any))
}

/// The shape of an `emits` option or the argument of `defineEmits`.
pub(super) fn emits(value: &Expression<'_>, any: &AnyPlaces) -> Shape {
    members(value, |value| match bare(value) {
        Expression::ArrowFunctionExpression(function) => {
            function.params.items.iter().all(|p| is_typed(p.type_annotation.as_deref(), any))
        }
        Expression::FunctionExpression(function) => {
            function.params.items.iter().all(|p| is_typed(p.type_annotation.as_deref(), any))
        }
        _ => false,
    })
}

/// True when a runtime prop says its type: `String`, `{ type: Object as PropType<User> }`.
pub(super) fn prop_is_typed(value: &Expression<'_>, any: &AnyPlaces) -> bool {
    match value {
        Expression::TSAsExpression(assertion) => {
            is_prop_type(&assertion.expression, &assertion.type_annotation)
                && !any.within(assertion.type_annotation.span())
        }
        Expression::Identifier(name) => {
            !matches!(name.name.as_str(), "Object" | "Array" | "Function" | "undefined")
        }
        Expression::ArrayExpression(array) => {
            !array.elements.is_empty()
                && array
                    .elements
                    .iter()
                    .all(|element| element.as_expression().is_some_and(|e| prop_is_typed(e, any)))
        }
        Expression::ObjectExpression(object) => {
            property(object, "type").is_some_and(|kind| prop_is_typed(kind, any))
        }
        _ => false,
    }
}

/// The value of a property with a plain name.
pub(super) fn property<'e, 'a>(
    object: &'e ObjectExpression<'a>,
    name: &str,
) -> Option<&'e Expression<'a>> {
    object.properties.iter().find_map(|property| match property {
        ObjectPropertyKind::ObjectProperty(property)
            if property.key.is_specific_static_name(name) =>
        {
            Some(&property.value)
        }
        _ => None,
    })
}

fn members(value: &Expression<'_>, typed: impl Fn(&Expression<'_>) -> bool) -> Shape {
    let mut members = Vec::new();
    match bare(value) {
        Expression::ArrayExpression(array) => {
            for element in &array.elements {
                if let ArrayExpressionElement::StringLiteral(name) = element {
                    members.push(Member { name: name.value.to_string(), typed: false });
                }
            }
        }
        Expression::ObjectExpression(object) => {
            for property in &object.properties {
                if let ObjectPropertyKind::ObjectProperty(property) = property
                    && let Some(name) = property.key.static_name()
                {
                    members.push(Member { name: name.into_owned(), typed: typed(&property.value) });
                }
            }
        }
        _ => {}
    }
    Shape::Members(members)
}
