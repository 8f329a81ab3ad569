//! What was seen in a component: names, types and habits, with their places.
//!
//! Facts are plain data that outlive the syntax tree. They say what is there;
//! what it is worth is decided in `checks` and `score`.

mod collect;
mod erased;
mod judge;
mod runtime;
mod shape;
mod signature;
mod suppressions;
mod visitor;
mod vue;

use std::collections::BTreeSet;

pub use collect::{collect, collect_module};
pub use shape::{Member, Resolved, Shape};

/// Everything that was seen in one component.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What does not parse: byte offset and message, by offset.
    pub errors: Vec<(usize, String)>,
    /// One per script block.
    pub scripts: Vec<Script>,
    /// Interfaces and type aliases.
    pub types: Vec<TypeDeclaration>,
    /// One per imported name.
    pub imports: Vec<Import>,
    /// Named functions and methods; callbacks are not among them.
    pub functions: Vec<NamedFunction>,
    /// Calls of `ref` and its kin, and the keys of `data()`.
    pub state: Vec<State>,
    /// One per `defineProps` or option `props`.
    pub props: Vec<Shape>,
    /// One per `defineEmits` or option `emits`.
    pub emits: Vec<Shape>,
    /// One per `defineModel`.
    pub models: Vec<Model>,
    /// Doubtful places, by offset.
    pub marks: Vec<Mark>,
    /// Type annotations and type arguments of calls.
    pub annotation_count: u32,
    /// Those that hold an `any`.
    pub any_annotation_count: u32,
    /// Assertions to `any`, to something that holds one, or to `never`.
    pub any_assertion_count: u32,
    /// `x satisfies T`.
    pub satisfies_count: u32,
    /// Statements in scripts, at any depth.
    pub statement_count: u32,
    /// Elements in the template.
    pub template_node_count: u32,
    /// Names that the template's expressions use and do not declare.
    pub template_names: BTreeSet<String>,
    /// Events that are sent by `emit('…')`.
    pub events_sent: BTreeSet<String>,
    /// Names that scripts declare: variables, functions, keys of objects.
    pub bindings: BTreeSet<String>,
    /// Names that scripts and template refer to, as values or types.
    pub names_used: BTreeSet<String>,
    /// What is left of the scripts without types and comments.
    pub script_tokens: Vec<String>,
    /// What is left of the template without comments.
    pub template_tokens: Vec<String>,
    /// True for a TypeScript file, which is no component.
    pub is_module: bool,
    /// True when there is an options object (`export default`, `defineComponent`).
    pub options_api: bool,
    /// Generic parameters, which are no undeclared types.
    type_parameters: BTreeSet<String>,
    /// Names under which `emit` goes by.
    emit_functions: BTreeSet<String>,
    /// (Declaration in which it stands, name) of every reference to a type.
    type_uses: Vec<(Option<String>, String)>,
}

/// A script block.
#[derive(Debug, Clone)]
pub struct Script {
    /// Byte offset of the tag.
    pub offset: usize,
    /// `<script setup>`.
    pub setup: bool,
    /// Value of `lang`.
    pub lang: Option<String>,
}

/// An interface or a type alias.
#[derive(Debug, Clone)]
pub struct TypeDeclaration {
    /// Its name.
    pub name: String,
    /// False for an alias.
    pub interface: bool,
    /// What it holds.
    pub shape: Shape,
    /// Whether anything but itself, or what is itself unused, refers to it.
    pub used: bool,
}

/// An imported name.
#[derive(Debug, Clone)]
pub struct Import {
    /// The module.
    pub from: String,
    /// Its name there; `default` or `*`.
    pub name: String,
    /// Its name here.
    pub local: String,
    /// `import type`.
    pub type_only: bool,
}

/// A function with a name.
#[derive(Debug, Clone)]
pub struct NamedFunction {
    /// Its name.
    pub name: String,
    /// Parameters that ought to be typed.
    pub parameter_count: u32,
    /// Those that are.
    pub typed_parameter_count: u32,
    /// False for constructors and setters.
    pub wants_return_type: bool,
    /// Whether it has one without `any`.
    pub has_return_type: bool,
}

/// A piece of reactive state.
#[derive(Debug, Clone)]
pub struct State {
    /// The function called, or `data`.
    pub call: String,
    /// The variable, where there is one.
    pub name: Option<String>,
    /// A type argument or annotation without `any`.
    pub explicit: bool,
    /// A value that determines the type.
    pub inferred: bool,
}

/// A `defineModel`.
#[derive(Debug, Clone)]
pub struct Model {
    /// `modelValue` when not named.
    pub name: String,
    /// A type argument without `any`, or a runtime type.
    pub typed: bool,
}

/// A doubtful place.
#[derive(Debug, Clone)]
pub struct Mark {
    /// What it is.
    pub kind: MarkKind,
    /// Byte offset in the file.
    pub offset: usize,
    /// What stands there, for the user.
    pub text: String,
}

/// What a [`Mark`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// `any`.
    Any,
    /// `x as T`, `<T>x`.
    Assertion,
    /// `x as unknown as T`.
    DoubleAssertion,
    /// `x!`.
    NonNull,
    /// `Function`, `Object`, `object`, `{}`.
    WeakType,
    /// `@ts-ignore` and its kin.
    Suppression,
}

impl Facts {
    /// Facts of a component that cannot be looked into.
    pub fn unreadable(message: String) -> Self {
        Self { errors: vec![(0, message)], ..Self::default() }
    }

    /// Number of marks of a kind.
    pub fn count(&self, kind: MarkKind) -> u32 {
        self.marks.iter().filter(|mark| mark.kind == kind).count() as u32
    }

    /// True when there is a script and every script is TypeScript.
    pub fn is_typescript(&self) -> bool {
        !self.scripts.is_empty()
            && self.scripts.iter().all(|s| matches!(s.lang.as_deref(), Some("ts" | "tsx")))
    }

    /// What all declared props hold together.
    pub fn resolve_props(&self) -> Resolved {
        self.resolve(&self.props)
    }

    /// What all declared events hold together.
    pub fn resolve_emits(&self) -> Resolved {
        self.resolve(&self.emits)
    }

    /// Parameters of named functions: all, and those that are typed.
    pub fn parameter_counts(&self) -> (u32, u32) {
        self.functions.iter().fold((0, 0), |(all, typed), function| {
            (all + function.parameter_count, typed + function.typed_parameter_count)
        })
    }

    /// Named functions that want a return type, and those that have one.
    pub fn return_counts(&self) -> (u32, u32) {
        let wanting = self.functions.iter().filter(|f| f.wants_return_type);
        wanting.fold((0, 0), |(all, typed), f| (all + 1, typed + u32::from(f.has_return_type)))
    }

    /// True when the file declares, uses or sends something of that name.
    pub fn names(&self, name: &str) -> bool {
        self.bindings.contains(name)
            || self.template_names.contains(name)
            || self.events_sent.contains(name)
            || self.resolve_props().member(name).is_some()
    }

    /// True when something is annotated, or when types are all that a module holds.
    pub fn has_types(&self) -> bool {
        self.annotation_count > self.any_annotation_count
            || (self.is_module && self.any_annotation_count == 0 && !self.types.is_empty())
    }

    fn mark(&mut self, kind: MarkKind, offset: usize, text: impl Into<String>) {
        self.marks.push(Mark { kind, offset, text: text.into() });
    }
}
