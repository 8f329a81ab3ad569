//! The runs of a results folder.
//!
//! - [`folder`] finds the folders of runs and tells from file times whether one changed;
//! - [`index`] keeps what was read, in `.index.sqlite` in the same folder;
//! - [`filter`] and [`moment`] pick runs;
//! - [`load`] puts them together.
//!
//! The files of the runs are the truth. The index only spares reading them
//! again: without it, or when it cannot be used, everything is read.

pub(crate) mod filter;
mod folder;
mod index;
mod load;
pub(crate) mod moment;

#[cfg(test)]
mod tests;

pub(crate) use index::{INDEX_FILE, IndexUse};
pub(crate) use load::{Broken, Listing, load};
