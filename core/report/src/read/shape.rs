//! Findings that are checked and not kept: no text is copied and no list is made.
//!
//! Field for field [`llmbench_api::Findings`]; what is an error there is one here.

use std::fmt;
use std::marker::PhantomData;

use llmbench_api::{FindingsStatus, Severity};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Role → findings.
pub(super) type FindingsByRole = Values<FindingsShape>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FindingsShape {
    validator: Text,
    status: FindingsStatus,
    reason: Option<Text>,
    score: Option<f64>,
    diagnostics: Items<DiagnosticShape>,
    checks: Items<CheckShape>,
    measurements: Values<f64>,
    kept_files: Items<Text>,
    details: Ignored,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DiagnosticShape {
    severity: Severity,
    file: Text,
    line: Option<u32>,
    column: Option<u32>,
    code: Option<Text>,
    message: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CheckShape {
    name: Text,
    passed: bool,
    weight: f64,
    earned: f64,
    message: Option<Text>,
}

/// Any value.
#[derive(Default)]
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A string.
#[derive(Default)]
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for Text {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

/// A list of `T`.
struct Items<T>(PhantomData<T>);

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<T>()?.is_some() {}
        Ok(self)
    }
}

/// An object of `T`.
pub(super) struct Values<T>(PhantomData<T>);

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Values<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Values<T> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Text, T>()?.is_some() {}
        Ok(self)
    }
}
