//! The system that a template describes, running on this machine: everything of the local stack, put together.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use crate::data_directory::{Data, DataDirectory, DataDirectoryError};
use crate::dynamodb::{DynamoDb, DynamoDbError, StreamReader};
use crate::event_sources::checkpoints::{CheckpointError, Checkpoints};
use crate::event_sources::stream::{self, Mapping, OnFailure};
use crate::event_sources::{Invoke, filter, queue, schedule};
use crate::faults::{self, DynamoDbSetting, Faults};
use crate::gateway::{Access, Call, CallError, Gateway};
use crate::mailbox::{self, Mailbox};
use crate::runtime::{self, InvokeError, Program, Runtime, RuntimeOptions, Trigger};
use crate::secrets::Secrets;
use crate::sqs::{self, Sqs, SqsError};
use crate::template::model::{EventSource, StreamSource, System};
use crate::template::{self, Settings, TemplateError};
use crate::tool_environment::{Kept, ToolEnvironment};
use crate::{binaries, server, services, ses};

/// Credentials that the local services take, as they take any.
const CREDENTIAL: &str = "local";

/// An environment that nobody has called for so long is shut down.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// How long the end waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answered requests that an observer may lag behind.
const OBSERVER_LAG: usize = 4_096;

/// Options of a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template.
    pub template: PathBuf,
    /// The value of `AWS::StackName`.
    pub stack_name: String,
    /// The port of 127.0.0.1 that the API, the mailbox and the rest of the stack's own are served on; 0 picks a free one.
    pub port: u16,
    /// The port that the AWS services are served on for other programs; without one, [`services::PORT`] or, where that is
    /// taken or `port` is 0, a free one.
    pub services_port: Option<u16>,
    /// An address besides 127.0.0.1 that the AWS services are served on.
    pub listen: Option<IpAddr>,
    /// Where the data is kept.
    pub data: Data,
    /// The format of the tables' rows: another number whenever older ones cannot be read any more.
    pub data_format: u32,
    /// Values of template parameters.
    pub parameters: BTreeMap<String, String>,
    /// Execution environments per function at most.
    pub max_concurrency: usize,
    /// The directory of the functions' binaries.
    pub binaries: PathBuf,
    /// What is to go wrong with the functions' requests to DynamoDB, from the beginning.
    pub dynamodb_faults: Option<DynamoDbSetting>,
}

/// Why a stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The template cannot be read.
    #[error("cannot read {0}: {1}; start it in the template's folder, or give the path as --template")]
    Read(PathBuf, io::Error),
    /// The template is at fault.
    #[error("{path}:\n{problems}", path = .0.display(), problems = .1)]
    Template(PathBuf, TemplateError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirectoryError),
    /// The port is taken.
    #[error("cannot listen on 127.0.0.1:{0}: {1}; choose another --port, or 0 for any")]
    Port(u16, io::Error),
    /// The services' port is taken, or the address is not this machine's.
    #[error(
        "cannot listen on {0} for the AWS services: {1}; choose another --services-port, 0 for any, or --listen"
    )]
    ServicesPort(SocketAddr, io::Error),
    /// The generated secrets cannot be used.
    #[error("{0}")]
    Secrets(String),
    /// The embedded database cannot be used.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The queues cannot be used.
    #[error(transparent)]
    Sqs(#[from] SqsError),
    /// The event sources' positions cannot be used.
    #[error(transparent)]
    Checkpoints(#[from] CheckpointError),
    /// A file or a process failed.
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    /// A function's event source is a stream that its table does not have.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// An event source asks for what the local stack cannot do.
    #[error("{0}")]
    EventSource(String),
}

/// Reads a template as the local stack at `url` would run it, with secrets that are nobody's.
///
/// # Errors
/// [`StartError`] when it cannot be read or is at fault.
pub fn read_template(
    path: &Path,
    stack_name: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<System, StartError> {
    let secrets = &|_: &_| Ok("not a secret".to_owned());
    resolve(path, &Settings { url: "http://127.0.0.1:3000", stack_name, parameters, secrets })
}

fn resolve(path: &Path, settings: &Settings<'_>) -> Result<System, StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| StartError::Read(path.to_owned(), error))?;
    template::resolve(&text, settings).map_err(|error| StartError::Template(path.to_owned(), error))
}

/// A stack whose tables and queues are there, while nobody can send it a request and no function runs: the time to fill
/// its tables.
pub struct PreparedStack {
    options: Options,
    url: String,
    port: u16,
    listener: TcpListener,
    services_listeners: Vec<TcpListener>,
    tool_environment: ToolEnvironment,
    system: System,
    mailbox: Mailbox,
    checkpoints: Checkpoints,
    sqs: Sqs,
    dynamodb: DynamoDb,
    faults: Faults,
    // Last: whatever is in it is closed by then.
    data: DataDirectory,
}

impl PreparedStack {
    /// What the template says.
    #[must_use]
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// Where the embedded DynamoDB is served.
    #[must_use]
    pub fn dynamodb_url(&self) -> String {
        self.dynamodb.url()
    }

    /// Starts the rest. The functions' processes are started too, but not waited for. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] says what to do about it.
    pub fn start(self) -> Result<Stack, StartError> {
        let Self {
            options,
            url,
            port,
            listener,
            services_listeners,
            tool_environment,
            system,
            mailbox,
            checkpoints,
            sqs,
            dynamodb,
            faults,
            data,
        } = self;
        let runtime = Runtime::new(
            &system.functions,
            RuntimeOptions {
                programs: system
                    .functions
                    .iter()
                    .map(|function| {
                        let path = binaries::path_of(&options.binaries, function);
                        (function.logical_id.clone(), Program::from(path))
                    })
                    .collect(),
                base_environment: environment(&url, &dynamodb.functions_url()),
                max_concurrency: options.max_concurrency,
                log_directory: data.logs(),
                idle_timeout: IDLE_TIMEOUT,
            },
        )
        .map_err(|error| StartError::Io("the functions", error))?;

        check_event_sources(&system).map_err(StartError::EventSource)?;
        let (end, ended) = watch::channel(false);
        let (requests, _) = broadcast::channel(OBSERVER_LAG);
        faults.set_dynamodb(options.dynamodb_faults);
        let services = runtime::router(runtime.clone())
            .merge(sqs::router(sqs.clone()))
            .merge(ses::router(mailbox.clone(), faults.clone()));
        let everything = gateway(&system, port, &runtime, &requests)
            .router()
            .merge(services.clone())
            .merge(mailbox::router(mailbox.clone()))
            .merge(faults::router(faults.clone()));
        let mut servers = JoinSet::new();
        servers.spawn(server::serve(listener, server::for_this_machine(everything), ended.clone()));
        let access_key_id = tool_environment.access_key_id.clone();
        let services = services::router(access_key_id, options.listen, services, dynamodb.service());
        for listener in services_listeners {
            servers.spawn(server::serve(listener, services.clone(), ended.clone()));
        }
        let kept = tool_environment
            .keep(data.environment())
            .map_err(|error| StartError::Io("the environment for tools", error))?;
        let event_sources = event_sources(&system, &runtime, &sqs, &dynamodb, &checkpoints, &ended)?;
        let warmed = runtime.clone();
        tokio::spawn(async move { warmed.warm().await });
        Ok(Stack {
            url,
            system,
            runtime,
            mailbox,
            sqs,
            requests,
            end,
            event_sources,
            servers,
            dynamodb,
            faults,
            tool_environment,
            _kept: kept,
            data,
        })
    }
}

/// A running stack.
pub struct Stack {
    url: String,
    system: System,
    runtime: Runtime,
    mailbox: Mailbox,
    sqs: Sqs,
    requests: broadcast::Sender<Access>,
    end: watch::Sender<bool>,
    event_sources: JoinSet<()>,
    servers: JoinSet<()>,
    dynamodb: DynamoDb,
    faults: Faults,
    tool_environment: ToolEnvironment,
    _kept: Kept,
    // Last: whatever is in it is closed by then.
    data: DataDirectory,
}

impl Stack {
    /// Starts everything but what runs functions and answers requests.
    ///
    /// # Errors
    /// [`StartError`] says what to do about it.
    pub async fn prepare(options: Options) -> Result<PreparedStack, StartError> {
        let data = DataDirectory::open(&options.data)?;
        data.check_format(options.data_format)?;
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))
            .await
            .map_err(|error| StartError::Port(options.port, error))?;
        let port = listener.local_addr().map_err(|error| StartError::Port(options.port, error))?.port();
        let url = format!("http://127.0.0.1:{port}");
        let services_port = options.services_port.or((options.port == 0).then_some(0));
        let (services_port, services_listeners) = services::listen(services_port, options.listen)
            .await
            .map_err(|(address, error)| StartError::ServicesPort(address, error))?;
        let secrets = Secrets::open(data.secrets()).map_err(StartError::Secrets)?;
        let system = resolve(
            &options.template,
            &Settings {
                url: &url,
                stack_name: &options.stack_name,
                parameters: &options.parameters,
                secrets: &|secret| secrets.value(secret),
            },
        )?;
        let access_key_id = secrets.value(&services::access_key()).map_err(StartError::Secrets)?;
        let tool_environment = ToolEnvironment::new(&system, services_port, options.listen, access_key_id);
        let faults = Faults::default();
        let dynamodb = DynamoDb::start_with(&data.dynamodb(), &system.tables, faults.clone())?;
        let sqs = Sqs::open(&data.local(), &system.queues, &format!("{url}/_local/sqs"))?;
        let checkpoints = Checkpoints::open(&data.local())?;
        let mailbox = Mailbox::open(&data.mail()).map_err(|error| StartError::Io("the mailbox", error))?;
        Ok(PreparedStack {
            options,
            url,
            port,
            listener,
            services_listeners,
            tool_environment,
            system,
            mailbox,
            checkpoints,
            sqs,
            dynamodb,
            faults,
            data,
        })
    }

    /// Starts everything, with the tables as they are. The functions' processes are started too, but not waited for.
    ///
    /// # Errors
    /// [`StartError`] says what to do about it.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::prepare(options).await?.start()
    }

    /// Where everything is served, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the embedded DynamoDB is served.
    #[must_use]
    pub fn dynamodb_url(&self) -> String {
        self.dynamodb.url()
    }

    /// What tools need that run functions elsewhere.
    #[must_use]
    pub const fn tool_environment(&self) -> &ToolEnvironment {
        &self.tool_environment
    }

    /// What the template says.
    #[must_use]
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// What runs the functions.
    #[must_use]
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What goes wrong, and is to go wrong.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The mails that were sent.
    #[must_use]
    pub const fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The queues.
    #[must_use]
    pub const fn sqs(&self) -> &Sqs {
        &self.sqs
    }

    /// Whether every function has handled all that its streams hold at this moment.
    ///
    /// # Errors
    /// When a stream cannot be read.
    pub async fn streams_are_handled(&self) -> Result<bool, DynamoDbError> {
        for function in &self.system.functions {
            for source in &function.event_sources {
                let EventSource::Stream(source) = source else { continue };
                let Some(reader) = stream_of(&self.system, &self.dynamodb, source) else { continue };
                if !reader.is_handled_by(&stream::name(&function.logical_id, source)).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Where the data is.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        self.data.path()
    }

    /// The requests to the HTTP API that are answered from now on.
    #[must_use]
    pub fn requests(&self) -> broadcast::Receiver<Access> {
        self.requests.subscribe()
    }

    /// Ends everything: what is under way has a few seconds.
    pub async fn shutdown(mut self) {
        self.end.send_replace(true);
        let orderly = async { while self.event_sources.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, orderly).await.is_err() {
            self.event_sources.abort_all();
        }
        self.runtime.shutdown().await;
        let orderly = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, orderly).await.is_err() {
            self.servers.abort_all();
        }
        let dynamodb = self.dynamodb;
        // It blocks until its threads have ended.
        let stopped = tokio::task::spawn_blocking(move || dynamodb.stop()).await;
        if let Err(error) = stopped {
            tracing::error!(%error, "the embedded database did not stop");
        }
    }
}

/// The environment variables that every function gets here and that Lambda would set, or not need.
fn environment(url: &str, dynamodb_url: &str) -> BTreeMap<String, String> {
    [
        ("AWS_ACCESS_KEY_ID", CREDENTIAL.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url.to_owned()),
        ("AWS_ENDPOINT_URL_LAMBDA", url.to_owned()),
        ("AWS_ENDPOINT_URL_SESV2", format!("{url}/_local/ses")),
        ("AWS_ENDPOINT_URL_SQS", format!("{url}/_local/sqs")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn gateway(system: &System, port: u16, runtime: &Runtime, requests: &broadcast::Sender<Access>) -> Gateway {
    let (runtime, requests) = (runtime.clone(), requests.clone());
    let invoke = move |call: Call| {
        let runtime = runtime.clone();
        async move {
            let outcome = runtime.invoke(&call.function, call.payload, Trigger::HttpApi).await;
            match outcome {
                Ok(outcome) => match outcome.error {
                    None => Ok(outcome.payload),
                    Some(error) if error.error_type == "Sandbox.Timedout" => Err(CallError::Unavailable),
                    Some(_) => Err(CallError::Function),
                },
                Err(InvokeError::PayloadTooLarge { .. }) => Err(CallError::Function),
                Err(_) => Err(CallError::Unavailable),
            }
        }
        .boxed()
    };
    let observe = move |access| {
        // An error means that nobody listens.
        let _nobody = requests.send(access);
    };
    Gateway::new(system, port, Arc::new(invoke), Arc::new(observe))
}

/// Resolves at the stack's end.
fn ended_by(ended: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut ended = ended.clone();
    async move {
        // An error means that the stack is gone already.
        let _gone = ended.wait_for(|ended| *ended).await;
    }
}

/// Filters and schedules are refused at the start, not when their first event comes.
fn check_event_sources(system: &System) -> Result<(), String> {
    for function in &system.functions {
        let at_fault = |fault: String| format!("{}: {fault}", function.logical_id);
        for source in &function.event_sources {
            let checked = match source {
                EventSource::HttpApi(_) => Ok(()),
                EventSource::Sqs(source) => source.filters.iter().try_for_each(filter::check),
                EventSource::Stream(source) => source.filters.iter().try_for_each(filter::check),
                EventSource::Schedule(source) => schedule::check(source),
            };
            checked.map_err(at_fault)?;
        }
    }
    Ok(())
}

/// The stream that an event source reads, if its table has one.
fn stream_of(system: &System, dynamodb: &DynamoDb, source: &StreamSource) -> Option<StreamReader> {
    let table = system.tables.iter().find(|table| table.logical_id == source.table)?;
    dynamodb.stream(&table.name)
}

/// Starts what polls queues and streams and keeps schedules.
fn event_sources(
    system: &System,
    runtime: &Runtime,
    sqs: &Sqs,
    dynamodb: &DynamoDb,
    checkpoints: &Checkpoints,
    ended: &watch::Receiver<bool>,
) -> Result<JoinSet<()>, StartError> {
    let invoke: Invoke = {
        let runtime = runtime.clone();
        Arc::new(move |function: &str, payload: Bytes, trigger: Trigger| {
            let (runtime, function) = (runtime.clone(), function.to_owned());
            async move { runtime.invoke(&function, payload, trigger).await }.boxed()
        })
    };
    let invoke_async: schedule::InvokeAsync = {
        let runtime = runtime.clone();
        Arc::new(move |function: &str, payload: Bytes| {
            if let Err(error) = runtime.invoke_async(function, payload, Trigger::Schedule) {
                tracing::error!(function, %error, "a schedule could not invoke its function");
            }
        })
    };
    let on_failure: OnFailure = {
        let sqs = sqs.clone();
        Arc::new(move |queue_arn: &str, body: String| {
            let (sqs, queue_arn) = (sqs.clone(), queue_arn.to_owned());
            async move {
                sqs.send(&queue_arn, body).await;
                Ok(())
            }
            .boxed()
        })
    };
    let mut tasks = JoinSet::new();
    for function in &system.functions {
        let logical_id = function.logical_id.clone();
        for source in &function.event_sources {
            let logical_id = logical_id.clone();
            match source {
                EventSource::HttpApi(_) => {}
                EventSource::Sqs(source) => {
                    let run =
                        queue::run(sqs.clone(), logical_id, source.clone(), invoke.clone(), ended_by(ended));
                    tasks.spawn(run);
                }
                EventSource::Schedule(source) => {
                    tasks.spawn(schedule::run(
                        logical_id,
                        source.clone(),
                        invoke_async.clone(),
                        ended_by(ended),
                    ));
                }
                EventSource::Stream(source) => {
                    let Some(reader) = stream_of(system, dynamodb, source) else {
                        return Err(StartError::NoStream(source.table.clone()));
                    };
                    let mapping = Mapping {
                        reader,
                        function: logical_id,
                        function_arn: runtime::arn(function),
                        source: source.clone(),
                        invoke: invoke.clone(),
                        on_failure: Some(on_failure.clone()),
                        checkpoints: checkpoints.clone(),
                    };
                    tasks.spawn(mapping.run(ended_by(ended)));
                }
            }
        }
    }
    Ok(tasks)
}
