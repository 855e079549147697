//! The chart: what it renders to, whether a real API server takes that, and whether its rights are those that the operator uses.
mod apply;
mod audit;
mod exercise;
mod helm;
mod image;
mod render;
mod rights;
mod upgrade;
