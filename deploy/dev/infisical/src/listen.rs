//! The listening socket, with a door that can be shut: while connections are refused the port stays reserved but does
//! not listen, and every open connection is broken, so that a client sees what it sees when a server is down.
//!
//! TLS handshakes run in tasks of their own, so that a client that never finishes one keeps nobody else waiting.
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::faults::Door;

/// As the standard library's listener.
const BACKLOG: u32 = 1024;
/// Between two attempts to take the port again.
const REBIND: Duration = Duration::from_millis(20);

/// Binds without listening: the port is ours, and connecting to it is refused.
pub(crate) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A connection that breaks as soon as the door is no longer open.
pub(crate) struct Gated {
    stream: Stream,
    shut: Pin<Box<dyn Future<Output = ()> + Send>>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Gated {
    fn new(stream: Stream, mut door: watch::Receiver<Door>) -> Self {
        let shut = Box::pin(async move {
            // An error means that the server itself is gone, which shuts the door as well.
            let _ = door.wait_for(|door| *door != Door::Open).await;
        });
        Self { stream, shut }
    }

    fn chain(&self) -> Arc<[CertificateDer<'static>]> {
        let chain = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates(),
        };
        chain.unwrap_or_default().into()
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.shut.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                self.shut = Box::pin(std::future::ready(()));
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

macro_rules! delegate {
    ($self:ident, $context:ident, $method:ident $(, $argument:expr)*) => {{
        $self.check($context)?;
        match &mut $self.stream {
            Stream::Plain(stream) => Pin::new(stream).$method($context $(, $argument)*),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).$method($context $(, $argument)*),
        }
    }};
}

impl AsyncRead for Gated {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, context, poll_read, buffer)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, context, poll_write, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, context, poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, context, poll_shutdown)
    }
}

/// Where accepted connections come out, handshake done.
pub(crate) struct Incoming {
    connections: mpsc::Receiver<(Gated, SocketAddr)>,
    address: SocketAddr,
}

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Certificates that it showed, its own first, whose key it has proven to hold; nobody has looked at who issued them.
    pub(crate) chain: Arc<[CertificateDer<'static>]>,
}

impl Listener for Incoming {
    type Io = Gated;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Gated, SocketAddr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Incoming>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        Self { address: *stream.remote_addr(), chain: stream.io().chain() }
    }
}

/// Starts taking connections, until the door is closed.
///
/// # Errors
/// The socket can't listen.
pub(crate) fn start(socket: TcpSocket, tls: Option<TlsAcceptor>, door: watch::Receiver<Door>) -> io::Result<(Incoming, JoinHandle<()>)> {
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    let (connections, incoming) = mpsc::channel(64);
    let accepting = tokio::spawn(accept(listener, address, tls, door, connections));
    Ok((Incoming { connections: incoming, address }, accepting))
}

async fn accept(
    mut listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    mut door: watch::Receiver<Door>,
    connections: mpsc::Sender<(Gated, SocketAddr)>,
) {
    loop {
        let state = *door.borrow_and_update();
        match state {
            Door::Closed => return,
            Door::Refusing => {
                drop(listener);
                match reopen(address, &mut door).await {
                    Some(opened) => listener = opened,
                    None => return,
                }
            }
            Door::Open => {}
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(hand_over(stream, peer, tls.clone(), door.clone(), connections.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
            changed = door.changed() => if changed.is_err() { return },
        }
    }
}

/// Holds the port without listening until the door opens; `None` when it closes for good.
async fn reopen(address: SocketAddr, door: &mut watch::Receiver<Door>) -> Option<TcpListener> {
    let mut held = reserve(address);
    let opened = *door.wait_for(|door| *door != Door::Refusing).await.ok()?;
    if opened == Door::Closed {
        return None;
    }
    loop {
        match held.and_then(|socket| socket.listen(BACKLOG)) {
            Ok(listener) => return Some(listener),
            Err(error) => {
                tracing::warn!(%error, %address, "the port can't be taken again yet");
                tokio::time::sleep(REBIND).await;
                held = reserve(address);
            }
        }
    }
}

async fn hand_over(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    door: watch::Receiver<Door>,
    connections: mpsc::Sender<(Gated, SocketAddr)>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => Stream::Tls(Box::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "a TLS handshake failed");
                return;
            }
        },
    };
    // The receiver is gone only when the server has been shut down.
    let _ = connections.send((Gated::new(stream, door), peer)).await;
}
