//! What can go wrong, kind by kind: the server fails ([`server`], [`generators`] of what they make, and of leases
//! `dynamic/faults.rs`), and the operator is killed at each of its external effects ([`killed`]).
mod generators;
mod killed;
mod server;
