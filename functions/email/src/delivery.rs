//! One event's mail, from the claim to the mark.

use chairbook_auth::seal::Sealer;
use chairbook_mail::{Context, MailConfig, Rendered, compose, in_ascii};
use chairbook_models::appointment::Appointment;
use chairbook_models::catalog::Settings;
use chairbook_models::event::Event;
use chairbook_models::ids::EventId;
use chairbook_models::user::Profile;
use chairbook_platform::clock;
use chairbook_store::{Claim, DeliveryOutcome, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::backoff;
use crate::decision::{Facts, LoginMail, reason_to_skip};
use crate::ses::{self, SendFailure};

/// What must be left of an invocation's time for a mail to be handed to SES: its timeout, and the mark after it.
/// Whoever is interrupted between the two sends twice.
pub const TIME_FOR_ONE_SEND: SignedDuration = SignedDuration::from_secs(13);

/// How long a lease outlasts the invocation: a sender is surely gone when its lease ends, even if clocks differ.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// How often a mail that SES throttled is offered within one invocation: SES counts by the second, and the queue
/// delivers a message only so often.
const OFFERS: u32 = 3;

/// The longest pause between two offers.
const PAUSE_BETWEEN_OFFERS: SignedDuration = SignedDuration::from_millis(1_500);

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
}

/// The rows that a mail is made from.
struct Rows {
    recipient: Option<Profile>,
    appointment: Option<Appointment>,
    settings: Settings,
}

/// When the lease of an invocation with this deadline ends.
pub fn lease_end(deadline: Timestamp) -> Timestamp {
    deadline.saturating_add(LEASE_MARGIN).unwrap_or(deadline)
}

impl Delivery {
    /// Delivers an event's mail, if it is still to be delivered and nobody else is at it.
    pub async fn deliver(&self, event_id: EventId, deadline: Timestamp) -> Verdict {
        let lease_until = lease_end(deadline);
        let event = match self.store.claim_delivery(event_id, clock::now(), lease_until).await {
            Ok(Claim::Claimed(event)) => event,
            Ok(Claim::Busy { until }) => {
                tracing::info!(%event_id, "somebody else is delivering it");
                return Verdict::TryAgainAt(until);
            }
            Ok(Claim::Done(delivery)) => {
                tracing::info!(%event_id, ?delivery, "it has been delivered before");
                return Verdict::Done;
            }
            Ok(Claim::Missing) => {
                tracing::error!(%event_id, "there is no such event to deliver; its message goes to the dead letters");
                return Verdict::GiveUp;
            }
            Err(error) => {
                tracing::warn!(%event_id, %error, "a delivery could not be claimed");
                return Verdict::TryAgain;
            }
        };
        let outcome = self.attempt(&event, deadline).await;
        log(&event, &outcome);
        self.mark(event_id, outcome, lease_until).await
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
        match address.and_then(|to| Ok((to, self.write(event, recipient, &rows)?))) {
            Ok((to, mail)) => self.send(event, &to, &mail, deadline).await,
            Err(reason) => DeliveryOutcome::Failed { reason: reason.to_owned() },
        }
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
        let settings = Box::pin(self.store.settings());
        let (recipient, appointment, settings) = tokio::try_join!(recipient, appointment, settings)?;
        Ok(Rows { recipient, appointment, settings })
    }

    fn write(&self, event: &Event, recipient: &Profile, rows: &Rows) -> Result<Rendered, &'static str> {
        let token =
            event.sealed_secret.as_deref().map(|sealed| self.sealer.unseal(sealed, &event.id.to_string()));
        let token = token.transpose().map_err(|_| "token_unreadable")?;
        let context = Context {
            event,
            recipient,
            appointment: rows.appointment.as_ref(),
            token: token.as_deref(),
            settings: &rows.settings,
            config: &self.mail,
        };
        compose(&context).map_err(|error| {
            tracing::error!(event_id = %event.id, %error, "a mail could not be written");
            error.code()
        })
    }

    async fn send(&self, event: &Event, to: &str, mail: &Rendered, deadline: Timestamp) -> DeliveryOutcome {
        let mut offers = 0;
        loop {
            if deadline.duration_since(clock::now()) < TIME_FOR_ONE_SEND {
                return DeliveryOutcome::Retry { reason: "out_of_time".to_owned() };
            }
            offers += 1;
            match ses::send(&self.mailer, self.mail.from(), to, event.event_type, mail).await {
                Ok(message_id) => return DeliveryOutcome::Sent { message_id },
                Err(SendFailure::Throttled(_)) if offers < OFFERS => pause(PAUSE_BETWEEN_OFFERS).await,
                Err(SendFailure::Throttled(reason) | SendFailure::Temporary(reason)) => {
                    return DeliveryOutcome::Retry { reason };
                }
                Err(SendFailure::Permanent(reason)) => return DeliveryOutcome::Failed { reason },
            }
        }
    }

    /// Marks the event's row. Giving the delivery back also ends the lease, so that the next try need not wait
    /// for it.
    async fn mark(&self, event_id: EventId, outcome: DeliveryOutcome, lease_until: Timestamp) -> Verdict {
        let mut written = 0;
        let marked = loop {
            written += 1;
            match self.store.finish_delivery(event_id, outcome.clone(), clock::now()).await {
                Ok(()) => break true,
                Err(error) if written == MARKS => {
                    tracing::error!(%event_id, %error, "how a delivery went could not be marked");
                    break false;
                }
                Err(_) => pause(SignedDuration::from_millis(500)).await,
            }
        };
        verdict(&outcome, marked, lease_until)
    }
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
    let (event_id, event_type) = (event.id, event.event_type.as_str());
    match outcome {
        DeliveryOutcome::Sent { message_id } => {
            tracing::info!(%event_id, event_type, message_id, "mail sent");
        }
        DeliveryOutcome::Skipped { reason } => {
            tracing::info!(%event_id, event_type, reason, "mail skipped");
        }
        DeliveryOutcome::Retry { reason } => {
            tracing::warn!(%event_id, event_type, reason, "mail not sent yet");
        }
        DeliveryOutcome::Failed { reason } => {
            tracing::error!(alarm = "delivery_failed", %event_id, event_type, reason, "mail can never be sent");
        }
    }
}

/// Waits for some time up to the longest.
async fn pause(longest: SignedDuration) {
    let random = u32::from_ne_bytes(chairbook_platform::random::bytes());
    let pause = backoff::jitter(longest, random);
    tokio::time::sleep(pause.unsigned_abs()).await;
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_lease_outlasts_the_invocation() {
        let deadline = Timestamp::from_second(1_000).unwrap();
        assert_eq!(lease_end(deadline), Timestamp::from_second(1_005).unwrap());
        assert_eq!(lease_end(Timestamp::MAX), Timestamp::MAX);
    }
}
