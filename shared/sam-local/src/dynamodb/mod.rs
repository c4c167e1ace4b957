//! The embedded DynamoDB: the template's tables in one SQLite file, served over HTTP, and their streams read in-process.
//!
//! dynoxide, which does the work, blocks the threads it works on, so it gets a runtime of its own.

mod front;
mod maintenance;
mod sequence_number;
mod stream;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use dynoxide::Database;
use http::request::Parts;
use tokio::net::TcpListener;
use tokio::sync::watch as state;

use crate::faults::Faults;
use crate::server;
use crate::template::model::Table;
use front::Front;

pub(crate) use front::LARGEST_BODY;
pub use sequence_number::SequenceNumber;
pub(crate) use stream::RETENTION;
use stream::Streams;
pub use stream::{StreamReader, StreamRecord};

/// Threads that serve requests. dynoxide runs one statement at a time; more threads let requests be parsed and
/// answers be written meanwhile.
const WORKERS: usize = 4;
/// How long a request that is under way may delay the end.
const GRACE: Duration = Duration::from_secs(3);

/// Why the database cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// The file is no database, or cannot be written.
    #[error("the database {file} cannot be opened: {fault}")]
    Open {
        /// The database's file.
        file: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The port or a thread could not be had.
    #[error("the database cannot be served: {0}")]
    Serve(#[from] std::io::Error),
    /// DynamoDB refuses a table of the template.
    #[error("{table}: DynamoDB refuses it: {fault}")]
    Refused {
        /// The table's logical id.
        table: String,
        /// DynamoDB's own message.
        fault: String,
    },
    /// The data directory holds the table with another shape.
    #[error(
        "{table}: the table {name} in {file} differs from the template in {differences}; name another data directory, \
         or delete this one"
    )]
    Changed {
        /// The table's logical id.
        table: String,
        /// The table's name.
        name: String,
        /// The database's file.
        file: PathBuf,
        /// What differs, such as `its keys and its index by_recipient`.
        differences: String,
    },
    /// A stream cannot be read or trimmed.
    #[error("the stream of {table} cannot be read: {fault}")]
    Stream {
        /// The table's name.
        table: String,
        /// What failed.
        fault: String,
    },
}

/// The running database. It ends with [`Self::stop`] or when it is dropped; both wait for requests under way, a few
/// seconds at most.
#[derive(Debug)]
pub struct DynamoDb {
    address: SocketAddr,
    functions_address: SocketAddr,
    streams: Streams,
    service: Service,
    stop_serving: state::Sender<bool>,
    /// Dropped, they end the threads that wait for them.
    stop_threads: Vec<mpsc::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl DynamoDb {
    /// Opens or creates the database in `file`, creates the tables that are missing (with their TTL), and serves them
    /// on free ports of loopback addresses that nobody can guess.
    ///
    /// # Errors
    /// When the file cannot be used, or when a table in it has other keys, indexes or another stream than the
    /// template says.
    pub fn start(file: &Path, tables: &[Table]) -> Result<Self, DynamoDbError> {
        Self::start_with(file, tables, Faults::default())
    }

    /// The same, with faults for whoever asks at [`Self::functions_url`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(file: &Path, tables: &[Table], faults: Faults) -> Result<Self, DynamoDbError> {
        let open = |fault: String| DynamoDbError::Open { file: file.to_owned(), fault };
        let path = file.to_str().ok_or_else(|| open("its path must be UTF-8".to_owned()))?;
        let database = Database::new(path).map_err(|error| open(error.to_string()))?;
        for table in tables {
            tables::prepare(&database, table, file)?;
        }
        let sqlite = watch::connect(file).map_err(|error| open(error.to_string()))?;
        watch::create_index(&sqlite).map_err(|error| open(error.to_string()))?;
        let with_streams = tables.iter().filter(|table| table.has_stream).map(|table| table.name.as_str());
        let (streams, publishers) =
            Streams::new(&database, file, &sqlite, with_streams).map_err(|error| open(error.to_string()))?;

        let (listener, functions, dynoxide) =
            (listen(rand::random())?, listen(rand::random())?, listen(rand::random())?);
        let (address, functions_address) = (listener.local_addr()?, functions.local_addr()?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("dynamodb")
            .enable_all()
            .build()?;
        let service = Service {
            front: Front::new(database.clone(), dynoxide.local_addr()?, tables, faults),
            runtime: runtime.handle().clone(),
        };
        let (stop_serving, stopped) = state::channel(false);
        let served = Served {
            listener: nonblocking(&runtime, listener)?,
            functions: nonblocking(&runtime, functions)?,
            front: service.front.clone(),
            dynoxide: nonblocking(&runtime, dynoxide)?,
            database: database.clone(),
        };
        let mut this = Self {
            address,
            functions_address,
            streams: streams.clone(),
            service,
            stop_serving,
            stop_threads: vec![],
            threads: vec![],
        };
        this.spawn("dynamodb-serve", move |_| served.serve(&runtime, stopped))?;
        this.spawn("dynamodb-maintain", move |stopped| maintenance::run(&database, &streams, &stopped))?;
        if !publishers.is_empty() {
            this.spawn("dynamodb-streams", move |stopped| publishers.run(&sqlite, &stopped))?;
        }
        Ok(this)
    }

    /// Its endpoint, at which nothing ever goes wrong.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The endpoint of the functions, for their `AWS_ENDPOINT_URL_DYNAMODB`: it has the faults that are asked for.
    #[must_use]
    pub fn functions_url(&self) -> String {
        format!("http://{}", self.functions_address)
    }

    /// It without a connection.
    pub(crate) fn service(&self) -> Service {
        self.service.clone()
    }

    /// A reader of a table's stream; `None` when the table (by its name) has none.
    #[must_use]
    pub fn stream(&self, table_name: &str) -> Option<StreamReader> {
        self.streams.reader(table_name)
    }

    /// Lets requests under way finish, and ends. Everything that was acknowledged is in the file already.
    pub fn stop(self) {
        drop(self);
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(mpsc::Receiver<()>) + Send + 'static,
    ) -> Result<(), DynamoDbError> {
        let (stop, stopped) = mpsc::channel();
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(move || work(stopped))?);
        self.stop_threads.push(stop);
        Ok(())
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        self.stop_serving.send_replace(true);
        self.stop_threads.clear();
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = name, "a thread of the database had ended early");
            }
        }
    }
}

/// The service that answers DynamoDB's requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    front: Front,
    runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// Answers a request; `None` when the database has ended.
    pub(crate) async fn answer(&self, parts: Parts, body: Bytes) -> Option<Response> {
        let front = self.front.clone();
        self.runtime.spawn(async move { front.answer(&parts, body).await }).await.ok()
    }
}

/// A free port of a loopback address of 127.0.0.0/8 that `random` chooses, where the machine has it: macOS has 127.0.0.1
/// alone. Nobody is asked for a key there, so it is an address that cannot be found by trying.
fn listen(random: [u8; 3]) -> std::io::Result<std::net::TcpListener> {
    let [second, third, fourth] = random;
    let address = Ipv4Addr::new(127, second, third, fourth.clamp(1, 254));
    std::net::TcpListener::bind((address, 0))
        .or_else(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

fn nonblocking(
    runtime: &tokio::runtime::Runtime,
    listener: std::net::TcpListener,
) -> std::io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    let _context = runtime.enter();
    TcpListener::from_std(listener)
}

/// The parts that are served.
struct Served {
    listener: TcpListener,
    functions: TcpListener,
    front: Front,
    /// The address of dynoxide's own server, for the front.
    dynoxide: TcpListener,
    database: Database,
}

impl Served {
    /// Serves until `stopped` says so, or its sender is dropped.
    fn serve(self, runtime: &tokio::runtime::Runtime, stopped: state::Receiver<bool>) {
        let Self { listener, functions, front, dynoxide, database } = self;
        let stop = |mut stopped: state::Receiver<bool>| async move {
            let _gone = stopped.wait_for(|stopped| *stopped).await;
        };
        let until = stop(stopped.clone());
        let asked = stop(stopped.clone());
        runtime.block_on(async move {
            let dynoxide = async {
                if let Err(fault) = dynoxide::server::serve_with_shutdown(dynoxide, database, until).await {
                    tracing::error!(fault, "the database no longer answers all requests");
                }
            };
            // A client that sent half a request would hold the end for ever.
            let out_of_patience = async {
                asked.await;
                tokio::time::sleep(GRACE).await;
            };
            let serve = |listener, front: Front| {
                server::serve_patiently(listener, front.router(), None, stopped.clone())
            };
            let (functions, others) = (serve(functions, front.for_functions()), serve(listener, front));
            tokio::select! {
                _ = async { tokio::join!(functions, others, dynoxide) } => {}
                () = out_of_patience => {}
            }
        });
    }
}
