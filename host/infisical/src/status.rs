//! Whether a server is there and is Infisical.
use crate::{Client, Error, wire};

impl Client {
    /// Asks the server how it is. Needs no token.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NotInfisical`] for an answer other than that of a healthy server.
    pub async fn status(&self) -> Result<(), Error> {
        let request = self.http().get(self.address().endpoint("/status"));
        self.call("get status", request, &[], |answer| {
            let wire::Status { message } = answer.json()?;
            // The case differs by the server's version.
            if message.eq_ignore_ascii_case("ok") { Ok(()) } else { Err(answer.not_infisical("the message is not Ok")) }
        })
        .await
    }
}
