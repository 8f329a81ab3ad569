//! What only means something to Vue: its compiler macros, reactive state, options.

use oxc_ast::ast::{
    Argument, CallExpression, Expression, MemberExpression, ObjectPropertyKind, Statement,
};
use oxc_span::{GetSpan, Span};

use super::judge::{bare, callee_name, determines, string_argument};
use super::shape::{Shape, is_typed, shape_of};
use super::visitor::Collector;
use super::{Model, State, runtime};

/// Functions that make reactive state.
const STATE_CALLS: [&str; 5] = ["ref", "shallowRef", "reactive", "shallowReactive", "computed"];

impl Collector<'_> {
    /// Writes down a call of `ref` and its kin.
    pub(super) fn state(&mut self, call: &CallExpression<'_>, name: Option<&str>, annotated: bool) {
        let Some(callee) = callee_name(&call.callee).filter(|c| STATE_CALLS.contains(c)) else {
            return;
        };
        let value = call.arguments.first().and_then(Argument::as_expression);
        let computed = value.and_then(|value| match value {
            Expression::ArrowFunctionExpression(function) => Some(function.return_type.as_deref()),
            Expression::FunctionExpression(function) => Some(function.return_type.as_deref()),
            _ => None,
        });
        let any_returned = computed.flatten().is_some_and(|a| self.any.within(a.span));
        let explicit = annotated
            || self.are_typed(call.type_arguments.as_deref())
            || (callee == "computed" && is_typed(computed.flatten(), &self.any));
        let inferred = call.type_arguments.is_none()
            && !any_returned
            && value.is_some_and(|value| determines(value) && !self.any.within(value_type(value)));
        self.facts.state.push(State {
            call: callee.to_owned(),
            name: name.map(str::to_owned),
            explicit,
            inferred,
        });
    }

    /// Calls that mean something to Vue, whatever their place.
    pub(super) fn vue_call(&mut self, call: &CallExpression<'_>) {
        let type_argument = call.type_arguments.as_ref().and_then(|a| a.params.first());
        let value = call.arguments.first().and_then(Argument::as_expression);
        match callee_name(&call.callee) {
            Some("defineProps") => {
                let shape = match (type_argument, value) {
                    (Some(kind), _) => shape_of(kind, &self.any),
                    (None, Some(value)) => runtime::props(value, &self.any),
                    (None, None) => Shape::Nothing,
                };
                self.facts.props.push(shape);
            }
            Some("defineEmits") => {
                let shape = match (type_argument, value) {
                    (Some(kind), _) => shape_of(kind, &self.any),
                    (None, Some(value)) => runtime::emits(value, &self.any),
                    (None, None) => Shape::Nothing,
                };
                self.facts.emits.push(shape);
            }
            Some("defineModel") => {
                let name = string_argument(call.arguments.first());
                let options = call.arguments.get(usize::from(name.is_some()));
                let runtime_type = match options.and_then(Argument::as_expression) {
                    Some(options @ Expression::ObjectExpression(_)) => {
                        runtime::prop_is_typed(options, &self.any)
                    }
                    _ => false,
                };
                let typed = match type_argument {
                    Some(_) => self.are_typed(call.type_arguments.as_deref()),
                    None => runtime_type,
                };
                let name = name.unwrap_or("modelValue").to_owned();
                self.facts.models.push(Model { name, typed });
            }
            _ => {}
        }
        let emits = match &call.callee {
            Expression::Identifier(name) => {
                matches!(name.name.as_str(), "emit" | "$emit")
                    || self.facts.emit_functions.contains(name.name.as_str())
            }
            other => other
                .as_member_expression()
                .and_then(MemberExpression::static_property_name)
                .is_some_and(|name| matches!(name, "emit" | "$emit")),
        };
        if emits && let Some(event) = string_argument(call.arguments.first()) {
            self.facts.events_sent.insert(event.to_owned());
        }
    }

    /// Writes down an entry of a component's options.
    pub(super) fn option(&mut self, key: &str, value: &Expression<'_>) {
        match key {
            "props" => self.facts.props.push(runtime::props(value, &self.any)),
            "emits" => self.facts.emits.push(runtime::emits(value, &self.any)),
            "data" => self.data(value),
            _ => {}
        }
    }

    /// The keys that the option `data()` returns are state.
    fn data(&mut self, value: &Expression<'_>) {
        let (return_type, statements, expression) = match value {
            Expression::FunctionExpression(function) => (
                function.return_type.as_deref(),
                function.body.as_ref().map(|body| &body.statements),
                None,
            ),
            Expression::ArrowFunctionExpression(function) => (
                function.return_type.as_deref(),
                function.body.as_function_body().map(|body| &body.statements),
                function.body.as_expression(),
            ),
            _ => return,
        };
        let returned = statements.and_then(|statements| {
            statements.iter().find_map(|statement| match statement {
                Statement::ReturnStatement(statement) => statement.argument.as_ref(),
                _ => None,
            })
        });
        let explicit = is_typed(return_type, &self.any);
        if let Some(Expression::ObjectExpression(object)) = expression.or(returned).map(bare) {
            for property in &object.properties {
                if let ObjectPropertyKind::ObjectProperty(property) = property
                    && let Some(name) = property.key.static_name()
                {
                    let asserted = matches!(
                        property.value,
                        Expression::TSAsExpression(_) | Expression::TSTypeAssertion(_)
                    ) && !self.any.within(property.value.span());
                    self.facts.state.push(State {
                        call: "data".into(),
                        name: Some(name.into_owned()),
                        explicit: explicit || asserted,
                        inferred: determines(&property.value)
                            && !self.any.within(value_type(&property.value)),
                    });
                }
            }
        }
    }
}

/// Where the type of a value would be written that is asserted; else nowhere.
fn value_type(value: &Expression<'_>) -> Span {
    match value {
        Expression::TSAsExpression(it) => it.type_annotation.span(),
        Expression::TSTypeAssertion(it) => it.type_annotation.span(),
        _ => Span::default(),
    }
}
