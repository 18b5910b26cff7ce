//! Which shells, where, and with which variables.

use tempfile::TempDir;

use super::*;
use crate::config::{ASSERT_EVERY, METRICS_INTERVAL, ProjectRoots, Shells, base_environment};

struct Stage {
    config: Config,
    directory: TempDir,
}

fn stage() -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    let config = Config {
        worker: "w".parse().unwrap(),
        shells: Shells::new("/bin/sh", ["/bin/no-such-shell"]),
        claude: vec!["claude".into(), "--resume".into()],
        roots: ProjectRoots::new(directory.path()),
        environment: base_environment([path]),
        capacity: 1,
        assert_every: ASSERT_EVERY,
        metrics_interval: METRICS_INTERVAL,
    };
    Stage { config, directory }
}

impl Stage {
    async fn plan(
        &self,
        path: Option<&str>,
        shell: Option<&str>,
        mode: Mode,
    ) -> Result<Plan, Code> {
        let wish = Wish {
            tenant: &"acme".parse().unwrap(),
            project: &"web".parse().unwrap(),
            path,
            shell,
            mode,
            environment: &[("EDITOR".to_owned(), "vi".to_owned())].into(),
        };
        plan(&self.config, &wish).await.map_err(|refusal| refusal.code)
    }

    async fn at(&self, path: &str) -> Result<Plan, Code> {
        self.plan(Some(path), None, Mode::Normal).await
    }

    fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join("acme/web")
    }
}

#[tokio::test]
async fn the_root_is_made_and_the_shell_knows_itself() {
    let stage = stage();
    let plan = stage.plan(None, None, Mode::Normal).await.unwrap();
    assert_eq!((plan.argv, Path::new(&plan.cwd)), (vec!["/bin/sh".to_owned()], &*stage.root()));
    let variable =
        |name: &str| plan.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!((variable("SHELL"), variable("EDITOR")), (Some("/bin/sh"), Some("vi")));
    assert_eq!(variable("TERM"), Some("xterm-256color"));
}

#[tokio::test]
async fn a_path_leads_into_the_root_or_nowhere() {
    let stage = stage();
    std::fs::create_dir_all(stage.root().join("src")).unwrap();
    std::fs::write(stage.root().join("file"), "").unwrap();
    std::os::unix::fs::symlink("/tmp", stage.root().join("out")).unwrap();
    let inside = stage.root().join("src");
    let inside = inside.to_str().unwrap();
    assert_eq!(stage.at("src").await.unwrap().cwd, inside);
    assert_eq!(stage.at(inside).await.unwrap().cwd, inside);
    for path in ["/", "/tmp", "..", "../..", "out", "src/../.."] {
        assert_eq!(stage.at(path).await, Err(Code::PathNotAllowed), "{path}");
    }
    for path in ["missing", "/does/not/exist", "file", "src/../missing"] {
        assert_eq!(stage.at(path).await, Err(Code::PathNotFound), "{path}");
    }
    for path in ["", "nul\0", "line\nbreak", &"x".repeat(MAX_PATH + 1)] {
        assert_eq!(stage.at(path).await, Err(Code::BadMessage));
    }
}

#[tokio::test]
async fn a_sibling_with_the_roots_name_in_front_is_outside() {
    let stage = stage();
    stage.at(".").await.unwrap();
    std::fs::create_dir(stage.root().with_file_name("web-other")).unwrap();
    assert_eq!(stage.at("../web-other").await, Err(Code::PathNotAllowed));
}

#[tokio::test]
async fn shells_are_those_of_the_list_that_exist() {
    let stage = stage();
    let with = |shell| stage.plan(None, Some(shell), Mode::Normal);
    assert_eq!(with("/bin/sh").await.unwrap().argv, ["/bin/sh"]);
    assert_eq!(with("/bin/ls").await, Err(Code::BadMessage));
    assert_eq!(with("/bin/no-such-shell").await, Err(Code::ProcessSpawnFailed));
    assert_eq!(with("/no/shell/at/all").await, Err(Code::ProcessSpawnFailed));
}

#[tokio::test]
async fn the_assistant_is_started_as_configured() {
    let stage = stage();
    let plan = stage.plan(None, None, Mode::Claude).await.unwrap();
    assert_eq!(plan.argv, ["claude", "--resume"]);
}
