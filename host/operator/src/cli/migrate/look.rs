//! Looks at every object, in the order of kinds and names, by the rules.
use super::{
    finding::{Finding, Rule},
    report::{Looked, Report},
    rules::{
        chain, cluster,
        identity::{self, Pushes},
        metadata,
        plan::{self as planned, of_fault},
        target::{self as targets, Hash},
        template, workload,
    },
    world::{Fetch, Objects, World},
};
use crate::{
    cluster::Key,
    dereference, generate,
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::{self, Generated, Owner, Plan, Planned, PushPlan, Settings, Target},
    reason,
    target::Claims,
};
use api::{
    v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret},
    v1beta1::InfisicalStaticSecret,
    well_known::annotation,
};
use kube::{Resource, ResourceExt};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What is found, for an operator with these settings.
pub(crate) async fn look<F: Fetch>(world: &World<F>, settings: &Settings) -> Report {
    let mut looker = Looker { world, settings, claims: claims(world), owners: owners(world), pushes: Pushes::default() };
    looker.pushes = looker.pushes().await;
    let objects = &world.objects;
    let mut looked = Vec::new();
    for resource in &objects.connections {
        looked.push(said(resource, looker.connection(resource).await));
    }
    for resource in &objects.auths {
        looked.push(said(resource, looker.auth(resource).await));
    }
    for resource in &objects.statics {
        looked.push(said(resource, looker.static_secret(resource).await));
    }
    for resource in &objects.secrets {
        looked.push(said(resource, looker.infisical_secret(resource).await));
    }
    for resource in &objects.pushes {
        let mut findings = looker.push(resource).await;
        findings.extend(identity::push(resource));
        findings.extend(metadata::findings(resource, false));
        looked.push(said(resource, findings));
    }
    for resource in &objects.dynamics {
        looked.push(said(resource, looker.dynamic(resource).await));
    }
    looked.extend(world.refused.iter().cloned());
    looked.sort_by(|a, b| (&a.kind, &a.namespace, &a.name).cmp(&(&b.kind, &b.namespace, &b.name)));
    looked.extend(looker.global().await);
    for one in &mut looked {
        let title = format!("{}: ", one.title());
        for finding in &mut one.findings {
            // The title stands above it.
            if let Some(rest) = finding.message.strip_prefix(&title) {
                finding.message = rest.to_owned();
            }
        }
        one.findings.sort_by_key(|finding| finding.rule.level());
    }
    Report { looked, unseen: world.unseen.all() }
}

fn said(resource: &impl Resource<DynamicType = ()>, findings: Vec<Finding>) -> Looked {
    let ObjectRef { kind, namespace, name } = ObjectRef::of(resource);
    Looked { kind: kind.into(), namespace, name, findings }
}

struct Looker<'a, F> {
    world: &'a World<F>,
    settings: &'a Settings,
    claims: Claims,
    /// Uids of the owners of objects.
    owners: BTreeMap<(&'static str, Name), Vec<String>>,
    pushes: Pushes,
}

/// Who names what: the same rule by which the operator decides.
fn claims<F>(world: &World<F>) -> Claims {
    let mut claims = Claims::default();
    let mut declare = |owner: Owner, planned: Result<Planned, Fault>| {
        let keys: HashSet<_> = keys(&planned.unwrap_or_default()).collect();
        // Whom it wakes is of no interest here.
        let _ = claims.declare(&identified(owner), &keys);
    };
    world.objects.secrets.iter().for_each(|resource| declare(Owner::of(resource), plan::targets(resource)));
    world.objects.statics.iter().for_each(|resource| declare(Owner::of(resource), plan::static_targets(resource)));
    let targets = |resource| plan::dynamic_target(resource).map(single);
    world.objects.dynamics.iter().for_each(|resource| declare(Owner::of(resource), targets(resource)));
    claims
}

/// Resources of files have no uid yet.
fn identified(mut owner: Owner) -> Owner {
    if owner.uid.is_empty() {
        owner.uid = owner.object.to_string();
    }
    owner
}

fn owners<F>(world: &World<F>) -> BTreeMap<(&'static str, Name), Vec<String>> {
    let of = |owned: &super::world::Owned| owned.owners.iter().map(|reference| reference.uid.clone()).collect();
    world.objects.owned.iter().map(|owned| ((owned.key.kind.into(), owned.key.name.clone()), of(owned))).collect()
}

fn single(target: Target) -> Planned {
    Planned { targets: vec![target], ..Planned::default() }
}

/// What a resource names, also by a target that can't be kept as it is written.
fn keys(planned: &Planned) -> impl Iterator<Item = Key> {
    planned.targets.iter().map(key).chain(planned.faulty.iter().filter_map(|faulty| faulty.named.clone()))
}

pub(super) fn key(target: &Target) -> Key {
    Key { kind: target.kind, name: target.name.clone() }
}

impl<F: Fetch> Looker<'_, F> {
    async fn infisical_secret(&self, resource: &InfisicalSecret) -> Vec<Finding> {
        let found = dereference::resource(self.world, resource, self.settings).await;
        let plan = found.and_then(|found| plan::infisical_secret(resource, &found, self.settings).map_err(|(_, fault)| fault));
        let mut findings = planned::findings(&plan);
        findings.extend(planned::interval(&resource.spec));
        findings.extend(metadata::findings(resource, true));
        findings.extend(self.targets(&Owner::of(resource), plan::targets(resource), Hash::V1Alpha1).await);
        findings
    }

    async fn static_secret(&self, resource: &InfisicalStaticSecret) -> Vec<Finding> {
        let plan = self.static_plan(resource).await;
        let mut findings = match plan {
            Err(fault) if !self.world.complete && [reason::AUTH_NOT_FOUND, reason::CONNECTION_NOT_FOUND].contains(&fault.reason) => {
                self.world
                    .unseen
                    .note(format!("{}: its InfisicalAuth or InfisicalConnection is not among the files", ObjectRef::of(resource)));
                Vec::new()
            }
            plan => planned::findings(&plan),
        };
        findings.extend(metadata::findings(resource, true));
        findings.extend(self.targets(&Owner::of(resource), plan::static_targets(resource), Hash::V1Beta1).await);
        findings
    }

    async fn static_plan(&self, resource: &InfisicalStaticSecret) -> Result<Plan, Fault> {
        let object = ObjectRef::of(resource);
        let name = plan::chain::reference(&object, "spec.infisicalAuthRef", resource.spec.infisical_auth_ref.as_ref())?;
        let auth = self
            .world
            .objects
            .auths
            .iter()
            .find(|auth| auth.namespace().as_deref() == Some(&name.namespace) && auth.name_any() == name.name);
        let auth = auth.ok_or_else(|| {
            let message = format!("{object}: spec.infisicalAuthRef: there is no InfisicalAuth {name}; create it");
            Fault::new(reason::AUTH_NOT_FOUND, crate::outcome::Class::UserFix, message)
        })?;
        let chained = dereference::auth(self.world, self.world, &object, auth, self.settings).await?;
        let login = plan::chain::auth(auth, chained.connection.as_deref(), &chained.references, self.settings)?;
        plan::static_secret(resource, login, self.settings)
    }

    async fn push(&self, resource: &InfisicalPushSecret) -> Vec<Finding> {
        let plan = match self.push_plan(resource).await {
            Ok(plan) => plan,
            Err(fault) => return vec![of_fault(&fault)],
        };
        let mut findings: Vec<_> = plan.warnings.iter().filter_map(planned::of_warning).chain(planned::login(&plan.login)).collect();
        findings.extend(plan.source.iter().flat_map(template::pushed));
        let object = ObjectRef::of(resource);
        for generated in &plan.generators {
            findings.extend(self.generator(&object, generated).map(|fault| of_fault(&fault)));
        }
        findings.extend(self.pushes.claimed(&object));
        findings
    }

    async fn push_plan(&self, resource: &InfisicalPushSecret) -> Result<PushPlan, Fault> {
        let found = dereference::resource(self.world, resource, self.settings).await?;
        plan::push_secret(resource, &found, self.settings).map_err(|(_, fault)| fault)
    }

    /// What is wrong with the generator of a value.
    fn generator(&self, object: &ObjectRef, generated: &Generated) -> Option<Fault> {
        let Objects { clusters, passwords, uuids, .. } = &self.world.objects;
        let wanted = (generated.place.as_str(), generated.reference.as_ref());
        let fault = generate::among(object, wanted, clusters.iter().flatten(), passwords, uuids).err()?;
        let unknown = !self.world.complete || clusters.is_none();
        if unknown && fault.reason == reason::GENERATOR_NOT_FOUND {
            self.world.unseen.note(format!("{object}: the generator of {} is not among what was read", generated.place));
            return None;
        }
        Some(fault)
    }

    /// Who pushes what. A Secret that can't be read pushes nothing that is known.
    async fn pushes(&self) -> Pushes {
        let mut pushes = Pushes::default();
        for resource in &self.world.objects.pushes {
            let Ok(plan) = self.push_plan(resource).await else { continue };
            let mut keys: BTreeSet<String> = plan.generators.iter().map(|generated| generated.key.clone()).collect();
            if let Some(source) = &plan.source {
                keys.extend(source.template.iter().flat_map(|template| template.entries.keys().cloned()));
                if source.template.as_ref().is_none_or(|template| template.include_all)
                    && let Some(secret) = self.world.fetch.secret(&source.secret).await.there()
                {
                    keys.extend(secret.data.unwrap_or_default().into_keys());
                }
            }
            let folder = (plan.login.server.address.origin(), plan.read.project, plan.read.environment, plan.read.path);
            pushes.note(&ObjectRef::of(resource), &folder, keys);
        }
        pushes
    }

    async fn auth(&self, resource: &api::v1beta1::InfisicalAuth) -> Vec<Finding> {
        let chained = dereference::auth(self.world, self.world, &ObjectRef::of(resource), resource, self.settings).await;
        let login =
            chained.and_then(|chained| plan::chain::auth(resource, chained.connection.as_deref(), &chained.references, self.settings));
        let mut findings = match login {
            Ok(login) => planned::login(&login).into_iter().collect(),
            Err(fault) if !self.world.complete && fault.reason == reason::CONNECTION_NOT_FOUND => {
                self.world.unseen.note(format!("{}: its InfisicalConnection is not among the files", ObjectRef::of(resource)));
                Vec::new()
            }
            Err(fault) => vec![of_fault(&fault)],
        };
        findings.extend(metadata::findings(resource, false));
        findings
    }

    async fn connection(&self, resource: &api::v1beta1::InfisicalConnection) -> Vec<Finding> {
        let object = ObjectRef::of(resource);
        let mut findings = chain::connection(&resource.spec);
        let found = dereference::connection(self.world, &object, Some(resource), self.settings).await;
        let server = found.and_then(|found| plan::chain::server_of(&object, Some(resource), &found, self.settings));
        findings.extend(server.err().map(|fault| of_fault(&fault)));
        findings.extend(metadata::findings(resource, false));
        findings
    }

    async fn dynamic(&self, resource: &InfisicalDynamicSecret) -> Vec<Finding> {
        let found = dereference::resource(self.world, resource, self.settings).await;
        let mut findings = match found.and_then(|found| plan::dynamic_secret(resource, &found, self.settings).map_err(|(_, fault)| fault)) {
            Ok(plan) => plan.warnings.iter().filter_map(planned::of_warning).chain(planned::login(&plan.login)).collect(),
            // Its only interval is the life of a lease.
            Err(fault) if fault.reason == reason::INVALID_INTERVAL => vec![Finding::new(Rule::LeaseTtl, fault.message)],
            Err(fault) => vec![of_fault(&fault)],
        };
        findings.extend(identity::dynamic(&resource.spec));
        findings.extend(metadata::findings(resource, true));
        let targets = plan::dynamic_target(resource).map(single);
        findings.extend(self.targets(&Owner::of(resource), targets, Hash::Other).await);
        findings
    }

    async fn targets(&self, owner: &Owner, planned: Result<Planned, Fault>, hash: Hash) -> Vec<Finding> {
        // What is wrong with them was said by the plan.
        let planned = planned.unwrap_or_default();
        let owner = &identified(owner.clone());
        let mut findings = Vec::new();
        // Those that a selector places are none of the peer's.
        for target in planned.targets.iter().filter(|target| target.selector.is_none()) {
            let key = key(target);
            let owners = self.owners.get(&(key.kind.into(), key.name.clone()));
            let holder = self.claims.holder(&key, owner, owners.map_or(&[][..], Vec::as_slice));
            let live = self.world.target(&key).await;
            findings.extend(targets::findings(owner, target, &live, holder, hash));
            let live = live.there();
            let version = live.as_ref().and_then(|live| live.annotation(annotation::VERSION));
            findings.extend(workload::findings(target, version, hash != Hash::V1Beta1, &self.world.objects.workloads));
            findings.extend(template::findings(target));
        }
        // While one can't be kept, nothing is deleted.
        if planned.faulty.is_empty() {
            findings.extend(targets::dropped(owner, &planned.targets, &self.world.objects.owned));
        }
        findings
    }

    /// What is no resource: the definitions, the ConfigMap of global settings.
    async fn global(&self) -> Vec<Looked> {
        let of_cluster = |kind: &str, name: &Name, findings| Looked {
            kind: kind.into(),
            namespace: name.namespace.clone(),
            name: name.name.clone(),
            findings,
        };
        let mut looked = Vec::new();
        if let Some(definitions) = &self.world.objects.definitions {
            for wanted in api::crds::crds().iter().map(ResourceExt::name_any) {
                let findings = cluster::definition(&wanted, definitions);
                looked.push(of_cluster("CustomResourceDefinition", &Name::new("", wanted), findings));
            }
        }
        let name = &self.settings.config;
        if let Some(map) = self.world.fetch.config_map(name).await.there() {
            let findings = cluster::config(&map.data.unwrap_or_default());
            looked.push(of_cluster("ConfigMap", name, findings.into_iter().collect()));
        }
        looked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::migrate::files;

    const PUSH: &str = "
apiVersion: secrets.infisical.com/v1alpha1
kind: InfisicalPushSecret
metadata: {name: NAME, namespace: shop}
spec:
  destination: {projectSlug: shop, environmentSlug: prod, secretsPath: /app/}
  authentication: {universalAuth: {credentialsRef: {secretName: creds, secretNamespace: shop}}}
  push: PUSH
";

    fn found(yaml: &str, complete: bool) -> Vec<(String, &'static str, String)> {
        let mut world = files::world(files::parse(yaml).unwrap()).unwrap();
        world.complete = complete;
        world.objects.clusters.get_or_insert_default();
        let report = futures::executor::block_on(look(&world, &Settings::default()));
        let looked = report.looked.into_iter().filter(|one| one.kind == "InfisicalPushSecret");
        looked
            .flat_map(|one| one.findings.into_iter().map(move |finding| (one.name.clone(), finding.rule.name(), finding.message)))
            .filter(|(_, rule, _)| *rule != "generated-once")
            .collect()
    }

    fn push(name: &str, what: &str) -> String {
        format!("---{}", PUSH.replace("NAME", name).replace("PUSH\n", &format!("{what}\n")))
    }

    fn generated(kind: &str, name: &str) -> String {
        push("p", &format!("{{generators: [{{destinationSecretName: KEY, generatorRef: {{kind: {kind}, name: {name}}}}}]}}"))
    }

    #[test]
    fn a_generator_of_another_kind_or_that_is_not_there_is_said() {
        let cluster =
            "---\n{apiVersion: secrets.infisical.com/v1alpha1, kind: ClusterGenerator, metadata: {name: id}, spec: {kind: UUID}}\n";
        let wrong = found(&[cluster, &generated("Password", "id")].concat(), true);
        assert!(wrong.len() == 1 && wrong[0].1 == "refused" && wrong[0].2.contains("write UUID"), "{wrong:?}");
        assert_eq!(found(&[cluster, &generated("UUID", "id")].concat(), true), []);
        let missing = found(&generated("UUID", "id"), true);
        assert!(missing.len() == 1 && missing[0].2.contains("create one of them"), "{missing:?}");
        assert_eq!(found(&generated("UUID", "id"), false), [], "files need not hold it");
        let local = "---\n{apiVersion: secrets.infisical.com/v1alpha1, kind: Password, metadata: {name: id, namespace: shop}, spec: {}}\n";
        assert_eq!(found(&[local, &generated("Password", "id")].concat(), true), []);
    }

    #[test]
    fn a_secret_that_two_push_is_said_of_both() {
        let source = "---\n{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop}, stringData: {KEY: canary, OWN: canary}}\n";
        let whole = push("whole", "{secret: {secretName: s, secretNamespace: shop}}");
        let template = "{secret: {secretName: s, secretNamespace: shop, template: {data: {KEY: '{{ getHostByName .KEY.Value }}'}}}}";
        let both = found(&[source, &whole, &push("templated", template)].concat(), true);
        let said: Vec<_> = both.iter().map(|(name, rule, _)| (name.as_str(), *rule)).collect();
        assert_eq!(said, [("templated", "function-gone"), ("templated", "push-claimed"), ("whole", "push-claimed")]);
        assert!(both[2].2.contains("KEY of /app in prod is pushed by InfisicalPushSecret shop/templated too"), "{both:?}");
        assert!(!format!("{both:?}").contains("canary"));
        assert_eq!(found(&[source, &whole].concat(), true), []);
    }
}
