//! From the traits of this crate to what the contract exports.
//!
//! The macros export for wasm only: a native linker refuses the colon in the names of exported functions, and with it every
//! build of the whole workspace. Natively they check that the type implements the traits.
#[cfg(target_family = "wasm")]
mod adapter;
#[cfg(target_family = "wasm")]
pub use adapter::Exported;

/// Makes a type that implements [`Authenticator`](crate::authenticator::Authenticator) the plugin.
#[macro_export]
macro_rules! export_authenticator {
    ($plugin:ty) => {
        const _: () = {
            const fn is_a_plugin<T: $crate::authenticator::Authenticator>() {}
            is_a_plugin::<$plugin>()
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::Exported<$plugin>;
    $crate::sys::metadata::export_metadata_interface!(Exported with_types_in $crate::sys::metadata);
    $crate::sys::authenticator::export_authenticator_interface!(Exported with_types_in $crate::sys::authenticator);
        };
    };
}

/// Makes a type that implements [`Template`](crate::template::Template) the plugin.
#[macro_export]
macro_rules! export_template {
    ($plugin:ty) => {
        const _: () = {
            const fn is_a_plugin<T: $crate::template::Template>() {}
            is_a_plugin::<$plugin>()
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::Exported<$plugin>;
    $crate::sys::metadata::export_metadata_interface!(Exported with_types_in $crate::sys::metadata);
    $crate::sys::template::export_template_interface!(Exported with_types_in $crate::sys::template);
        };
    };
}

/// Makes a type that implements [`Generator`](crate::generator::Generator) the plugin.
#[macro_export]
macro_rules! export_generator {
    ($plugin:ty) => {
        const _: () = {
            const fn is_a_plugin<T: $crate::generator::Generator>() {}
            is_a_plugin::<$plugin>()
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::Exported<$plugin>;
    $crate::sys::metadata::export_metadata_interface!(Exported with_types_in $crate::sys::metadata);
    $crate::sys::generator::export_generator_interface!(Exported with_types_in $crate::sys::generator);
        };
    };
}

/// Makes a type that implements [`Policy`](crate::policy::Policy) the plugin.
#[macro_export]
macro_rules! export_policy {
    ($plugin:ty) => {
        const _: () = {
            const fn is_a_plugin<T: $crate::policy::Policy>() {}
            is_a_plugin::<$plugin>()
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::Exported<$plugin>;
    $crate::sys::metadata::export_metadata_interface!(Exported with_types_in $crate::sys::metadata);
    $crate::sys::policy::export_policy_interface!(Exported with_types_in $crate::sys::policy);
        };
    };
}
