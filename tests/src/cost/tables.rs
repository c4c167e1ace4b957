//! The tables of docs/cost.md.

use std::fmt::Write as _;

use super::assumptions::{
    ALARMS, BOOKED_HOURS, DASHBOARDS, DAYS, EXPERTS, KB_OF_BOOKING, KMS, LOG_BYTES_OF_OTHER,
    LOG_BYTES_OF_REQUEST, METRICS, MILLISECONDS, MONTHS, OPEN, READS_OF_REMINDERS, RESPONSE_KB, SECRETS,
    SQS_OF_MAIL, SQS_OF_WAITING,
};
use super::count::{Counted, Usage, count};
use super::habits::{self, MILLION, PER_BOOKING, PER_BOOKING_OF_A_MILLION, SALONS, SCHEDULES};
use super::prices::{self, AS_OF, Price};

/// The consumption of a month.
#[derive(Default)]
struct Month {
    usage: Usage,
    response_gb: f64,
    /// Bookings that the tables keep.
    kept: f64,
    /// Set where the parts that cost something while nobody books are reckoned up.
    is_whole: bool,
}

impl Month {
    /// Adds a deed so many times.
    fn add(&mut self, counted: &Counted, deed: &str, times: f64) {
        let usage = counted.usage(deed);
        self.usage.add(usage, times);
        let of = |name: &str| RESPONSE_KB.into_iter().find(|(known, _)| *known == name);
        let kilobytes = of(deed).or_else(|| of("any other")).map_or(0.0, |(_, kilobytes)| kilobytes);
        self.response_gb += usage.requests * times * kilobytes / MILLION;
    }

    /// The parts that cost something while nobody books.
    fn idle(counted: &Counted) -> Self {
        let mut month = Self { is_whole: true, ..Self::default() };
        for (function, runs) in SCHEDULES {
            month.usage.add(counted.usage(function), runs * DAYS);
        }
        month
    }

    /// The amount of each thing that is billed.
    fn amounts(&self, counted: &Counted) -> Vec<(Price, f64)> {
        let usage = &self.usage;
        let gb_seconds = usage.invocations.iter().map(|(function, invocations)| {
            let of = |(known, milliseconds): (&str, f64)| (known == function).then_some(milliseconds);
            let milliseconds = MILLISECONDS.into_iter().find_map(of).unwrap_or_else(|| panic!("{function}"));
            invocations * milliseconds / 1_000.0 * counted.memory[function] / 1_024.0
        });
        let others = usage.all_invocations() - usage.requests;
        let logs = (usage.requests * LOG_BYTES_OF_REQUEST + others * LOG_BYTES_OF_OTHER) / 1e9;
        let messages = usage.invocations.get("EmailFunction").copied().unwrap_or_default();
        let whole = |amount: f64| if self.is_whole { amount } else { 0.0 };
        let stored = self.kept * KB_OF_BOOKING / MILLION;
        vec![
            (prices::READS, usage.reads),
            (prices::WRITES, usage.writes),
            (prices::STORAGE, stored),
            (prices::BACKUPS, stored),
            (prices::INVOCATIONS, usage.all_invocations()),
            (prices::COMPUTING, gb_seconds.sum()),
            (prices::SQS, messages * SQS_OF_MAIL + whole(SQS_OF_WAITING)),
            (prices::LOGS, logs),
            (prices::KEPT_LOGS, logs),
            (prices::METRICS, whole(METRICS)),
            (prices::ALARMS, whole(ALARMS)),
            (prices::DASHBOARDS, whole(DASHBOARDS)),
            (prices::SECRETS, whole(SECRETS)),
            (prices::KEYS, whole(KMS)),
            (prices::API, usage.requests),
            (prices::TRANSFER, self.response_gb),
            (prices::MAILS, usage.mails),
        ]
    }
}

/// Returns true for an item of the API or of SES, which the sum without them leaves out.
fn is_outward(price: &Price) -> bool {
    [prices::API.item, prices::TRANSFER.item, prices::MAILS.item].contains(&price.item)
}

/// A number with its thousands apart, and so many decimals.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"))
}

/// A number without decimals that say nothing.
fn short(value: f64) -> String {
    if value.fract() == 0.0 { number(value, 0) } else { format!("{value}") }
}

fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for row in rows {
        let _infallible = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// The consumption of each deed.
fn deeds(counted: &Counted) -> String {
    let heads = ["what", "requests", "read units", "write units", "invocations", "mails"];
    let usage_row = |name: String, usage: &Usage| {
        let mut cells = vec![name];
        let numbers = [usage.requests, usage.reads, usage.writes, usage.all_invocations(), usage.mails];
        cells.extend(numbers.map(short));
        cells
    };
    let deeds = counted.deeds.iter().map(|(name, usage)| usage_row((*name).to_owned(), usage));
    let idle = counted
        .idle
        .iter()
        .map(|(function, usage)| usage_row(format!("a run of `{function}` that finds nothing to do"), usage));
    table(&heads, deeds.chain(idle))
}

/// The number of times that each deed is done.
fn frequencies() -> String {
    let heads = ["what", "for each booking", "a day: small salon", "medium", "large"];
    let per_booking = PER_BOOKING.map(|(name, times)| row(&[name, &short(times), "", "", ""]));
    let per_day = [habits::DAY, habits::DASHBOARD].map(|name| {
        let times = SALONS.iter().map(|salon| {
            salon
                .per_day
                .iter()
                .find(|(known, _)| *known == name)
                .map_or_else(String::new, |(_, times)| short(*times))
        });
        [name.to_owned(), String::new()].into_iter().chain(times).collect()
    });
    table(&heads, per_booking.into_iter().chain(per_day))
}

/// The assumptions.
fn assumptions(counted: &Counted) -> String {
    let times = MILLISECONDS.map(|(function, milliseconds)| {
        let memory = counted.memory[function];
        row(&[&format!("billed time of `{function}`, warm, with {memory} MB"), &format!("{milliseconds} ms")])
    });
    let responses = RESPONSE_KB
        .map(|(name, kilobytes)| row(&[&format!("response to {name}"), &format!("{kilobytes} kB")]));
    let calendar = format!(
        "{EXPERTS} experts, {} appointments of an hour in {} hours of each day",
        BOOKED_HOURS.len(),
        (OPEN.1 - OPEN.0) / 60
    );
    let others = [
        ("the calendar that is looked at", calendar),
        ("the free times of that month, not compressed", format!("{:.0} kB (counted)", counted.plain_look)),
        ("logs of a request, with API Gateway's and Lambda's lines", format!("{LOG_BYTES_OF_REQUEST} B")),
        ("logs of any other invocation", format!("{LOG_BYTES_OF_OTHER} B")),
        ("rows of a booking, with indexes and events", format!("{KB_OF_BOOKING} kB")),
        ("months for which the tables have filled", short(MONTHS)),
        ("read units of a run of the reminders that finds nobody", short(READS_OF_REMINDERS)),
        ("requests to SQS for a mail", short(SQS_OF_MAIL)),
        ("requests to SQS by Lambda that waits for messages, a month", short(SQS_OF_WAITING)),
        ("CloudWatch: metrics, metrics in alarms, dashboards", format!("{METRICS}, {ALARMS}, {DASHBOARDS}")),
        ("secrets", short(SECRETS)),
        ("requests to KMS for the tables' key, a month", short(KMS)),
        ("days of a month", short(DAYS)),
    ];
    let others = others.map(|(name, value)| row(&[name, &value]));
    table(&["assumption", "value"], times.into_iter().chain(responses).chain(others))
}

/// The price list.
fn price_list() -> String {
    let prices = prices::ALL.map(|price| {
        let per = if price.per > 1.0 { format!("{} ", short(price.per)) } else { String::new() };
        row(&[price.item, &format!("${}", price.usd), &format!("{per}{}", price.unit), price.source])
    });
    table(&["item", &format!("us-east-1, {AS_OF}"), "for", "source"], prices)
}

fn dollars(value: f64) -> String {
    format!("${}", number(value, 2))
}

/// The bill of some months, side by side: each item that costs anything, and the sums.
fn bills(first: &str, months: &[(String, Month)], counted: &Counted, with_amounts: bool) -> String {
    let amounts: Vec<Vec<(Price, f64)>> = months.iter().map(|(_, month)| month.amounts(counted)).collect();
    let mut heads = vec![first.to_owned()];
    for (name, _) in months {
        if with_amounts {
            heads.push("amount".to_owned());
        }
        heads.push(name.clone());
    }
    let mut rows = Vec::new();
    for place in 0..amounts[0].len() {
        if amounts.iter().all(|amounts| amounts[place].1 == 0.0) {
            continue;
        }
        let price = amounts[0][place].0;
        let mut cells = vec![price.item.to_owned()];
        for amounts in &amounts {
            let amount = amounts[place].1;
            if with_amounts {
                let decimals = usize::from(amount < 1_000.0);
                cells.push(format!("{} {}", number(amount, decimals), price.unit));
            }
            cells.push(dollars(price.of(amount)));
        }
        rows.push(cells);
    }
    let sum = |name: &str, is_counted: fn(&Price) -> bool| {
        let mut cells = vec![format!("**{name}**")];
        for amounts in &amounts {
            let counted = amounts.iter().filter(|(price, _)| is_counted(price));
            let usd: f64 = counted.map(|(price, amount)| price.of(*amount)).sum();
            if with_amounts {
                cells.push(String::new());
            }
            cells.push(format!("**{}**", dollars(usd)));
        }
        cells
    };
    rows.push(sum("all", |_| true));
    rows.push(sum("without API Gateway, data transfer and SES", |price| !is_outward(price)));
    rows.push(sum("DynamoDB's read and write units alone", |price| {
        [prices::READS.item, prices::WRITES.item].contains(&price.item)
    }));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    table(&heads, rows)
}

/// Counts, and returns the tables of docs/cost.md in their order.
pub async fn tables() -> Vec<String> {
    let counted = count().await;
    let mut million = Month { kept: MILLION, ..Month::default() };
    for (deed, times) in PER_BOOKING_OF_A_MILLION {
        million.add(&counted, deed, times * MILLION);
    }
    let salons = SALONS.map(|salon| {
        let mut month = Month { kept: salon.bookings * MONTHS, ..Month::idle(&counted) };
        for (deed, times) in PER_BOOKING {
            month.add(&counted, deed, times * salon.bookings);
        }
        for (deed, times) in salon.per_day {
            month.add(&counted, deed, times * DAYS);
        }
        (format!("{}: {} bookings", salon.name, number(salon.bookings, 0)), month)
    });
    let idle = [("a month".to_owned(), Month::idle(&counted))];
    let million = [("a million bookings".to_owned(), million)];
    vec![
        bills("a month of a salon", &salons, &counted, false),
        bills("what is booked, and looked at before", &million, &counted, true),
        bills("what costs something while nobody books", &idle, &counted, true),
        deeds(&counted),
        frequencies(),
        assumptions(&counted),
        price_list(),
    ]
}
