//! Starts one environment's process and watches over it until it ends.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::environment::Environment;
use super::failure::{self, InitFailure};
use super::invocation::InvokeError;
use super::job::Job;
use super::phase::{Overdue, Phase, Running};
use super::{api, logs, memory, process};
use crate::clock;

/// How long the pipes and connections of a process that has ended may stay open: a process that it started may have
/// inherited them.
const REMAINS: Duration = Duration::from_millis(200);
/// An invocation that so many processes in a row died of, or just before reading it, is not tried again.
const LOSSES: u32 = 3;

/// Runs an environment from its process's start to its end.
pub(super) async fn keep(environment: Arc<Environment>) {
    let end = run(&environment).await;
    environment.settled.send_replace(true);
    environment.owner.clone().ended(&environment, end.unread, end.failure.as_ref());
}

/// What an environment leaves behind.
#[derive(Default)]
struct End {
    unread: Option<Job>,
    failure: Option<InitFailure>,
}

impl End {
    fn unread(job: Job) -> Self {
        Self { unread: Some(job), failure: None }
    }

    fn failure(environment: &Environment, failure: InitFailure) -> Self {
        tracing::error!(
            function = environment.deployment.function.logical_id,
            standard_error = failure.standard_error(),
            "the function did not start: {}",
            failure.reason()
        );
        Self { unread: None, failure: Some(failure) }
    }
}

enum Event {
    Exited(String),
    Overdue(Overdue),
    Stopped,
}

async fn run(environment: &Arc<Environment>) -> End {
    let mut process = match Process::start(environment).await {
        Ok(process) => process,
        Err(error) => {
            environment.end();
            let path = environment.deployment.program.path.display();
            let reason = format!("Runtime exited with error: {path} could not be started: {error}");
            return End::failure(environment, InitFailure::Exited { reason, standard_error: String::new() });
        }
    };
    match process.watch(environment).await {
        Event::Exited(reason) => {
            environment.owner.withdraw(environment);
            // Its last answer may have arrived, but not been read yet.
            process.drain().await;
            exited(environment, reason)
        }
        Event::Overdue(overdue) => {
            let peak_kib = environment.process_id().and_then(memory::peak_kib);
            process.kill().await;
            process.drain().await;
            ran_out_of_time(environment, overdue, peak_kib)
        }
        Event::Stopped => {
            process.kill().await;
            match environment.end() {
                Phase::Assigned { job, .. } | Phase::Running(Running { job, .. }) => {
                    job.refuse(InvokeError::ShuttingDown);
                }
                _ => {}
            }
            End::default()
        }
    }
}

fn exited(environment: &Environment, reason: String) -> End {
    let standard_error = environment.recent.standard_error();
    let function = &environment.deployment.function.logical_id;
    match environment.end() {
        Phase::Starting { .. } => {
            let failure = environment
                .init_error()
                .map_or(InitFailure::Exited { reason, standard_error }, InitFailure::Posted);
            End::failure(environment, failure)
        }
        Phase::Assigned { job, .. } => End::unread(job),
        Phase::Running(mut running) => {
            if running.fate.is_reset() && running.job.lost < LOSSES {
                running.job.lost += 1;
                return End::unread(running.job);
            }
            let request_id = running.job.request_id.clone();
            tracing::error!(function, request_id, standard_error, "the function's process ended: {reason}");
            let error = failure::exited(&request_id, &reason);
            environment.failed(running, error, None, &standard_error);
            End::default()
        }
        Phase::Idle { .. } | Phase::Answered { .. } | Phase::Ended => {
            tracing::warn!(
                function,
                standard_error,
                "the function's process ended between invocations: {reason}"
            );
            End::default()
        }
    }
}

fn ran_out_of_time(environment: &Environment, overdue: Overdue, peak_kib: Option<u64>) -> End {
    let standard_error = environment.recent.standard_error();
    let function = &environment.deployment.function;
    match overdue {
        Overdue::Init => End::failure(environment, InitFailure::TimedOut { standard_error }),
        Overdue::Unfetched(mut job) if job.lost < LOSSES => {
            tracing::warn!(
                function = function.logical_id,
                "the function's process stopped asking for invocations"
            );
            job.lost += 1;
            End::unread(job)
        }
        Overdue::Unfetched(job) => {
            let reason = "Runtime exited with error: it never fetched the invocation".to_owned();
            End { unread: Some(job), failure: Some(InitFailure::Exited { reason, standard_error }) }
        }
        Overdue::Invocation(running) => {
            let error = failure::timed_out(&running.job.request_id, function.timeout, clock::now());
            tracing::error!(function = function.logical_id, standard_error, "{}", error.message);
            environment.failed(running, error, peak_kib, &standard_error);
            End::default()
        }
        Overdue::Answered => {
            tracing::warn!(
                function = function.logical_id,
                standard_error,
                "the function's process answered, but was still busy when its time was over"
            );
            End::default()
        }
        Overdue::Idle => End::default(),
    }
}

struct Process {
    child: Child,
    readers: JoinSet<()>,
    api: JoinHandle<()>,
    stop_api: Option<oneshot::Sender<()>>,
}

impl Process {
    async fn start(environment: &Arc<Environment>) -> io::Result<Self> {
        let deployment = &environment.deployment;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut child = process::command(
            &deployment.program,
            &deployment.function,
            address,
            &deployment.base_environment,
        )
        .spawn()?;
        if let Some(id) = child.id() {
            environment.set_process_id(id);
        }
        let mut readers = JoinSet::new();
        if let Some(source) = child.stdout.take() {
            let environment = environment.clone();
            readers.spawn(async move {
                logs::read_lines(source, false, &environment.recent, &environment.deployment.log).await;
            });
        }
        if let Some(source) = child.stderr.take() {
            let environment = environment.clone();
            readers.spawn(async move {
                logs::read_lines(source, true, &environment.recent, &environment.deployment.log).await;
            });
        }
        let (stop_api, stopped) = oneshot::channel();
        let api = tokio::spawn(api::serve(listener, environment.clone(), stopped));
        Ok(Self { child, readers, api, stop_api: Some(stop_api) })
    }

    /// Waits until the process ends or has to be ended.
    async fn watch(&mut self, environment: &Arc<Environment>) -> Event {
        loop {
            let deadline = environment.deadline();
            let late = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                status = self.child.wait() => {
                    return Event::Exited(match status {
                        Ok(status) => failure::exit_reason(status),
                        Err(error) => format!("Runtime exited with error: {error}"),
                    });
                }
                () = environment.stop.notified() => return Event::Stopped,
                () = environment.changed.notified() => {}
                () = late => match environment.overdue(Instant::now()) {
                    Some(Overdue::Idle) if environment.owner.retire(environment) => {
                        return Event::Overdue(Overdue::Idle);
                    }
                    Some(Overdue::Idle) | None => {}
                    Some(overdue) => return Event::Overdue(overdue),
                },
            }
        }
    }

    async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "a function's process could not be killed");
        }
    }

    /// Takes in what a process that has ended still said, on its connections and in its pipes.
    async fn drain(&mut self) {
        if let Some(stop) = self.stop_api.take() {
            // An error means that it has stopped.
            let _stopped = stop.send(());
        }
        let all = async {
            // It neither panics nor is cancelled while this runs.
            let _served = (&mut self.api).await;
            while self.readers.join_next().await.is_some() {}
        };
        let _inherited = timeout(REMAINS, all).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.api.abort();
    }
}
