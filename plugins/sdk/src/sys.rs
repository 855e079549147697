//! Bindings, generated from `wit/`, and the hooks of `getrandom`: all the unsafe code that a plugin is linked with.
//!
//! One `generate!` for each *interface* that a plugin exports, not for each world: the macro that exports an interface is
//! global to the crate and named after it, and all four worlds export `metadata`. `wit-component` joins the small worlds of
//! the macros that a plugin uses. The imports are generated once and the rest refers to them, so that there is one
//! `Credential`. Nothing of this is for plugins to use: the other modules of this crate put types of their own in front.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::pedantic)]

pub mod types {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package infisical:sdk; world types { import infisical:plugin/types@0.1.0; }",
        world: "infisical:sdk/types",
        additional_derives: [PartialEq, Eq],
        generate_all,
    });
    pub use infisical::plugin::types::*;
}

pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "infisical:plugin/imports",
        with: { "infisical:plugin/types@0.1.0": crate::sys::types::infisical::plugin::types },
        generate_all,
    });
    pub use infisical::plugin::*;
}

pub mod metadata {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package infisical:sdk; world metadata { export infisical:plugin/metadata@0.1.0; }",
        world: "infisical:sdk/metadata",
        pub_export_macro: true,
        export_macro_name: "export_metadata_interface",
        default_bindings_module: "plugin_sdk::sys::metadata",
        with: { "infisical:plugin/types@0.1.0": crate::sys::types::infisical::plugin::types },
    });
    pub use exports::infisical::plugin::metadata::*;
}

pub mod authenticator {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package infisical:sdk; world authenticator { export infisical:plugin/authenticator@0.1.0; }",
        world: "infisical:sdk/authenticator",
        pub_export_macro: true,
        export_macro_name: "export_authenticator_interface",
        default_bindings_module: "plugin_sdk::sys::authenticator",
        with: {
            "infisical:plugin/types@0.1.0": crate::sys::types::infisical::plugin::types,
            "infisical:plugin/credentials@0.1.0": crate::sys::imports::infisical::plugin::credentials,
        },
    });
    pub use exports::infisical::plugin::authenticator::*;
}

pub mod template {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package infisical:sdk; world template { export infisical:plugin/template@0.1.0; }",
        world: "infisical:sdk/template",
        pub_export_macro: true,
        export_macro_name: "export_template_interface",
        default_bindings_module: "plugin_sdk::sys::template",
        with: { "infisical:plugin/types@0.1.0": crate::sys::types::infisical::plugin::types },
    });
    pub use exports::infisical::plugin::template::*;
}

pub mod generator {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package infisical:sdk; world generator { export infisical:plugin/generator@0.1.0; }",
        world: "infisical:sdk/generator",
        pub_export_macro: true,
        export_macro_name: "export_generator_interface",
        default_bindings_module: "plugin_sdk::sys::generator",
        with: { "infisical:plugin/types@0.1.0": crate::sys::types::infisical::plugin::types },
    });
    pub use exports::infisical::plugin::generator::*;
}

pub mod policy {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package infisical:sdk; world policy { export infisical:plugin/policy@0.1.0; }",
        world: "infisical:sdk/policy",
        pub_export_macro: true,
        export_macro_name: "export_policy_interface",
        default_bindings_module: "plugin_sdk::sys::policy",
        with: { "infisical:plugin/types@0.1.0": crate::sys::types::infisical::plugin::types },
    });
    pub use exports::infisical::plugin::policy::*;
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use {getrandom_02, getrandom_03};

/// Sends `getrandom` 0.2, 0.3 and 0.4 to [`random::fill`](crate::random::fill). For a plugin one of whose dependencies wants
/// random numbers; without it such a plugin does not link.
///
/// A macro and not plain code: an unmangled function stays in every plugin that links this crate, and with it the import
/// of `random`. (A cargo feature would not do either: plugins that are built together share features.)
#[macro_export]
macro_rules! hook_getrandom {
    () => {
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        const _: () = {
            fn fill_02(out: &mut [u8]) -> Result<(), $crate::sys::getrandom_02::Error> {
                $crate::random::fill(out).map_err(|_| $crate::sys::getrandom_02::Error::UNSUPPORTED)
            }
            $crate::sys::getrandom_02::register_custom_getrandom!(fill_02);

            // getrandom 0.3 and 0.4 look for one and the same symbol; their error types have the same layout.
            #[unsafe(no_mangle)]
            unsafe extern "Rust" fn __getrandom_v03_custom(out: *mut u8, length: usize) -> Result<(), $crate::sys::getrandom_03::Error> {
                // SAFETY: the caller passes a buffer of `length` bytes that nothing else refers to; it may be
                // uninitialised, so it is zeroed before a reference to it is made.
                let out = unsafe {
                    out.write_bytes(0, length);
                    core::slice::from_raw_parts_mut(out, length)
                };
                $crate::random::fill(out).map_err(|_| $crate::sys::getrandom_03::Error::UNSUPPORTED)
            }
        };
    };
}
