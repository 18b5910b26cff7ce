//! nginx as `deploy/nginx` configures it, in front of gateways that a test started.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tokio::{net::TcpStream, process::Command};

use crate::{
    home::{Home, command_line, gone, signal},
    openssl::self_signed,
    ports,
    process::Process,
    wait::{until, within},
};

/// What `render.sh` is told.
pub type Settings = BTreeMap<&'static str, String>;

/// A running nginx.
pub struct Nginx {
    address: SocketAddr,
    folder: PathBuf,
    settings: Settings,
    process: Option<Process>,
}

impl Nginx {
    /// Starts one below that home, on a free port, in front of these gateways, and waits until it
    /// listens.
    ///
    /// # Errors
    /// If it does not; with what it logged.
    pub async fn start(home: &Home, gateways: &[SocketAddr], settings: Settings) -> Result<Self> {
        let folder = home.folder("nginx")?;
        let address = ports::free()?;
        let mut nginx = Self { address, folder, settings, process: None };
        let gateways: Vec<_> = gateways.iter().map(ToString::to_string).collect();
        nginx.settings.insert("GATEWAYS", gateways.join(" "));
        nginx.settings.insert("LISTEN", address.to_string());
        nginx.settings.entry("WORKERS").or_insert_with(|| "2".into());
        nginx.start_again().await?;
        Ok(nginx)
    }

    /// With a certificate of its own for `localhost`; clients trust [`Self::certificate`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn with_tls(
        home: &Home,
        gateways: &[SocketAddr],
        mut settings: Settings,
    ) -> Result<Self> {
        let folder = home.folder("nginx")?;
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        self_signed(&key, &certificate).await?;
        settings.insert("CERTIFICATE", certificate.display().to_string());
        settings.insert("KEY", key.display().to_string());
        Self::start(home, gateways, settings).await
    }

    /// Where clients come in.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate, as PEM.
    ///
    /// # Errors
    /// If it has none.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.settings.get("CERTIFICATE").context("this nginx has no TLS")?)?)
    }

    /// Starts it (again), with the settings as they are.
    ///
    /// # Errors
    /// If it does not listen; with what it logged.
    pub async fn start_again(&mut self) -> Result<()> {
        self.configure().await?;
        let mut command = self.nginx();
        // Its workers are its own to end; killed, they would stay with their sockets.
        command.args(["-g", "daemon off;"]).process_group(0);
        self.process = Some(Process::start("nginx", command, &self.folder.join("output.log"))?);
        let address = self.address;
        until("nginx listens", || async move { TcpStream::connect(address).await.ok() })
            .await
            .with_context(|| self.error_log())?;
        Ok(())
    }

    /// Takes other settings, as an operator does: configuration, check, reload. Returns when new
    /// workers have taken over; the old ones keep the sockets that they have.
    ///
    /// # Errors
    /// If nginx refuses them.
    pub async fn reload(&mut self, settings: Settings) -> Result<()> {
        self.settings.extend(settings);
        self.configure().await?;
        let (leaving, before) = (self.workers().len(), self.left());
        let mut command = self.nginx();
        command.args(["-s", "reload"]);
        let done = within("nginx -s reload", async { Ok(command.output().await?) }).await?;
        ensure!(done.status.success(), "reload: {}", String::from_utf8_lossy(&done.stderr));
        until("the old workers accept no more", || async {
            (self.left() >= before + leaving).then_some(())
        })
        .await
    }

    /// How many workers have stopped accepting so far, by nginx's own log.
    fn left(&self) -> usize {
        self.error_log().matches("gracefully shutting down").count()
    }

    /// Writes the configuration and has nginx check it.
    async fn configure(&self) -> Result<()> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx/render.sh");
        let mut command = Command::new(script);
        command.envs(&self.settings).env("STATE", &self.folder).env("LOGS", &self.folder);
        let rendered = within("render.sh", async { Ok(command.output().await?) }).await?;
        ensure!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
        fs::write(self.folder.join("nginx.conf"), &rendered.stdout)?;
        let mut command = self.nginx();
        command.arg("-t");
        let checked = within("nginx -t", async { Ok(command.output().await?) }).await?;
        let said = String::from_utf8_lossy(&checked.stderr);
        if !checked.status.success() || said.contains("[warn]") {
            bail!("nginx -t: {said}");
        }
        Ok(())
    }

    fn nginx(&self) -> Command {
        // Root's PATH has it, others find it where Debian puts it.
        let sbin = Path::new("/usr/sbin/nginx");
        let mut command = Command::new(if sbin.exists() { sbin } else { Path::new("nginx") });
        command.arg("-p").arg(&self.folder).arg("-c").arg(self.folder.join("nginx.conf"));
        command.current_dir(&self.folder).kill_on_drop(true);
        command
    }

    /// Ends it as a supervisor does, at once.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.take().context("nginx is running")?.stop(Signal::TERM).await?;
        Ok(())
    }

    /// The process ids of the workers that accept.
    #[must_use]
    pub fn workers(&self) -> Vec<u32> {
        let Some(master) = self.process.as_ref().and_then(Process::pid) else { return Vec::new() };
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        let children = children.unwrap_or_default();
        let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.filter(|pid| command_line(*pid).trim_end() == "nginx: worker process").collect()
    }

    /// Its access log, a JSON value a request.
    ///
    /// # Errors
    /// If a line is not JSON.
    pub fn access_log(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// What it said of itself.
    #[must_use]
    pub fn error_log(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("output.log") + &read("error.log")
    }

    /// Everything that it logged.
    #[must_use]
    pub fn logged(&self) -> String {
        let access = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        access + &self.error_log()
    }
}

impl Drop for Nginx {
    /// Its workers are its children: it has to end them before it is killed itself.
    fn drop(&mut self) {
        let Some(pid) = self.process.as_ref().and_then(Process::pid) else { return };
        if signal(pid, Signal::TERM).is_ok() {
            gone(pid);
        }
    }
}
