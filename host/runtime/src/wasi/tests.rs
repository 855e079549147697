//! A component that tries WASI, built from text, against what is linked.
use super::{http::Hooks, *};
use ::http as wire;
use http_body_util::{BodyExt as _, Full};
use std::{fs, net::SocketAddr, sync::LazyLock, time::Duration};
use wasmtime::{
    Engine, Store,
    component::{Component, ComponentNamedList, Instance, Lift, Lower, ResourceType},
};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks as _};

const BOUNDS: Bounds = Bounds { request: 1024, response: 4096, time: Duration::from_secs(10) };

struct Context(State);

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.0.ctx()
    }
}

impl WasiHttpView for Context {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.0.http()
    }
}

static PROBE: LazyLock<(Engine, Component)> = LazyLock::new(|| {
    let mut module = wat::parse_str(include_str!("../../tests/fixtures/wasi/probe.wat")).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("probe.wit", include_str!("../../tests/fixtures/wasi/probe.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("probe")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8, false).unwrap();
    let bytes = wit_component::ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap();
    let engine = Engine::default();
    let component = Component::from_binary(&engine, &bytes).unwrap();
    (engine, component)
});

struct Probe {
    store: Store<Context>,
    instance: Instance,
}

impl Probe {
    async fn start(opened: Opened, mounts: &Mounts) -> Self {
        let (engine, component) = &*PROBE;
        let mut linker = Linker::new(engine);
        add_to_linker(&mut linker).unwrap();
        let mut store = Store::new(engine, Context(State::new(opened, mounts).await.unwrap()));
        let instance = linker.instantiate_async(&mut store, component).await.unwrap();
        Self { store, instance }
    }

    async fn closed() -> Self {
        Self::start(Opened::default(), &Mounts::default()).await
    }

    async fn call<P, R>(&mut self, name: &str, parameters: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name)?;
        function.call_async(&mut self.store, parameters).await
    }

    async fn count(&mut self, name: &str) -> u32 {
        self.call::<_, (u32,)>(name, ()).await.unwrap().0
    }

    async fn read(&mut self, path: &str) -> Result<Vec<u8>, u32> {
        self.call::<_, (Result<Vec<u8>, u32>,)>("read", (path,)).await.unwrap().0
    }

    async fn open(&mut self, path: &str, open_flags: u32, descriptor_flags: u32) -> Result<u32, u32> {
        self.call::<_, (Result<u32, u32>,)>("open", (path, open_flags, descriptor_flags)).await.unwrap().0
    }
}

fn linked(linker: &mut Linker<Context>, interface: &str) -> bool {
    // A name that is taken can't be defined again.
    let mut taken = |name: &str| linker.root().resource(name, ResourceType::host::<()>(), |_, _| Ok(())).is_err();
    (0..=20).any(|patch| taken(&format!("{interface}@0.2.{patch}")))
}

#[test]
fn the_list_of_imports_is_what_is_linked() {
    let mut linker = Linker::<Context>::new(&PROBE.0);
    add_to_linker(&mut linker).unwrap();
    for interface in INTERFACES {
        assert!(linked(&mut linker, interface), "{interface}");
    }
    assert!(!linked(&mut linker, "wasi:keyvalue/store"));
    for (name, _) in PROBE.1.component_type().imports(&PROBE.0) {
        assert!(is_import(name), "{name}");
    }
    for name in [
        "wasi:cli/environment",
        "wasi:cli/environment@0.3.0",
        "wasi:cli/environment@0.20.0",
        "wasi:cli/Environment@0.2.0",
        "wasi:cli@0.2.0",
        "wasi:keyvalue/store@0.2.0",
        "wasi:http/incoming-handler@0.2.0",
        "infisical:plugin/log@0.1.0",
        "",
    ] {
        assert!(!is_import(name), "{name}");
    }
}

#[tokio::test]
async fn nothing_of_the_process_is_there() {
    assert!(std::env::vars().count() > 0 && std::env::args().count() > 0);
    let mut probe = Probe::closed().await;
    for name in ["arguments", "variables", "folders"] {
        assert_eq!(probe.count(name).await, 0, "{name}");
    }
    assert_eq!(probe.count("input").await, 1, "closed");
    let (refused,) = probe.call::<_, (u32,)>("output", ("canary",)).await.unwrap();
    assert_eq!(refused, 0, "taken and dropped");
}

#[tokio::test]
async fn there_is_no_network() {
    const ACCESS_DENIED: u32 = 1;
    let mut probe = Probe::closed().await;
    for name in ["tcp", "udp"] {
        assert_eq!(probe.call::<_, (Result<u32, u32>,)>(name, ()).await.unwrap().0, Err(ACCESS_DENIED), "{name}");
    }
    for name in ["localhost", "example.com", "127.0.0.1"] {
        let found = probe.call::<_, (Result<u32, u32>,)>("lookup", (name,)).await.unwrap().0;
        assert!(found.is_err(), "{name}");
    }
}

#[tokio::test]
async fn the_wall_clock_needs_its_grant() {
    assert_eq!(Probe::closed().await.call::<_, (u64,)>("now", ()).await.unwrap().0, 0);
    let mut granted = Probe::start(Opened { clock: true, ..Opened::default() }, &Mounts::default()).await;
    assert!(granted.call::<_, (u64,)>("now", ()).await.unwrap().0 > 1_700_000_000);
}

#[tokio::test]
async fn random_numbers_differ_from_call_to_call_and_are_bounded() {
    let mut drawn = Vec::new();
    for _ in 0..2 {
        drawn.push(Probe::closed().await.call::<_, (Vec<u8>,)>("random", (32u64,)).await.unwrap().0);
    }
    assert!(drawn[0].len() == 32 && drawn[0] != drawn[1]);
    assert!(Probe::closed().await.call::<_, (Vec<u8>,)>("random", (RANDOM + 1,)).await.is_err());
}

#[tokio::test]
async fn what_a_plugin_holds_open_is_bounded() {
    let hold = |count: u32| async move { Probe::closed().await.call::<_, ()>("hold", (count,)).await };
    assert!(hold(512).await.is_ok());
    assert!(hold(2 * u32::try_from(HANDLES).unwrap()).await.is_err());
}

#[tokio::test]
async fn a_granted_mount_is_readable_and_nothing_beside_it() {
    const NO_ENTRY: u32 = 20;
    const NOT_PERMITTED: u32 = 31;
    const READ_ONLY: u32 = 33;
    const CREATE: u32 = 1;
    const TRUNCATE: u32 = 8;
    const READ: u32 = 1;
    const WRITE: u32 = 2;
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "other"] {
        fs::create_dir_all(folder.path().join(name).join("..data")).unwrap();
        fs::write(folder.path().join(name).join("..data/token"), name).unwrap();
        std::os::unix::fs::symlink("..data/token", folder.path().join(name).join("token")).unwrap();
        std::os::unix::fs::symlink("../outside", folder.path().join(name).join("link")).unwrap();
    }
    fs::write(folder.path().join("outside"), "canary").unwrap();
    let mounts = Mounts::new(["one", "other", "gone"].map(|name| (name.to_owned(), folder.path().join(name))).into());
    let opened = Opened { mounts: ["one", "gone", "unknown"].map(str::to_owned).into(), ..Opened::default() };
    let mut probe = Probe::start(opened, &mounts).await;
    assert_eq!(probe.count("folders").await, 1, "the granted one that is there");
    assert_eq!(probe.read("token").await.as_deref(), Ok(b"one".as_slice()));
    for path in ["../other/token", "../outside", "link", "/etc/passwd", ".."] {
        assert_eq!(probe.read(path).await, Err(NOT_PERMITTED), "{path}");
    }
    assert_eq!(probe.read("missing").await, Err(NO_ENTRY));
    for (path, open_flags, descriptor_flags) in [("token", 0, WRITE), ("token", TRUNCATE, READ | WRITE), ("new", CREATE, WRITE)] {
        let refused = probe.open(path, open_flags, descriptor_flags).await;
        assert!(matches!(refused, Err(NOT_PERMITTED | READ_ONLY)), "{path} {open_flags}: {refused:?}");
    }
    assert!(!folder.path().join("one/new").exists());
    assert_eq!(fs::read(folder.path().join("one/token")).unwrap(), b"one");
}

async fn server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/long", axum::routing::any(|| async { vec![b'x'; 5000] })).fallback(
        |method: axum::http::Method, uri: axum::http::Uri, headers: axum::http::HeaderMap, body: String| async move {
            ([("x-back", "yes")], format!("{method} {uri} {:?} {body}", headers.get("x-there")))
        },
    );
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

fn request(url: &str, body: &'static str) -> wire::Request<WasiBody> {
    let content = Full::new(bytes::Bytes::from_static(body.as_bytes())).map_err(Error::from).boxed_unsync();
    wire::Request::post(url).header("x-there", "yes").header("content-length", body.len()).body(content).unwrap()
}

fn hooks(grants: &[&str], requests: u32) -> Hooks {
    let egress = Egress::parse(grants.iter().copied()).unwrap();
    Hooks::new(Some(Http { client: Arc::new(Client::new(false)), egress, requests, bounds: BOUNDS }))
}

async fn send(hooks: &mut Hooks, request: wire::Request<WasiBody>) -> Result<(u16, Option<String>, String), Error> {
    let (response, _) = Box::into_pin(hooks.send_request(request, None, Box::new(async { Ok(()) }))).await?;
    let header = response.headers().get("x-back").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    Ok((status, header, String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec()).unwrap()))
}

#[tokio::test]
async fn a_granted_request_is_sent_and_answered() {
    let address = server().await;
    let mut hooks = hooks(&[&format!("http://{address}")], 1);
    let (status, header, body) = send(&mut hooks, request(&format!("http://{address}/a?b"), "body")).await.unwrap();
    assert_eq!((status, header.as_deref()), (200, Some("yes")));
    assert_eq!(body, r#"POST /a?b Some("yes") body"#);
    assert!(hooks.denied().is_empty() && !hooks.over_budget());
}

#[tokio::test]
async fn a_request_without_a_grant_is_denied_and_reported() {
    let address = server().await;
    let url = format!("http://{address}/canary?canary");
    let denied = vec![format!("http:http://{address}")];
    for mut hooks in [Hooks::new(None), hooks(&[], 9), hooks(&["https://example.com"], 9)] {
        assert!(matches!(send(&mut hooks, request(&url, "canary")).await, Err(Error::HttpRequestDenied)));
        assert_eq!(hooks.denied(), denied);
    }
}

#[tokio::test]
async fn denials_that_are_kept_are_few() {
    let mut hooks = Hooks::new(None);
    for _ in 0..100 {
        assert!(send(&mut hooks, request("https://example.com", "")).await.is_err());
    }
    assert_eq!(hooks.denied().len(), 16);
}

#[tokio::test]
async fn requests_and_their_sizes_are_bounded() {
    let address = server().await;
    let mut hooks = hooks(&[&format!("http://{address}")], 2);
    let long: &'static str = "x".repeat(2000).leak();
    assert!(matches!(send(&mut hooks, request(&format!("http://{address}/"), long)).await, Err(Error::HttpRequestBodySize(_))));
    assert!(matches!(send(&mut hooks, request(&format!("http://{address}/long"), "")).await, Err(Error::HttpResponseBodySize(_))));
    assert!(!hooks.over_budget());
    assert!(matches!(send(&mut hooks, request(&format!("http://{address}/"), "")).await, Err(Error::ConnectionLimitReached)));
    assert!(hooks.over_budget());
}

#[tokio::test]
async fn a_plugin_may_be_less_patient_than_the_host() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut hooks = hooks(&[&format!("http://{address}")], 1);
    let options = RequestOptions { first_byte_timeout: Some(Duration::from_millis(50)), ..RequestOptions::default() };
    let sent = hooks.send_request(request(&format!("http://{address}/"), ""), Some(options), Box::new(async { Ok(()) }));
    assert!(matches!(Box::into_pin(sent).await, Err(Error::HttpResponseTimeout)));
}

#[test]
fn headers_of_the_host_can_not_be_set() {
    let forbidden = hooks(&[], 0).forbidden_header_filter();
    for name in ["host", "connection", "transfer-encoding", "upgrade", "te", "trailer", "expect", "keep-alive", "proxy-authorization"] {
        assert!(forbidden(&name.parse().unwrap()), "{name}");
    }
    for name in ["authorization", "content-length", "content-type"] {
        assert!(!forbidden(&name.parse().unwrap()), "{name}");
    }
}
