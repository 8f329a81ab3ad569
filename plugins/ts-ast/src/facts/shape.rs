//! Types, boiled down to what the checks ask: which members, typed or not.

use llmbench_api::Json;
use oxc_ast::ast::{
    FormalParameters, TSLiteral, TSSignature, TSType, TSTypeAnnotation, TSTypeName,
};
use oxc_span::GetSpan;

use super::judge::AnyPlaces;
use super::{Facts, Import};

/// A type as far as the checks look into it.
#[derive(Debug, Clone)]
pub enum Shape {
    /// An object type, or the runtime declaration of one.
    Members(Vec<Member>),
    /// A name with type arguments.
    Reference(String, Vec<Shape>),
    /// An intersection or union, or an interface with what it extends.
    All(Vec<Shape>),
    /// Something else that says what a value is.
    Opaque,
    /// `any`, or a type that says as little.
    Nothing,
}

/// A member of an object type, or one event of a call signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it has a type without `any`.
    pub typed: bool,
}

/// Members of a shape, references followed.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Each name once; typed if it is typed anywhere.
    pub members: Vec<Member>,
    /// Parts that cannot be listed, but are types: imports, mapped types …
    pub opaque_count: u32,
    /// References to names that are neither declared nor imported.
    pub unknown: Vec<String>,
}

impl Resolved {
    /// The member called `name`.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Number of typed members, opaque parts included.
    pub fn typed_count(&self) -> u32 {
        self.members.iter().filter(|m| m.typed).count() as u32 + self.opaque_count
    }

    /// For the user.
    pub fn to_json(&self) -> Json {
        self.members.iter().map(|m| (m.name.clone(), Json::Bool(m.typed))).collect()
    }
}

impl Facts {
    /// The members of `shapes` taken together.
    pub fn resolve(&self, shapes: &[Shape]) -> Resolved {
        let mut resolved = Resolved::default();
        let mut open: Vec<&Shape> = shapes.iter().rev().collect();
        let mut followed: Vec<&str> = Vec::new();
        while let Some(shape) = open.pop() {
            match shape {
                Shape::Members(members) => {
                    for member in members {
                        match resolved.members.iter_mut().find(|known| known.name == member.name) {
                            Some(known) => known.typed |= member.typed,
                            None => resolved.members.push(member.clone()),
                        }
                    }
                }
                Shape::All(parts) => open.extend(parts.iter().rev()),
                Shape::Opaque => resolved.opaque_count += 1,
                Shape::Nothing => {}
                Shape::Reference(name, arguments) => {
                    let declared = self.types.iter().filter(|d| d.name == *name);
                    if declared.clone().next().is_some() {
                        if !followed.contains(&name.as_str()) {
                            followed.push(name);
                            open.extend(declared.map(|declaration| &declaration.shape));
                        }
                    } else if let ("Readonly" | "Partial" | "Required" | "DeepReadonly", [inner]) =
                        (name.as_str(), &arguments[..])
                    {
                        open.push(inner);
                    } else if self.knows_type(name) {
                        resolved.opaque_count += 1;
                    } else {
                        resolved.unknown.push(name.clone());
                    }
                }
            }
        }
        resolved
    }

    fn knows_type(&self, name: &str) -> bool {
        const UTILITIES: [&str; 14] = [
            "Pick",
            "Omit",
            "Record",
            "Exclude",
            "Extract",
            "NonNullable",
            "ReturnType",
            "Parameters",
            "InstanceType",
            "Awaited",
            "Array",
            "Map",
            "Set",
            "Promise",
        ];
        UTILITIES.contains(&name)
            || self.type_parameters.contains(name)
            || self.imports.iter().any(|Import { local, .. }| local == name)
    }
}

/// The shape of a type.
pub(super) fn shape_of(kind: &TSType<'_>, any: &AnyPlaces) -> Shape {
    match kind {
        TSType::TSTypeLiteral(literal) => Shape::Members(members_of(&literal.members, any)),
        TSType::TSFunctionType(function) => Shape::Members(events_of(&function.params, any)),
        TSType::TSIntersectionType(parts) => {
            Shape::All(parts.types.iter().map(|part| shape_of(part, any)).collect())
        }
        TSType::TSUnionType(parts) => {
            Shape::All(parts.types.iter().map(|part| shape_of(part, any)).collect())
        }
        TSType::TSParenthesizedType(inner) => shape_of(&inner.type_annotation, any),
        TSType::TSTypeReference(reference) => {
            let name = match &reference.type_name {
                TSTypeName::IdentifierReference(name) => name.name.as_str(),
                _ => return opaque(kind, any),
            };
            if matches!(name, "Function" | "Object") {
                return Shape::Nothing;
            }
            let arguments = reference.type_arguments.as_ref();
            if arguments.is_some_and(|a| any.within(a.span)) {
                return Shape::Nothing;
            }
            let arguments = arguments.map_or_else(Vec::new, |arguments| {
                arguments.params.iter().map(|argument| shape_of(argument, any)).collect()
            });
            Shape::Reference(name.to_owned(), arguments)
        }
        TSType::TSAnyKeyword(_) | TSType::TSUnknownKeyword(_) | TSType::TSObjectKeyword(_) => {
            Shape::Nothing
        }
        _ => opaque(kind, any),
    }
}

/// Members of an interface or object type; call signatures give their events.
pub(super) fn members_of(signatures: &[TSSignature<'_>], any: &AnyPlaces) -> Vec<Member> {
    let mut members = Vec::new();
    for signature in signatures {
        match signature {
            TSSignature::TSPropertySignature(property) => {
                if let Some(name) = property.key.static_name() {
                    let typed = is_typed(property.type_annotation.as_deref(), any);
                    members.push(Member { name: name.into_owned(), typed });
                }
            }
            TSSignature::TSMethodSignature(method) => {
                if let Some(name) = method.key.static_name() {
                    let typed = !any.within(method.span)
                        && method.params.items.iter().all(|p| p.type_annotation.is_some());
                    members.push(Member { name: name.into_owned(), typed });
                }
            }
            TSSignature::TSCallSignatureDeclaration(call) => {
                members.extend(events_of(&call.params, any));
            }
            TSSignature::TSIndexSignature(index) => {
                members.push(Member { name: "[index]".into(), typed: !any.within(index.span) });
            }
            TSSignature::TSConstructSignatureDeclaration(_) => {}
        }
    }
    members
}

/// True for an annotation that holds no `any`.
pub(super) fn is_typed(annotation: Option<&TSTypeAnnotation<'_>>, any: &AnyPlaces) -> bool {
    annotation.is_some_and(|annotation| !any.within(annotation.span))
}

/// Events that a function type accepts: `(event: 'save' | 'close', user: User)`.
fn events_of(parameters: &FormalParameters<'_>, any: &AnyPlaces) -> Vec<Member> {
    let Some((event, payload)) = parameters.items.split_first() else {
        // A function that is no emit counts as one member.
        return vec![Member { name: "()".into(), typed: true }];
    };
    let typed = payload.iter().all(|p| is_typed(p.type_annotation.as_deref(), any))
        && parameters.rest.as_ref().is_none_or(|r| is_typed(r.type_annotation.as_deref(), any));
    let mut names = Vec::new();
    if let Some(annotation) = &event.type_annotation {
        literal_names(&annotation.type_annotation, &mut names);
    }
    if names.is_empty() {
        return vec![Member { name: "()".into(), typed: !any.within(parameters.span) }];
    }
    names.into_iter().map(|name| Member { name, typed }).collect()
}

fn literal_names(kind: &TSType<'_>, names: &mut Vec<String>) {
    match kind {
        TSType::TSLiteralType(literal) => {
            if let TSLiteral::StringLiteral(text) = &literal.literal {
                names.push(text.value.to_string());
            }
        }
        TSType::TSUnionType(union) => {
            for part in &union.types {
                literal_names(part, names);
            }
        }
        _ => {}
    }
}

fn opaque(kind: &TSType<'_>, any: &AnyPlaces) -> Shape {
    if any.within(kind.span()) { Shape::Nothing } else { Shape::Opaque }
}
