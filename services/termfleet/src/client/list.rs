//! `termfleet ls`, `new` and `kill`.

use std::io::Write;

use anyhow::{Result, bail};
use http::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};
use termfleet_proto::rest::{Done, OneSession, Session, SessionPage};

use super::{attach, target::Target};
use crate::cli;

/// Columns of the table.
const HEAD: [&str; 6] = ["SESSION", "PROJECT", "STATUS", "NAME", "SIZE", "DIRECTORY"];

pub(crate) fn ls(options: &cli::Ls) -> Result<()> {
    let target = Target::of(&options.server)?;
    let sessions = runtime()?.block_on(all(&target, options.project.as_deref()))?;
    let mut out = std::io::stdout().lock();
    if options.json {
        for session in &sessions {
            writeln!(out, "{}", serde_json::to_string(session)?)?;
        }
        return Ok(());
    }
    let rows: Vec<[String; 6]> = sessions.iter().map(row).collect();
    let head = HEAD.map(str::to_owned);
    let width = |at: usize| {
        let cells = rows.iter().chain([&head]).map(|row| row[at].chars().count());
        cells.max().unwrap_or_default()
    };
    for row in [&head].into_iter().chain(&rows) {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:<0$}", width(at)));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn row(session: &Session) -> [String; 6] {
    [
        session.alias.as_ref().map_or(session.id.clone(), ToString::to_string),
        session.project_id.clone(),
        session.status.clone(),
        plain(&session.tab_name),
        format!("{}x{}", session.cols, session.rows),
        plain(&session.current_path),
    ]
}

/// Without control characters: what a session is called must not move somebody's cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

async fn all(target: &Target, project: Option<&str>) -> Result<Vec<Session>> {
    let (mut sessions, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut path = match project {
            Some(project) => format!("/projects/{project}/sessions"),
            None => "/sessions".to_owned(),
        };
        if let Some(cursor) = &cursor {
            path.push_str(&format!("?cursor={cursor}"));
        }
        let page: SessionPage = target.ask(Method::GET, &path, Bytes::new()).await?;
        sessions.extend(page.sessions);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(sessions),
        }
    }
}

pub(crate) fn new(options: &cli::New) -> Result<u8> {
    let target = Target::of(&options.server)?;
    let mut config = json!({});
    let given = [("tabName", &options.name), ("alias", &options.alias), ("shell", &options.shell)];
    for (field, value) in given {
        if let Some(value) = value {
            config[field] = Value::from(value.as_str());
        }
    }
    let mut body = json!({ "projectId": options.project, "config": config });
    if let Some(directory) = &options.cwd {
        body["projectPath"] = Value::from(directory.as_str());
    }
    let asking = target.ask(Method::POST, "/sessions", body.to_string().into());
    let OneSession { session } = runtime()?.block_on(asking)?;
    if options.attach {
        return attach::to(target, session.id, cli::AtEof::Stay);
    }
    println!("{}", session.id);
    Ok(0)
}

pub(crate) fn kill(options: &cli::Kill) -> Result<()> {
    let target = Target::of(&options.server)?;
    let runtime = runtime()?;
    let mut failed = 0;
    for session in &options.sessions {
        let path = format!("/sessions/{session}");
        let asking = target.ask::<Done>(Method::DELETE, &path, Bytes::new());
        match runtime.block_on(asking) {
            Ok(_) => println!("{session}"),
            Err(error) => {
                eprintln!("termfleet: {session}: {error:#}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} sessions were not ended", options.sessions.len());
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
