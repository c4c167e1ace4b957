//! One event's mail, from the claim to the mark.

use std::time::Duration;

use chairbook_auth::email_address::canonical_form;
use chairbook_auth::opaque_token::sha256_hex;
use chairbook_auth::seal::Sealer;
use chairbook_mail::{Context, MailConfig, Rendered, compose, in_ascii};
use chairbook_models::appointment::Appointment;
use chairbook_models::backoff::jitter;
use chairbook_models::catalog::Settings;
use chairbook_models::event::Event;
use chairbook_models::ids::EventId;
use chairbook_models::todo::Todo;
use chairbook_models::user::Profile;
use chairbook_platform::{COUNTED, Metric, clock};
use chairbook_store::{Claim, DeliveryOutcome, MailLimits, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::decision::{Facts, LoginMail, limited_kind, reason_to_skip};
use crate::ses::{self, SendFailure};

/// How long SES may take over one mail. It answers within a second as a rule, and a call that is given up may have sent
/// the mail, so this is long.
pub const SES_TIMEOUT: Duration = Duration::from_secs(10);

/// What is kept for marking how a delivery went, and for nothing else, since whoever is interrupted between SES's answer
/// and the mark sends twice: a write that hangs until its attempt is given up (5 s, see `chairbook_platform::aws`), and
/// another one.
const TIME_FOR_THE_MARK: Duration = Duration::from_secs(6);

/// What is kept of an invocation's time for saying how the batch went: one call that times a message's return, and the
/// answer.
const TIME_FOR_THE_ANSWER: Duration = Duration::from_secs(2);

/// How long timing a message's return may take; the rest of [`TIME_FOR_THE_ANSWER`] is the answer's.
pub const TIME_FOR_TIMING_A_RETURN: Duration = Duration::from_secs(1);

/// What must be left of an invocation's time for a mail to be handed to SES: all of the above.
const TIME_FOR_ONE_SEND: Duration =
    SES_TIMEOUT.saturating_add(TIME_FOR_THE_MARK).saturating_add(TIME_FOR_THE_ANSWER);

/// How long a lease outlasts the invocation: a sender is surely gone when its lease ends, even if clocks differ.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// How often a mail that SES throttled is offered within one invocation: SES counts by the second, and the queue
/// delivers a message only so often.
const OFFERS: u32 = 3;

/// The longest pause between two offers.
const PAUSE_BETWEEN_OFFERS: Duration = Duration::from_millis(1_500);

/// How often a mark is written before it is given up.
const MARKS: u32 = 3;

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its work is done.
    Done,
    /// It is to come again after a pause.
    TryAgain,
    /// It is to come again at this instant.
    TryAgainAt(Timestamp),
    /// It can never be done: to the dead letters.
    GiveUp,
}

/// What delivering needs.
pub struct Delivery {
    /// The tables.
    pub store: Store,
    /// SES.
    pub mailer: aws_sdk_sesv2::Client,
    /// Opens one-time tokens.
    pub sealer: Sealer,
    /// Where links lead, and who mails are from.
    pub mail: MailConfig,
    /// Whether logins are told.
    pub login_mail: LoginMail,
    /// Limits of the mails that anybody can have sent to an address.
    pub limits: MailLimits,
}

/// The rows that a mail is made from.
struct Rows {
    recipient: Option<Profile>,
    appointment: Option<Appointment>,
    todo: Option<Todo>,
    settings: Settings,
}

/// When the lease of an invocation with this deadline ends.
pub fn lease_end(deadline: Timestamp) -> Timestamp {
    deadline.saturating_add(LEASE_MARGIN).unwrap_or(deadline)
}

impl Delivery {
    /// Delivers an event's mail, if it is still to be delivered and nobody else is at it. Ends in time for the answer.
    pub async fn deliver(&self, event_id: EventId, deadline: Timestamp) -> Verdict {
        let lease_until = lease_end(deadline);
        let time = time_before(deadline, TIME_FOR_THE_MARK + TIME_FOR_THE_ANSWER);
        let claim = self.store.claim_delivery(event_id, clock::now(), lease_until);
        let Ok(claim) = tokio::time::timeout(time, claim).await else {
            tracing::warn!("a delivery ran out of time before it was claimed");
            return Verdict::TryAgainAt(lease_until);
        };
        let event = match claim {
            Ok(Claim::Claimed(event)) => event,
            Ok(Claim::Busy { until }) => {
                tracing::info!("somebody else is delivering it");
                return Verdict::TryAgainAt(until);
            }
            Ok(Claim::Done(delivery)) => {
                tracing::info!(?delivery, "it has been delivered before");
                return Verdict::Done;
            }
            Ok(Claim::Missing) => {
                tracing::error!("there is no such event to deliver; its message goes to the dead letters");
                return Verdict::GiveUp;
            }
            Err(error) => {
                tracing::warn!(%error, "a delivery could not be claimed");
                return Verdict::TryAgain;
            }
        };
        let time = time_before(deadline, TIME_FOR_THE_MARK + TIME_FOR_THE_ANSWER);
        let outcome = attempted(time, Box::pin(self.attempt(&event, deadline))).await;
        log(&event, &outcome);
        if let Some(latency) = latency(&event, &outcome, clock::now()) {
            latency.record();
        }
        let time = time_before(deadline, TIME_FOR_THE_ANSWER);
        let marked = marked(time, self.mark(event_id, &outcome)).await;
        verdict(&outcome, marked, lease_until)
    }

    async fn attempt(&self, event: &Event, deadline: Timestamp) -> DeliveryOutcome {
        let rows = match self.rows(event).await {
            Ok(rows) => rows,
            Err(error) => return DeliveryOutcome::Retry { reason: error.to_string() },
        };
        let facts = Facts {
            event,
            recipient: rows.recipient.as_ref(),
            appointment: rows.appointment.as_ref(),
            todo: rows.todo.as_ref(),
            login_mail: self.login_mail,
            now: clock::now(),
        };
        if let Some(reason) = reason_to_skip(&facts) {
            return DeliveryOutcome::Skipped { reason };
        }
        let Some(recipient) = &rows.recipient else {
            return DeliveryOutcome::Skipped { reason: "recipient_deleted" };
        };
        let address = in_ascii(&recipient.email).map_err(|_| "address_not_ascii");
        let (to, mail) = match address.and_then(|to| Ok((to, self.write(&facts, recipient, &rows)?))) {
            Ok(written) => written,
            Err(reason) => return DeliveryOutcome::Failed { reason: reason.to_owned() },
        };
        match self.is_within_limits(event, &recipient.email).await {
            Ok(true) => self.send(event, &to, &mail, deadline).await,
            Ok(false) => DeliveryOutcome::Skipped { reason: "too_many_mails" },
            Err(error) => DeliveryOutcome::Retry { reason: error.to_string() },
        }
    }

    /// Counts a mail that anybody can have sent. Counted here and not when it is asked for, since here the asker cannot
    /// notice, and only mails are counted that there are: nobody uses up the share of an address without an account.
    async fn is_within_limits(&self, event: &Event, address: &str) -> Result<bool, StoreError> {
        let Some(kind) = limited_kind(event.event_type()) else { return Ok(true) };
        let address_sha256 = sha256_hex(&canonical_form(address).unwrap_or_else(|_| address.to_owned()));
        self.store.count_mail(kind, &address_sha256, event.id, event.at, self.limits).await
    }

    async fn rows(&self, event: &Event) -> Result<Rows, StoreError> {
        // Boxed, since the SDK's futures are large and these are held side by side.
        let recipient = Box::pin(async {
            match event.recipient {
                Some(id) => self.store.profile(id).await,
                None => Ok(None),
            }
        });
        let appointment = Box::pin(async {
            match event.subjects.appointment_id {
                Some(id) => self.store.appointment(id).await,
                None => Ok(None),
            }
        });
        let todo = Box::pin(async {
            match (event.recipient, event.subjects.todo_id) {
                (Some(user), Some(id)) => self.store.todo(user, id).await,
                _ => Ok(None),
            }
        });
        let settings = Box::pin(self.store.settings());
        let (recipient, appointment, todo, settings) =
            tokio::try_join!(recipient, appointment, todo, settings)?;
        Ok(Rows { recipient, appointment, todo, settings })
    }

    fn write(&self, facts: &Facts<'_>, recipient: &Profile, rows: &Rows) -> Result<Rendered, &'static str> {
        let event = facts.event;
        let token =
            event.sealed_secret.as_deref().map(|sealed| self.sealer.unseal(sealed, &event.id.to_string()));
        let token = token.transpose().map_err(|_| "token_unreadable")?;
        let context = Context {
            event,
            recipient,
            appointment: rows.appointment.as_ref(),
            todo: rows.todo.as_ref(),
            token: token.as_deref(),
            settings: &rows.settings,
            config: &self.mail,
            now: facts.now,
        };
        compose(&context).map_err(|error| {
            tracing::error!(%error, "a mail could not be written");
            error.code()
        })
    }

    async fn send(&self, event: &Event, to: &str, mail: &Rendered, deadline: Timestamp) -> DeliveryOutcome {
        let mut offers = 0;
        loop {
            if time_before(deadline, TIME_FOR_ONE_SEND).is_zero() {
                return out_of_time();
            }
            offers += 1;
            match ses::send(&self.mailer, self.mail.from(), to, event.event_type(), mail).await {
                Ok(message_id) => return DeliveryOutcome::Sent { message_id },
                Err(SendFailure::Throttled(_)) if offers < OFFERS => pause(PAUSE_BETWEEN_OFFERS).await,
                Err(SendFailure::Throttled(reason) | SendFailure::Temporary(reason)) => {
                    return DeliveryOutcome::Retry { reason };
                }
                Err(SendFailure::Permanent(reason)) => return DeliveryOutcome::Failed { reason },
            }
        }
    }

    /// Marks the event's row; says whether it could. Giving the delivery back also ends the lease, so that the next
    /// try need not wait for it.
    async fn mark(&self, event_id: EventId, outcome: &DeliveryOutcome) -> bool {
        let mut written = 0;
        loop {
            written += 1;
            match self.store.finish_delivery(event_id, outcome.clone(), clock::now()).await {
                Ok(()) => return true,
                Err(error) if written == MARKS => {
                    tracing::error!(%error, "how a delivery went could not be marked");
                    return false;
                }
                Err(_) => pause(Duration::from_millis(500)).await,
            }
        }
    }
}

/// What is left until so long before a deadline.
fn time_before(deadline: Timestamp, reserve: Duration) -> Duration {
    let left = Duration::try_from(deadline.duration_since(clock::now())).unwrap_or_default();
    left.saturating_sub(reserve)
}

fn out_of_time() -> DeliveryOutcome {
    DeliveryOutcome::Retry { reason: "out_of_time".to_owned() }
}

/// How an attempt went within that time. One that has not ended has nothing under way at SES, to which no mail is
/// handed that late.
async fn attempted(time: Duration, attempt: impl Future<Output = DeliveryOutcome>) -> DeliveryOutcome {
    tokio::time::timeout(time, attempt).await.unwrap_or_else(|_| out_of_time())
}

/// Whether a mark was written within that time, which is its own: a mail that SES has taken is not tried again since its
/// mark takes long.
async fn marked(time: Duration, mark: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(time, mark).await.unwrap_or_else(|_| {
        tracing::error!("how a delivery went could not be marked in time");
        false
    })
}

/// What becomes of the message, by how the delivery went and whether the row says so.
fn verdict(outcome: &DeliveryOutcome, marked: bool, lease_until: Timestamp) -> Verdict {
    match outcome {
        // It is in the inbox: another try would send it a second time, marked or not.
        DeliveryOutcome::Sent { .. } => Verdict::Done,
        // The lease stands: before it ends, the next try would find the delivery taken.
        _ if !marked => Verdict::TryAgainAt(lease_until),
        DeliveryOutcome::Retry { .. } => Verdict::TryAgain,
        DeliveryOutcome::Skipped { .. } | DeliveryOutcome::Failed { .. } => Verdict::Done,
    }
}

fn log(event: &Event, outcome: &DeliveryOutcome) {
    let event_type = event.event_type().as_str();
    match outcome {
        DeliveryOutcome::Sent { message_id } => {
            tracing::info!(target: COUNTED, event_type, message_id, "mail sent");
        }
        DeliveryOutcome::Skipped { reason } => {
            tracing::info!(event_type, reason, "mail skipped");
        }
        DeliveryOutcome::Retry { reason } => {
            tracing::warn!(event_type, reason, "mail not sent yet");
        }
        DeliveryOutcome::Failed { reason } => {
            tracing::error!(alarm = "delivery_failed", event_type, reason, "mail can never be sent");
        }
    }
}

/// The time from an event to its mail, if that has just been sent.
fn latency(event: &Event, outcome: &DeliveryOutcome, now: Timestamp) -> Option<Metric> {
    let is_sent = matches!(outcome, DeliveryOutcome::Sent { .. });
    is_sent.then(|| Metric::milliseconds("MailLatency", now.duration_since(event.at)))
}

/// Waits for some time up to the longest.
async fn pause(longest: Duration) {
    let random = u32::from_ne_bytes(chairbook_platform::random::bytes());
    tokio::time::sleep(jitter(longest, random)).await;
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;

    #[test]
    fn a_message_comes_again_unless_the_row_says_that_it_need_not() {
        let lease_until = Timestamp::from_second(1_000).unwrap();
        let sent = DeliveryOutcome::Sent { message_id: "m-1".to_owned() };
        let skipped = DeliveryOutcome::Skipped { reason: "recipient_deleted" };
        let failed = DeliveryOutcome::Failed { reason: "MessageRejected".to_owned() };
        let retry = DeliveryOutcome::Retry { reason: "timeout".to_owned() };
        for (outcome, marked, expected) in [
            (&sent, true, Verdict::Done),
            (&sent, false, Verdict::Done),
            (&skipped, true, Verdict::Done),
            (&skipped, false, Verdict::TryAgainAt(lease_until)),
            (&failed, true, Verdict::Done),
            (&failed, false, Verdict::TryAgainAt(lease_until)),
            (&retry, true, Verdict::TryAgain),
            (&retry, false, Verdict::TryAgainAt(lease_until)),
        ] {
            assert_eq!(verdict(outcome, marked, lease_until), expected, "{outcome:?} {marked}");
        }
    }

    #[tokio::test]
    async fn a_mail_that_was_sent_is_done_however_long_its_mark_takes() {
        let (moment, lease_until) = (Duration::from_millis(20), Timestamp::from_second(1_000).unwrap());
        let deliver = async |attempt: Pin<Box<dyn Future<Output = DeliveryOutcome>>>| {
            let outcome = attempted(moment, attempt).await;
            let marked = marked(moment, std::future::pending()).await;
            verdict(&outcome, marked, lease_until)
        };
        let sent = DeliveryOutcome::Sent { message_id: "m-1".to_owned() };
        assert_eq!(deliver(Box::pin(std::future::ready(sent))).await, Verdict::Done);
        let endless = Box::pin(std::future::pending());
        assert_eq!(deliver(endless).await, Verdict::TryAgainAt(lease_until));
    }

    #[test]
    fn a_mail_is_handed_over_while_there_is_time_for_all_that_comes_after() {
        let deadline = clock::now() + SignedDuration::from_secs(18);
        assert!(time_before(deadline, TIME_FOR_ONE_SEND).is_zero());
        let left = time_before(deadline + SignedDuration::from_secs(5), TIME_FOR_ONE_SEND);
        assert!(left > Duration::from_secs(4) && left <= Duration::from_secs(5), "{left:?}");
        assert!(TIME_FOR_TIMING_A_RETURN < TIME_FOR_THE_ANSWER);
    }

    #[test]
    fn an_invocation_has_time_for_a_mail_after_one_that_ses_kept_waiting() {
        let template = include_str!("../../../template.yaml");
        let (_, function) = template.split_once("\n  EmailFunction:").unwrap();
        let (_, timeout) = function.split_once("\n      Timeout: ").unwrap();
        let seconds = timeout.split_whitespace().next().unwrap().parse().unwrap();
        assert!(Duration::from_secs(seconds) > SES_TIMEOUT + TIME_FOR_ONE_SEND);
    }

    #[test]
    fn a_lease_outlasts_the_invocation() {
        let deadline = Timestamp::from_second(1_000).unwrap();
        assert_eq!(lease_end(deadline), Timestamp::from_second(1_005).unwrap());
        assert_eq!(lease_end(Timestamp::MAX), Timestamp::MAX);
    }
}
