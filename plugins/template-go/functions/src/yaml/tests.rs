use super::*;
use go_template_engine::{Host, Limits};
use std::time::Duration;

struct NoHost;

impl Host for NoHost {
    fn random(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::new("no random numbers here"))
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Err(Error::new("no clock here"))
    }

    fn key(&mut self, _: &str) -> Result<Vec<u8>, Error> {
        Err(Error::new("no keys here"))
    }
}

#[test]
fn a_value_survives_the_way_there_and_back() {
    let limits = Limits::default();
    let mut host = NoHost;
    let mut context = Context::new(&mut host, &limits);
    let map = Map::dict();
    map.set("list", Value::list(vec![Value::int(1), Value::string(b"\xff".as_slice()), Value::Nil])).unwrap();
    map.set("float", Value::Float(1.5)).unwrap();
    let value = Value::Map(map);
    let back = there_and_back(&mut context, &value).unwrap();
    assert!(back.deep_equal(&value));
}

#[test]
fn what_holds_itself_ends_in_an_error() {
    let limits = Limits::default();
    let mut host = NoHost;
    let mut context = Context::new(&mut host, &limits);
    let map = Map::dict();
    map.set("self", Value::Map(map.clone())).unwrap();
    let error = to_yaml(&mut context, &Value::Map(map.clone())).unwrap_err();
    assert!(error.text().contains("nested"));
    map.remove(b"self");
}

#[test]
fn the_deepest_document_is_read_and_written() {
    let limits = Limits::default();
    let mut host = NoHost;
    let mut context = Context::new(&mut host, &limits);
    let depth = go_yaml::MAX_DEPTH - 2;
    let text = format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    let map = from_yaml(&mut context, &text.as_str().into()).unwrap();
    assert!(to_yaml(&mut context, &Value::Map(map)).is_ok());
    let beyond = format!("a: {}{}", "[".repeat(2 * depth), "]".repeat(2 * depth));
    assert!(from_yaml(&mut context, &beyond.as_str().into()).is_err());
}
