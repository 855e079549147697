//! YAML, as `yaml.v3` and `sigs.k8s.io/yaml` read and write it.
mod convert;

use convert::{from_map, to_data};
use go_template_engine::{Context, Error, Function, Map, Str, Value, functions};
use go_yaml::{Dialect, encode, sigs, string_map};

/// Of Infisical's operator: `yaml.v3`.
pub static INFISICAL: &[Function] = functions! {
    "fromYaml" => from_yaml, (&Str);
    "toYaml" => to_yaml, (&Value);
};

/// Of External Secrets Operator: `sigs.k8s.io/yaml`, whose way leads through JSON.
pub static EXTERNAL: &[Function] = functions! {
    "fromYaml" => from_yaml_by_json, (&Str);
    "toYaml" => to_yaml_by_json, (&Value);
};

/// How much memory a document may take for each byte of it: a list of short items is the worst.
const GROWTH: usize = 64;

fn cut_line_end(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    text
}

fn to_yaml(context: &mut Context<'_>, value: &Value) -> Result<Vec<u8>, Error> {
    let data = to_data(context, value)?;
    let text = encode(&data, Dialect::V3).map_err(|fault| Error::new(fault.safe()))?;
    context.allocate(text.len())?;
    Ok(cut_line_end(text))
}

fn from_yaml(context: &mut Context<'_>, text: &Str) -> Result<Map, Error> {
    context.allocate(text.len().saturating_mul(GROWTH))?;
    match string_map(text).map_err(|fault| Error::new(format!("Error: yaml: {}", fault.safe())))? {
        Some(map) => from_map(context, map),
        None => Ok(Map::nil(&go_template_engine::Type::STRING, &go_template_engine::Type::Interface)),
    }
}

/// Nothing where the value can't be written.
fn to_yaml_by_json(context: &mut Context<'_>, value: &Value) -> Result<Vec<u8>, Error> {
    let Ok(json) = crate::json::must_to_json(context, value) else { return Ok(Vec::new()) };
    context.allocate(json.len().saturating_mul(2))?;
    Ok(sigs::json_to_yaml(&json).map(cut_line_end).unwrap_or_default())
}

/// Where the text can't be read, a map with the fault under `Error`.
fn from_yaml_by_json(context: &mut Context<'_>, text: &Str) -> Result<Map, Error> {
    context.allocate(text.len().saturating_mul(GROWTH))?;
    match sigs::string_map(text) {
        Ok(map) => from_map(context, map),
        Err(fault) => {
            let map = Map::dict();
            map.set("Error", Value::string(fault.to_string()))?;
            Ok(map)
        }
    }
}

/// For tests of the conversion.
#[cfg(test)]
fn there_and_back(context: &mut Context<'_>, value: &Value) -> Result<Value, Error> {
    let data = to_data(context, value)?;
    convert::from_data(context, data)
}

#[cfg(test)]
mod tests;
