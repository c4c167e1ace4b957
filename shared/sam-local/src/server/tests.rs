//! The server over real connections.

use axum::routing::post;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

struct TestServer {
    address: SocketAddr,
    end: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl TestServer {
    async fn start() -> Self {
        let peer_and_length = async |ConnectInfo(peer): ConnectInfo<SocketAddr>, body: Bytes| {
            format!("{} sent {} bytes", peer.ip(), body.len())
        };
        let router =
            Router::new().route("/", post(peer_and_length)).route("/_local/mail", post(peer_and_length));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = watch::channel(false);
        Self { address, end, server: tokio::spawn(serve(listener, for_this_machine(router), ended)) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that is answered to some bytes until the connection is closed.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        connection.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

const HEAD: &str = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";

#[tokio::test]
async fn a_request_is_answered_with_its_peer_and_its_whole_body() {
    let server = TestServer::start().await;
    let answer = server.exchange(format!("{HEAD}content-length: 5\r\n\r\nabcde").as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("127.0.0.1 sent 5 bytes"),
        "{answer}"
    );
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert!(server.exchange(chunked.as_bytes()).await.ends_with("sent 5 bytes"));
    let broken = format!("{HEAD}transfer-encoding: chunked\r\n\r\nnot a length\r\n");
    assert!(server.exchange(broken.as_bytes()).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn who_may_not_call_is_refused_before_anything_is_read() {
    let server = TestServer::start().await;
    let half = "content-length: 5\r\n\r\n";
    let foreign = format!("POST / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n{half}");
    let answer = server.exchange(foreign.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("not to evil.example"), "{answer}");
    let page =
        format!("POST /_local/mail HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n{half}");
    assert!(server.exchange(page.as_bytes()).await.starts_with("HTTP/1.1 403 "));
    let malformed = format!("POST / HTTP/1.1\r\nhost: [\r\nconnection: close\r\n{half}");
    assert!(server.exchange(malformed.as_bytes()).await.starts_with("HTTP/1.1 400 "));
}

/// Time is the test's own: it moves on where everything waits.
#[tokio::test(start_paused = true)]
async fn half_a_request_does_not_keep_its_connection() {
    let server = TestServer::start().await;
    let begun = tokio::time::Instant::now();
    assert_eq!(server.exchange(b"POST / HTTP/1.1\r\nhost: loc").await, "");
    assert_eq!(begun.elapsed().as_secs(), HEADERS_TIME.as_secs());
    let begun = tokio::time::Instant::now();
    let answer = server.exchange(format!("{HEAD}content-length: 5\r\n\r\nabc").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("within 10 seconds"), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), BODY_TIME.as_secs());
    // Nor does a byte now and then.
    let mut connection = server.connect().await;
    let begun = tokio::time::Instant::now();
    connection.write_all(format!("{HEAD}content-length: 500\r\n\r\n").as_bytes()).await.unwrap();
    let (mut reading, mut writing) = connection.into_split();
    tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut answer = [0; 12];
    reading.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(begun.elapsed().as_secs(), BODY_TIME.as_secs());
}

#[tokio::test]
async fn the_end_closes_idle_connections_and_waits_for_requests_under_way() {
    let server = TestServer::start().await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(format!("{HEAD}content-length: 5\r\n\r\nabc").as_bytes()).await.unwrap();
    // The server has the head: it has taken the connection, and reads on.
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.end.send_replace(true);
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty() && !server.server.is_finished());
    busy.write_all(b"de").await.unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("sent 5 bytes"), "{answer}");
    server.server.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}
