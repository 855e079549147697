//! Client of Infisical's HTTP API. Knows nothing of Kubernetes or of plugins.
//!
//! Promised: an answer that is not Infisical's (HTML with 200, a proxy's page, a cut body) is an [`Error`], never data; a
//! value that the server hides is an [`Error`], never its placeholder; no value and no token can be printed; every call
//! ends within its time-out; dropping a call's future closes its connection. One [`Client`] speaks to one origin with one
//! CA: nothing is shared between two of them.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod answer;
mod client;
mod client_identity;
mod error;
mod events;
mod leases;
mod life;
mod login;
mod model;
mod project;
mod refusal;
mod secrets;
mod status;
mod stored;
mod wire;
mod write;

pub use address::{Address, AddressError};
pub use client::{Client, ClientConfig, Observer, Timeouts};
pub use error::{Class, Error};
pub use events::{Change, ChangeKind, ENTRIES_PER_PLACE, Event, EventStream, MOST_ENTRIES, Place, SubscribeRequest};
pub use model::{
    AccessToken, DynamicSecret, Etag, Fields, Folder, FoundLease, Import, Lease, LeaseData, LeasePlace, LeaseRequest, ListRequest, Listed,
    Listing, LoginRequest, MadeLease, NewSecret, Project, ProjectRef, Secret, SecretRequest, Token, Written,
};
pub use stored::stored;
pub use write::{batches, fits};
