//! Settings that are one number or several: `8`, `[1, 8]` or `"1,8"`, as `--set` passes it.

use std::fmt::Display;
use std::str::FromStr;

use llmbench_api::Json;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

/// One or more numbers, in the order in which they were given.
pub(crate) fn numbers<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr + Serialize,
    T::Err: Display,
    D: Deserializer<'de>,
{
    parse(&Json::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The numbers of a value; an error in words.
pub(crate) fn parse<T: FromStr>(value: &Json) -> Result<Vec<T>, String>
where
    T::Err: Display,
{
    let one = |text: &str| {
        text.trim().parse().map_err(|error| format!("`{}` is no such number: {error}", text.trim()))
    };
    match value {
        Json::Number(number) => Ok(vec![one(&number.to_string())?]),
        Json::String(text) => text.split(',').map(one).collect(),
        Json::Array(items) => {
            let lists: Result<Vec<Vec<T>>, _> = items.iter().map(parse).collect();
            Ok(lists?.into_iter().flatten().collect())
        }
        other => Err(format!("`{other}` is neither a number nor a list of numbers")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_a_list_and_a_text_with_commas_mean_the_same() {
        for (value, expected) in
            [(json!(8), vec![8]), (json!([1, 8]), vec![1, 8]), (json!("1, 8"), vec![1, 8])]
        {
            assert_eq!(parse::<u32>(&value), Ok(expected), "{value}");
        }
        assert_eq!(parse::<f64>(&json!("0.5,2")), Ok(vec![0.5, 2.0]));
        for wrong in [json!("1,x"), json!(-1), json!(true), json!("")] {
            assert!(parse::<u32>(&wrong).is_err(), "{wrong}");
        }
    }
}
