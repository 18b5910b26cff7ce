//! A real terminal, which tmux holds, with a command in it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{
    dev::binary,
    wait::{until, within},
};

/// A terminal of 100 columns and 30 rows in which a command runs; its tmux server is its own, and
/// ends with it.
pub struct Terminal {
    home: tempfile::TempDir,
}

impl Terminal {
    /// Runs `termfleet` with these arguments and variables.
    ///
    /// # Errors
    /// If tmux does not start.
    pub async fn start(variables: &[(&str, &str)], arguments: &str) -> Result<Self> {
        let terminal = Self { home: tempfile::tempdir()? };
        let code = terminal.code_file().display().to_string();
        let program = binary()?.display();
        let variables: String =
            variables.iter().map(|(name, value)| format!("{name}='{value}' ")).collect();
        let pid = terminal.pid_file().display().to_string();
        let script = format!(
            "{variables}sh -c 'echo $$ > {pid}; exec {program} {arguments}'; \
             echo $? > {code}; stty -a; exec cat"
        );
        terminal
            .tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", &script])
            .await?;
        Ok(terminal)
    }

    fn pid_file(&self) -> PathBuf {
        self.home.path().join("pid")
    }

    /// The process of the command.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn pid(&self) -> Result<u32> {
        until("the command runs", || async {
            std::fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()
        })
        .await
    }

    fn code_file(&self) -> PathBuf {
        self.home.path().join("code")
    }

    /// Asks its tmux.
    ///
    /// # Errors
    /// If that says no.
    pub async fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let socket = self.home.path().join("tmux");
        let mut command = Command::new("tmux");
        command.arg("-S").arg(socket).args(arguments).env("SHELL", "/bin/sh").kill_on_drop(true);
        let output = within("tmux answers", async { Ok(command.output().await?) }).await?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Types a line and Enter.
    ///
    /// # Errors
    /// If tmux is gone.
    pub async fn type_line(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", text]).await?;
        self.tmux(&["send-keys", "Enter"]).await?;
        Ok(())
    }

    /// What it shows.
    ///
    /// # Errors
    /// If tmux is gone.
    pub async fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"]).await
    }

    /// Waits until a line of the screen is this.
    ///
    /// # Errors
    /// If none is in time; with the screen.
    pub async fn shows(&self, line: &str) -> Result<()> {
        let what = format!("{line:?} is shown");
        let seen = until(&what, || async {
            let screen = self.screen().await.ok()?;
            screen.lines().any(|shown| shown.trim_end() == line).then_some(())
        });
        match seen.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error).context(self.screen().await.unwrap_or_default()),
        }
    }

    /// The exit code of the command, once it has ended.
    ///
    /// # Errors
    /// If it does not end in time; with the screen.
    pub async fn code(&self) -> Result<String> {
        let ended = until("the command ends", || async {
            let code = std::fs::read_to_string(self.code_file()).ok()?;
            Some(code.trim().to_owned()).filter(|code| !code.is_empty())
        });
        match ended.await {
            Ok(code) => Ok(code),
            Err(error) => Err(error).context(self.screen().await.unwrap_or_default()),
        }
    }

    /// Waits until the terminal is as a shell left it: lines are edited and echoed.
    ///
    /// # Errors
    /// If it is not in time.
    pub async fn is_restored(&self) -> Result<()> {
        until("the terminal is as it was", || async {
            let screen = self.screen().await.ok()?;
            (screen.contains(" icanon") && screen.contains(" echo ")).then_some(())
        })
        .await
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket = self.home.path().join("tmux");
        let kill =
            std::process::Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output();
        drop(kill);
    }
}
