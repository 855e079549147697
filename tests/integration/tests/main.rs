//! One file per promise, each against a real API server and a real Infisical dev server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bad_input;
mod binary;
mod canary;
mod chart;
mod cluster;
mod dev_server_kubernetes_login;
mod dialect;
mod dynamic;
mod failure_leaves_the_secret;
mod faults;
mod gitops;
mod heals;
mod instant;
mod leader;
mod login_once;
mod login_pages;
mod logins;
mod many_namespaces;
mod peers_role;
mod plugins;
mod promises;
mod reload;
mod repair;
mod resource;
mod restart;
mod rollouts;
mod samples;
mod scoped;
mod static_secret;
mod suspend;
mod sync;
mod templates;
mod tenants;
