//! What can go wrong, kind by kind: the server fails ([`server`], and of leases `dynamic/faults.rs`), and the operator is killed at
//! each of its external effects ([`killed`]).
mod killed;
mod server;
