//! Counts anew what the dashboard shows, from the rows of the appointments and of the events alone, and compares it
//! with what is kept.

use std::collections::BTreeMap;

use crate::checker::{Item, text};

/// The sums of one day, by the names of their attributes.
pub type Sums = BTreeMap<String, i64>;

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Where an appointment stands with the salon's money, as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Money {
    /// Nobody says that anything was paid, or it does not matter any more.
    None,
    /// A reservation is to be paid for.
    Unpaid,
    /// The customer says that it is paid.
    Unverified,
    /// The salon has it.
    Paid,
    /// The salon has given it back.
    Refunded,
}

/// What an appointment's row says of its payment.
///
/// # Panics
/// When something was given back that the salon had not been paid.
#[must_use]
pub fn money(item: &Item) -> Money {
    let payment = item.get("payment").and_then(|payment| payment.as_m().ok());
    let state = payment.map(|payment| text(payment, "state"));
    let is_given_back = item.contains_key("refund");
    match (state, is_given_back, text(item, "status")) {
        (Some("verified"), false, _) => Money::Paid,
        (Some("verified"), true, "cancelled") => Money::Refunded,
        (Some("unverified"), false, "confirmed" | "completed" | "no_show") => Money::Unverified,
        (None, false, "reserved") => Money::Unpaid,
        (Some("unverified"), false, "cancelled") | (None, false, "cancelled" | "expired") => Money::None,
        _ => panic!("a payment that cannot be: {item:?}"),
    }
}

/// Each day's sums, as a count of the appointments finds them; without new customers.
#[must_use]
pub fn recount(appointments: &[Item]) -> BTreeMap<String, Sums> {
    let mut days: BTreeMap<String, Sums> = BTreeMap::new();
    for item in appointments.iter().filter(|item| text(item, "sk") == "APT") {
        let day = days.entry(text(item, "date").to_owned()).or_default();
        let mut add = |name: String, amount: i64| *day.entry(name).or_default() += amount;
        let (status, currency) = (text(item, "status"), text(item, "currency"));
        let (service, expert) = (text(item, "service_id"), text(item, "expert_id"));
        let price = number(item, "total_price").unwrap();
        add(status.to_owned(), 1);
        if !["cancelled", "expired"].contains(&status) {
            add(format!("h{}", &text(item, "time")[..2]), 1);
            add(service.to_owned(), 1);
            add(expert.to_owned(), 1);
        }
        match money(item) {
            Money::Paid => {
                add(format!("revenue:{currency}"), price);
                add(format!("{service}:{currency}"), price);
                add(format!("{expert}:{currency}"), price);
            }
            Money::Refunded => add(format!("refunded:{currency}"), price),
            Money::Unverified => add(format!("unverified:{currency}"), price),
            Money::Unpaid => add(format!("unpaid:{currency}"), price),
            Money::None => {}
        }
    }
    without_zeros(days)
}

/// Each day's sums, as they are kept.
#[must_use]
pub fn kept(appointments: &[Item]) -> BTreeMap<String, Sums> {
    let days = appointments.iter().filter_map(|item| {
        let date =
            text(item, "sk").strip_prefix("DAY#").filter(|_| text(item, "pk").starts_with("STATS#"))?;
        let sums = item.keys().filter(|name| *name != "revision");
        let sums = sums.filter_map(|name| Some((name.clone(), number(item, name)?)));
        Some((date.to_owned(), sums.collect()))
    });
    without_zeros(days.collect())
}

fn without_zeros(mut days: BTreeMap<String, Sums>) -> BTreeMap<String, Sums> {
    for sums in days.values_mut() {
        sums.retain(|_, sum| *sum != 0);
    }
    days.retain(|_, sums| !sums.is_empty());
    days
}

/// Checks what is kept, once all that has happened is counted.
///
/// # Panics
/// When a sum is not what a count of the appointments finds, an appointment is not where the ledger says, or a customer
/// who verified their address was not counted once.
pub fn check(appointments: &[Item], events: &[Item]) {
    let mut found = kept(appointments);
    let new_customers: i64 = found.values_mut().filter_map(|sums| sums.remove("new_customers")).sum();
    assert_eq!(
        without_zeros(found),
        recount(appointments),
        "the statistics are not those of the appointments"
    );
    let verified = events.iter().filter(|event| text(event, "type") == "user.verified").count();
    assert_eq!(usize::try_from(new_customers), Ok(verified), "new customers");

    let mut listed: Vec<(&str, &str)> = appointments
        .iter()
        .filter(|item| text(item, "sk").starts_with("apt_"))
        .map(|item| (text(item, "sk"), text(item, "pk").strip_prefix("STATS#").unwrap()))
        .collect();
    let of_appointments = appointments.iter().filter(|item| text(item, "sk") == "APT");
    let mut dates: Vec<_> = of_appointments.map(|item| (text(item, "id"), text(item, "date"))).collect();
    listed.sort_unstable();
    dates.sort_unstable();
    assert_eq!(listed, dates, "the ledger's days are not those of the appointments");
}
