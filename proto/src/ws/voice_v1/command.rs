//! A command as it is typed: one line that a POSIX shell runs as it was meant, whatever a name or a
//! value holds.
//!
//! What is typed passes a line editor first, which acts on control characters even within quotes:
//! so there are none. Names and values are quoted, and so is the command itself where something
//! stands before it: it runs only if the directory could be entered, all of it or nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use termfleet_session::{
    code::{Code, Refusal},
    limits::MAX_PATH,
    record::Config,
};

/// A command for the session's shell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// What a person would type; one line.
    pub command: String,
    /// Where it runs; the shell stays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Variables of this command alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
}

impl Command {
    /// What is typed, the Enter key included.
    ///
    /// # Errors
    /// `BAD_MESSAGE` for what cannot be typed safely, `MESSAGE_TOO_LARGE` for a line of more than
    /// `most` bytes.
    pub fn line(&self, most: usize) -> Result<String, Refusal> {
        let command = self.command.trim_end_matches(['\n', '\r']);
        if command.trim().is_empty() {
            return Err(bad("the command is empty"));
        }
        plain("the command", command)?;
        let environment = self.environment.clone().unwrap_or_default();
        for value in environment.values() {
            plain("an environment variable's value", value)?;
        }
        Config { environment: environment.clone(), ..Config::default() }.check()?;
        let mut line = match &self.working_directory {
            Some(directory) => entering(directory)?,
            None => String::new(),
        };
        if !environment.is_empty() {
            let variables =
                environment.iter().map(|(name, value)| format!(" {name}={}", quoted(value)));
            let variables: String = variables.collect();
            line += &format!("(export{variables} && eval {})", quoted(command));
        } else if line.is_empty() {
            line += command;
        } else {
            line += &format!("eval {}", quoted(command));
        }
        line.push('\r');
        if line.len() > most {
            let text = format!("the command is a line of {} bytes: {most} are allowed", line.len());
            return Err(Refusal::new(Code::MessageTooLarge, text));
        }
        Ok(line)
    }
}

fn entering(directory: &str) -> Result<String, Refusal> {
    if directory.is_empty() || directory.len() > MAX_PATH {
        return Err(bad(format!("workingDirectory must be 1 to {MAX_PATH} bytes")));
    }
    plain("workingDirectory", directory)?;
    // A name alone may be an option, or be looked for along CDPATH; one that begins with `./` not.
    let path =
        if directory.starts_with('/') { directory.to_owned() } else { format!("./{directory}") };
    Ok(format!("cd {} && ", quoted(&path)))
}

/// Refuses what a terminal or a line editor would act on.
fn plain(what: &str, text: &str) -> Result<(), Refusal> {
    match text.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some('\n' | '\r') => Err(bad(format!("{what} is more than one line: send one at a time"))),
        Some(control) => {
            Err(bad(format!("{what} holds the control character U+{:04X}", u32::from(control))))
        }
    }
}

/// One word that stands for exactly this text. A backslash stands outside of the quotes, because
/// not every shell takes it for itself within them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\u{0}").replace('\'', r"'\''").replace('\u{0}', r"'\\'"))
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadMessage, text)
}

#[cfg(test)]
mod tests {
    //! What a shell makes of what is typed.
    #![allow(clippy::unwrap_used)]

    use std::process::Command as Process;

    use super::*;

    const MOST: usize = 1_000;

    fn command(command: &str, directory: Option<&str>, variables: &[(&str, &str)]) -> Command {
        let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let environment = Some(variables.collect());
        let working_directory = directory.map(str::to_owned);
        Command { command: command.to_owned(), working_directory, environment }
    }

    /// What a shell prints that reads this line.
    fn printed(shell: &str, line: &str) -> String {
        let line = line.strip_suffix('\r').unwrap();
        let output = Process::new(shell).arg("-c").arg(line).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_bare_command_is_typed_as_it_is() {
        for typed in ["ls -la", "ls -la\n", "ls -la\r\n"] {
            assert_eq!(command(typed, None, &[]).line(MOST).unwrap(), "ls -la\r");
        }
    }

    #[test]
    fn hostile_values_are_only_text() {
        let hostile = [
            "'; touch /tmp/owned; '",
            "$(touch /tmp/owned)`id`",
            r"\",
            r"a\'b\\'c",
            "!! !1 ~ * ? [a] {b,c} #",
            "\"double\" 'single'",
            "-n é 漢 \u{1f600}",
            " spaces  kept ",
        ];
        for shell in ["/bin/sh", "/bin/bash"] {
            for value in hostile {
                let line = command(r#"printf '%s' "$V""#, Some("/"), &[("V", value)]);
                assert_eq!(printed(shell, &line.line(MOST).unwrap()), value, "{shell}");
                let quoted = format!("printf '%s' {}", quoted(value));
                let within = command(&quoted, Some("/"), &[("A", "1")]).line(MOST).unwrap();
                assert_eq!(printed(shell, &within), value, "{shell}");
            }
        }
    }

    #[test]
    fn nothing_of_a_command_runs_where_it_was_not_meant_to() {
        let away = command("echo one; echo two", Some("/no/such/place"), &[]);
        assert_eq!(printed("/bin/sh", &away.line(MOST).unwrap()), "");
        let there = command("pwd; echo two", Some("/usr/./bin"), &[]);
        assert!(printed("/bin/bash", &there.line(MOST).unwrap()).ends_with("bin\ntwo\n"));
        for option in ["-P", "-", "--", "~"] {
            let line = command("pwd", Some(option), &[]).line(MOST).unwrap();
            assert_eq!(printed("/bin/sh", &line), "", "{option} is a directory that is not there");
        }
    }

    #[test]
    fn variables_are_the_commands_alone() {
        let mut line = command(r#"printf %s "$V""#, None, &[("V", "in")]).line(MOST).unwrap();
        assert_eq!(line.pop(), Some('\r'));
        line += "; printf %s \"[$V]\"\r";
        assert_eq!(printed("/bin/bash", &line), "in[]");
    }

    #[test]
    fn what_a_line_editor_would_act_on_is_refused() {
        for control in ['\0', '\t', '\n', '\r', '\x03', '\x15', '\x1b', '\x7f', '\u{9b}'] {
            let text = format!("a{control}b");
            for refused in [
                command(&text, None, &[]),
                command("ls", Some(&text), &[]),
                command("ls", None, &[("V", &text)]),
            ] {
                assert_eq!(refused.line(MOST).unwrap_err().code, Code::BadMessage, "{control:?}");
            }
        }
        for (name, value) in
            [("a b", "x"), ("1A", "x"), ("A;B", "x"), ("LD_PRELOAD", "/x.so"), ("BASH_ENV", "x")]
        {
            let refused = command("ls", None, &[(name, value)]).line(MOST).unwrap_err();
            assert_eq!(refused.code, Code::BadMessage, "{name}");
        }
        for empty in ["", " ", "\n", "\r\n"] {
            assert_eq!(command(empty, None, &[]).line(MOST).unwrap_err().code, Code::BadMessage);
        }
        assert!(command("ls", Some(""), &[]).line(MOST).is_err());
    }

    #[test]
    fn a_line_has_an_end() {
        for (length, fits) in [(8, true), (9, true), (10, false)] {
            let line = command(&"a".repeat(length), None, &[]).line(10);
            assert_eq!(line.is_ok(), fits, "{length}");
        }
        let refused = command(&"'".repeat(5), Some("/"), &[]).line(20).unwrap_err();
        assert_eq!(refused.code, Code::MessageTooLarge, "what is counted is what is typed");
    }
}
