//! Plugins that try to send requests to where they must not. What names may lead to, also when their answers change, is shown
//! beside the client of the runtime, with resolvers of its own.
use crate::{
    arena::{Arena, Attack},
    server,
};
use hostile::{hostile, posted};
use serde_json::json;
use std::{io::ErrorKind, net::TcpListener};

/// A port of this machine that nobody may connect to.
struct Forbidden(TcpListener);

impl Forbidden {
    fn open() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    fn assert_unseen(&self) {
        assert_eq!(self.0.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "somebody connected");
    }
}

fn to(url: &str, reason: &'static str, said: &str) -> Attack {
    Attack::new("http", reason, said).with("url", url)
}

#[tokio::test]
async fn this_machine_private_ranges_and_metadata_services() {
    server::start();
    let (forbidden, port) = Forbidden::open();
    let arena = Arena::new(&[hostile()]).await;
    let mut attacks: Vec<_> = ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.66.6.6@127.0.0.1", "localhost"]
        .iter()
        .map(|host| to(&format!("http://{host}:{port}/"), "NotGranted", &format!(":{port}")))
        .collect();
    for host in [
        "[::1]",
        "[::ffff:127.66.6.6]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "metadata.google.internal",
    ] {
        attacks.push(to(&format!("http://{host}/latest/meta-data/"), "NotGranted", "http:http://"));
    }
    arena.each(&attacks).await;
    forbidden.assert_unseen();
}

#[tokio::test]
async fn a_granted_name_that_leads_to_this_machine() {
    let arena = Arena::new(&[hostile()]).await;
    arena.each(&[to("http://localhost:6666/", "NotGranted", "the name leads to a loopback address only")]).await;
}

#[tokio::test]
async fn neighbours_of_a_granted_origin() {
    server::start();
    let arena = Arena::new(&[hostile()]).await;
    arena
        .each(&[
            to("http://127.66.6.6/", "NotGranted", "http:http://127.66.6.6"),
            to("http://127.66.6.6:6667/", "NotGranted", "http:http://127.66.6.6:6667"),
            to("https://127.66.6.6:6666/", "NotGranted", "http:https://127.66.6.6:6666"),
            to("http://127.66.6.7:6666/", "NotGranted", "http:http://127.66.6.7:6666"),
            to("http://127.66.6.6:6666.example.com/", "Settings", "the URL can't be read"),
            to("http://user:canary@127.66.6.6:6666/", "Settings", "user info"),
            to("file:///etc/passwd", "Settings", "neither http nor https"),
        ])
        .await;
}

#[tokio::test]
async fn a_redirect_is_returned_and_no_way_around_a_grant() {
    let server = server::start();
    let (forbidden, port) = Forbidden::open();
    let arena = Arena::new(&[hostile()]).await;
    let away = format!("{server}/redirect?http://127.0.0.1:{port}/latest/meta-data/");
    let proved = arena.attack(arena.bench.act_with("a", json!({"do": "http", "url": away}))).await;
    let proved = proved.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(posted(&proved).1["status"], "302");
    arena.each(&[Attack::new("follow", "NotGranted", &format!("http:http://127.0.0.1:{port}")).with("url", away)]).await;
    forbidden.assert_unseen();
}
