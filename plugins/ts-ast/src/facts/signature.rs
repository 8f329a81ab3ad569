//! Functions with a name: how much of their signature is written out.

use oxc_ast::ast::{Expression, FormalParameter, FormalParameters, Function, TSTypeAnnotation};

use super::NamedFunction;
use super::judge::determines;
use super::shape::is_typed;
use super::visitor::{Collector, Place};

/// The signature of a function, and what of it ought to be written out.
pub(super) struct Signature<'n, 'a> {
    pub(super) parameters: &'n FormalParameters<'a>,
    pub(super) return_type: Option<&'n TSTypeAnnotation<'a>>,
    pub(super) wants_parameters: bool,
    pub(super) wants_return_type: bool,
}

impl<'n, 'a> Signature<'n, 'a> {
    pub(super) fn of_function(function: &'n Function<'a>) -> Self {
        Self {
            parameters: &function.params,
            return_type: function.return_type.as_deref(),
            wants_parameters: true,
            wants_return_type: true,
        }
    }

    /// The signature of a function expression; `None` for anything else.
    pub(super) fn of(value: &'n Expression<'a>) -> Option<Self> {
        match value {
            Expression::FunctionExpression(function) => Some(Self::of_function(function)),
            Expression::ArrowFunctionExpression(function) => Some(Self {
                parameters: &function.params,
                return_type: function.return_type.as_deref(),
                wants_parameters: true,
                wants_return_type: true,
            }),
            _ => None,
        }
    }
}

impl Collector<'_> {
    /// Writes down a named function; with `typed_by_context` all of it counts as typed.
    pub(super) fn function(
        &mut self,
        name: &str,
        signature: Signature<'_, '_>,
        typed_by_context: bool,
    ) {
        if self.place == Place::Template {
            return;
        }
        let Signature { parameters, return_type, wants_parameters, wants_return_type } = signature;
        let is_typed_parameter = |parameter: &&FormalParameter<'_>| {
            typed_by_context
                || match &parameter.type_annotation {
                    Some(annotation) => !self.any.within(annotation.span),
                    None => parameter.initializer.as_ref().is_some_and(|value| determines(value)),
                }
        };
        let mut parameter_count = parameters.items.len();
        let mut typed_count = parameters.items.iter().filter(is_typed_parameter).count();
        if let Some(rest) = &parameters.rest {
            parameter_count += 1;
            let typed = typed_by_context || is_typed(rest.type_annotation.as_deref(), &self.any);
            typed_count += usize::from(typed);
        }
        if !wants_parameters {
            (parameter_count, typed_count) = (0, 0);
        }
        let has_return_type =
            wants_return_type && (typed_by_context || is_typed(return_type, &self.any));
        self.facts.bindings.insert(name.to_owned());
        self.facts.functions.push(NamedFunction {
            name: name.to_owned(),
            parameter_count: parameter_count as u32,
            typed_parameter_count: typed_count as u32,
            wants_return_type,
            has_return_type,
        });
    }
}
