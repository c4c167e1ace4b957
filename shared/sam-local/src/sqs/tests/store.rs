use std::time::Duration;

use super::super::message::Draft;
use super::super::store::{Store, Take};
use super::{queue, redriven};
use crate::template::model::Queue;

const TAKE: Take = Take { most: 10, visibility_timeout: None, least_visibility_timeout: 0 };
const MINUTE: i64 = 60_000;

fn draft(body: &str) -> Draft {
    Draft { body: body.to_owned(), ..Draft::default() }
}

#[test]
fn messages_expire_with_their_retention_period() {
    let directory = tempfile::tempdir().unwrap();
    let short = Queue { message_retention: Duration::from_mins(1), ..queue("mail") };
    let mut store = Store::open(&directory.path().join("local.sqlite"), &[short], 0).unwrap();
    store.send("mail", &[draft("old")], 0).unwrap();
    store.send("mail", &[draft("new")], 1).unwrap();
    let mail = store.queue("mail").unwrap();
    assert_eq!(store.counts(&mail, MINUTE).unwrap().visible, 1);
    let taken = store.take("mail", &TAKE, MINUTE).unwrap();
    assert_eq!(taken.messages.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(store.next_visible("mail").unwrap(), Some(MINUTE + 30_000));
}

#[test]
fn a_dead_letter_keeps_its_age() {
    let directory = tempfile::tempdir().unwrap();
    let dead = Queue { message_retention: Duration::from_mins(2), ..queue("dead") };
    let queues = [dead, redriven("mail", "dead", 1)];
    let mut store = Store::open(&directory.path().join("local.sqlite"), &queues, 0).unwrap();
    store.send("mail", &[draft("x")], 0).unwrap();
    assert_eq!(store.take("mail", &TAKE, 0).unwrap().messages.len(), 1);
    let moved = store.take("mail", &TAKE, MINUTE).unwrap();
    assert!(moved.messages.is_empty());
    assert_eq!(moved.dead_letter_queue.as_deref(), Some("dead"));
    let dead = store.queue("dead").unwrap();
    assert_eq!(store.counts(&dead, 2 * MINUTE - 1).unwrap().visible, 1);
    assert_eq!(store.counts(&dead, 2 * MINUTE).unwrap().visible, 0);
}

#[test]
fn a_message_that_is_put_back_was_not_received() {
    let directory = tempfile::tempdir().unwrap();
    let queues = [queue("dead"), redriven("mail", "dead", 1)];
    let mut store = Store::open(&directory.path().join("local.sqlite"), &queues, 0).unwrap();
    store.send("mail", &[draft("x")], 0).unwrap();
    for now in 0..5 {
        let taken = store.take("mail", &TAKE, now).unwrap();
        assert_eq!(taken.messages[0].attributes["ApproximateReceiveCount"], "1");
        store.put_back("mail", &[taken.messages[0].receipt_handle.clone()], now).unwrap();
    }
}

#[test]
fn a_changed_template_changes_the_queue_and_keeps_its_messages() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("local.sqlite");
    let mut store = Store::open(&file, &[queue("mail")], 0).unwrap();
    store.send("mail", &[draft("x")], 0).unwrap();
    let before = store.queue("mail").unwrap();
    drop(store);
    let patient = Queue { visibility_timeout: Duration::from_mins(3), ..queue("mail") };
    let store = Store::open(&file, &[patient], 5).unwrap();
    let after = store.queue("mail").unwrap();
    assert_eq!((after.id, after.created, after.modified), (before.id, 0, 5));
    assert_eq!(after.settings.visibility_timeout, 180);
    assert_eq!(store.counts(&after, 5).unwrap().visible, 1);
}
