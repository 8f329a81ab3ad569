//! llmbench plugin: ts-ast.
