//! AWS auth: a signed GetCallerIdentity request, which Infisical's server sends to STS in the caller's place.
//!
//! Nothing is sent to AWS for the login itself. What may be asked for beforehand are temporary keys, in the order of the
//! AWS SDKs: environment, shared file, web identity, container credentials, metadata service; the first that is set up is
//! used, and if it is broken the login fails instead of going on as somebody else. Each failure says what was looked at.
#![forbid(unsafe_code)]
mod answer;
mod keys;
mod region;
mod settings;
mod sign;
mod source;

use plugin_sdk::{
    Descriptor, Error, Input, Need, Plugin, Violation,
    authenticator::{Authenticator, Proved, Request},
    clock,
};
use settings::Settings;

/// The plugin.
pub struct Aws;

impl Plugin for Aws {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        let http = |origin: &str, reason: &str| Need::optional(&format!("http:{origin}"), reason);
        Descriptor::new("aws", env!("CARGO_PKG_VERSION"), "Logs in with an AWS identity: a signed GetCallerIdentity request.")
            .settings(settings::schema())
            .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
            .need(Need::required("clock", "To date the signature."))
            .need(Need::required("environment:AWS_*", "To find keys, region and the sources of keys, as the AWS SDKs do."))
            .need(Need::optional("mounts:aws", "To read a shared credentials file."))
            .need(Need::optional("reveal:mounts/aws", "To sign with the keys of a shared credentials file."))
            .need(Need::optional("mounts:aws-web-identity", "To send the web identity token of this pod to STS (IRSA)."))
            .need(Need::optional("mounts:aws-pod-identity", "To send the token of this pod to the EKS pod identity agent."))
            .need(http("https://sts.*.amazonaws.com", "To change a web identity token for keys; AWS and AWS GovCloud."))
            .need(http("https://sts.*.amazonaws.com.cn", "To change a web identity token for keys; AWS China."))
            .need(http(source::container::ECS, "To get keys of an ECS task."))
            .need(http(source::container::EKS, "To get keys from the EKS pod identity agent."))
            .need(http(source::container::EKS_V6, "To get keys from the EKS pod identity agent, by IPv6."))
            .need(http(source::imds::V4, "To get keys and region of an EC2 instance."))
            .need(http(source::imds::V6, "To get keys and region of an EC2 instance, by IPv6."))
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        settings.check()
    }
}

impl Authenticator for Aws {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        let identity = request.required_text("identity-id")?;
        let mut sources = source::Sources::new(&request.settings)?;
        let keys = sources.keys()?;
        let region = sources.region()?;
        Ok(sign::login(identity, &keys, &region, clock::now()?)?.into())
    }
}

plugin_sdk::export_authenticator!(Aws);
