//! Paths with slashes. The functions whose name begins with `os` do the same, as Go's do on Linux.
use go_template_engine::{Context, Error, Function, Str, functions};

use crate::go::path;

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "base" => base, (&Str);
    "clean" => clean, (&Str);
    "dir" => dir, (&Str);
    "ext" => ext, (&Str);
    "isAbs" => is_abs, (&Str);
    "osBase" => base, (&Str);
    "osClean" => clean, (&Str);
    "osDir" => dir, (&Str);
    "osExt" => ext, (&Str);
    "osIsAbs" => is_abs, (&Str);
};

fn base(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    Ok(path::base(text))
}

fn clean(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    Ok(path::clean(text))
}

fn dir(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    Ok(path::dir(text))
}

fn ext(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    Ok(path::ext(text).to_vec())
}

fn is_abs(_: &mut Context<'_>, text: &Str) -> Result<bool, Error> {
    Ok(path::is_absolute(text))
}
