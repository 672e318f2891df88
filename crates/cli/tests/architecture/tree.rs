//! The files of the repository, as the checks see them: paths from the root, with forward slashes, and their text.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that are never part of the tree, for a copy without version control.
const BUILT_FOLDERS: [&str; 3] = ["target", "node_modules", "bodywire-demo"];

/// A repository on disk.
pub(crate) struct Tree {
    root: PathBuf,
    paths: Vec<String>,
}

/// A text file of the repository.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Path from the root.
    pub(crate) path: String,
    /// Content.
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The workspace crate it lies in, by the name of its folder.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

impl Tree {
    /// The repository these tests belong to: what version control tracks, or every file where there is none.
    pub(crate) fn of_this_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let paths = tracked(&root).unwrap_or_else(|| {
            let mut found = Vec::new();
            walk(&root, "", &mut found);
            found
        });
        assert!(paths.iter().any(|path| path == "Cargo.toml"), "no Cargo.toml in {}", root.display());
        Self { root, paths }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a path from the root is a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Every text file whose path passes.
    pub(crate) fn texts(&self, wanted: impl Fn(&str) -> bool) -> Vec<File> {
        let wanted = self.paths.iter().filter(|path| wanted(path));
        wanted.filter_map(|path| Some(File { path: path.clone(), text: self.text(path)? })).collect()
    }

    /// The text of a file; nothing when it is gone or not text.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let bytes = std::fs::read(self.root.join(path)).ok()?;
        String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
    }

    /// The Rust files of the crates.
    pub(crate) fn rust(&self) -> Vec<File> {
        self.texts(|path| path.starts_with("crates/") && path.ends_with(".rs"))
    }

    /// The crates' manifests.
    pub(crate) fn manifests(&self) -> Vec<File> {
        self.texts(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            matches!(parts[..], ["crates", _, "Cargo.toml"])
        })
    }
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().ok()?;
    let paths: Vec<String> = String::from_utf8(listed.stdout)
        .ok()?
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    (listed.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if path.is_symlink() || name == ".git" || BUILT_FOLDERS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), found);
        } else {
            found.push(format!("{prefix}{name}"));
        }
    }
}
