//! Builds the state from a seed; names that point nowhere are errors, so that a typing mistake shows at the start.
use jiff::{SignedDuration, Timestamp};

use super::identity::{ClientSecret, Identity, KubernetesAuth, Lockout, Organization, UniversalAuth};
use super::permission::Membership;
use super::project::{Content, Environment, Import, Project, Tag, Writer, normalize_path, normalize_value};
use super::tokens::{ServiceToken, Tokens};
use super::{World, new_id};
use crate::errors::ApiError;
use crate::leases::{DynamicSecret, Users, ttl};
use crate::seed::{ClientSecretSeed, EnvironmentSeed, IdentitySeed, ProjectSeed, SecretSeed, Seed, ServiceTokenSeed, stable_id};
use crate::server::StartError;

impl World {
    /// The state that a seed describes.
    ///
    /// # Errors
    /// A name that nothing has, a service token of another form, a key that can't be one.
    pub fn from_seed(seed: &Seed, now: Timestamp) -> Result<Self, StartError> {
        let below =
            seed.organization.sub_organizations.iter().map(|slug| (stable_id("organization", &format!("/{slug}")), slug.clone())).collect();
        let organization =
            Organization { id: stable_id("organization", &seed.organization.slug), slug: seed.organization.slug.clone(), below };
        let identities = seed.identities.iter().map(|seed| identity(seed, &organization, now)).collect::<Result<_, _>>()?;
        let mut world = Self {
            organization,
            identities,
            projects: Vec::new(),
            service_tokens: Vec::new(),
            tokens: Tokens::default(),
            oracle_users: seed.oracle_users.clone(),
            alibaba: seed.alibaba_cloud.clone(),
            dynamic_secrets: Vec::new(),
            database_users: Users::default(),
        };
        for seed in &seed.projects {
            let project = project(seed, &world, now)?;
            world.dynamic_secrets.extend(dynamic_secrets(seed, &project, now)?);
            world.projects.push(project);
        }
        for seed in &seed.service_tokens {
            let token = service_token(seed, &world, now)?;
            world.service_tokens.push(token);
        }
        Ok(world)
    }

    fn organization_id(&self, slug: Option<&str>) -> Result<String, StartError> {
        slug.map_or(Ok(self.organization.id.clone()), |slug| organization_id(&self.organization, slug))
    }
}

fn organization_id(organization: &Organization, slug: &str) -> Result<String, StartError> {
    organization.id_of(slug).map(str::to_owned).ok_or_else(|| StartError::Seed(format!("there is no organization {slug:?}")))
}

fn identity(seed: &IdentitySeed, organization: &Organization, now: Timestamp) -> Result<Identity, StartError> {
    let mut organizations = vec![organization.id.clone()];
    for slug in &seed.sub_organizations {
        organizations.push(organization_id(organization, slug)?);
    }
    let universal = seed.universal_auth.as_ref().map(|auth| UniversalAuth {
        client_id: auth.client_id.clone(),
        secrets: auth.client_secrets.iter().map(|secret| client_secret(secret, now)).collect(),
        bounds: auth.token.bounds(),
        lockout: Lockout { enabled: auth.lockout_enabled.unwrap_or(true), ..Lockout::default() },
        failures: Default::default(),
    });
    let kubernetes = seed.kubernetes_auth.as_ref().map(|auth| KubernetesAuth {
        allowed_namespaces: auth.allowed_namespaces.clone(),
        allowed_names: auth.allowed_names.clone(),
        allowed_audience: auth.allowed_audience.clone(),
        reviewer_token: auth.token_reviewer_jwt.clone(),
        bounds: auth.token.bounds(),
    });
    let id = seed.id.clone().unwrap_or_else(|| stable_id("identity", &seed.name));
    Ok(Identity {
        id,
        name: seed.name.clone(),
        organizations,
        universal,
        kubernetes,
        aws: seed.aws_auth.clone(),
        azure: seed.azure_auth.clone(),
        gcp: seed.gcp_auth.clone(),
        jwt: seed.jwt_auth.clone(),
        ldap: seed.ldap_auth.clone(),
        oidc: seed.oidc_auth.clone(),
        oci: seed.oci_auth.clone(),
        alicloud: seed.alicloud_auth.clone(),
        tls_cert: seed.tls_cert_auth.clone(),
        token_override: None,
    })
}

fn client_secret(seed: &ClientSecretSeed, now: Timestamp) -> ClientSecret {
    match seed {
        ClientSecretSeed::Plain(secret) => ClientSecret::new(new_id(), secret),
        ClientSecretSeed::Bounded { secret, ttl, num_uses_limit } => {
            let mut made = ClientSecret::new(new_id(), secret);
            made.expires_at = if *ttl > 0 { now.checked_add(SignedDuration::from_secs(*ttl)).ok() } else { None };
            made.uses_left = (*num_uses_limit > 0).then_some(*num_uses_limit);
            made
        }
    }
}

fn project(seed: &ProjectSeed, world: &World, now: Timestamp) -> Result<Project, StartError> {
    let slug = &seed.slug;
    let tag = |slug: &String| {
        let tag =
            Tag { id: stable_id("tag", &format!("{}/{slug}", seed.slug)), slug: slug.clone(), color: String::new(), name: slug.clone() };
        (slug.clone(), tag)
    };
    let mut project = Project {
        id: seed.id.clone().unwrap_or_else(|| stable_id("project", slug)),
        slug: slug.clone(),
        name: seed.name.clone().unwrap_or_else(|| slug.clone()),
        organization: world.organization_id(seed.sub_organization.as_deref())?,
        environments: Vec::new(),
        tags: seed.tags.iter().map(tag).collect(),
        members: Default::default(),
        created: now,
        updated: now,
        happened: Vec::new(),
    };
    for (name, member) in &seed.members {
        let identity = world.identities.iter().find(|identity| identity.name == *name || identity.id == *name);
        let identity = identity.ok_or_else(|| StartError::Seed(format!("project {slug:?}: there is no identity {name:?}")))?;
        project.members.insert(identity.id.clone(), Membership { role: member.role, rules: member.rules.clone() });
    }
    for environment in &seed.environments {
        add_environment(&mut project, environment, now).map_err(|error| StartError::Seed(format!("project {slug:?}: {error}")))?;
    }
    // What is there from the start did not happen.
    project.happened.clear();
    Ok(project)
}

fn dynamic_secrets(seed: &ProjectSeed, project: &Project, now: Timestamp) -> Result<Vec<DynamicSecret>, StartError> {
    let mut all = Vec::new();
    for environment in &seed.environments {
        for (path, folder) in &environment.folders {
            for (name, settings) in &folder.dynamic_secrets {
                let ttls = [Some(&settings.default_ttl), settings.max_ttl.as_ref()];
                if let Some(wrong) = ttls.into_iter().flatten().find(|text| ttl::parse(text).is_none()) {
                    return Err(StartError::Seed(format!("dynamic secret {name:?}: {wrong:?} is no length of time")));
                }
                all.push(DynamicSecret::new(&project.id, &environment.slug, path, name, settings.clone(), now));
            }
        }
    }
    Ok(all)
}

fn add_environment(project: &mut Project, seed: &EnvironmentSeed, now: Timestamp) -> Result<(), ApiError> {
    let prefix = format!("{}/{}", project.slug, seed.slug);
    let id = |path: &str| stable_id("folder", &format!("{prefix}{path}"));
    let mut environment = Environment {
        id: stable_id("environment", &prefix),
        slug: seed.slug.clone(),
        name: seed.name.clone().unwrap_or_else(|| seed.slug.clone()),
        folders: Default::default(),
        approvals: seed.approvals.clone(),
        requests: Vec::new(),
    };
    environment.make_folders("/", id, now);
    for path in seed.folders.keys() {
        environment.make_folders(path, id, now);
    }
    project.environments.push(environment);
    for (path, folder) in &seed.folders {
        let path = normalize_path(path);
        for (key, seeded) in &folder.secrets {
            let content = content(seeded);
            project.resolve_tags(&content.tags)?;
            project.create_secret(&seed.slug, &path, key, content, Writer { actor: None, now })?;
            let target = project.folder_mut(&seed.slug, &path)?;
            if let Some(secret) = target.secrets.get_mut(key) {
                secret.id = seeded.id().map_or_else(|| stable_id("secret", &format!("{prefix}{path}:{key}")), str::to_owned);
            }
        }
        let imports = folder.imports.iter().enumerate().map(|(index, import)| Import {
            id: stable_id("import", &format!("{prefix}{path}:{index}")),
            environment: import.environment.clone(),
            path: normalize_path(&import.path),
            created: now,
        });
        project.folder_mut(&seed.slug, &path)?.imports.extend(imports);
    }
    Ok(())
}

fn content(seed: &SecretSeed) -> Content {
    match seed {
        SecretSeed::Plain(value) => Content { value: normalize_value(value.expose()), ..Content::default() },
        SecretSeed::Full { value, comment, tags, metadata, skip_multiline_encoding, .. } => Content {
            value: normalize_value(value.expose()),
            comment: comment.clone(),
            tags: tags.clone(),
            metadata: metadata.clone(),
            skip_multiline_encoding: *skip_multiline_encoding,
        },
    }
}

fn service_token(seed: &ServiceTokenSeed, world: &World, now: Timestamp) -> Result<ServiceToken, StartError> {
    let mut parts = seed.token.expose().split('.');
    let (Some("st"), Some(id), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(StartError::Seed("a service token must look like st.<id>.<secret>".to_owned()));
    };
    let project = world.projects.iter().find(|project| project.slug == seed.project);
    let project = project.ok_or_else(|| StartError::Seed(format!("a service token names the unknown project {:?}", seed.project)))?;
    Ok(ServiceToken {
        id: id.to_owned(),
        name: format!("token-{id}"),
        secret: secret.into(),
        project: project.id.clone(),
        scopes: seed.scopes.clone(),
        permissions: seed.permissions.clone().unwrap_or_else(|| vec!["read".to_owned(), "write".to_owned()]),
        expires_at: seed.ttl.and_then(|ttl| now.checked_add(SignedDuration::from_secs(ttl)).ok()),
        created: now,
    })
}
