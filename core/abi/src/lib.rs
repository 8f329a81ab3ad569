//! llmbench abi.
