//! Where keys and region come from, in the order of the AWS SDKs.
//!
//! A source that is not set up is passed over and remembered; one that is set up and fails ends the search: going on would
//! log in as somebody else than the user meant.
pub mod container;
pub mod environment;
pub mod imds;
mod shared_file;
mod web_identity;

use crate::{
    keys::Keys,
    region::Region,
    settings::{Settings, Source},
};
use imds::Imds;
use plugin_sdk::{Error, clock};
use std::time::Duration;

/// As the AWS SDKs have it.
const CHAIN: [Source; 5] = [Source::Environment, Source::SharedFile, Source::WebIdentity, Source::Container, Source::Imds];

/// Bytes of a text that users see; the rest is cut off.
const SHOWN: usize = 256;

/// What a source says.
pub enum Found {
    /// These.
    Keys(Keys),
    /// It is not set up; what is missing, in few words.
    Nothing(String),
}

/// All of them, for one login.
pub struct Sources<'a> {
    settings: &'a Settings,
    now: Duration,
    imds: Imds,
    /// That of the profile that the keys came from.
    profile_region: Option<String>,
}

impl<'a> Sources<'a> {
    /// # Errors
    /// [`Error::Denied`].
    pub fn new(settings: &'a Settings) -> Result<Self, Error> {
        let now = clock::now()?;
        Ok(Self { settings, now, imds: Imds::new(now)?, profile_region: None })
    }

    /// The keys of the first source that is set up, or of the one that the settings name.
    ///
    /// # Errors
    /// No source is set up, or the first that is fails.
    pub fn keys(&mut self) -> Result<Keys, Error> {
        let one = [self.settings.source];
        let chosen: &[Source] = if one == [Source::Chain] { &CHAIN } else { &one };
        let mut missing = Vec::new();
        for source in chosen.iter().copied() {
            match self.ask(source) {
                Ok(Found::Keys(keys)) => return Ok(keys),
                Ok(Found::Nothing(what)) => missing.push(what),
                // The last resort: where it is not there either, all that is missing may be what the user has to know.
                Err(Error::Unavailable(mut gone)) if source == Source::Imds && !missing.is_empty() => {
                    let all = format!("no AWS keys: {}; {}", missing.join("; "), gone.text);
                    if all.len() <= SHOWN {
                        gone.text = all;
                    }
                    return Err(Error::Unavailable(gone));
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Credentials(format!("no AWS keys: {}", missing.join("; "))))
    }

    fn ask(&mut self, source: Source) -> Result<Found, Error> {
        match source {
            Source::Environment => environment::keys(self.now),
            Source::SharedFile => {
                let (found, region) = shared_file::keys(self.settings)?;
                self.profile_region = region;
                Ok(found)
            }
            Source::WebIdentity => {
                if !web_identity::is_set_up()? {
                    return Ok(Found::Nothing("no AWS_WEB_IDENTITY_TOKEN_FILE".into()));
                }
                let region = self.region()?;
                web_identity::keys(&region, self.now).map(Found::Keys)
            }
            Source::Container => container::keys(self.now),
            Source::Imds | Source::Chain => self.imds.keys(),
        }
    }

    /// The region of the settings, the environment, the profile or the instance.
    ///
    /// # Errors
    /// None is set and the metadata service says none, or it is none of a known partition.
    pub fn region(&mut self) -> Result<Region, Error> {
        if let Some(region) = &self.settings.region {
            return Region::parse(region).map_err(|unknown| Error::setting("/region", unknown.to_string()));
        }
        let of = |place: &str, name: &str| Region::parse(name).map_err(|unknown| Error::Credentials(format!("{place}: {unknown}")));
        for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            if let Some(name) = environment::get(variable)? {
                return of(variable, &name);
            }
        }
        if let Some(name) = &self.profile_region {
            return of("the profile's region", name);
        }
        match self.imds.region() {
            Ok(name) => of("the instance's region", &name),
            Err(Error::Denied(capability)) => Err(Error::Denied(capability)),
            Err(Error::Unavailable(mut gone)) => {
                gone.text = format!("no AWS region: set AWS_REGION for the operator, or `region` in the plugin's settings; {}", gone.text);
                Err(Error::Unavailable(gone))
            }
            Err(Error::Credentials(text)) => Err(Error::Credentials(format!(
                "no AWS region: set AWS_REGION for the operator, or `region` in the plugin's settings; {text}"
            ))),
            Err(other) => Err(other),
        }
    }
}
