//! Keeps a control plane running as long as somebody uses it.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    support::keeper::main()
}
