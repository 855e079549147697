use super::helm::{arguments, helm, of_kind, refused, rendered, rendered_as, text, the, variable};
use operator::cli::{Cli, Command, RunArgs, normalise};
use serde_json::{Value, json};
use std::{collections::BTreeSet, ffi::OsString, fs};
use support::{Target, chart};

const CLUSTER_WIDE: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];

fn kinds(objects: &[Value]) -> BTreeSet<&str> {
    objects.iter().map(|object| text(object, "/kind")).collect()
}

/// The arguments as the operator itself reads them.
fn run_with(objects: &[Value]) -> RunArgs {
    let line = ["infisical-operator".to_owned()].into_iter().chain(arguments(objects)).map(OsString::from);
    match <Cli as clap::Parser>::try_parse_from(normalise(line)).unwrap().command {
        Command::Run(run) => *run,
        other => panic!("{other:?}"),
    }
}

fn places(objects: &[Value], kind: &str) -> Vec<String> {
    of_kind(objects, kind).iter().map(|object| text(object, "/metadata/namespace").to_owned()).collect()
}

#[tokio::test]
async fn helm_finds_nothing_to_say_against_it() {
    let folder = chart::folder();
    let said = helm().await.run(["lint", "--strict", folder.to_str().unwrap()]).unwrap();
    assert!(said.contains("0 chart(s) failed") && !said.contains("[WARNING]"), "{said}");
}

#[tokio::test]
async fn what_is_generated_is_up_to_date() {
    let stale = chart::generate(helm().await, true).unwrap();
    assert!(stale.is_empty(), "run `cargo run --bin chart`: {stale:?}");
}

#[tokio::test]
async fn by_default_it_works_in_all_namespaces() {
    let objects = rendered(&[]).await;
    let wanted =
        ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Deployment", "Role", "RoleBinding", "Service", "ServiceAccount"];
    assert_eq!(kinds(&objects), BTreeSet::from(wanted));
    let run = run_with(&objects).options();
    // Nothing in the arguments names the pod's namespace; the variable POD_NAMESPACE does, which this test has not.
    assert!(run.is_err_and(|error| error.to_string().contains("--leader-election-namespace")));
    let pod = the(&objects, "Deployment").pointer("/spec/template/spec").unwrap();
    assert_eq!(pod["terminationGracePeriodSeconds"], 10);
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    let container = &pod["containers"][0];
    let rights = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true});
    assert_eq!(container["securityContext"], rights);
    let probe = |path: &str, delay: u32, period: u32| json!({"httpGet": {"path": path, "port": 8081}, "initialDelaySeconds": delay, "periodSeconds": period});
    assert_eq!(container["livenessProbe"], probe("/healthz", 15, 20));
    assert_eq!(container["readinessProbe"], probe("/readyz", 5, 10));
    assert_eq!(variable(&objects, "INFISICAL_HOST_API")["value"], "https://app.infisical.com/api");
    assert_eq!(variable(&objects, "INFISICAL_LOG_WRITER")["value"], "stderr");
    assert_eq!(variable(&objects, "POD_NAMESPACE")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.namespace");
    assert_eq!(variable(&objects, "INFISICAL_OPERATOR_CONFIG_NAMESPACE")["value"], "infisical-operator-system");
    // The one folder that is written to.
    assert_eq!(variable(&objects, "INFISICAL_OPERATOR_CACHE_DIR")["value"], container["volumeMounts"][0]["mountPath"]);
    assert_eq!(pod["volumes"][0]["emptyDir"], json!({"sizeLimit": "256Mi"}));
    let claim = rendered(&["cache.volume.persistentVolumeClaim.claimName=cache"]).await;
    let volume = the(&claim, "Deployment").pointer("/spec/template/spec/volumes/0").unwrap();
    assert_eq!(*volume, json!({"name": "operator-cache", "persistentVolumeClaim": {"claimName": "cache"}}));
    // A volume that is not made for the pod belongs to root, and the operator is not root.
    let security = |objects: &[Value]| the(objects, "Deployment").pointer("/spec/template/spec/securityContext").unwrap().clone();
    let (group, policy) = (65532, "OnRootMismatch");
    assert_eq!((&security(&claim)["fsGroup"], &security(&claim)["fsGroupChangePolicy"]), (&json!(group), &json!(policy)));
    let own = rendered(&["cache.volume.persistentVolumeClaim.claimName=cache", "controllerManager.podSecurityContext.fsGroup=7"]).await;
    assert_eq!((&security(&own)["fsGroup"], &security(&own)["fsGroupChangePolicy"]), (&json!(7), &json!(policy)));
}

#[tokio::test]
async fn the_version_is_that_of_the_program() {
    let objects = rendered(&[]).await;
    let image = text(the(&objects, "Deployment"), "/spec/template/spec/containers/0/image");
    assert_eq!(image, format!("infisical-operator:{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn namespaces_are_a_list_or_a_text_with_commas_and_blanks_and_each_counts_once() {
    for values in
        [&["scopedNamespaces={shop,billing}"][..], &["scopedNamespaces= shop \\, billing\\,shop\\,"], &["scopedNamespace=shop\\,billing"]]
    {
        let objects = rendered(&[values, &["scopedRBAC=true"]].concat()).await;
        assert_eq!(run_with(&objects).namespaces, "shop,billing", "{values:?}");
        assert_eq!(places(&objects, "Role"), ["infisical", "shop", "billing", "infisical"], "{values:?}");
    }
    // The list wins over the deprecated text, which alone is warned of.
    let both = rendered(&["scopedNamespaces={shop}", "scopedNamespace=other"]).await;
    assert_eq!(run_with(&both).namespaces, "shop");
    assert!(run_with(&both).warnings().is_empty());
    let old = rendered(&["scopedNamespace=shop"]).await;
    assert_eq!(run_with(&old).namespaces, "shop");
    assert!(run_with(&old).warnings().concat().contains("scopedNamespace"));
}

#[tokio::test]
async fn scoped_rights_grant_nothing_in_the_whole_cluster() {
    let everything = [
        "scopedNamespaces={shop,billing}",
        "scopedRBAC=true",
        "telemetry.serviceMonitor.enabled=true",
        "podDisruptionBudget.enabled=true",
        "networkPolicy.enabled=true",
    ];
    let objects = rendered(&everything).await;
    assert!(kinds(&objects).is_disjoint(&BTreeSet::from(CLUSTER_WIDE)), "{:?}", kinds(&objects));
    for kind in ["Role", "RoleBinding"] {
        let places: BTreeSet<_> = places(&objects, kind).into_iter().collect();
        assert_eq!(places, BTreeSet::from(["infisical", "shop", "billing"].map(str::to_owned)), "{kind}");
    }
    // What no Role can grant is not asked for.
    assert!(!serde_json::to_string(&of_kind(&objects, "Role")).unwrap().contains("clustergenerators"));
    // Its settings come from where it may read them: one ConfigMap of its own namespace.
    assert_eq!(variable(&objects, "INFISICAL_OPERATOR_CONFIG_NAMESPACE")["value"], "infisical");
    let own = of_kind(&objects, "Role").into_iter().find(|role| text(role, "/metadata/name").ends_with("-config")).unwrap();
    assert_eq!(
        own["rules"],
        json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["infisical-config"], "verbs": ["get"]}])
    );
    let elsewhere = rendered(&["scopedNamespaces={shop}", "scopedRBAC=true", "operator.configNamespace=shop"]).await;
    assert!(of_kind(&elsewhere, "Role").iter().all(|role| !text(role, "/metadata/name").ends_with("-config")));
}

#[tokio::test]
async fn namespaces_without_scoped_rights_are_the_only_ones_that_are_watched_all_the_same() {
    let objects = rendered(&["scopedNamespaces={shop}"]).await;
    assert_eq!(run_with(&objects).namespaces, "shop");
    assert!(kinds(&objects).contains("ClusterRole"));
    let said = refused(&["scopedRBAC=true"]).await;
    assert!(said.contains("scopedNamespaces names no namespace"), "{said}");
}

#[tokio::test]
async fn releases_of_one_cluster_share_no_name() {
    let values = ["enableUserRBAC=true", "installCRDs=false"];
    let mut seen = BTreeSet::new();
    // Helm allows 53 characters, and objects 63; these differ in the last ones only.
    let [long, other] = ["01", "02"].map(|end| format!("{:x<51}{end}", "release-"));
    let releases = [
        ("infisical-operator-a", "one"),
        ("infisical-operator-b", "one"),
        ("infisical-operator-a", "two"),
        (&long, "one"),
        (&other, "two"),
        (&other, "one"),
    ];
    for (release, namespace) in releases {
        for object in rendered_as(release, namespace, &values).await {
            let name = text(&object, "/metadata/name").to_owned();
            let kind = text(&object, "/kind").to_owned();
            let is_role = kind.contains("Role");
            assert!(name.len() <= if is_role { 253 } else { 63 }, "{kind} {name}");
            let place = text(&object, "/metadata/namespace").to_owned();
            assert!(seen.insert((kind.clone(), place, name.clone())), "{release} in {namespace}: {kind} {name} is there already");
        }
    }
    // A role in a namespace that two releases work in.
    let roles = async |namespace: &str| {
        let objects = rendered_as("op", namespace, &["scopedNamespaces={shop}", "scopedRBAC=true"]).await;
        let roles = of_kind(&objects, "Role").into_iter().filter(|role| text(role, "/metadata/namespace") == "shop");
        roles.map(|role| text(role, "/metadata/name").to_owned()).collect::<BTreeSet<_>>()
    };
    assert!(roles("one").await.is_disjoint(&roles("two").await));
}

#[tokio::test]
async fn a_deployment_of_infisicals_chart_is_upgraded_in_place_where_the_name_is_kept() {
    let objects = rendered_as("secrets-operator-12", "infisical", &["fullnameOverride=secrets-operato"]).await;
    let deployment = the(&objects, "Deployment");
    assert_eq!(deployment["metadata"]["name"], "secrets-operato-controller-manager");
    // Selectors are immutable.
    let labels = json!({
        "control-plane": "controller-manager", "app.kubernetes.io/name": "secrets-operator", "app.kubernetes.io/instance": "secrets-operator-12",
    });
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(text(the(&objects, "ServiceAccount"), "/metadata/name"), "secrets-operato-controller-manager");
    assert_eq!(text(the(&objects, "Service"), "/metadata/name"), "secrets-operato-controller-manager-metrics-service");
}

#[tokio::test]
async fn definitions_stay_when_the_release_goes_and_can_be_left_out() {
    let objects = rendered(&["commonAnnotations.team=platform"]).await;
    let definitions = of_kind(&objects, "CustomResourceDefinition");
    let names: BTreeSet<_> = definitions.iter().map(|definition| text(definition, "/metadata/name").to_owned()).collect();
    let wanted: BTreeSet<_> = api::crds::crds().into_iter().filter_map(|definition| definition.metadata.name).collect();
    assert_eq!(names, wanted);
    for definition in definitions {
        assert_eq!(definition["metadata"]["annotations"], json!({"helm.sh/resource-policy": "keep", "team": "platform"}));
    }
    assert!(!kinds(&rendered(&["installCRDs=false"]).await).contains("CustomResourceDefinition"));
}

#[tokio::test]
async fn whoever_may_edit_a_namespace_may_edit_each_kind() {
    let objects = rendered(&["enableUserRBAC=true"]).await;
    let roles = of_kind(&objects, "ClusterRole");
    let of =
        |label: &str| roles.iter().find(|role| role["metadata"]["labels"][label] == "true").unwrap_or_else(|| panic!("no role {label}"));
    let plurals: BTreeSet<_> = api::crds::crds().into_iter().map(|definition| definition.spec.names.plural).collect();
    for label in ["admin", "edit", "view", "cluster-reader"] {
        let role = of(&format!("rbac.authorization.k8s.io/aggregate-to-{label}"));
        let resources: BTreeSet<_> =
            role["rules"][0]["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        assert_eq!(resources, plurals, "{label}");
        let writes = role["rules"][0]["verbs"].as_array().unwrap().contains(&json!("create"));
        assert_eq!(writes, matches!(label, "admin" | "edit"), "{label}");
    }
    assert_eq!(of_kind(&rendered(&[]).await, "ClusterRole").len(), 1);
}

#[tokio::test]
async fn a_scrape_is_found_by_the_labels_of_the_service() {
    let objects = rendered(&["telemetry.serviceMonitor.enabled=true", "telemetry.serviceMonitor.selectors.release=mine"]).await;
    let monitor = the(&objects, "ServiceMonitor");
    let labels = the(&objects, "Service")["metadata"]["labels"].as_object().unwrap();
    let selector = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
    assert!(selector.iter().all(|(name, value)| labels.get(name) == Some(value)) && selector.len() == 3, "{selector:?}");
    assert_eq!(monitor["metadata"]["labels"]["release"], "mine");
    let endpoint = json!([{
        "port": "https", "scheme": "https", "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s", "tlsConfig": {"insecureSkipVerify": true},
    }]);
    assert_eq!(monitor["spec"]["endpoints"], endpoint);
}

#[tokio::test]
async fn settings_of_the_operator_become_its_arguments() {
    let objects = rendered(&[
        "operator.trustedHosts={https://infisical.example.com,https://other.example.com}",
        "operator.ambientNamespaces={platform,billing}",
        "operator.pluginNamespaces.aws={platform}",
        "operator.withholdGrants.aws={environment:AWS_*}",
        "operator.mounts.gcp=/gcp",
        "operator.envCredentials=true",
        "operator.pluginPrivateEgress=true",
        "operator.tokenRequestSystemAccounts={kube-system/app}",
        "operator.organizationSlug=acme",
        "operator.configNamespace=settings",
        "logger.level=debug",
        "logger.format=text",
        "controllerManager.manager.args={--metrics-bind-address=0,--leader-elect=false,--zap-log-level=error}",
    ])
    .await;
    let options = run_with(&objects).options().unwrap();
    assert_eq!(options.trusted_hosts, ["https://infisical.example.com", "https://other.example.com"]);
    assert_eq!(options.ambient_namespaces.unwrap(), ["platform", "billing"]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(options.plugin_namespaces, [pair("aws", "platform")]);
    assert_eq!(options.plugins.withheld, [pair("aws", "environment:AWS_*")]);
    let mounts: Vec<_> = options.plugins.mounts.keys().cloned().collect();
    assert_eq!(mounts, ["gcp", "service-account"]);
    assert!(options.env_credentials && options.plugins.private_egress);
    assert_eq!(options.token_request_system_accounts, ["kube-system/app"]);
    assert_eq!(options.organisation.as_deref(), Some("acme"));
    assert_eq!(variable(&objects, "INFISICAL_OPERATOR_CONFIG_NAMESPACE")["value"], "settings");
    assert_eq!(run_with(&objects).logging.level(), "debug");
    let none = run_with(&rendered(&["operator.pluginNamespaces.aws={}", "operator.pluginNamespaces.gcp-iam=null"]).await);
    assert_eq!(none.plugin_namespaces, [pair("aws", "")]);
    // No namespace is another thing than all of them.
    let arguments = arguments(&rendered(&["operator.ambientNamespaces={}"]).await);
    assert!(arguments.contains(&"--ambient-namespaces=".into()), "{arguments:?}");
}

/// What people have who install Infisical's chart, all of its values.
#[tokio::test]
async fn values_of_infisicals_chart_are_taken_as_they_are() {
    let file = Target::workspace().join("tests/integration/data/infisical-chart-values.yaml");
    let objects = helm().await.objects(&chart::folder(), "op", "infisical", &["--values", file.to_str().unwrap()]).unwrap();
    let pod = the(&objects, "Deployment").pointer("/spec/template/spec").unwrap();
    assert_eq!(the(&objects, "Deployment")["spec"]["replicas"], 2);
    assert_eq!(pod["initContainers"][0]["image"], "registry.example.com/wait:op", "templates are rendered");
    assert_eq!(pod["volumes"][1]["configMap"]["name"], "op-ca");
    assert_eq!(pod["containers"][0]["volumeMounts"][1]["name"], "ca");
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(pod["containers"][0]["image"], "registry.example.com/operator:v1");
    let variables: Vec<_> =
        pod["containers"][0]["env"].as_array().unwrap().iter().filter(|entry| entry["name"] == "INFISICAL_LOG_WRITER").collect();
    assert_eq!(
        variables,
        [&json!({"name": "INFISICAL_LOG_WRITER", "value": "stdout"})],
        "a variable of the user takes the place of the chart's"
    );
    assert_eq!(pod["serviceAccountName"], "existing");
    assert!(of_kind(&objects, "ServiceAccount").is_empty());
    for name in ["nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"] {
        assert!(!pod[name].is_null(), "{name}");
    }
    assert_eq!(the(&objects, "Service")["spec"]["type"], "NodePort");
}

#[tokio::test]
async fn a_slip_of_the_pen_is_refused_by_its_name() {
    for (value, says) in [
        ("hostApi=https://x", "hostApi"),
        ("scopedNamespace.a=b", "scopedNamespace"),
        ("scopedRbac=true", "scopedRbac"),
        ("installCRDs=yes", "installCRDs"),
        ("controllerManager.replica=2", "replica"),
        ("controllerManager.manager.ressources.limits.cpu=1", "ressources"),
        ("operator.trustedHost={https://x}", "trustedHost"),
        ("operator.tokenRequestSystemAccounts={app}", "kube-system"),
        ("logger.format=xml", "format"),
        // Helm would write it as 2.0240101e+07.
        ("controllerManager.manager.image.tag=20240101", "tag"),
        ("controllerManager.manager.image=null", "image"),
        ("controllerManager.serviceAccount=null", "serviceAccount"),
        ("metricsService=null", "metricsService"),
        ("metricsService.ports=null", "ports"),
        ("telemetry.serviceMonitor.enable=true", "enable"),
        ("scopedNamespaces={Shop}", "Shop"),
        ("controllerManager.serviceAccount.create=false", "controllerManager.serviceAccount.name"),
        ("controllerManager.manager.image.repository=docker.io/infisical/kubernetes-operator", "Infisical's own operator"),
        ("defaultInfisicalConnection.enabled=true", "write the InfisicalConnection yourself"),
        ("configureBasicKubernetesAuth=true", "makes no service account"),
    ] {
        let said = refused(&[value]).await;
        assert!(said.contains(says), "{value}: {said}");
    }
}

#[tokio::test]
async fn what_the_user_names_like_a_volume_of_ours_and_what_holds_anchors_is_no_obstacle() {
    let objects = rendered(&[
        "controllerManager.extraVolumes[0].name=cache",
        "controllerManager.extraVolumes[0].emptyDir.medium=Memory",
        "controllerManager.extraVolumes[1].name=plugins",
        "controllerManager.extraVolumes[1].emptyDir.medium=Memory",
        "plugins.volume.persistentVolumeClaim.claimName=plugins",
        "x-resources.limits.cpu=1",
    ])
    .await;
    let volumes = the(&objects, "Deployment").pointer("/spec/template/spec/volumes").and_then(Value::as_array).unwrap();
    let names: BTreeSet<_> = volumes.iter().map(|volume| text(volume, "/name")).collect();
    assert_eq!((volumes.len(), names.len()), (4, 4), "{names:?}");
}

/// They are for people, and the only roles that `scopedRBAC` leaves.
#[tokio::test]
async fn roles_for_users_grant_the_operator_nothing() {
    let objects = rendered(&["scopedNamespaces={shop}", "scopedRBAC=true", "enableUserRBAC=true"]).await;
    let names: Vec<_> = of_kind(&objects, "ClusterRole").iter().map(|role| text(role, "/metadata/name").to_owned()).collect();
    assert!(names.len() == 2 && names.iter().all(|name| name.contains("-user-")), "{names:?}");
    let bound = objects.iter().filter(|object| text(object, "/roleRef/kind") == "ClusterRole").count();
    assert_eq!(bound, 0, "a ClusterRole is bound");
}

/// Each value in the table is one that the schema knows, and the other way round, but for values of other charts.
#[test]
fn the_schema_and_the_table_know_the_same_values() {
    let read = |name: &str| fs::read_to_string(chart::folder().join(name)).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut known = BTreeSet::new();
    walk(&schema, "", &mut known);
    let rows: BTreeSet<_> = chart::rows(&read("values.yaml")).unwrap().into_iter().map(|row| row.path).collect();
    let missing: Vec<_> = rows.difference(&known).collect();
    assert!(missing.is_empty(), "not in the schema: {missing:?}");
    let undocumented: Vec<_> = known.difference(&rows).collect();
    assert!(undocumented.is_empty(), "in the schema, neither in values.yaml nor described as another's: {undocumented:?}");
}

/// The leaves that are no other chart's.
fn walk(schema: &Value, path: &str, known: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(properties) => {
            for (name, property) in properties.iter().filter(|(_, property)| property["description"].is_null()) {
                walk(property, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, known);
            }
        }
        None => {
            known.insert(path.to_owned());
        }
    }
}
