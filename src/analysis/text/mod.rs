//! Statistics of captions and labels: the LGS paper's tables for any dataset and any selection.
//!
//! Everything here is pure: text comes as `&str`, results are values; what has to leave memory goes through
//! a [`ngrams::SpillStore`] of the caller. Every statistic is `partial(part) -> Partial` and a `merge` that is
//! associative and commutative, so that shards are counted where they are and a dataset's answer is the merge.

pub mod generate;
mod intern;
pub mod leaves;
pub mod lift;
pub mod ngrams;
pub mod pos;
pub mod report;
pub mod tagger;
pub mod tokens;
pub mod vocabulary;
pub mod words;
