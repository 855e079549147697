//! The page about the contract, made of the comments in `wit/` and of the schema of descriptors, so that it can't differ from
//! what is built.
use crate::Workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    fs,
};
use wit_parser::{Docs, Function, FunctionKind, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, WorldItem};

/// Where the page lies, below the root of the workspace.
pub const CONTRACT_PAGE: &str = "docs/plugin-contract.md";

/// Makes the page.
///
/// # Errors
/// Where `wit/` does not parse.
pub fn contract_page(workspace: &Workspace) -> Result<String> {
    let folder = workspace.root.join("wit");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&folder).with_context(|| format!("{} does not parse", folder.display()))?;
    let schema = folder.join("descriptor.schema.json");
    let schema = fs::read_to_string(&schema).with_context(|| format!("can't read {}", schema.display()))?;
    let schema: Value = serde_json::from_str(&schema).context("descriptor.schema.json is not JSON")?;
    let package = resolve.packages.get(package).context("the package is gone")?;
    let mut page = Page { resolve: &resolve, text: String::new() };
    page.write(package, &schema)?;
    Ok(page.text)
}

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Page<'_> {
    fn write(&mut self, package: &wit_parser::Package, schema: &Value) -> fmt::Result {
        writeln!(self.text, "<!-- Made by `cargo run -p bundle -- docs` from wit/. Do not edit. -->\n")?;
        writeln!(self.text, "# The plugin contract: `{}`\n", package.name)?;
        self.docs(&package.docs)?;
        writeln!(self.text, "## Worlds\n\n| world | exports | |\n| --- | --- | --- |")?;
        let mut exported = Vec::new();
        for id in package.worlds.values() {
            let Some(world) = self.resolve.worlds.get(*id) else { continue };
            let names = |items: Vec<&WorldItem>| -> Vec<&str> {
                let interface = |item| match item {
                    &WorldItem::Interface { id, .. } => self.resolve.interfaces.get(id)?.name.as_deref(),
                    _ => None,
                };
                items.into_iter().filter_map(interface).collect()
            };
            let exports = names(world.exports.values().collect());
            let list = exports.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            writeln!(self.text, "| `{}` | {list} | {} |", world.name, line(&world.docs))?;
            exported.extend(exports);
        }
        let interfaces = || package.interfaces.iter().filter_map(|(name, id)| Some((name, self.resolve.interfaces.get(*id)?)));
        let (exports, others): (Vec<_>, Vec<_>) = interfaces().partition(|(name, _)| exported.contains(&name.as_str()));
        let (imports, types): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, interface)| !interface.functions.is_empty());
        for (title, group) in [("What a plugin exports", exports), ("What a plugin may import", imports), ("Shared types", types)] {
            writeln!(self.text, "\n## {title}")?;
            for (name, interface) in group {
                self.interface(name, interface)?;
            }
        }
        self.descriptor(schema)
    }

    fn docs(&mut self, docs: &Docs) -> fmt::Result {
        match &docs.contents {
            Some(text) => writeln!(self.text, "{}\n", text.trim()),
            None => Ok(()),
        }
    }

    fn interface(&mut self, name: &str, interface: &Interface) -> fmt::Result {
        writeln!(self.text, "\n### `{name}`\n")?;
        self.docs(&interface.docs)?;
        for function in interface.functions.values() {
            self.function(function)?;
        }
        for (name, id) in &interface.types {
            if let Some(definition) = self.resolve.types.get(*id) {
                self.definition(name, definition)?;
            }
        }
        Ok(())
    }

    fn function(&mut self, function: &Function) -> fmt::Result {
        let method = matches!(function.kind, FunctionKind::Method(_));
        let parameters = function.params.iter().skip(usize::from(method));
        let parameters: Vec<_> = parameters.map(|parameter| format!("{}: {}", parameter.name, self.name(&parameter.ty))).collect();
        let result = function.result.as_ref().map(|result| format!(" -> {}", self.name(result))).unwrap_or_default();
        writeln!(self.text, "#### `{}({}){result}`\n", function.item_name(), parameters.join(", "))?;
        self.docs(&function.docs)
    }

    fn definition(&mut self, name: &str, definition: &TypeDef) -> fmt::Result {
        let members: Vec<(&str, String, &Docs)> = match &definition.kind {
            TypeDefKind::Record(record) => {
                record.fields.iter().map(|field| (field.name.as_str(), self.name(&field.ty), &field.docs)).collect()
            }
            TypeDefKind::Variant(variant) => {
                let case = |ty: &Option<Type>| ty.as_ref().map(|ty| self.name(ty)).unwrap_or_default();
                variant.cases.iter().map(|member| (member.name.as_str(), case(&member.ty), &member.docs)).collect()
            }
            TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| (case.name.as_str(), String::new(), &case.docs)).collect(),
            // A name that is used from another interface stands there.
            TypeDefKind::Type(Type::Id(_)) => return Ok(()),
            TypeDefKind::Resource => {
                writeln!(self.text, "#### resource `{name}`\n")?;
                return self.docs(&definition.docs);
            }
            other => {
                writeln!(self.text, "#### type `{name}` = `{}`\n", self.kind(other))?;
                return self.docs(&definition.docs);
            }
        };
        writeln!(self.text, "#### {} `{name}`\n", definition.kind.as_str())?;
        self.docs(&definition.docs)?;
        writeln!(self.text, "| | type | |\n| --- | --- | --- |")?;
        for (name, ty, docs) in members {
            let ty = if ty.is_empty() { ty } else { format!("`{ty}`") };
            writeln!(self.text, "| `{name}` | {ty} | {} |", line(docs))?;
        }
        writeln!(self.text)
    }

    fn name(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => match self.resolve.types.get(*id) {
                Some(TypeDef { name: Some(name), .. }) => name.clone(),
                Some(definition) => self.kind(&definition.kind),
                None => String::new(),
            },
            // The names of the language are those of the type, in lower case.
            simple => format!("{simple:?}").to_lowercase(),
        }
    }

    fn kind(&self, kind: &TypeDefKind) -> String {
        match kind {
            TypeDefKind::Type(ty) => self.name(ty),
            TypeDefKind::List(item) => format!("list<{}>", self.name(item)),
            TypeDefKind::Option(item) => format!("option<{}>", self.name(item)),
            TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(|ty| self.name(ty)).collect::<Vec<_>>().join(", ")),
            TypeDefKind::Result(result) => {
                let side = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".into(), |ty| self.name(ty));
                format!("result<{}, {}>", side(&result.ok), side(&result.err))
            }
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.name(&Type::Id(*id))),
            TypeDefKind::Handle(Handle::Own(id)) => self.name(&Type::Id(*id)),
            other => other.as_str().into(),
        }
    }

    fn descriptor(&mut self, schema: &Value) -> fmt::Result {
        writeln!(self.text, "\n## The descriptor\n\n{}\n", schema.get("description").and_then(Value::as_str).unwrap_or_default())?;
        writeln!(self.text, "| member | type | required | limits | |\n| --- | --- | --- | --- | --- |")?;
        self.members("", schema)
    }

    fn members(&mut self, prefix: &str, schema: &Value) -> fmt::Result {
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        // In one order, whatever features of serde_json the packages that are built together ask for.
        let members: BTreeMap<_, _> = schema.get("properties").and_then(Value::as_object).into_iter().flatten().collect();
        for (name, member) in members {
            let text = |key: &str| member.get(key).and_then(Value::as_str).unwrap_or_default();
            let limit =
                |(key, words): (&str, &str)| member.get(key).map(|value| format!("{words} `{}`", value.to_string().trim_matches('"')));
            let limits =
                [("pattern", "matches"), ("maxLength", "characters at most"), ("maxItems", "items at most"), ("default", "default")];
            let limits: Vec<_> =
                limits.into_iter().filter_map(limit).map(|limit| limit.replace('|', "\\|").replace("\\\\", "\\")).collect();
            let is_required = if required.contains(&name.as_str().into()) { "yes" } else { "" };
            writeln!(
                self.text,
                "| `{prefix}{name}` | {} | {is_required} | {} | {} |",
                text("type"),
                limits.join("; "),
                text("description")
            )?;
            if let Some(items) = member.get("items") {
                self.members(&format!("{prefix}{name}[]."), items)?;
            }
        }
        Ok(())
    }
}

/// In one line, for a table.
fn line(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
