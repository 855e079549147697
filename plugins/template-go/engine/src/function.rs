//! How a function is written and found. See the crate's documentation for examples.
use crate::{context::Context, error::Error, list::List, map::Map, text::Str, types::Type, value::Value};

/// What runs: the arguments were checked against the parameters, and are as many as they should be.
pub type Run = fn(&mut Context<'_>, &[Value]) -> Result<Value, Error>;

/// A function or a method. Made by [`functions!`](crate::functions).
pub struct Function {
    /// As templates call it.
    pub name: &'static str,
    /// Types of the fixed parameters.
    pub params: &'static [Type],
    /// Type of each further argument, where it takes any number.
    pub rest: Option<Type>,
    /// What it does.
    pub run: Run,
}

/// `int`, which Go's functions take for counts and places (`i64` is `int64`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int(pub i64);

/// A parameter. Implement it for wrappers of your own declared types.
pub trait Arg<'a>: Sized {
    /// What Go's signature has there.
    const TYPE: Type;

    /// Out of a value of that type; [`None`] can't happen behind the engine's check.
    fn take(value: &'a Value) -> Option<Self>;
}

/// What stands behind `...`.
pub trait Rest<'a>: Sized {
    /// Of one.
    const TYPE: Type;

    /// Out of values of that type.
    fn take(values: &'a [Value]) -> Self;
}

/// `interface {}`.
impl<'a> Arg<'a> for &'a Value {
    const TYPE: Type = Type::Interface;

    fn take(value: &'a Value) -> Option<Self> {
        Some(value)
    }
}

macro_rules! args {
    ($($kind:ty, $type:expr, $pattern:pat => $taken:expr;)*) => { $(
        impl<'a> Arg<'a> for $kind {
            const TYPE: Type = $type;

            fn take(value: &'a Value) -> Option<Self> {
                match value {
                    $pattern => Some($taken),
                    _ => None,
                }
            }
        }
    )* };
}

args! {
    &'a Str, Type::STRING, Value::String(text) => text;
    bool, Type::BOOL, Value::Bool(truth) => *truth;
    Int, Type::INT, Value::Int(_, number) => Int(*number);
    i64, Type::INT64, Value::Int(_, number) => *number;
    f64, Type::FLOAT64, Value::Float(number) => *number;
    // `map[string]interface {}`.
    &'a Map, Type::DICT, Value::Map(map) => map;
    // `[]interface {}`.
    &'a List, Type::LIST, Value::List(list) => list;
}

/// `...interface {}`.
impl<'a> Rest<'a> for &'a [Value] {
    const TYPE: Type = Type::Interface;

    fn take(values: &'a [Value]) -> Self {
        values
    }
}

/// `...string`.
#[derive(Clone, Copy)]
pub struct Strings<'a>(pub &'a [Value]);

impl<'a> Strings<'a> {
    pub fn iter(self) -> impl Iterator<Item = &'a Str> {
        self.0.iter().filter_map(<&Str>::take)
    }
}

impl<'a> Rest<'a> for Strings<'a> {
    const TYPE: Type = Type::STRING;

    fn take(values: &'a [Value]) -> Self {
        Self(values)
    }
}

/// `...map[string]interface {}`.
#[derive(Clone, Copy)]
pub struct Maps<'a>(pub &'a [Value]);

impl<'a> Maps<'a> {
    pub fn iter(self) -> impl Iterator<Item = &'a Map> {
        self.0.iter().filter_map(<&Map>::take)
    }
}

impl<'a> Rest<'a> for Maps<'a> {
    const TYPE: Type = Type::DICT;

    fn take(values: &'a [Value]) -> Self {
        Self(values)
    }
}

/// `...int`.
#[derive(Clone, Copy)]
pub struct Ints<'a>(pub &'a [Value]);

impl<'a> Ints<'a> {
    pub fn iter(self) -> impl Iterator<Item = i64> + 'a {
        self.0.iter().filter_map(<Int>::take).map(|number| number.0)
    }
}

impl<'a> Rest<'a> for Ints<'a> {
    const TYPE: Type = Type::INT;

    fn take(values: &'a [Value]) -> Self {
        Self(values)
    }
}

/// Groups of functions.
pub type Groups = &'static [&'static [Function]];

/// Finds the functions of one dialect: in its own groups first, then in the common ones; the first that has the name wins.
/// Static, so that a render of one line doesn't pay for two hundred functions.
#[derive(Clone, Copy)]
pub struct FunctionTable {
    own: Groups,
    common: Groups,
}

impl FunctionTable {
    /// Of these groups.
    pub const fn new(own: Groups, common: Groups) -> Self {
        Self { own, common }
    }

    /// By name.
    pub fn find(&self, name: &str) -> Option<&'static Function> {
        self.iter().find(|function| function.name == name)
    }

    /// All, in order of the groups; a name that an earlier group has may come again.
    pub fn iter(&self) -> impl Iterator<Item = &'static Function> + use<> {
        self.own.iter().chain(self.common).flat_map(|group| group.iter())
    }
}

/// What an argument that passed the check can't be.
#[doc(hidden)]
pub fn mistaken() -> Error {
    Error::panic("an argument is not of the type that the function takes")
}

/// A list of [`Function`]s: `"name" => path(Type, Type; Rest)`. The path is a function of `(&mut Context, …)` that gives
/// `Result<T, Error>` where `T: Into<Value>`; parameter types are those that implement [`Arg`], and behind a semicolon one
/// that implements [`Rest`](trait@Rest).
#[macro_export]
macro_rules! functions {
    ($($name:literal => $path:path, ($($arg:ty),* $(; $rest:ty)?));* $(;)?) => {
        const { &[$($crate::Function {
            name: $name,
            params: &[$(<$arg as $crate::Arg>::TYPE),*],
            rest: $crate::functions!(@rest $($rest)?),
            run: |context, args| {
                #[allow(unused_mut, unused_variables)]
                let mut fixed = args.iter();
                Ok($crate::Value::from($path(
                    context,
                    $(<$arg as $crate::Arg>::take(fixed.next().ok_or_else($crate::mistaken)?).ok_or_else($crate::mistaken)?,)*
                    $(<$rest as $crate::Rest>::take(fixed.as_slice()))?
                )?))
            },
        }),*] }
    };
    (@rest) => { None };
    (@rest $rest:ty) => { Some(<$rest as $crate::Rest>::TYPE) };
}
