//! Dynamic secrets as tests change them and look at them.
use super::{DynamicSecret, DynamicSecretSeed, Lease, Provider};
use crate::errors::ApiError;
use crate::state::handle::{Place, State};

impl State {
    /// Adds a dynamic secret, or replaces it with all its leases forgotten.
    ///
    /// # Errors
    /// No such project or folder.
    pub fn set_dynamic_secret(&self, place: &Place, name: &str, settings: DynamicSecretSeed) -> Result<(), ApiError> {
        let now = self.clock().now();
        let mut world = self.write();
        let project = world.project_mut(&place.project)?;
        project.folder_mut(&place.environment, &place.path)?;
        let made = DynamicSecret::new(&project.id.clone(), &place.environment, &place.path, name, settings, now);
        world.dynamic_secrets.retain(|known| known.id != made.id);
        world.dynamic_secrets.push(made);
        Ok(())
    }

    /// Renames a dynamic secret, as a person at the server would; nothing where it is not there.
    pub fn rename_dynamic_secret(&self, place: &Place, name: &str, to: &str) {
        let mut world = self.write();
        let Ok(project) = world.project_mut(&place.project).map(|project| project.id.clone()) else { return };
        let is_it = |secret: &&mut DynamicSecret| {
            (&secret.project, &secret.environment, &secret.path) == (&project, &place.environment, &place.path)
                && secret.name == name.to_lowercase()
        };
        if let Some(secret) = world.dynamic_secrets.iter_mut().find(is_it) {
            secret.name = to.to_lowercase();
        }
    }

    /// The leases of a dynamic secret, the oldest first; none where it is not there.
    #[must_use]
    pub fn leases(&self, place: &Place, name: &str) -> Vec<Lease> {
        self.inspect(|world| {
            let project = world.projects.iter().find(|project| project.slug == place.project || project.id == place.project);
            let secret = project.and_then(|project| world.dynamic_secret(&project.id, &place.environment, &place.path, name).ok());
            secret.map(|secret| secret.leases.clone()).unwrap_or_default()
        })
    }

    /// Ends a lease as a person at the server would: its database user is dropped and it is known no more.
    pub fn end_lease(&self, id: &str) {
        let mut world = self.write();
        let database = world.lease(id).is_ok_and(|(secret, _)| matches!(secret.settings.provider, Provider::Database(_)));
        if let (Some(lease), true) = (world.drop_lease(id), database) {
            world.database_users.drop_user(&lease.entity);
        }
    }

    /// Whether the database that exists only here lets a user in.
    #[must_use]
    pub fn database_lets_in(&self, user: &str, password: &str) -> bool {
        self.read().database_users.lets_in(user, password)
    }

    /// From now on the database can't be reached by the server: leases are neither made nor revoked there.
    pub fn set_database_down(&self, down: bool) {
        self.write().database_users.down = down;
    }
}
