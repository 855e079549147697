//! A plugin that misbehaves: one component, the setting `do` chooses how. The names of [`Deed`] are the values of `do`, in
//! kebab case.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Credential, Descriptor, Encoding, Error, Input, Need, Plugin, Violation,
    authenticator::{Authenticator, Exchange, Field, JsonField, Proved, Request},
    clock, environment, http, keys, log, mounts, random, service_account,
    signing::{Algorithm, Signer},
};
use serde::Deserialize;
use std::{cell::Cell, hint::black_box, time::Duration};

/// The plugin.
pub struct Hostile;

/// Its settings.
#[derive(Deserialize)]
pub struct Settings {
    #[serde(rename = "do")]
    deed: Deed,
    /// Answers every error as if the credentials were to blame.
    #[serde(default)]
    lie: bool,
    /// Where requests go instead.
    url: Option<String>,
    /// What is opened in the mount instead.
    path: Option<String>,
}

/// What it does.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    /// Nothing bad: posts to `hostile` how many calls this instance has seen, which is one.
    Behave,

    /// Never returns.
    Loop,
    /// Never returns from checking its settings.
    LoopInCheck,
    /// Takes memory until there is none.
    Allocate,
    /// Asks for a gigabyte at once, and answers an error when it is refused.
    AllocatePolitely,
    /// Recurses for ever in small frames: the stack of the engine ends first.
    Recurse,
    /// Recurses for ever in large frames: the stack in linear memory ends first.
    RecurseLarge,
    /// Panics.
    Trap,
    /// Panics while checking its settings.
    TrapInCheck,

    /// Answers 8 MiB.
    GiantResult,
    /// Answers one byte more than 1 MiB.
    LargeResult,
    /// Answers 200,000 fields.
    ManyFields,
    /// Answers 1,000 notices.
    ManyNotices,
    /// Answers an error text of a megabyte with control characters in it.
    GiantError,
    /// Answers that something is missing for four billion seconds, and quotes the canary in what it says.
    LeakInUnavailable,
    /// Posts to a path that is no login.
    BadPath,
    /// Sets one field twice.
    TwiceField,
    /// Sets the field that is the host's own.
    HostField,
    /// Sets a header that is not a plugin's to set.
    BadHeader,
    /// Places a credential with an encoding that an exchange does not know.
    BadEncoding,
    /// Refers to a credential that it does not give.
    BadPlaceholder,

    /// Opens a mount.
    Mount,
    /// Sends a request to a host that nobody grants.
    Http,
    /// Sends a request, and another one to where it is redirected.
    Follow,
    /// Reads a variable.
    Environment,
    /// Reads the bytes of the canary, and answers them as the method of the path.
    Reveal,
    /// Asks for a token.
    Token,
    /// Draws random numbers.
    Random,
    /// Looks at the clock.
    Clock,
    /// Signs with the canary.
    Sign,
    /// Asks for a fresh key.
    MakeKey,
    /// Is denied a variable, and goes on as if it had it.
    IgnoreDenial,
    /// Invents a denial.
    InventDenial,
    /// Leaves the mount that it was granted.
    EscapeMount,
    /// Opens an absolute path, whichever mount holds it.
    FindMount,

    /// Calls the host ten million times.
    FloodCalls,
    /// Opens two thousand handles.
    FloodHandles,
    /// Sends a hundred requests.
    FloodHttp,
    /// Writes a hundred thousand lines with control characters.
    FloodLog,
    /// Writes the canary to the log.
    LogCanary,
    /// Passes 8 MiB to the host.
    GiantArgument,
    /// Waits for a server that never answers.
    HangInHttp,
    /// Watches the clock for a minute.
    Sleep,
}

/// Nobody grants it.
const ELSEWHERE: &str = "http://elsewhere.invalid/";
/// Where a test puts its server: fixed, since a descriptor is.
pub const SILENT: &str = "http://127.66.6.6:6666";
/// A name that leads where no name may lead.
const BY_NAME: &str = "http://localhost:6666";

thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });

impl Plugin for Hostile {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        Descriptor::new("hostile", env!("CARGO_PKG_VERSION"), "Misbehaves, for tests.")
            .settings(serde_json::json!({
                "type": "object",
                "properties": {
                    "do": {"type": "string"}, "lie": {"type": "boolean"}, "url": {"type": "string"}, "path": {"type": "string"},
                },
                "required": ["do"],
            }))
            .input(Input::optional("canary", "A value that must show nowhere."))
            .need(Need::optional("clock", "To wait."))
            .need(Need::optional("reveal:input/canary", "To leak."))
            .need(Need::optional("mounts:jail", "To break out of."))
            .need(Need::optional(&format!("http:{SILENT}"), "To wait for."))
            .need(Need::optional(&format!("http:{BY_NAME}"), "To get to this machine."))
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        match settings.deed {
            Deed::LoopInCheck => spin(),
            Deed::TrapInCheck => trap(),
            _ => vec![],
        }
    }
}

impl Authenticator for Hostile {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        CALLS.set(CALLS.get() + 1);
        match act(&request) {
            Err(_) if request.settings.lie => Err(Error::Credentials("it was the credentials".into())),
            done => done,
        }
    }
}

fn act(request: &Request<Settings>) -> Result<Proved, Error> {
    let canary = || request.credential("canary");
    let url = |default: &str| request.settings.url.clone().unwrap_or_else(|| default.to_owned());
    let honest = Exchange::to("hostile").text("calls", CALLS.get().to_string());
    let exchange = match request.settings.deed {
        Deed::Behave => honest,

        Deed::Loop | Deed::LoopInCheck => spin(),
        Deed::Allocate => allocate(),
        Deed::AllocatePolitely => {
            Vec::<u8>::new().try_reserve_exact(1 << 30).map_err(|_| Error::Internal("no memory".into()))?;
            honest
        }
        Deed::Recurse => honest.text("depth", recurse(black_box(1)).to_string()),
        Deed::RecurseLarge => honest.text("depth", recurse_large([1; 64]).to_string()),
        Deed::Trap | Deed::TrapInCheck => trap(),

        Deed::GiantResult => honest.text("much", "x".repeat(8 << 20)),
        Deed::LargeResult => honest.text("much", "x".repeat((1 << 20) + 1)),
        Deed::ManyFields => (0..200_000).fold(honest, |exchange, _| exchange.text("", "")),
        Deed::ManyNotices => {
            return Ok((0..1000).fold(Proved::from(honest), |proved, number| proved.notice(format!("notice {number}"))));
        }
        Deed::GiantError => return Err(Error::Internal("\u{1b}[31m\n\0".repeat(200_000))),
        Deed::LeakInUnavailable => return Err(Error::unavailable_for(u32::MAX, format!("no answer to\n{}", canary()?.reveal_text()?))),
        Deed::BadPath => Exchange { path: "/v1/auth/../admin/login".into(), ..honest },
        Deed::TwiceField => honest.text("same", "1").text("same", "2"),
        Deed::HostField => honest.text("organizationSlug", "another"),
        Deed::BadHeader => honest.header("authorization", Field::Text("Bearer stolen".into())),
        Deed::BadEncoding => honest.field("secret", Field::Credential(canary()?, Encoding::Form)),
        Deed::BadPlaceholder => {
            let document = serde_json::json!({"inner": {"$credential": "nothing"}});
            honest.field("json", Field::Json(JsonField { document, credentials: vec![], encoding: Encoding::Raw }))
        }

        Deed::Mount => honest.credential("file", mounts::open("elsewhere", "file")?),
        Deed::Http => honest.text("status", http::Request::new("GET", url(ELSEWHERE)).send()?.status.to_string()),
        Deed::Follow => {
            let response = http::Request::new("GET", url(SILENT)).send()?;
            let location = response.header("location").map(String::from_utf8_lossy).unwrap_or_default();
            honest.text("status", http::Request::new("GET", location).send()?.status.to_string())
        }
        Deed::Environment => honest.text("variable", variable()?),
        Deed::Reveal => Exchange::to(&canary()?.reveal_text()?),
        Deed::Token => honest.credential("jwt", service_account::token(&[])?),
        Deed::Random => {
            random::fill(&mut [0; 8])?;
            honest
        }
        Deed::Clock => honest.text("now", format!("{:?}", clock::elapsed()?)),
        Deed::Sign => {
            Signer::new(&canary()?, Algorithm::HmacSha256).sign(b"text")?;
            honest
        }
        Deed::MakeKey => {
            keys::generate("ed25519")?;
            honest
        }
        Deed::IgnoreDenial => honest.text("variable", variable().unwrap_or_default()),
        Deed::InventDenial => return Err(Error::Denied("mounts:everything".into())),
        Deed::EscapeMount => {
            let path = request.settings.path.as_deref().unwrap_or("../outside");
            honest.credential("file", mounts::open("jail", path)?)
        }

        Deed::FindMount => honest.credential("file", mounts::open_path(request.settings.path.as_deref().unwrap_or("/etc/passwd"))?),

        Deed::FloodCalls => {
            for _ in 0..10_000_000 {
                black_box(clock::elapsed()?);
            }
            honest
        }
        Deed::FloodHandles => {
            let first = canary()?;
            let _held: Vec<Credential> = (0..2000).map(|_| first.duplicate()).collect::<Result<_, _>>()?;
            honest
        }
        Deed::FloodHttp => {
            for _ in 0..100 {
                http::Request::new("GET", SILENT).send()?;
            }
            honest
        }
        Deed::FloodLog => {
            for number in 0..100_000 {
                log::error(&format!("\u{1b}[2J\n\"level\":\"fake\" line {number}"));
            }
            honest
        }
        Deed::LogCanary => {
            log::error(&canary()?.reveal_text()?);
            honest
        }
        Deed::GiantArgument => {
            log::info(&"x".repeat(8 << 20));
            honest
        }
        Deed::HangInHttp => honest.text("status", http::Request::new("GET", url(SILENT)).send()?.status.to_string()),
        Deed::Sleep => {
            while clock::elapsed()? < Duration::from_secs(60) {}
            honest
        }
    };
    Ok(exchange.into())
}

fn variable() -> Result<String, Error> {
    Ok(environment::get("PATH")?.unwrap_or_default())
}

fn spin() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

fn allocate() -> ! {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![black_box(1); 1 << 20]);
    }
}

#[expect(clippy::panic, reason = "this is what it is for")]
fn trap() -> ! {
    panic!("on purpose, with a text that must show nowhere")
}

#[inline(never)]
fn recurse(number: u64) -> u64 {
    if number == 0 { 0 } else { recurse(black_box(number) + 1).wrapping_add(number) }
}

#[inline(never)]
fn recurse_large(numbers: [u64; 64]) -> u64 {
    let next = black_box(numbers.map(|number| number + 1));
    if next.contains(&0) { 0 } else { recurse_large(next) + black_box(&next).iter().sum::<u64>() }
}

plugin_sdk::export_authenticator!(Hostile);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host};

    fn call(deed: &str) -> Result<serde_json::Value, Failure> {
        let host = Host::new().input("canary", "canary-1");
        let login = host.authenticate::<Hostile>(&format!(r#"{{"do": "{deed}"}}"#))?;
        Ok(login.posted().map(|posted| posted.body).unwrap_or_default())
    }

    #[test]
    fn can_behave() {
        assert_eq!(call("behave"), Ok(serde_json::json!({"calls": "1"})));
    }

    #[test]
    fn breaks_every_rule_of_an_exchange() {
        for deed in ["bad-path", "twice-field", "host-field", "bad-header", "bad-encoding", "bad-placeholder"] {
            assert!(matches!(call(deed), Err(Failure::BadResult(_))), "{deed}");
        }
    }

    #[test]
    fn uses_what_it_was_not_granted() {
        for deed in ["mount", "http", "environment", "token", "random", "sign", "make-key"] {
            assert!(matches!(call(deed), Err(Failure::Denied(_))), "{deed}");
        }
    }
}
