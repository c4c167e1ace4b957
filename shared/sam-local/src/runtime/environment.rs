//! One execution environment as its Runtime API, its pool and its keeper see it: which phase it is in and which
//! invocation it has.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::connection::Fate;
use super::deployment::Deployment;
use super::failure::{INIT_TIMEOUT, InitFailure};
use super::invocation::{FunctionError, InvocationOutcome, RecordedOutcome};
use super::job::Job;
use super::logs::RecentLog;
use super::phase::{Fetched, Overdue, Phase, Running};
use super::recorder::{self, Finished};
use crate::clock;

/// Whom an environment belongs to and tells what it can do: its function's pool.
pub(super) trait Owner: Send + Sync {
    /// An environment has answered, and will ask for the next invocation.
    fn answered(&self, environment: &Environment);

    /// An environment asks for an invocation.
    fn ready(self: Arc<Self>, environment: &Arc<Environment>);

    /// No invocation is to be given to this environment any more: its process has ended.
    fn withdraw(&self, environment: &Environment);

    /// Ends an environment that has been idle for long, unless it is the only one.
    fn retire(&self, environment: &Environment) -> bool;

    /// An environment is no more. `unread` is an invocation that it never had; `failure` is why it never began, for
    /// which the oldest waiting invocation fails: otherwise a function that cannot start would be started for ever.
    fn ended(self: Arc<Self>, environment: &Environment, unread: Option<Job>, failure: Option<&InitFailure>);
}

pub(super) struct Environment {
    pub(super) id: u64,
    pub(super) deployment: Arc<Deployment>,
    pub(super) owner: Arc<dyn Owner>,
    pub(super) recent: Arc<RecentLog>,
    /// Wakes the keeper: the deadline has changed.
    pub(super) changed: Notify,
    /// Tells the keeper to end the process.
    pub(super) stop: Notify,
    /// Becomes true when the process has asked for its first invocation, or never will.
    pub(super) settled: watch::Sender<bool>,
    process: Arc<OnceLock<u32>>,
    assigned: Notify,
    finished: mpsc::UnboundedSender<Finished>,
    inner: Mutex<Inner>,
}

struct Inner {
    phase: Phase,
    /// The next invocation is the one that the process was started for.
    is_cold: bool,
    init_error: Option<FunctionError>,
}

impl Environment {
    /// `on_demand`: an invocation waits for it.
    pub(super) fn new(
        id: u64,
        deployment: Arc<Deployment>,
        owner: Arc<dyn Owner>,
        on_demand: bool,
    ) -> Arc<Self> {
        let recent = Arc::new(RecentLog::default());
        let process = Arc::new(OnceLock::new());
        let finished = recorder::start(&deployment, recent.clone(), process.clone());
        Arc::new(Self {
            id,
            deployment,
            owner,
            recent,
            changed: Notify::new(),
            stop: Notify::new(),
            settled: watch::Sender::new(false),
            process,
            assigned: Notify::new(),
            finished,
            inner: Mutex::new(Inner {
                phase: Phase::Starting { since: Instant::now() },
                is_cold: on_demand,
                init_error: None,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arn(&self) -> &str {
        &self.deployment.arn
    }

    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.get().copied()
    }

    pub(super) fn set_process_id(&self, id: u32) {
        // There is one process for each environment: this is never set twice.
        let _first = self.process.set(id);
    }

    /// The process asks for an invocation; false when it still has one to answer.
    pub(super) fn ask(self: &Arc<Self>) -> bool {
        if matches!(self.lock().phase, Phase::Running(_) | Phase::Ended) {
            return false;
        }
        self.settled.send_replace(true);
        self.owner.clone().ready(self);
        true
    }

    /// Waits until [`Environment::fetch`] may have something.
    pub(super) async fn assigned(&self) {
        self.assigned.notified().await;
    }

    /// Takes the invocation that was assigned, which begins with this; `fate` is that of the connection it goes out on.
    pub(super) fn fetch(&self, fate: &Fate) -> Option<Fetched> {
        let mut inner = self.lock();
        let job = match mem::replace(&mut inner.phase, Phase::Ended) {
            Phase::Assigned { job, .. } => job,
            other => {
                inner.phase = other;
                return None;
            }
        };
        let begun = clock::now();
        let timeout =
            SignedDuration::try_from(self.deployment.function.timeout).unwrap_or(SignedDuration::MAX);
        let fetched = Fetched {
            request_id: job.request_id.clone(),
            payload: job.payload.clone(),
            begun,
            deadline: begun.checked_add(timeout).unwrap_or(Timestamp::MAX),
        };
        self.recent.begin_invocation();
        let is_cold = mem::replace(&mut inner.is_cold, false);
        inner.phase = Phase::Running(Running { job, fate: fate.clone(), is_cold, started: Instant::now() });
        drop(inner);
        self.changed.notify_one();
        Some(fetched)
    }

    /// Gives it an invocation; gives it back when the process has ended or is not waiting for one.
    pub(super) fn assign(&self, job: Job) -> Result<(), Job> {
        let mut inner = self.lock();
        if !matches!(inner.phase, Phase::Idle { .. }) {
            return Err(job);
        }
        inner.phase = Phase::Assigned { job, since: Instant::now() };
        drop(inner);
        self.assigned.notify_one();
        Ok(())
    }

    /// From now on it can be assigned invocations; false when it has one already or has ended.
    pub(super) fn become_idle(&self) -> bool {
        let mut inner = self.lock();
        if !matches!(inner.phase, Phase::Starting { .. } | Phase::Answered { .. } | Phase::Idle { .. }) {
            return false;
        }
        inner.phase = Phase::Idle { since: Instant::now() };
        drop(inner);
        self.changed.notify_one();
        true
    }

    pub(super) fn init_failed(&self, error: FunctionError) {
        self.lock().init_error = Some(error);
    }

    pub(super) fn init_error(&self) -> Option<FunctionError> {
        self.lock().init_error.clone()
    }

    /// The process has answered; false when it has no invocation of that id.
    pub(super) async fn answered(
        environment: &Arc<Self>,
        request_id: &str,
        result: Result<Bytes, FunctionError>,
    ) -> bool {
        let running = {
            let mut inner = environment.lock();
            match mem::replace(&mut inner.phase, Phase::Ended) {
                Phase::Running(running) if running.job.request_id == request_id => {
                    let deadline = running.started + environment.deployment.function.timeout;
                    inner.phase = Phase::Answered { deadline };
                    running
                }
                other => {
                    inner.phase = other;
                    return false;
                }
            }
        };
        environment.owner.answered(environment);
        let duration = running.started.elapsed();
        if running.job.wants_log {
            // What it printed comes through pipes of its own. The process is not let on to the next invocation before,
            // or the lines of both would mix; and the answer must not be lost if it dies meanwhile.
            let environment = environment.clone();
            let settled = tokio::spawn(async move {
                environment.recent.settle().await;
                environment.finish(running, result, duration, None, "");
            });
            // It only fails when the whole stack goes down.
            let _down = settled.await;
        } else {
            environment.finish(running, result, duration, None, "");
        }
        true
    }

    /// An invocation that ended with its process.
    pub(super) fn failed(
        &self,
        running: Running,
        error: FunctionError,
        peak_kib: Option<u64>,
        explanation: &str,
    ) {
        let duration = running.started.elapsed();
        self.finish(running, Err(error), duration, peak_kib, explanation);
    }

    fn finish(
        &self,
        running: Running,
        result: Result<Bytes, FunctionError>,
        duration: Duration,
        peak_kib: Option<u64>,
        explanation: &str,
    ) {
        let Running { job, is_cold, .. } = running;
        let recorded = match &result {
            Ok(_) => RecordedOutcome::Success,
            Err(error) => error.recorded(explanation),
        };
        let (payload, error) = match result {
            Ok(payload) => (payload, None),
            Err(error) => (error.payload.clone(), Some(error)),
        };
        let log_tail = self.recent.tail();
        let outcome = InvocationOutcome { request_id: job.request_id.clone(), payload, error, log_tail };
        // The caller may have gone away.
        let _gone = job.reply.send(Ok(outcome));
        // The recorder ends after this environment does, so the send cannot fail.
        let _recorded = self.finished.send(Finished {
            request_id: job.request_id,
            trigger: job.trigger,
            is_cold,
            duration,
            peak_kib,
            outcome: recorded,
        });
    }

    /// When the keeper has to look again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline_of(&self.lock().phase)
    }

    fn deadline_of(&self, phase: &Phase) -> Option<Instant> {
        let timeout = self.deployment.function.timeout;
        match phase {
            Phase::Starting { since } => Some(*since + INIT_TIMEOUT),
            Phase::Idle { since } => since.checked_add(self.deployment.idle_timeout),
            Phase::Assigned { since, .. } => Some(*since + timeout),
            Phase::Running(running) => Some(running.started + timeout),
            Phase::Answered { deadline } => Some(*deadline),
            Phase::Ended => None,
        }
    }

    /// Whether the phase has lasted too long. Ends the environment then, except when it is merely idle.
    pub(super) fn overdue(&self, now: Instant) -> Option<Overdue> {
        let mut inner = self.lock();
        if self.deadline_of(&inner.phase).is_none_or(|deadline| deadline > now) {
            return None;
        }
        match mem::replace(&mut inner.phase, Phase::Ended) {
            Phase::Starting { .. } => Some(Overdue::Init),
            Phase::Idle { since } => {
                inner.phase = Phase::Idle { since };
                Some(Overdue::Idle)
            }
            Phase::Assigned { job, .. } => Some(Overdue::Unfetched(job)),
            Phase::Running(running) => Some(Overdue::Invocation(running)),
            Phase::Answered { .. } => Some(Overdue::Answered),
            Phase::Ended => None,
        }
    }

    /// Ends it if it is idle; otherwise it goes on.
    pub(super) fn end_if_idle(&self) -> bool {
        let mut inner = self.lock();
        let is_idle = matches!(inner.phase, Phase::Idle { .. });
        if is_idle {
            inner.phase = Phase::Ended;
        }
        is_idle
    }

    /// No invocation is assigned to it any more; returns what it was doing.
    pub(super) fn end(&self) -> Phase {
        mem::replace(&mut self.lock().phase, Phase::Ended)
    }
}
