//! An experiment runner for network-traffic tables.
//!
//! One YAML file describes a data set, its cleaning, the split, balancing, models and metrics. It becomes an
//! [`Experiment`](spec::Experiment), that becomes a [`Plan`](plan::Plan) whose every step has a key, [`exec`] runs the
//! steps into a content-addressed [`store`], and the events fold into a [`RunRecord`](record::RunRecord).
//!
//! Start reading at `cli/run.rs`, which tells a run from top to bottom.

pub mod cli;
pub mod digest;
pub mod exec;
pub mod expression;
pub mod flow;
pub mod ml;
pub mod param;
pub mod pipeline;
pub mod plan;
pub mod plot;
pub mod record;
pub mod report;
pub mod score;
pub mod serve;
pub mod spec;
pub mod step;
pub mod store;
pub mod table;
