use super::*;
use crate::{
    context::{Host, Limits},
    map::Map,
    types::{Kind, Type},
};
use std::time::Duration;

struct NoHost;

impl Host for NoHost {
    fn random(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::new("none"))
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Err(Error::new("none"))
    }

    fn key(&mut self, _: &str) -> Result<Vec<u8>, Error> {
        Err(Error::new("none"))
    }
}

fn printf(format: &str, args: &[Value]) -> String {
    let limits = Limits::default();
    let mut host = NoHost;
    let text = sprintf(&mut Context::new(&mut host, &limits), format.as_bytes(), args).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn verbs_print_as_go_s() {
    let text = || Value::string("hé");
    let list = || Value::list(vec![Value::int(1), Value::string("a"), Value::Nil]);
    let map = Map::dict();
    map.set("k", list()).unwrap();
    for (format, args, wanted) in [
        ("%d|%5d|%-5d|%05d|%+d|% d", vec![Value::int(42); 6], "42|   42|42   |00042|+42| 42"),
        ("%x %X %#x %o %#o %O %b %c %U %#U %q", vec![Value::int(97); 11], "61 61 0x61 141 0141 0o141 1100001 a U+0061 U+0061 'a' 'a'"),
        ("%.3d|%6.3d|%06.3d|%.0d", vec![Value::int(7), Value::int(-7), Value::int(7), Value::int(0)], "007|  -007|   007|"),
        (
            "%f %.2f %8.3f %e %g %G %v",
            vec![Value::Float(1234.5678); 7],
            "1234.567800 1234.57 1234.568 1.234568e+03 1234.5678 1234.5678 1234.5678",
        ),
        ("%+.1f|%08.3f|%-8.2f|", vec![Value::Float(2.0), Value::Float(-1.5), Value::Float(3.0)], "+2.0|-001.500|3.00    |"),
        ("%#g %#v %#.3x", vec![Value::Float(1.0), Value::Float(1.0), Value::Float(1.0)], "1.00000 1 0x1.000p+00"),
        ("%s|%5s|%-5s|%.1s|%q|%x|% x|%#x|%+q", vec![text(); 9], "hé|   hé|hé   |h|\"hé\"|68c3a9|68 c3 a9|0x68c3a9|\"h\\u00e9\""),
        (
            "%v %+v %s %d %#v",
            vec![list(); 5],
            "[1 a <nil>] [1 a <nil>] [%!s(int=1) a <nil>] [1 %!d(string=a) <nil>] []interface {}{1, \"a\", interface {}(nil)}",
        ),
        (
            "%v %#v %T",
            vec![Value::Map(map.clone()); 3],
            "map[k:[1 a <nil>]] map[string]interface {}{\"k\":[]interface {}{1, \"a\", interface {}(nil)}} map[string]interface {}",
        ),
        ("%t %v %d", vec![Value::Bool(true); 3], "true true %!d(bool=true)"),
        ("%v %s %d %T", vec![Value::Nil; 4], "<nil> %!s(<nil>) %!d(<nil>) <nil>"),
        ("%v %s %x %#v %q", vec![Value::bytes("ab"); 5], "[97 98] ab 6162 []byte{0x61, 0x62} \"ab\""),
        ("%d %d", vec![Value::int(1)], "1 %!d(MISSING)"),
        ("%d", vec![Value::int(1), Value::string("x"), Value::Nil], "1%!(EXTRA string=x, <nil>)"),
        ("%[2]d %[1]d %[3]d %[x]d %[5", vec![Value::int(1), Value::int(2)], "2 1 %!d(BADINDEX) %!d(BADINDEX) %!(NOVERB)"),
        (
            "%*d|%-*d|%.*f|%*d",
            vec![
                Value::int(4),
                Value::int(1),
                Value::int(4),
                Value::int(2),
                Value::int(1),
                Value::Float(0.26),
                Value::string("w"),
                Value::int(3),
            ],
            "   1|2   |0.3|%!(BADWIDTH)3",
        ),
        ("100%% %! %", vec![], "100% %!!(MISSING) %!(NOVERB)"),
        ("%z %ω", vec![Value::int(1), Value::int(2)], "%!z(int=1) %!ω(int=2)"),
        ("%v %.2f", vec![Value::Complex(std::rc::Rc::new((1.0, -2.5))); 2], "(1-2.5i) (1.00-2.50i)"),
        ("%v %x %c", vec![Value::Uint(Kind::Uint8, 255); 3], "255 ff ÿ"),
        ("%#v %v", vec![Value::Uint(Kind::Uint8, 255); 2], "0xff 255"),
        ("%6.2f%%", vec![Value::Float(99.5)], " 99.50%"),
        ("%v %05v|%5t", vec![Value::Float(f64::NAN), Value::Float(f64::INFINITY), Value::Bool(false)], "NaN  +Inf|false"),
        ("%w", vec![Value::string("e")], "%!w(string=e)"),
        ("%v", vec![Value::strings(["a", "b"])], "[a b]"),
        ("%q %x", vec![Value::strings(["a", "b"]), Value::strings(["a", "b"])], "[\"a\" \"b\"] [61 62]"),
        ("%#v", vec![Value::List(crate::list::List::nil(&Type::STRING))], "[]string(nil)"),
        ("%c|%c|%q", vec![Value::int(0x1_F600), Value::int(-1), Value::int(0x11_0000)], "😀|\u{fffd}|'\u{fffd}'"),
    ] {
        assert_eq!(printf(format, &args), wanted, "{format}");
    }
}

#[test]
fn a_wide_or_endless_value_is_an_error() {
    let limits = Limits { allocated: 1_000_000, ..Limits::default() };
    let mut host = NoHost;
    let mut context = Context::new(&mut host, &limits);
    assert!(sprintf(&mut context, b"%999999d%999999d", &[Value::int(1), Value::int(2)]).is_err());
    let map = Map::dict();
    map.set("self", Value::Map(map.clone())).unwrap();
    assert!(sprint(&mut context, &[Value::Map(map)]).is_err());
}
