//! Against real servers on loopback, which a grant has to spell out.
use super::{super::egress::address::Resolving, *};
use axum::{
    Router,
    body::Bytes as RequestBody,
    http::{HeaderMap as Headers, Method as AnyMethod, StatusCode, Uri},
    routing::any,
};
use std::{
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const BOUNDS: Bounds = Bounds { request: 1024, response: 4096, time: Duration::from_secs(10) };

/// What a server saw, in a form that tests compare.
async fn echo(method: AnyMethod, uri: Uri, headers: Headers, body: RequestBody) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    format!("{method} {uri} {} {}", headers.join(","), String::from_utf8_lossy(&body))
}

/// A server, and how many requests it had.
struct Server {
    address: SocketAddr,
    seen: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = seen.clone();
        let routes = Router::new()
            .route("/redirect", any(|| async { (StatusCode::FOUND, [("location", "http://127.0.0.1:1/elsewhere")]) }))
            .route("/cookie", any(|headers: Headers| async move { ([("set-cookie", "a=b")], format!("{:?}", headers.get("cookie"))) }))
            .route("/gzip", any(|| async { ([("content-encoding", "gzip")], b"\x1f\x8bnot really".to_vec()) }))
            .route("/status/{code}", any(|code: axum::extract::Path<u16>| async move { StatusCode::from_u16(code.0).unwrap() }))
            .route("/bytes/{count}", any(|count: axum::extract::Path<usize>| async move { vec![b'x'; count.0] }))
            .route("/header/{count}", any(|count: axum::extract::Path<usize>| async move { [("x-long", "x".repeat(count.0))] }))
            .route("/endless", any(endless))
            .fallback(echo)
            .layer(axum::middleware::map_request(move |request: axum::extract::Request| {
                counter.fetch_add(1, Ordering::SeqCst);
                async { request }
            }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, seen }
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    fn egress(&self) -> Egress {
        Egress::parse([format!("http://{}", self.address).as_str()]).unwrap()
    }

    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        Client::new(false).send(&self.egress(), request, BOUNDS).await
    }

    fn get(&self, path: &str) -> Request {
        request("GET", format!("http://{}{path}", self.address))
    }
}

/// A body without a length and without an end.
async fn endless() -> axum::body::Body {
    axum::body::Body::from_stream(futures::stream::repeat(Ok::<_, std::convert::Infallible>(RequestBody::from_static(&[b'x'; 512]))))
}

fn request(method: &str, url: impl Into<String>) -> Request {
    Request { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new().into() }
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

/// Answers every name alike.
struct Fixed(Vec<&'static str>);

impl Resolve for Fixed {
    fn resolve(&self, _: String) -> Resolving {
        let addresses = self.0.iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A server that answers one request with these bytes and hangs up.
async fn raw(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(&answer).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    address
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

async fn get_from(address: SocketAddr, bounds: Bounds) -> Result<Response, HttpError> {
    let egress = Egress::parse([format!("http://{address}").as_str()]).unwrap();
    Client::new(false).send(&egress, request("GET", format!("http://{address}/canary?canary-4711")), bounds).await
}

fn cause(result: Result<Response, HttpError>) -> String {
    let error = result.err().unwrap();
    let refusal = Refusal::from(error.clone());
    for text in [error.to_string(), format!("{error:?}"), refusal.to_string(), format!("{refusal:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
    error.to_string()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_given() {
    let server = Server::start().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let sent = Request {
            headers: vec![
                ("Authorization".into(), b"Bearer x".to_vec().into()),
                ("x-a".into(), b"1".to_vec().into()),
                ("x-a".into(), b"2".to_vec().into()),
            ],
            body: b"body".to_vec().into(),
            ..request(method, format!("http://{}/a/b?c=%20d#fragment", server.address))
        };
        let response = server.send(sent).await.unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(
            text(&response),
            format!("{method} /a/b?c=%20d authorization=Bearer x,x-a=1,x-a=2,accept=*/*,host={},content-length=4 body", server.address)
        );
    }
    let head = server.send(request("HEAD", format!("http://{}/bytes/9999", server.address))).await;
    assert!(matches!(head, Ok(Response { status: 200, body, .. }) if body.is_empty()));
}

#[tokio::test]
async fn any_status_is_a_response_and_redirects_are_returned() {
    let server = Server::start().await;
    for status in [204, 400, 401, 403, 404, 429, 500, 503] {
        assert_eq!(server.send(server.get(&format!("/status/{status}"))).await.unwrap().status, status);
    }
    let redirect = server.send(server.get("/redirect")).await.unwrap();
    assert_eq!(redirect.status, 302);
    assert!(redirect.headers.contains(&("location".into(), b"http://127.0.0.1:1/elsewhere".to_vec())));
}

#[tokio::test]
async fn nothing_is_kept_or_unpacked_between_requests() {
    let server = Server::start().await;
    let (client, egress) = (Client::new(false), server.egress());
    for _ in 0..2 {
        let response = client.send(&egress, server.get("/cookie"), BOUNDS).await.unwrap();
        assert_eq!(text(&response), "None");
    }
    let packed = client.send(&egress, server.get("/gzip"), BOUNDS).await.unwrap();
    assert_eq!(packed.body, b"\x1f\x8bnot really");
}

#[tokio::test]
async fn methods_are_those_of_the_contract() {
    let server = Server::start().await;
    for method in ["CONNECT", "TRACE", "OPTIONS", "get", "", "GET /", "PURGE"] {
        let sent = Request { method: method.into(), ..server.get("/") };
        assert_eq!(server.send(sent).await.err(), Some(HttpError::Method), "{method}");
    }
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn headers_of_the_host_are_refused() {
    let server = Server::start().await;
    let send = |name: &str, value: &str| {
        server.send(Request { headers: vec![(name.into(), value.as_bytes().to_vec().into())], ..server.get("/") })
    };
    for name in [
        "Host",
        "host",
        "Connection",
        "Keep-Alive",
        "Transfer-Encoding",
        "Content-Length",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Proxy-Authorization",
        "proxy-connection",
        "Proxy-Anything",
    ] {
        let error = cause(send(name, "canary").await);
        assert!(error.contains("the host's own"), "{name}: {error}");
    }
    for (name, value) in [
        ("x-a", "canary\r\nHost: b"),
        ("x-a", "canary\n"),
        ("x-a", "a\0canary"),
        ("x a", "canary"),
        ("", "canary"),
        ("x-a\r\nHost", "canary"),
        ("x-é", "canary"),
    ] {
        let error = cause(send(name, value).await);
        assert!(error.contains("its name is not valid") || error.contains("its value has control characters"), "{name:?}: {error}");
    }
    assert!(cause(send("x-a", &"canary".repeat(2000)).await).contains("longer than 8192"));
    let many = Request { headers: (0..65).map(|at| (format!("x-{at}"), Vec::new().into())).collect(), ..server.get("/") };
    assert_eq!(server.send(many).await.err(), Some(HttpError::Headers));
    assert_eq!(server.seen(), 0);
    assert_eq!(send("x-a", "fine").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_url_that_no_grant_covers_is_never_sent() {
    let server = Server::start().await;
    let port = server.address.port();
    for url in [
        format!("http://localhost:{port}/canary"),
        format!("http://[::ffff:127.0.0.1]:{port}/canary"),
        format!("http://127.0.0.2:{port}/canary"),
        format!("https://127.0.0.1:{port}/canary"),
        format!("http://0.0.0.0:{port}/canary"),
        "http://169.254.169.254/canary".into(),
    ] {
        let error = server.send(request("GET", url)).await.err().unwrap();
        assert!(matches!(Refusal::from(error), Refusal::Denied(capability) if capability.starts_with("http:http")));
    }
    for url in [
        format!("http://canary@127.0.0.1:{port}/"),
        format!("http://a:canary@127.0.0.1:{port}/"),
        "canary".into(),
        "/canary".into(),
        format!("http://127.0.0.1:{port}/{}", "a".repeat(9000)),
    ] {
        let error = server.send(request("GET", url)).await.err().unwrap();
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(matches!(Refusal::from(error), Refusal::Settings(_)));
    }
    assert_eq!(server.seen(), 0);
    // The same address in another spelling is the same address.
    assert_eq!(server.send(request("GET", format!("http://0x7f.1:{port}/"))).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_detour_is_taken_by_what_was_granted_under_its_own_name() {
    let server = Server::start().await;
    let mut detours = Detours::default();
    detours.add("https://sts.eu-central-1.amazonaws.com", &format!("http://{}", server.address)).unwrap();
    detours.add("http://169.254.169.254", &format!("http://{}", server.address)).unwrap();
    let client = Client::new(false).with_detours(detours);
    let egress = Egress::parse(["https://sts.*.amazonaws.com", "http://169.254.169.254"]).unwrap();
    for (url, host) in [
        ("https://sts.eu-central-1.amazonaws.com/path?query", "host=sts.eu-central-1.amazonaws.com"),
        ("http://169.254.169.254/path?query", "host=169.254.169.254"),
    ] {
        let response = client.send(&egress, request("GET", url), BOUNDS).await.unwrap();
        assert!(text(&response).starts_with("GET /path?query ") && text(&response).contains(host), "{}", text(&response));
    }
    // Neither a detour nor its address is a grant.
    for url in ["https://sts.eu-central-1.amazonaws.com/".to_owned(), format!("http://{}/", server.address)] {
        let error = client.send(&Egress::parse(["https://other.example"]).unwrap(), request("GET", url), BOUNDS).await.err().unwrap();
        assert!(matches!(error, HttpError::Egress(EgressError::NotGranted(_))), "{error}");
    }
    assert_eq!(server.seen(), 2);
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_dialled() {
    let server = Server::start().await;
    let origin = format!("http://rebound.example.com:{}", server.address.port());
    let egress = Egress::parse([origin.as_str()]).unwrap();
    for (answer, private, kind) in [
        (vec!["127.0.0.1"], false, "loopback"),
        (vec!["127.0.0.1"], true, "loopback"),
        (vec!["::1", "127.0.0.1"], true, "loopback"),
        (vec!["169.254.169.254"], true, "link-local"),
        (vec!["100.100.100.200"], true, "metadata"),
        (vec!["10.0.0.1"], false, "private"),
        (vec!["::ffff:127.0.0.1"], true, "IPv4 address in an IPv6 one"),
        (vec!["0.0.0.0"], true, "unspecified"),
    ] {
        let client = Client::with_resolver(Arc::new(Fixed(answer.clone())), private);
        let error = client.send(&egress, request("GET", format!("{origin}/canary")), BOUNDS).await.err().unwrap();
        assert!(error.to_string().contains(kind), "{answer:?}: {error}");
        assert!(matches!(Refusal::from(error), Refusal::Denied(capability) if capability.starts_with(&format!("http:{origin} "))));
    }
    let nobody = Client::with_resolver(Arc::new(Fixed(vec![])), true);
    let error = cause(nobody.send(&egress, request("GET", format!("{origin}/canary")), BOUNDS).await);
    assert!(error.ends_with("the name has no address"), "{error}");
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn the_client_sees_none_but_vetted_addresses() {
    for (private, expected) in [(false, vec!["1.1.1.1:0"]), (true, vec!["10.0.0.1:0", "1.1.1.1:0"])] {
        let vetted = Vetted { resolver: Arc::new(Fixed(vec!["127.0.0.1", "10.0.0.1", "1.1.1.1", "fe80::1"])), private };
        let seen = dns::Resolve::resolve(&vetted, "any.example.com".parse().unwrap()).await.unwrap();
        assert_eq!(seen.map(|address| address.to_string()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn the_system_resolver_knows_this_machine() {
    let found = SystemResolver.resolve("localhost".into()).await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    assert!(SystemResolver.resolve("no such name".into()).await.is_err());
}

#[tokio::test]
async fn the_body_of_a_request_is_bounded() {
    let server = Server::start().await;
    let send = |length| server.send(Request { body: vec![b'a'; length].into(), ..request("POST", format!("http://{}/", server.address)) });
    assert_eq!(send(1025).await.err(), Some(HttpError::RequestTooLong(1024)));
    assert_eq!(server.seen(), 0);
    assert_eq!(send(1024).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_response_is_bounded_whether_it_says_its_length_or_not() {
    let server = Server::start().await;
    assert_eq!(server.send(server.get("/bytes/4096")).await.unwrap().body.len(), 4096);
    for path in ["/bytes/4097", "/endless"] {
        let error = cause(server.send(server.get(path)).await);
        assert!(error.ends_with("has a body of more than 4096 bytes"), "{error}");
    }
    assert_eq!(server.send(server.get("/header/8000")).await.unwrap().status, 200);
    assert!(cause(server.send(server.get("/header/9000")).await).contains("a header of more than 8192 bytes"));
    let many: String = (0..65).map(|at| format!("x-{at}: canary\r\n")).collect();
    let address = raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{many}\r\n").into_bytes()).await;
    assert!(cause(get_from(address, BOUNDS).await).contains("the exchange failed"));
}

#[tokio::test]
async fn a_response_that_breaks_off_is_none() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncanary",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\ncanary\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ncanary",
        "canary",
        "",
    ] {
        let error = cause(get_from(raw(answer.into()).await, BOUNDS).await);
        assert!(error.contains("broke off") || error.contains("the exchange failed"), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_or_speaks_slowly_is_given_up() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncanary"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            // Ends when the client hangs up, which it must.
            stream.read_to_end(&mut Vec::new()).await.unwrap();
        });
        let error = get_from(address, Bounds { time: Duration::from_millis(200), ..BOUNDS }).await.err().unwrap();
        assert!(matches!(error, HttpError::TimedOut(_)), "{error}");
        assert!(matches!(Refusal::from(error), Refusal::Unavailable(_)));
        held.await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_port_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(cause(get_from(address, BOUNDS).await).contains("no connection"));
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_ends_the_connection() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let pem = (made.cert.pem(), made.signing_key.serialize_pem());
    let config = axum_server::tls_rustls::RustlsConfig::from_pem(pem.0.into(), pem.1.into()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let routes = Router::new().fallback(echo);
    tokio::spawn(async move { axum_server::from_tcp_rustls(listener, config).unwrap().serve(routes.into_make_service()).await });
    let egress = Egress::parse([format!("https://{address}").as_str()]).unwrap();
    let result = Client::new(false).send(&egress, request("GET", format!("https://{address}/canary")), BOUNDS).await;
    assert!(cause(result).contains("no trusted certificate"));
}

#[tokio::test]
async fn each_client_has_connections_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                loop {
                    read_head(&mut stream).await;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    let egress = Egress::parse([format!("http://{address}").as_str()]).unwrap();
    let (one, other) = (Client::new(false), Client::new(false));
    for client in [&one, &one, &one, &other] {
        client.send(&egress, request("GET", format!("http://{address}/")), BOUNDS).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2, "one connection for each client, whatever it is asked");
}
