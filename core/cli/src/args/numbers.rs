//! Numbers on the command line, refused in words for users.

use std::str::FromStr;

/// A whole number that fits.
pub(super) fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = u64::from_str(text).map_err(|_| "must be a whole number from 0 on".to_owned())?;
    T::try_from(number).map_err(|_| "is too large".to_owned())
}

/// Any number.
pub(super) fn decimal(text: &str) -> Result<f64, String> {
    f64::from_str(text).map_err(|_| "must be a number, such as `0.5`".to_owned())
}
