//! What can go wrong, kind by kind: the server fails ([`server`]), and the operator is killed at each of its external effects
//! ([`killed`]).
mod killed;
mod server;
