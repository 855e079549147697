//! Every case, by the plugin's code: seconds, to work with.
use corpus::{check, native};

#[test]
fn every_case_is_as_go_renders_it() {
    check(native::render);
}
