//! The job that ends leases: when their time is over, and again where the provider failed before.
use std::sync::Arc;
use std::time::Duration;

use crate::leases::{FAILED_DELETION, revoke};
use crate::server::Shared;

/// Between two looks; leases end to the second.
const LOOK: Duration = Duration::from_millis(100);

/// Ends leases for as long as it is polled.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let now = shared.state.clock().now();
        let over: Vec<_> = {
            let world = shared.state.read();
            let of = |secret: &super::DynamicSecret| {
                let over = secret.leases.iter().filter(move |lease| lease.expires <= now || lease.status == Some(FAILED_DELETION));
                over.map(|lease| (secret.settings.provider.clone(), lease.clone())).collect::<Vec<_>>()
            };
            world.dynamic_secrets.iter().flat_map(of).collect()
        };
        for (provider, lease) in over {
            let revoked = revoke(&shared, &provider, &lease.entity, &lease.config).await;
            end(&shared, &lease.id, revoked.err().map(|error| error.to_string()));
        }
    }
}

/// Drops a lease whose credentials were taken back, or notes why they were not.
pub(crate) fn end(shared: &Shared, id: &str, failure: Option<String>) -> Option<super::Lease> {
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    match failure {
        None => world.drop_lease(id),
        Some(failure) => world.change_lease(id, |lease| {
            lease.status = Some(FAILED_DELETION);
            lease.status_details = Some(failure.chars().take(255).collect());
            lease.updated = now;
        }),
    }
}
