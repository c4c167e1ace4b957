//! A connection of a process to its Runtime API that remembers whether the process received what was sent to it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How a connection ended. A process that is killed closes its sockets; where one of them holds bytes that it has not
/// read, or is sent more, the kernel answers with a reset. So a reset after an invocation was sent means that the
/// process never had it, and an orderly end that it did.
#[derive(Clone, Default)]
pub(super) struct Fate(Arc<AtomicBool>);

impl Fate {
    /// Whether the connection was reset. Only says so once the connection is dropped.
    pub(super) fn is_reset(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result
            && matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        {
            self.0.store(true, Ordering::Release);
        }
        result
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    fate: Fate,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without this, an answer in two writes waits 40 ms for the peer's delayed acknowledgement. A socket that
        // refuses the option still works.
        let _slower = stream.set_nodelay(true);
        Self { stream, fate: Fate::default() }
    }

    pub(super) fn fate(&self) -> Fate {
        self.fate.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A reset that arrived after the peer's end of file shows only here.
        if matches!(self.stream.take_error(), Ok(Some(_)) | Err(_)) {
            self.fate.0.store(true, Ordering::Release);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.fate.note(result)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.fate.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.fate.note(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Connection::new(listener.accept().await.unwrap().0), peer)
    }

    #[tokio::test]
    async fn a_peer_that_read_everything_ends_in_order() {
        let (mut connection, mut peer) = pair().await;
        let fate = connection.fate();
        connection.write_all(b"invocation").await.unwrap();
        peer.read_exact(&mut [0; 10]).await.unwrap();
        drop(peer);
        assert_eq!(connection.read(&mut [0; 8]).await.unwrap(), 0);
        drop(connection);
        assert!(!fate.is_reset());
    }

    #[tokio::test]
    async fn bytes_that_were_not_read_are_known() {
        let (mut connection, peer) = pair().await;
        let fate = connection.fate();
        connection.write_all(b"invocation").await.unwrap();
        drop(peer);
        assert!(connection.read(&mut [0; 8]).await.is_err());
        drop(connection);
        assert!(fate.is_reset());
    }

    #[tokio::test]
    async fn bytes_sent_to_a_peer_that_is_gone_are_known() {
        let (mut connection, peer) = pair().await;
        let fate = connection.fate();
        drop(peer);
        connection.write_all(b"invocation").await.unwrap();
        drop(connection);
        assert!(fate.is_reset());
    }
}
