//! What happens to the stack while its clients go on: the expiry runs, the settings change, functions are killed, the
//! power fails.

use std::time::{Duration, Instant};

use chairbook_models::catalog::PayNow;
use futures_util::future::join_all;
use proptest::prelude::RngExt as _;
use proptest::test_runner::TestRng;

use crate::stage::Stage;

/// Runs the expiry now and then, once or several times at the same moment.
pub async fn sweep_at_times(stage: &Stage, mut random: TestRng) {
    while stage.goes_on() {
        tokio::time::sleep(Duration::from_millis(random.random_range(200..2_500))).await;
        let side_by_side = random.random_range(1..=3);
        for swept in join_all((0..side_by_side).map(|_| stage.sweep())).await {
            let mut record = stage.record.lock();
            let Some(counts) = swept else {
                record.count("expiry: killed or failed");
                continue;
            };
            let of = |name: &str| usize::try_from(counts[name].as_u64().unwrap()).unwrap();
            // DynamoDB did not let it; the next run ends them.
            *record.counts.entry("expiry: reservations left to the next run".to_owned()).or_default() +=
                of("failed");
            record.count("expiry: run");
            *record.counts.entry("expiry: reservations ended".to_owned()).or_default() += of("expired");
        }
    }
}

/// Believes customers who say that they pay at once, and does not, in turn.
pub async fn change_settings_at_times(stage: &Stage, mut random: TestRng) {
    let mut believes = true;
    while stage.goes_on() {
        tokio::time::sleep(Duration::from_millis(random.random_range(300..2_000))).await;
        believes = !believes;
        stage.set(|settings| settings.pay_now = if believes { PayNow::Anyone } else { PayNow::Staff }).await;
        stage.record.lock().count("the settings: changed");
    }
}

/// What is to be killed, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Kills {
    /// How long it is quiet between two kills, milliseconds: from and to.
    pub pause: (u64, u64),
    /// How long from the beginning mails may be interrupted: one waits for the rest of its lease to be tried again.
    pub mail: Duration,
    /// How long the power stays on, if it fails at all.
    pub power: Option<Duration>,
}

/// Kills processes of functions, one or all of a function's, and now and then the whole stack.
pub async fn kill_at_times(stage: &Stage, kills: Kills, mut random: TestRng) {
    let mut power_on = Instant::now();
    while stage.goes_on() {
        let (least, most) = kills.pause;
        tokio::time::sleep(Duration::from_millis(random.random_range(least..most))).await;
        if kills.power.is_some_and(|power| power_on.elapsed() > power) {
            stage.power_failure().await;
            power_on = Instant::now();
            continue;
        }
        let running = stage.functions().await;
        if running.is_empty() {
            continue;
        }
        let may_interrupt_mails = stage.lasted() < kills.mail || stage.record.lock().killed("email") == 0;
        let victim = match random.random_range(0..10) {
            // It serves the clients.
            0..5 => "appointments".to_owned(),
            5..7 if may_interrupt_mails => "email".to_owned(),
            5..8 => "relay".to_owned(),
            8 => "stats".to_owned(),
            // Whatever runs, so that a function that is new is killed, too.
            _ => running[random.random_range(0..running.len())].0.clone(),
        };
        let mut ids: Vec<u32> =
            running.into_iter().filter(|(program, _)| *program == victim).map(|(_, id)| id).collect();
        if random.random_bool(0.75) && ids.len() > 1 {
            ids = vec![ids[random.random_range(0..ids.len())]];
        }
        if !ids.is_empty() && (victim != "email" || may_interrupt_mails) {
            stage.kill(&victim, &ids);
        }
    }
}
