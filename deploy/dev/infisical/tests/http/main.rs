//! The server as a client meets it: real connections, real requests, one file per part of the API.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod alicloud;
mod aws;
mod azure;
mod client;
mod directory;
mod events;
mod faults;
mod google;
mod issuers;
mod kubernetes;
mod leases;
mod logins;
mod logs;
mod oci;
mod page;
mod permissions;
mod reading;
mod tls_cert;
mod transport;
mod writing;
