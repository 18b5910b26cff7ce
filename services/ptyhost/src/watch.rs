//! What the runtime watches descriptors for: each way apart.
//!
//! The kernel tells whoever watches for room each time the other end has taken something: a program
//! its key, the peer its message. Watched both ways at once, every keystroke would wake three readers
//! for nothing. So what comes is watched for all the time, and room by a descriptor of its own for
//! as long as somebody waits for it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};

use rustix::net::{SendFlags, Shutdown};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::UnixStream,
};

/// A descriptor that the runtime watches.
pub(crate) type Watch = AsyncFd<Arc<OwnedFd>>;

/// Watches for what can be read.
pub(crate) fn reading(fd: &Arc<OwnedFd>) -> io::Result<Watch> {
    watch(fd.clone(), Interest::READABLE)
}

/// Watches for room to write.
pub(crate) fn room(fd: &OwnedFd) -> io::Result<Watch> {
    // The kernel watches a descriptor once, for whatever it is watched for.
    watch(Arc::new(fd.try_clone()?), Interest::WRITABLE)
}

#[allow(unsafe_code)]
fn watch(fd: Arc<OwnedFd>, interest: Interest) -> io::Result<Watch> {
    // SAFETY: the `Arc` in the watch keeps the descriptor open, it is the same one for all of its
    // life, and nobody else closes it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// The socket between a worker and its ptyhost.
#[derive(Debug)]
pub(crate) struct Socket(Watch);

impl Socket {
    pub(crate) async fn connect(path: &Path) -> io::Result<Self> {
        Self::new(UnixStream::connect(path).await?)
    }

    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        reading(&Arc::new(stream.into_std()?.into())).map(Self)
    }

    /// Waits until `read` does not block. Cancel-safe if `read` is done once it has succeeded.
    pub(crate) async fn read<R>(
        &self,
        mut read: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.0.async_io(Interest::READABLE, |fd| read(fd.as_fd())).await
    }

    /// Sends what the socket takes at once.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self, bytes, SendFlags::NOSIGNAL)?)
    }

    /// Waits until the socket takes something. Cancel-safe.
    pub(crate) async fn room(&self) -> io::Result<()> {
        room(self.0.get_ref())?.writable().await?.retain_ready();
        Ok(())
    }

    /// Ends both ways, whoever still holds it.
    pub(crate) fn shutdown(&self) {
        // It may have ended by itself.
        let _ = rustix::net::shutdown(self, Shutdown::Both);
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}
