//! Checks what a user copies from Oracle's console, so that a mistake is named before the server answers it with
//! "something went wrong". No value is quoted: the texts are easily swapped with the key.
use plugin_sdk::{Error, NoSettings, authenticator::Request};

/// Whose key it is, and where the user is asked for.
pub(crate) struct User<'a> {
    pub(crate) id: &'a str,
    pub(crate) tenancy: &'a str,
    /// In lower case, as Oracle has it.
    pub(crate) fingerprint: String,
    pub(crate) region: &'a str,
}

impl<'a> User<'a> {
    pub(crate) fn of(request: &'a Request<NoSettings>) -> Result<Self, Error> {
        Ok(Self {
            id: ocid(request, "user-id", "user")?,
            tenancy: ocid(request, "tenancy-id", "tenancy")?,
            fingerprint: fingerprint(request)?,
            region: region(request)?,
        })
    }
}

fn wrong(input: &str, problem: &str) -> Error {
    Error::Credentials(format!("input {input:?} {problem}"))
}

/// `ocid1.KIND.REALM.[REGION].UNIQUE`, where a region may be followed by parts that are yet to come.
fn ocid<'a>(request: &'a Request<NoSettings>, input: &str, kind: &str) -> Result<&'a str, Error> {
    let text = request.required_text(input)?;
    let malformed =
        || wrong(input, &format!("is no OCID; copy that of the {kind} from the console, it looks like ocid1.{kind}.oc1..aaaaexample"));
    let parts: Vec<&str> = text.split('.').collect();
    let ["ocid1", found, realm, _, .., unique] = parts.as_slice() else { return Err(malformed()) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if unique.is_empty() || text.len() > 255 || !text.bytes().all(plain) {
        return Err(malformed());
    }
    if *found != kind {
        let found: String = found.chars().take(24).collect();
        return Err(wrong(input, &format!("is the OCID of a {found}, and must be that of a {kind} (ocid1.{kind}.oc1..…)")));
    }
    if *realm != "oc1" {
        return Err(wrong(input, "is an OCID of another realm than oc1; Infisical asks Oracle's commercial realm only"));
    }
    Ok(text)
}

fn fingerprint(request: &Request<NoSettings>) -> Result<String, Error> {
    let text = request.required_text("fingerprint")?;
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.split(':').count() == 16 && text.split(':').all(pair) {
        return Ok(text.to_ascii_lowercase());
    }
    let form = "must be 16 pairs of hexadecimal digits with colons between them, as the console shows it beside the API key";
    Err(wrong("fingerprint", &format!("{form} (20:3b:97:…)")))
}

/// The form of the server's own check: two letters, a place, a digit.
fn region(request: &Request<NoSettings>) -> Result<&str, Error> {
    let text = request.required_text("region")?;
    let parts: Vec<&str> = text.split('-').collect();
    let lower = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let known = matches!(parts.as_slice(), [area, place, number]
        if area.len() == 2 && lower(area) && lower(place) && matches!(number.as_bytes(), [b'1'..=b'9']));
    if known {
        return Ok(text);
    }
    let form = "must be the identifier of a region such as us-ashburn-1, neither its key (IAD) nor its name";
    Err(wrong("region", &format!("{form}; Infisical asks regions of Oracle's commercial realm only")))
}
