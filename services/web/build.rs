//! Makes the folder that is embedded, if it is missing, so that `cargo build` works without Node.
//! It never runs npm: whoever wants the page builds it first (`make web`).

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(Path::new(&root).join("app/dist"))?;
    println!("cargo::rerun-if-changed=app/dist");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
