//! The second engine: what is open to a call is handed to WASI when the call begins, by the same rights.
use super::{Access, Context, Denial, Stop};
use crate::{
    Capability,
    capability::{egress::Egress, http::Bounds},
    rights::Answer,
    text,
    wasi::{Http, Opened, State},
};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

impl Context {
    /// Opens WASI for this call.
    pub(crate) async fn open_wasi(&mut self) -> Result<(), Stop> {
        let mut opened = Opened::default();
        if let Access::Rights(rights, ambient) = &self.access {
            let mut origins = Vec::new();
            for capability in rights.open(*ambient) {
                match capability {
                    Capability::Clock => opened.clock = true,
                    Capability::Mount(name) => drop(opened.mounts.insert(name.clone())),
                    Capability::Http(origin) => origins.push(origin.as_str()),
                    _ => {}
                }
            }
            let egress = Egress::parse(origins).map_err(|_| Stop::Host("a grant that was checked before is no origin"))?;
            opened.http = Some(Http {
                client: self.services.client.clone(),
                egress,
                requests: self.limits.http_requests,
                bounds: Bounds { request: self.limits.http_request, response: self.limits.http_response, time: self.limits.wall },
            });
        }
        let state = State::new(opened, &self.services.mounts).await.map_err(|_| Stop::Host("a background task ended early"))?;
        self.wasi = Some(Box::new(state));
        Ok(())
    }

    /// Whether more requests were sent through WASI than the budget has.
    pub(crate) fn over_wasi_budget(&self) -> bool {
        self.wasi.as_ref().is_some_and(|wasi| wasi.over_budget())
    }

    /// A denial that only WASI knows of.
    pub(super) fn denied_by_wasi(&self) -> Option<Denial> {
        let capability = self.wasi.as_ref()?.denied().into_iter().next()?;
        let ambient = match (&self.access, capability.parse()) {
            (Access::Rights(rights, ambient), Ok(used)) => rights.ask(&used, *ambient) == Answer::Ambient,
            _ => false,
        };
        Some(Denial { capability: text::cut(&capability), ambient })
    }

    /// A call of the first engine links no WASI, so that nothing gets here without [`Context::open_wasi`].
    fn wasi(&mut self) -> &mut State {
        self.wasi.get_or_insert_with(|| Box::new(State::closed()))
    }
}

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi().ctx()
    }
}

impl WasiHttpView for Context {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.wasi().http()
    }
}
