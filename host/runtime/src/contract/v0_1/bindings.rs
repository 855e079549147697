//! Generated bindings of `infisical:plugin@0.1.0`: the imports once, with one set of types, and each exported interface on
//! top of them.
//!
//! A world of the package is the world `imports`, plus `metadata`, plus one interface more. Binding the interfaces one by
//! one gives all plugins the same `metadata`, whatever their world.

pub mod imports {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "infisical:plugin/imports",
        imports: { default: async | trappable },
        with: { "infisical:plugin/credentials.credential": crate::context::Credential },
    });
}

macro_rules! export {
    ($module:ident, $inline:literal, { $($with:tt)* }) => {
        pub mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit",
                inline: $inline,
                exports: { default: async },
                ownership: Borrowing { duplicate_if_necessary: false },
                with: { $($with)* },
            });
        }
    };
}

export!(metadata, "package infisical:host; world metadata { export infisical:plugin/metadata@0.1.0; }", {
    "infisical:plugin/types": crate::contract::v0_1::bindings::imports::infisical::plugin::types,
});
export!(authenticator, "package infisical:host; world authenticator { export infisical:plugin/authenticator@0.1.0; }", {
    "infisical:plugin/types": crate::contract::v0_1::bindings::imports::infisical::plugin::types,
    "infisical:plugin/credentials": crate::contract::v0_1::bindings::imports::infisical::plugin::credentials,
});
export!(template, "package infisical:host; world template { export infisical:plugin/template@0.1.0; }", {
    "infisical:plugin/types": crate::contract::v0_1::bindings::imports::infisical::plugin::types,
});
export!(generator, "package infisical:host; world generator { export infisical:plugin/generator@0.1.0; }", {
    "infisical:plugin/types": crate::contract::v0_1::bindings::imports::infisical::plugin::types,
});
export!(policy, "package infisical:host; world policy { export infisical:plugin/policy@0.1.0; }", {
    "infisical:plugin/types": crate::contract::v0_1::bindings::imports::infisical::plugin::types,
});
