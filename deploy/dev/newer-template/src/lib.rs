//! The go-template plugin as a later version might be: it writes its version below everything that it renders, so that a
//! look at a target tells which one rendered it. `cargo dev -- --check` drops it into the bundle folder of a running
//! operator.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, NoSettings, Plugin,
    template::{Rendering, Request, Template},
};
use template_go::GoTemplate;

/// The plugin.
pub struct NewerTemplate;

impl Plugin for NewerTemplate {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("go-template", env!("CARGO_PKG_VERSION"), "Templates in Go's language, signed with a version.")
    }
}

impl Template for NewerTemplate {
    fn render(request: Request) -> Result<Rendering, Error> {
        let mut rendering = GoTemplate::render(request)?;
        for entry in &mut rendering.entries {
            entry.value.extend_from_slice(concat!("# go-template ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
        }
        Ok(rendering)
    }
}

plugin_sdk::export_template!(NewerTemplate);
