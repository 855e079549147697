//! `infisical-operator template …`: renders the templates of a resource as the operator would, without a cluster.
use super::template_data::SecretsFile;
use crate::{
    data::{Contents, Repeated},
    options::PluginOptions,
    plan::{self, Target, Template},
    render::{self, Source},
};
use anyhow::{Context, bail};
use api::{v1alpha1::InfisicalSecret, v1beta1::InfisicalStaticSecret};
use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use clap::{Args, Subcommand};
use runtime::{Diagnostic, Failure, Rendering, Runtime};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Prints the objects that a resource makes of these secrets.
    Render {
        #[command(flatten)]
        resource: ResourceArgs,
        /// Secrets as JSON or YAML: an object from key to value, or {secrets: […], imports: […]} with key, value, path, comment
        /// and tags of each.
        #[arg(long)]
        secrets: PathBuf,
    },
    /// Says whether the templates of a resource can be parsed; with secrets, whether they render.
    Check {
        #[command(flatten)]
        resource: ResourceArgs,
        /// As for render.
        #[arg(long)]
        secrets: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub struct ResourceArgs {
    /// YAML with InfisicalSecrets and InfisicalStaticSecrets; other objects in it are passed over.
    #[arg(short = 'f', long = "file")]
    pub file: PathBuf,
    /// Folder of the plugins, with its index.json.
    #[arg(long, env = "INFISICAL_OPERATOR_BUNDLE_DIR", default_value = "/plugins")]
    pub bundle_dir: PathBuf,
    /// Folder for machine code of the operator's own.
    #[arg(long, env = "INFISICAL_OPERATOR_CACHE_DIR", default_value = "/tmp/infisical-operator-cache")]
    pub cache_dir: PathBuf,
}

/// A resource with templates.
struct Resource {
    name: String,
    namespace: String,
    targets: Vec<Target>,
    source: Source,
}

impl TemplateCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// A file can't be read, a resource can't be planned, a template fails.
    pub async fn run(&self) -> anyhow::Result<()> {
        let (Self::Render { resource, .. } | Self::Check { resource, .. }) = self;
        let secrets = match self {
            Self::Render { secrets, .. } => Some(secrets),
            Self::Check { secrets, .. } => secrets.as_ref(),
        };
        let contents = secrets.map(|path| SecretsFile::read(path)).transpose()?;
        let resources = resources(&resource.file, contents.as_ref())?;
        let runtime = runtime(resource).await?;
        let (mut checked, mut failed) = (0, 0);
        for resource in &resources {
            for target in &resource.targets {
                checked += 1;
                match self.one(&runtime, resource, target, contents.is_some()).await {
                    Ok(text) => print!("{text}"),
                    Err(text) => {
                        failed += 1;
                        eprint!("{text}");
                    }
                }
            }
        }
        if failed > 0 {
            bail!("{failed} of {checked} targets failed");
        }
        if matches!(self, Self::Check { .. }) {
            println!("{checked} targets checked");
        }
        Ok(())
    }

    async fn one(&self, runtime: &Runtime, resource: &Resource, target: &Target, renders: bool) -> Result<String, String> {
        let mut rendering = Rendering { entries: Vec::new(), notices: Vec::new() };
        if let Some(template) = target.template.as_ref().filter(|template| !template.entries.is_empty()) {
            let mut template = template.clone();
            if let (false, Value::Object(options)) = (renders, &mut template.options) {
                options.insert("check".into(), true.into());
            }
            let call = render::call(&template, &resource.source.contents, &resource.namespace);
            match runtime.render(call).await {
                Ok(rendered) => rendering = rendered,
                Err(Failure::Template(diagnostics)) => {
                    return Err(diagnostics.iter().map(|found| caret(resource, target, &template, found)).collect());
                }
                Err(failure) => return Err(format!("{}: {}.template: {failure}\n", resource.name, target.field)),
            }
        }
        if matches!(self, Self::Check { .. }) {
            return Ok(String::new());
        }
        let desired =
            render::assembled(target, &resource.source, rendering).map_err(|fault| format!("{}: {}\n", resource.name, fault.message))?;
        for notice in &desired.notices {
            eprintln!("{}: warning: {}", resource.name, notice.message);
        }
        Ok(object(target, &desired.data))
    }
}

async fn runtime(arguments: &ResourceArgs) -> anyhow::Result<Runtime> {
    let options = PluginOptions {
        bundle: arguments.bundle_dir.clone(),
        cache: arguments.cache_dir.clone(),
        compiler: std::env::current_exe().context("the path of this program is not known")?,
        ..PluginOptions::default()
    };
    crate::start::plugins(&options, &Default::default()).await
}

fn resources(file: &Path, contents: Option<&Contents>) -> anyhow::Result<Vec<Resource>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&text) {
        let value = Value::deserialize(document).with_context(|| format!("{}: no YAML", file.display()))?;
        let contents = contents.cloned().unwrap_or_default();
        let (owner, targets, source) = match value.get("kind").and_then(Value::as_str) {
            Some("InfisicalSecret") => {
                let resource: InfisicalSecret = serde_json::from_value(value).with_context(|| file.display().to_string())?;
                (
                    plan::Owner::of(&resource),
                    plan::targets(&resource),
                    Source::infisical_secret(Arc::new(contents.merged(Repeated::LastWins))),
                )
            }
            Some("InfisicalStaticSecret") => {
                let resource: InfisicalStaticSecret = serde_json::from_value(value).with_context(|| file.display().to_string())?;
                (plan::Owner::of(&resource), plan::static_targets(&resource), Source::static_secret(contents))
            }
            _ => continue,
        };
        let targets = targets.and_then(plan::Planned::whole).map_err(|fault| anyhow::anyhow!("{}", fault.message))?;
        all.push(Resource { name: owner.object.to_string(), namespace: owner.object.namespace, targets, source });
    }
    if all.is_empty() {
        bail!("{}: there is no InfisicalSecret and no InfisicalStaticSecret in it", file.display());
    }
    Ok(all)
}

/// The line of the template with a mark below the place.
fn caret(resource: &Resource, target: &Target, template: &Template, found: &Diagnostic) -> String {
    let Diagnostic { entry, line, column, message } = found;
    let mut text = format!("{}: {}.template.data[{entry:?}]: line {line}, column {column}: {message}\n", resource.name, target.field);
    let number = usize::try_from(*line).unwrap_or_default();
    let source = template.entries.get(entry).and_then(|source| source.lines().nth(number.checked_sub(1)?));
    if let Some(source) = source {
        let margin = " ".repeat(number.to_string().len());
        // Tabs stay tabs, so that the mark is below its place however wide they are shown.
        let before = usize::try_from(*column).unwrap_or_default().saturating_sub(1);
        let indent: String = source.chars().take(before).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        text.push_str(&format!("{margin} |\n{number} | {source}\n{margin} | {indent}^\n"));
    }
    text
}

/// The object as YAML: texts readable, other bytes as Base64.
fn object(target: &Target, data: &plan::Data) -> String {
    let (mut texts, mut bytes) = (Map::new(), Map::new());
    for (key, value) in data {
        match std::str::from_utf8(value.expose_secret()) {
            Ok(text) => drop(texts.insert(key.clone(), text.into())),
            Err(_) => drop(bytes.insert(key.clone(), STANDARD.encode(value.expose_secret()).into())),
        }
    }
    let (plain, binary) = match target.kind {
        plan::TargetKind::Secret => ("stringData", "data"),
        plan::TargetKind::ConfigMap => ("data", "binaryData"),
    };
    let mut object = json!({
        "apiVersion": "v1", "kind": target.kind.to_string(),
        "metadata": {"name": target.name.name, "namespace": target.name.namespace}, plain: texts,
    });
    if let (false, Some(object)) = (bytes.is_empty(), object.as_object_mut()) {
        object.insert(binary.into(), bytes.into());
    }
    format!("---\n{}", serde_yaml::to_string(&object).unwrap_or_default())
}
