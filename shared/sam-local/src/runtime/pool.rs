//! The execution environments of one function, and the invocations that wait for one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use super::deployment::Deployment;
use super::environment::{Environment, Owner};
use super::failure::InitFailure;
use super::invocation::{InvocationOutcome, InvocationRecord, InvokeError, Trigger};
use super::job::Job;
use super::keeper;
use crate::clock;

/// How long an environment that has answered may take to ask for the next invocation before another is started. It takes
/// a fraction of that, and of what a start takes: without this, a caller who sends one request after the other would
/// start a second process.
const MOMENT: Duration = Duration::from_millis(5);

/// How often to look, at most, whether an invocation that nobody wants to wait for any longer still waits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    pub(super) deployment: Arc<Deployment>,
    /// Environments at most; 0 when the function is switched off.
    pub(super) limit: usize,
    state: Mutex<State>,
    emptied: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The one used last is the last.
    idle: Vec<Arc<Environment>>,
    live: BTreeMap<u64, Arc<Environment>>,
    /// Those of `live` that have not asked for an invocation yet.
    starting: BTreeSet<u64>,
    /// Those of `live` that have answered, but not asked again yet.
    answered: BTreeSet<u64>,
    /// Those of `live` whose process is being ended because it was idle.
    retiring: BTreeSet<u64>,
    next_id: u64,
    /// Whether it will be seen in a moment if an environment has to be started after all.
    is_looking_again: bool,
    is_closed: bool,
}

impl Pool {
    pub(super) fn new(deployment: Deployment, limit: usize) -> Self {
        Self { deployment: Arc::new(deployment), limit, state: Mutex::default(), emptied: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an invocation once, whose environment has to come free within `patience`.
    pub(super) async fn run(
        self: &Arc<Self>,
        request_id: String,
        payload: Bytes,
        trigger: Trigger,
        wants_log: bool,
        patience: Duration,
    ) -> Result<InvocationOutcome, InvokeError> {
        if self.limit == 0 {
            return Err(InvokeError::Throttled(self.deployment.function.logical_id.clone()));
        }
        let (reply, mut outcome) = oneshot::channel();
        self.submit(Job { request_id: request_id.clone(), payload, trigger, wants_log, lost: 0, reply });
        let mut patience = patience;
        loop {
            match timeout(patience, &mut outcome).await {
                Ok(Ok(outcome)) => return outcome,
                // Its keeper is gone, and so is the whole stack.
                Ok(Err(_)) => return Err(InvokeError::ShuttingDown),
                Err(_) if self.give_up(&request_id) => {
                    return Err(InvokeError::Throttled(self.deployment.function.logical_id.clone()));
                }
                // It runs, or an environment is being started for it: either has a time limit of its own.
                Err(_) => patience = patience.max(LOOK_AGAIN),
            }
        }
    }

    /// Takes an invocation, whose outcome goes to its `reply`.
    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        if state.is_closed {
            return job.refuse(InvokeError::ShuttingDown);
        }
        state.waiting.push_back(job);
        self.advance(&mut state);
    }

    /// Hands waiting invocations to idle environments and starts environments for the others, except for as many as
    /// will be idle in a moment.
    fn advance(self: &Arc<Self>, state: &mut State) {
        state.dispatch();
        self.grow(state, state.answered.len());
        let may_grow = state.live.len() < self.limit && !state.is_closed;
        if may_grow && state.waiting.len() > state.starting.len() && !state.is_looking_again {
            state.is_looking_again = true;
            let pool = self.clone();
            tokio::spawn(async move {
                sleep(MOMENT).await;
                let mut state = pool.lock();
                state.is_looking_again = false;
                pool.grow(&mut state, 0);
            });
        }
    }

    /// Starts environments for the waiting invocations, except for so many.
    fn grow(self: &Arc<Self>, state: &mut State, except: usize) {
        while !state.is_closed
            && state.starting.len() + except < state.waiting.len()
            && state.live.len() < self.limit
        {
            self.start(state, true);
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, on_demand: bool) -> Arc<Environment> {
        state.next_id += 1;
        let id = state.next_id;
        let environment = Environment::new(id, self.deployment.clone(), self.clone(), on_demand);
        state.live.insert(id, environment.clone());
        state.starting.insert(id);
        tokio::spawn(keeper::keep(environment.clone()));
        environment
    }

    /// Starts an environment if there is none; returns those that are not ready yet.
    pub(super) fn warm(self: &Arc<Self>) -> Vec<Arc<Environment>> {
        let mut state = self.lock();
        if state.live.is_empty() && !state.is_closed && self.limit > 0 {
            self.start(&mut state, false);
        }
        state.starting.iter().filter_map(|id| state.live.get(id)).cloned().collect()
    }

    fn fail(&self, job: Job, failure: &InitFailure) {
        let error = failure.error(&job.request_id, clock::now());
        let record = InvocationRecord {
            function: self.deployment.function.logical_id.clone(),
            request_id: job.request_id.clone(),
            trigger: job.trigger,
            cold_start: true,
            duration: Duration::ZERO,
            peak_memory_mb: None,
            outcome: error.recorded(failure.standard_error()),
            access: None,
        };
        let outcome = InvocationOutcome {
            request_id: job.request_id,
            payload: error.payload.clone(),
            error: Some(error),
            log_tail: failure.standard_error().to_owned(),
        };
        // The caller may have gone away, and nobody may listen.
        let _gone = job.reply.send(Ok(outcome));
        let _nobody = self.deployment.records.send(record);
    }

    /// Takes back an invocation that still waits and for which no environment is being started.
    fn give_up(&self, request_id: &str) -> bool {
        let mut state = self.lock();
        let position = state.waiting.iter().position(|job| job.request_id == request_id);
        match position {
            Some(position) if position >= state.starting.len() => state.waiting.remove(position).is_some(),
            _ => false,
        }
    }

    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.lock().live.values().filter_map(|environment| environment.process_id()).collect()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Refuses what waits and what comes, and ends the processes.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        for job in state.waiting.drain(..) {
            job.refuse(InvokeError::ShuttingDown);
        }
        for environment in state.live.values() {
            environment.stop.notify_one();
        }
    }

    /// Waits until every process has ended.
    pub(super) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.lock().live.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl Owner for Pool {
    fn answered(&self, environment: &Environment) {
        let mut state = self.lock();
        if state.live.contains_key(&environment.id) {
            state.answered.insert(environment.id);
        }
    }

    fn ready(self: Arc<Self>, environment: &Arc<Environment>) {
        let mut state = self.lock();
        state.answered.remove(&environment.id);
        state.starting.remove(&environment.id);
        if state.live.contains_key(&environment.id) && environment.become_idle() {
            state.idle.retain(|other| other.id != environment.id);
            state.idle.push(environment.clone());
        }
        self.advance(&mut state);
    }

    fn withdraw(&self, environment: &Environment) {
        self.lock().idle.retain(|other| other.id != environment.id);
    }

    fn retire(&self, environment: &Environment) -> bool {
        let mut state = self.lock();
        if state.live.len() - state.retiring.len() == 1 {
            // Only an idle one becomes idle again, from now on.
            environment.become_idle();
            return false;
        }
        let ended = environment.end_if_idle();
        if ended {
            state.idle.retain(|other| other.id != environment.id);
            state.retiring.insert(environment.id);
        }
        ended
    }

    fn ended(self: Arc<Self>, environment: &Environment, unread: Option<Job>, failure: Option<&InitFailure>) {
        let mut state = self.lock();
        state.live.remove(&environment.id);
        state.starting.remove(&environment.id);
        state.answered.remove(&environment.id);
        state.retiring.remove(&environment.id);
        state.idle.retain(|other| other.id != environment.id);
        match unread {
            Some(job) if state.is_closed => job.refuse(InvokeError::ShuttingDown),
            Some(job) => state.waiting.push_front(job),
            None => {}
        }
        let failed = failure.and_then(|failure| Some((state.next_waiting()?, failure)));
        self.advance(&mut state);
        drop(state);
        if let Some((job, failure)) = failed {
            self.fail(job, failure);
        }
        self.emptied.notify_waiters();
    }
}

impl State {
    /// The oldest waiting invocation whose caller is still there.
    fn next_waiting(&mut self) -> Option<Job> {
        while let Some(job) = self.waiting.pop_front() {
            if !job.reply.is_closed() {
                return Some(job);
            }
        }
        None
    }

    fn dispatch(&mut self) {
        while !self.idle.is_empty() {
            let Some(mut job) = self.next_waiting() else { return };
            loop {
                let Some(environment) = self.idle.pop() else {
                    self.waiting.push_front(job);
                    return;
                };
                match environment.assign(job) {
                    Ok(()) => break,
                    Err(returned) => job = returned,
                }
            }
        }
    }
}
