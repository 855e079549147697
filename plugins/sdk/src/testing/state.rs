//! What the test host knows, and the one that is in force on this thread.
use crate::{Error, Plugin, http::Response, testing::Sent};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

type HttpScript = Rc<dyn Fn(&Sent) -> Result<Response, Error>>;
type SignScript = Rc<dyn Fn(&Signed<'_>) -> Result<Vec<u8>, Error>>;
type TokenScript = Rc<dyn Fn(&[String]) -> Result<String, Error>>;

/// What a plugin asks to be signed.
pub struct Signed<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Opens the key.
    pub passphrase: Option<&'a [u8]>,
    /// As the contract spells it.
    pub algorithm: &'a str,
    /// What to sign.
    pub data: &'a [u8],
    /// Among them `key-suffix`.
    pub extensions: &'a [(String, String)],
}

/// A host for tests, set up piece by piece, then asked to call a plugin. Everything not set up is missing.
#[derive(Clone, Default)]
pub struct Host {
    pub(crate) inputs: BTreeMap<String, Vec<u8>>,
    pub(crate) files: BTreeMap<(String, String), Vec<u8>>,
    /// Folder and mount, the longest folder first.
    pub(crate) folders: Vec<(String, String)>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) keys: BTreeMap<String, Vec<u8>>,
    pub(crate) now: Duration,
    pub(crate) seed: [u8; 32],
    pub(crate) withheld: BTreeSet<String>,
    pub(crate) http: Option<HttpScript>,
    pub(crate) signer: Option<SignScript>,
    pub(crate) tokens: Option<TokenScript>,
}

impl Host {
    /// Nothing set up; the time is 2026-01-01T00:00:00Z and random numbers are the same at each call.
    #[must_use]
    pub fn new() -> Self {
        Self { now: Duration::from_secs(1_767_225_600), seed: [7; 32], ..Self::default() }
    }

    /// Gives an input.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// Puts a file into a mount.
    #[must_use]
    pub fn file(mut self, mount: &str, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert((mount.into(), path.into()), content.into());
        self
    }

    /// Says where a mount is, for absolute paths. The folder ends without a slash.
    #[must_use]
    pub fn folder(mut self, mount: &str, folder: &str) -> Self {
        self.folders.push((folder.into(), mount.into()));
        self.folders.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The key to give out for this kind.
    #[must_use]
    pub fn key(mut self, kind: &str, pem: impl Into<Vec<u8>>) -> Self {
        self.keys.insert(kind.into(), pem.into());
        self
    }

    /// Sets the time, since 1970.
    #[must_use]
    pub fn now(mut self, now: Duration) -> Self {
        self.now = now;
        self
    }

    /// Sets what random numbers are made of.
    #[must_use]
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = seed;
        self
    }

    /// Doesn't grant a capability although the plugin asks for it.
    #[must_use]
    pub fn withhold(mut self, capability: &str) -> Self {
        self.withheld.insert(capability.into());
        self
    }

    /// Answers requests.
    #[must_use]
    pub fn http(mut self, answer: impl Fn(&Sent) -> Result<Response, Error> + 'static) -> Self {
        self.http = Some(Rc::new(answer));
        self
    }

    /// Signs.
    #[must_use]
    pub fn signer(mut self, sign: impl Fn(&Signed<'_>) -> Result<Vec<u8>, Error> + 'static) -> Self {
        self.signer = Some(Rc::new(sign));
        self
    }

    /// Makes tokens of the service account, for these audiences.
    #[must_use]
    pub fn service_account(mut self, token: impl Fn(&[String]) -> Result<String, Error> + 'static) -> Self {
        self.tokens = Some(Rc::new(token));
        self
    }

    /// Runs `work` with this host behind the imports, with the rights that `P` asks for.
    pub(crate) fn run<P: Plugin, T>(&self, work: impl FnOnce() -> T) -> (T, Vec<String>) {
        let document = serde_json::to_value(P::descriptor()).unwrap_or_default();
        let needs = document.get("needs").and_then(|needs| needs.as_array()).cloned().unwrap_or_default();
        let granted = needs
            .iter()
            .filter_map(|need| need.get("capability")?.as_str())
            .filter(|capability| !self.withheld.contains(*capability))
            .map(str::to_owned)
            .collect();
        let inputs = document.get("inputs").and_then(|inputs| inputs.as_array()).cloned().unwrap_or_default();
        let sensitive = inputs
            .iter()
            .filter(|input| input.get("sensitive") != Some(&false.into()))
            .filter_map(|input| input.get("name")?.as_str())
            .map(str::to_owned)
            .collect();
        crate::random::reset();
        let call = Call { host: self.clone(), granted, sensitive, denied: vec![] };
        let before = CURRENT.replace(Some(call));
        let restore = Restore(before);
        let done = work();
        let denied = CURRENT.with_borrow_mut(|call| call.as_mut().map(|call| std::mem::take(&mut call.denied))).unwrap_or_default();
        drop(restore);
        (done, denied)
    }
}

/// One call of a plugin.
pub(crate) struct Call {
    pub(crate) host: Host,
    granted: BTreeSet<String>,
    pub(crate) sensitive: BTreeSet<String>,
    denied: Vec<String>,
}

impl Call {
    /// Whether any of these grants was given; remembers the first where none was.
    pub(crate) fn allow(&mut self, capabilities: &[String]) -> Result<(), Error> {
        let prefixed = |granted: &String, wanted: &String| granted.strip_suffix('*').is_some_and(|prefix| wanted.starts_with(prefix));
        if capabilities
            .iter()
            .any(|wanted| self.granted.iter().any(|granted| granted == wanted || prefixed(granted, wanted) || spans(granted, wanted)))
        {
            return Ok(());
        }
        let capability = capabilities.first().cloned().unwrap_or_default();
        self.denied.push(capability.clone());
        Err(Error::Denied(format!("{capability} is not granted")))
    }
}

/// Whether a grant `http:SCHEME://HOST`, with `*` for whole labels, covers an origin.
fn spans(granted: &str, wanted: &str) -> bool {
    let parts = |text: &str| {
        let (scheme, host) = text.strip_prefix("http:")?.split_once("://")?;
        Some((scheme.to_owned(), host.split('.').map(str::to_owned).collect::<Vec<_>>()))
    };
    let (Some((scheme, granted)), Some((wanted_scheme, wanted))) = (parts(granted), parts(wanted)) else { return false };
    let same = |(granted, wanted): (&String, &String)| granted == wanted || granted == "*";
    scheme == wanted_scheme && granted.len() == wanted.len() && granted.iter().zip(&wanted).all(same)
}

thread_local!(static CURRENT: RefCell<Option<Call>> = const { RefCell::new(None) });

/// Gives the former call back, even if the plugin panics.
struct Restore(Option<Call>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The call that is going on. Outside of one everything is denied, as it is for `describe`.
pub(crate) fn with<T>(work: impl FnOnce(&mut Call) -> Result<T, Error>) -> Result<T, Error> {
    CURRENT.with_borrow_mut(|call| match call {
        Some(call) => work(call),
        None => Err(Error::Denied("nothing is granted outside of a call".into())),
    })
}

#[cfg(test)]
mod tests {
    use super::spans;

    #[test]
    fn a_star_in_a_host_is_one_whole_label() {
        let covers = |wanted: &str| spans("http:https://sts.*.amazonaws.com", &format!("http:{wanted}"));
        assert!(covers("https://sts.eu-central-1.amazonaws.com"));
        for wanted in
            ["http://sts.a.amazonaws.com", "https://sts.amazonaws.com", "https://sts.a.b.amazonaws.com", "https://s3.a.amazonaws.com"]
        {
            assert!(!covers(wanted), "{wanted}");
        }
    }
}
