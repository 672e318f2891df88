//! Where the bytes lie: a small trait, and a directory behind it. The only file of this crate that touches the
//! operating system.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use crate::Error;

/// Name of the lock file of a [`FileDisk`] that may write.
pub const LOCK_FILE: &str = "lock";

/// Ending of the files that [`Disk::replace`] may leave when it is interrupted.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Named byte files with explicit durability. Paths are relative, with `/` between the parts.
///
/// Every error is final for the caller: after a failed sync the state of the file is unknown, and a second sync would
/// not tell.
pub trait Disk {
    /// Paths of all files below `folder` (`""`: all), sorted; the lock file left out. A missing folder is empty.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Length of a file in bytes.
    fn len(&self, path: &str) -> io::Result<u64>;
    /// Reads exactly `len` bytes from `offset`.
    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    /// Writes `bytes` at `offset`; creates the file. Not durable before [`Disk::sync`].
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file to `len` bytes. Not durable before [`Disk::sync`].
    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()>;
    /// Makes a file's bytes, its length and its name durable.
    fn sync(&mut self, path: &str) -> io::Result<()>;
    /// Replaces or creates a file: afterwards, and after a power cut at any moment, it holds either all of the old or
    /// all of the new bytes; on return the new ones are durable.
    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Replaces several files, each as [`Disk::replace`] does, in any order; on return all are durable. A disk that knows
    /// folders need not make each of them durable for every file.
    fn replace_all(&mut self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        files.iter().try_for_each(|(path, bytes)| self.replace(path, bytes))
    }
    /// As [`Disk::replace`]; and the old bytes are overwritten where the disk can do that. A disk that cannot has
    /// only replaced them.
    fn replace_wiping(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, bytes)
    }
    /// Reserves space for `len` bytes of a file and lengthens it to that with zeros, if it is shorter; creates it. Then
    /// a full disk is met here and not in the middle of a frame, and a sync need not write the file's length each time.
    /// A disk that cannot do it need not: by default nothing happens.
    fn reserve(&mut self, path: &str, len: u64) -> io::Result<()> {
        let _ = (path, len);
        Ok(())
    }
    /// Removes a file. May come back after a power cut.
    fn remove(&mut self, path: &str) -> io::Result<()>;

    /// Reads a whole file.
    fn read_all(&self, path: &str) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len(path)?).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.read(path, 0, len)
    }
}

impl<D: Disk> Disk for &mut D {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        (**self).list(folder)
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        (**self).len(path)
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        (**self).read(path, offset, len)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write(path, offset, bytes)
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        (**self).truncate(path, len)
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        (**self).sync(path)
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        (**self).replace(path, bytes)
    }

    fn replace_all(&mut self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        (**self).replace_all(files)
    }

    fn replace_wiping(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        (**self).replace_wiping(path, bytes)
    }

    fn reserve(&mut self, path: &str, len: u64) -> io::Result<()> {
        (**self).reserve(path, len)
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        (**self).remove(path)
    }
}

/// A directory.
#[derive(Debug)]
pub struct FileDisk {
    root: PathBuf,
    lock: Option<File>,
    /// The file written last: a log appends to one segment for long.
    open: Option<(String, File)>,
    /// Files created since the last sync: their names are not durable yet.
    created: HashSet<String>,
}

impl FileDisk {
    /// Opens a directory for writing, creates it if needed, and locks it until the value is dropped.
    ///
    /// # Errors
    /// [`Error::Locked`] if another writer has it; [`Error::Disk`].
    pub fn open(root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(Error::disk("create", &root.to_string_lossy()))?;
        let path = root.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::disk("open", LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: path.display().to_string() }),
            Err(TryLockError::Error(source)) => return Err(Error::disk("lock", LOCK_FILE)(source)),
        }
        let mut disk = Self::unlocked(root);
        disk.lock = Some(lock);
        Ok(disk)
    }

    /// Opens a directory for reading, without a lock; every write fails. What an auditor uses, also on a log that is
    /// being written.
    #[must_use]
    pub fn open_read_only(root: &Path) -> Self {
        Self::unlocked(root)
    }

    fn unlocked(root: &Path) -> Self {
        Self { root: root.to_owned(), lock: None, open: None, created: HashSet::new() }
    }

    fn writable(&self) -> io::Result<()> {
        if self.lock.is_some() { Ok(()) } else { Err(io::ErrorKind::ReadOnlyFilesystem.into()) }
    }

    fn handle(&mut self, path: &str) -> io::Result<&mut File> {
        self.writable()?;
        let reuse = self.open.as_ref().is_some_and(|(name, _)| name == path);
        if !reuse {
            let full = self.root.join(path);
            if !full.exists() {
                if let Some(folder) = full.parent() {
                    fs::create_dir_all(folder)?;
                }
                self.created.insert(path.to_owned());
            }
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(full)?;
            self.open = Some((path.to_owned(), file));
        }
        self.open.as_mut().map(|(_, file)| file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes the bytes that will replace a file beside it, durably.
    fn put_aside(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.writable()?;
        // A kept handle would go on writing to the file that is being replaced.
        self.open = None;
        let full = self.root.join(path);
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(self.root.join(format!("{path}{TEMPORARY_SUFFIX}")))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn put_in_place(&self, path: &str) -> io::Result<()> {
        fs::rename(self.root.join(format!("{path}{TEMPORARY_SUFFIX}")), self.root.join(path))
    }

    /// Syncs every folder from that of `path` up to the root, since any of them may be new.
    fn sync_folders(&self, path: &str) -> io::Result<()> {
        // Only Unix can open a folder to sync it; elsewhere the name is durable with the file.
        if cfg!(unix) {
            let full = self.root.join(path);
            for folder in full.ancestors().skip(1) {
                File::open(folder)?.sync_all()?;
                if folder == self.root {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn list_into(root: &Path, folder: &str, out: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type()?.is_dir() {
            list_into(root, &path, out)?;
        } else if path != LOCK_FILE {
            out.push(path);
        }
    }
    Ok(())
}

impl Drop for FileDisk {
    fn drop(&mut self) {
        // Closing would do it too, but not while a child that is just being started still has a copy of the descriptor.
        if let Some(lock) = &self.lock {
            // The file is closed next; there is nothing left to do about a failure.
            let _ = lock.unlock();
        }
    }
}

impl Disk for FileDisk {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut out = Vec::new();
        list_into(&self.root, folder, &mut out)?;
        out.sort();
        Ok(out)
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.root.join(path))?.len())
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.root.join(path))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.handle(path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&mut self, path: &str, len: u64) -> io::Result<()> {
        use rustix::{fs::FallocateFlags, io::Errno};
        let file = self.handle(path)?;
        let held = file.metadata()?.len();
        if held >= len {
            return Ok(());
        }
        match rustix::fs::fallocate(&*file, FallocateFlags::empty(), held, len - held) {
            // Some file systems have no such call: writing takes the space then.
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        let file = self.handle(path)?;
        file.set_len(len)?;
        // A shorter length is metadata that fdatasync need not write everywhere.
        file.sync_all()
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.handle(path)?.sync_data()?;
        if self.created.remove(path) { self.sync_folders(path) } else { Ok(()) }
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.put_aside(path, bytes)?;
        self.put_in_place(path)?;
        self.sync_folders(path)
    }

    fn replace_all(&mut self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        for (path, bytes) in files {
            self.put_aside(path, bytes)?;
        }
        let mut folders: HashMap<Option<&Path>, &str> = HashMap::new();
        for (path, _) in files {
            self.put_in_place(path)?;
            folders.insert(Path::new(path).parent(), path);
        }
        folders.into_values().try_for_each(|path| self.sync_folders(path))
    }

    /// The old file is kept open while the new one takes its name, then overwritten with zeros. A power cut in between
    /// leaves the old bytes in blocks that no file names; a file system that copies on write, and a flash disk, leave
    /// them there in any case, until the blocks are used again or trimmed. Erasing the key is what counts; this is
    /// what can be done beside it.
    fn replace_wiping(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.writable()?;
        self.open = None;
        let mut old = OpenOptions::new().write(true).open(self.root.join(path))?;
        self.replace(path, bytes)?;
        let len = old.metadata()?.len();
        io::copy(&mut io::repeat(0).take(len), &mut old)?;
        old.sync_all()
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.writable()?;
        self.open = None;
        let full = self.root.join(path);
        fs::remove_file(&full)?;
        if let Some(folder) = full.parent().filter(|folder| *folder != self.root) {
            // Fails where other files are left, which is as good; an empty folder means nothing to a reader.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}
