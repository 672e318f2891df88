//! Runs each protocol once on the host, with the real hub, and writes down what the images need to play the sensor's
//! side again: what it remembers, what its generator and its PUF give, what the hub says, and what must come out.
//!
//! Everything comes from fixed seeds, so that two builds have the same images.

mod link;
#[cfg(feature = "schemes")]
mod schemes;
mod script;
mod tape;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rustc-link-search={}", env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo:rerun-if-changed=generate");
    println!("cargo:rerun-if-changed=memory.x");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("hardened.script"), link::hardened()?)?;
    #[cfg(feature = "paper")]
    fs::write(out.join("paper.script"), link::paper()?)?;
    #[cfg(feature = "schemes")]
    for schemes::Image { name, script } in schemes::all()? {
        fs::write(out.join(format!("{name}.script")), script)?;
    }
    Ok(())
}
