//! Types of the files that a run leaves.
