//! A directory server: a real `slapd` with a few people, on loopback.
//!
//! It is taken from the machine, else its packages are fetched and unpacked below `target/tools`. Its configuration needs none of
//! the files around it: the storage is the one that is built in, and the few definitions of the schema stand here.
use crate::{Process, Target, free_ports, wait_for};
use anyhow::{Context, Result, bail, ensure};
use bundle::distribution::{self, Wanted};
use std::{
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

const PACKAGE: Wanted = Wanted { name: "slapd", packages: &["slapd"], size: "about 2 MB" };
/// It opens its port in a moment; a busy machine gets some more.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Another process may take a port that was free a moment ago.
const TRIES: usize = 3;

/// Entries below this one; the service user is `cn=reader` there.
pub const BASE: &str = "dc=example,dc=com";
/// May search, and whose password is [`READER_PASSWORD`].
pub const READER: &str = "cn=reader,dc=example,dc=com";
/// Of [`READER`].
pub const READER_PASSWORD: &str = "reader-password";

/// Only what the entries below need: `cn`, `uid` and `userPassword` are built in.
const SCHEMA: &str = "
attributetype ( 0.9.2342.19200300.100.1.25 NAME 'dc' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 0.9.2342.19200300.100.1.3 NAME 'mail' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.3.6.1.4.1.1466.344 NAME 'domain' SUP top STRUCTURAL MUST dc )
objectclass ( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST cn MAY ( uid $ mail $ userPassword ) )
";

/// One who can log in.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// User name.
    pub uid: &'a str,
    /// Password, in plain text.
    pub password: &'a str,
    /// Address.
    pub mail: &'a str,
}

/// A running directory server; it ends when this is dropped.
pub struct Directory {
    process: Process,
    port: u16,
    /// Configuration and entries.
    _folder: TempDir,
}

impl Directory {
    /// Starts with these people, and waits until it answers.
    ///
    /// # Errors
    /// No `slapd` and none to be had, with the line to type; or why it does not start.
    pub async fn start(people: &[Person<'_>]) -> Result<Self> {
        let slapd = tokio::task::spawn_blocking(Slapd::find).await??;
        let folder = tempfile::tempdir()?;
        let config = slapd.configure(folder.path(), people)?;
        let mut last = None;
        for _ in 0..TRIES {
            let [port] = free_ports()?;
            let mut process = slapd.start(&config, port, &folder.path().join("log"))?;
            let ready = wait_for("the directory server to answer", READY_WITHIN, async || {
                process.check_alive().map_err(|error| format!("{error:#}"))?;
                TcpStream::connect(("127.0.0.1", port)).await.map(drop).map_err(|error| error.to_string())
            });
            match ready.await {
                Ok(()) => return Ok(Self { process, port, _folder: folder }),
                Err(error) => last = Some(error),
            }
        }
        bail!("{}", last.map_or_else(String::new, |error| error.to_string()))
    }

    /// `ldap://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Ends it at once: nothing answers any more.
    ///
    /// # Errors
    /// It can't be ended.
    pub fn stop(mut self) -> Result<()> {
        self.process.kill()?;
        Ok(())
    }
}

/// The program.
struct Slapd {
    program: PathBuf,
    /// For the loader, of a program that is not installed.
    libraries: Option<OsString>,
}

impl Slapd {
    fn find() -> Result<Self> {
        if let Some(program) = distribution::program("slapd") {
            return Ok(Self { program, libraries: None });
        }
        let tools = Target::of_this_program()?.root().join("tools");
        let program = tools.join(PACKAGE.name).join("usr/sbin/slapd");
        if distribution::unpack(&tools, &PACKAGE, |_| program.is_file())? && program.is_file() {
            let libraries = Some(distribution::libraries(&tools.join(PACKAGE.name).join("usr")));
            return Ok(Self { program, libraries });
        }
        bail!("there is no slapd here, and its packages are out of reach. Type, on Debian: apt-get install slapd")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// Writes the configuration and the entries; gives the configuration.
    fn configure(&self, folder: &Path, people: &[Person<'_>]) -> Result<PathBuf> {
        let (config, entries, data) = (folder.join("slapd.conf"), folder.join("entries.ldif"), folder.join("data"));
        fs::create_dir(&data)?;
        let data = data.display();
        fs::write(
            &config,
            format!(
                "{SCHEMA}\ndatabase ldif\ndirectory \"{data}\"\nsuffix \"{BASE}\"\n\
                 access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact=\"{READER}\" read by * none\n"
            ),
        )?;
        let mut text = format!("dn: {BASE}\nobjectClass: domain\ndc: example\n\n");
        writeln!(text, "dn: {READER}\nobjectClass: person\ncn: reader\nuserPassword: {READER_PASSWORD}\n")?;
        for Person { uid, password, mail } in people {
            writeln!(text, "dn: cn={uid},{BASE}\nobjectClass: person\ncn: {uid}\nuid: {uid}\nuserPassword: {password}\nmail: {mail}\n")?;
        }
        fs::write(&entries, text)?;
        let output =
            self.command().args(["-T", "add", "-f"]).arg(&config).arg("-l").arg(&entries).output().context("slapd does not start")?;
        ensure!(output.status.success(), "slapd takes no entries: {}", String::from_utf8_lossy(&output.stderr));
        Ok(config)
    }

    fn start(&self, config: &Path, port: u16, log: &Path) -> Result<Process> {
        let mut command = self.command();
        // A level of messages keeps it in the foreground.
        command.args(["-h", &format!("ldap://127.0.0.1:{port}"), "-d", "none", "-f"]).arg(config);
        Process::start("slapd", &mut command, log)
    }
}
