//! The report: the sums of some days, as the API shows them. `docs/api-conventions.md` says what each number counts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chairbook_models::appointment::Status;
use chairbook_models::catalog::Catalog;
use chairbook_models::ids::{ExpertId, ServiceId};
use chairbook_models::money::Currency;
use chairbook_models::statistics::{DayStatistics, Measure, Named, Totals, stands};
use jiff::civil::{Date, Weekday as CivilWeekday};
use schemars::JsonSchema;
use serde::Serialize;

/// The salon's numbers from one local date to another, both included.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Statistics")]
pub(crate) struct Report {
    /// The first local date.
    from: Date,
    /// The last local date.
    to: Date,
    /// The IANA time zone of all dates and hours.
    time_zone: String,
    /// The currency of all amounts but those of `otherCurrencies`: the salon's present one.
    currency: Currency,
    /// The sums of all days.
    totals: Sums,
    /// The amounts of appointments that keep a currency which the salon has given up.
    other_currencies: Vec<OtherCurrency>,
    /// The sums of each day, in their order.
    days: Vec<Day>,
    /// Appointments by the local hour of their start, the busiest first, without those that were cancelled or have
    /// expired; hours without any are left out.
    busiest_hours: Vec<Hour>,
    /// Appointments by weekday, all seven, without those that were cancelled or have expired.
    by_weekday: Vec<OfWeekday>,
    /// Appointments and revenue by service, the highest revenue first, without those that were cancelled or have
    /// expired.
    by_service: Vec<Ranked<ServiceId>>,
    /// Appointments and revenue by expert, the highest revenue first, without those that were cancelled or have
    /// expired.
    by_expert: Vec<Ranked<ExpertId>>,
}

/// The sums of a day, or of all days.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StatisticsSums")]
struct Sums {
    /// All appointments, whatever became of them.
    bookings: i64,
    by_status: ByStatus,
    /// The amount that the salon was paid and keeps, minor currency units.
    revenue: i64,
    /// The amount that the salon was paid and has given back, minor currency units.
    refunded: i64,
    /// The prices of appointments whose customers say that they have paid, and which nobody at the salon has verified,
    /// minor currency units.
    unverified_value: i64,
    /// The prices of reservations that are not paid for yet, minor currency units.
    unpaid_value: i64,
    /// The same as `byStatus.cancelled`.
    cancellations: i64,
    /// The same as `byStatus.no_show`.
    no_shows: i64,
    /// Accounts whose e-mail address was verified.
    new_customers: i64,
}

/// All appointments by their status. A reservation that has run out is `reserved` until it is swept, about a minute
/// later.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsByStatus")]
struct ByStatus {
    cancelled: i64,
    completed: i64,
    confirmed: i64,
    expired: i64,
    no_show: i64,
    reserved: i64,
}

/// The sums of a day.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsDay")]
struct Day {
    /// The local date.
    date: Date,
    #[serde(flatten)]
    sums: Sums,
}

/// The amounts of appointments that keep a currency which the salon has given up.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StatisticsOfCurrency")]
struct OtherCurrency {
    currency: Currency,
    /// The amount that the salon was paid and keeps, minor units of this currency.
    revenue: i64,
    /// The amount that the salon was paid and has given back, minor units of this currency.
    refunded: i64,
    /// The prices that customers say they have paid, and which nobody has verified, minor units of this currency.
    unverified_value: i64,
    /// The prices of reservations that are not paid for yet, minor units of this currency.
    unpaid_value: i64,
}

/// The appointments that start in an hour of the local day.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsHour")]
struct Hour {
    /// The hour of the local day, 0 to 23.
    hour: i8,
    /// The number of appointments.
    bookings: i64,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// The appointments of a weekday.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsWeekday")]
struct OfWeekday {
    weekday: Weekday,
    /// The number of appointments.
    bookings: i64,
}

/// The appointments and the revenue of a service, or of an expert.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsOf{I}")]
struct Ranked<I> {
    id: I,
    /// The name in the catalog, or the last known one.
    name: String,
    /// The number of appointments.
    bookings: i64,
    /// The amount that the salon was paid and keeps, minor currency units.
    revenue: i64,
}

impl Sums {
    fn of(totals: &Totals, currency: Currency) -> Self {
        let count = |status| totals.get(Measure::Status(status));
        Self {
            bookings: Status::ALL.into_iter().map(count).sum(),
            by_status: ByStatus {
                cancelled: count(Status::Cancelled),
                completed: count(Status::Completed),
                confirmed: count(Status::Confirmed),
                expired: count(Status::Expired),
                no_show: count(Status::NoShow),
                reserved: count(Status::Reserved),
            },
            revenue: totals.get(Measure::Revenue(currency)),
            refunded: totals.get(Measure::Refunded(currency)),
            unverified_value: totals.get(Measure::Unverified(currency)),
            unpaid_value: totals.get(Measure::Unpaid(currency)),
            cancellations: count(Status::Cancelled),
            no_shows: count(Status::NoShow),
            new_customers: totals.get(Measure::NewCustomers),
        }
    }
}

/// Counts the appointments that stand.
fn standing(totals: &Totals) -> i64 {
    let standing = Status::ALL.into_iter().filter(|status| stands(*status));
    standing.map(|status| totals.get(Measure::Status(status))).sum()
}

impl Report {
    /// The report of the days from one date to another; `known` are those of which there are statistics.
    pub(crate) fn new(catalog: &Catalog, (from, to): (Date, Date), known: &[(Date, DayStatistics)]) -> Self {
        let currency = catalog.settings.currency;
        let (mut all, mut names) = (Totals::default(), BTreeMap::new());
        for (_, day) in known {
            all.merge(&day.totals);
            // The latest day's name is the last known one.
            names.extend(day.names.iter().map(|(named, name)| (*named, name.as_str())));
        }
        for (id, service) in &catalog.services {
            names.insert(Named::Service(*id), &service.name);
        }
        for (id, expert) in &catalog.experts {
            names.insert(Named::Expert(*id), &expert.name);
        }
        let known: BTreeMap<Date, &Totals> = known.iter().map(|(date, day)| (*date, &day.totals)).collect();
        let nothing = Totals::default();
        let dates =
            std::iter::successors(Some(from), |date| date.tomorrow().ok()).take_while(|date| *date <= to);
        let day = |date: Date| Day {
            date,
            sums: Sums::of(known.get(&date).copied().unwrap_or(&nothing), currency),
        };
        Self {
            from,
            to,
            time_zone: catalog.settings.time_zone.clone(),
            currency,
            totals: Sums::of(&all, currency),
            other_currencies: other_currencies(&all, currency),
            days: dates.map(day).collect(),
            busiest_hours: busiest_hours(&all),
            by_weekday: by_weekday(&known),
            by_service: ranked(
                all.iter().filter_map(|(measure, sum)| match measure {
                    Measure::Service(id) => Some((id, sum, 0)),
                    Measure::ServiceRevenue(id, of) if of == currency => Some((id, 0, sum)),
                    _ => None,
                }),
                |id| names.get(&Named::Service(id)).copied(),
            ),
            by_expert: ranked(
                all.iter().filter_map(|(measure, sum)| match measure {
                    Measure::Expert(id) => Some((id, sum, 0)),
                    Measure::ExpertRevenue(id, of) if of == currency => Some((id, 0, sum)),
                    _ => None,
                }),
                |id| names.get(&Named::Expert(id)).copied(),
            ),
        }
    }

    /// Returns the number of services and experts that it ranks.
    pub(crate) const fn ranked(&self) -> usize {
        self.by_service.len() + self.by_expert.len()
    }
}

fn other_currencies(all: &Totals, present: Currency) -> Vec<OtherCurrency> {
    let currencies = all.iter().filter_map(|(measure, _)| match measure {
        Measure::Revenue(currency)
        | Measure::Refunded(currency)
        | Measure::Unverified(currency)
        | Measure::Unpaid(currency) => Some(currency),
        _ => None,
    });
    let others: std::collections::BTreeSet<_> = currencies.filter(|currency| *currency != present).collect();
    let amounts = |currency| OtherCurrency {
        currency,
        revenue: all.get(Measure::Revenue(currency)),
        refunded: all.get(Measure::Refunded(currency)),
        unverified_value: all.get(Measure::Unverified(currency)),
        unpaid_value: all.get(Measure::Unpaid(currency)),
    };
    others.into_iter().map(amounts).collect()
}

fn busiest_hours(all: &Totals) -> Vec<Hour> {
    let hours = all.iter().filter_map(|(measure, bookings)| match measure {
        Measure::Hour(hour) => Some(Hour { hour, bookings }),
        _ => None,
    });
    let mut hours: Vec<_> = hours.collect();
    hours.sort_by_key(|of| (Reverse(of.bookings), of.hour));
    hours
}

fn by_weekday(days: &BTreeMap<Date, &Totals>) -> Vec<OfWeekday> {
    let weekdays = [
        (CivilWeekday::Monday, Weekday::Monday),
        (CivilWeekday::Tuesday, Weekday::Tuesday),
        (CivilWeekday::Wednesday, Weekday::Wednesday),
        (CivilWeekday::Thursday, Weekday::Thursday),
        (CivilWeekday::Friday, Weekday::Friday),
        (CivilWeekday::Saturday, Weekday::Saturday),
        (CivilWeekday::Sunday, Weekday::Sunday),
    ];
    let bookings = |weekday| {
        let days = days.iter().filter(|(date, _)| date.weekday() == weekday);
        days.map(|(_, totals)| standing(totals)).sum()
    };
    weekdays.map(|(civil, weekday)| OfWeekday { weekday, bookings: bookings(civil) }).into()
}

/// Bookings and revenue summed by id, the best first: whoever brings most, then whoever is booked most.
fn ranked<'n, I: Ord + Copy + ToString>(
    sums: impl Iterator<Item = (I, i64, i64)>,
    name: impl Fn(I) -> Option<&'n str>,
) -> Vec<Ranked<I>> {
    let mut by_id: BTreeMap<I, (i64, i64)> = BTreeMap::new();
    for (id, bookings, revenue) in sums {
        let sum = by_id.entry(id).or_default();
        *sum = (sum.0 + bookings, sum.1 + revenue);
    }
    let ranked = by_id.into_iter().map(|(id, (bookings, revenue))| Ranked {
        id,
        name: name(id).map_or_else(|| id.to_string(), str::to_owned),
        bookings,
        revenue,
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by(|a, b| (b.revenue, b.bookings, &a.name).cmp(&(a.revenue, a.bookings, &b.name)));
    ranked
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    const GBP: &str = "GBP";

    fn service(byte: u8) -> ServiceId {
        ServiceId::derived([byte; 16])
    }

    fn day(totals: &[(Measure, i64)], names: &[(Named, &str)]) -> DayStatistics {
        let mut day = DayStatistics::default();
        for (measure, sum) in totals {
            day.totals.add(*measure, *sum);
        }
        day.names = names.iter().map(|(named, name)| (*named, (*name).to_owned())).collect();
        day
    }

    #[test]
    fn days_are_added_up_and_ranked() {
        let (a, b, c) = (service(1), service(2), service(3));
        let gbp: Currency = GBP.parse().unwrap();
        let first = day(
            &[
                (Measure::Status(Status::Confirmed), 3),
                (Measure::Status(Status::Cancelled), 2),
                (Measure::Hour(9), 1),
                (Measure::Hour(14), 2),
                (Measure::Revenue(Currency::EUR), 9_000),
                (Measure::Revenue(gbp), 5_000),
                (Measure::Refunded(Currency::EUR), 4_500),
                (Measure::Service(a), 1),
                (Measure::Service(b), 2),
                (Measure::ServiceRevenue(a, Currency::EUR), 9_000),
                (Measure::ServiceRevenue(b, gbp), 5_000),
                (Measure::NewCustomers, 4),
            ],
            &[(Named::Service(a), "Cut"), (Named::Service(b), "Old name")],
        );
        let third = day(
            &[
                (Measure::Status(Status::NoShow), 1),
                (Measure::Status(Status::Reserved), 1),
                (Measure::Hour(9), 2),
                (Measure::Unverified(Currency::EUR), 300),
                (Measure::Unverified(gbp), 200),
                (Measure::Unpaid(Currency::EUR), 700),
                (Measure::Service(b), 1),
                (Measure::Service(c), 1),
            ],
            &[(Named::Service(b), "Dye")],
        );
        let range = (date(2026, 3, 6), date(2026, 3, 9));
        let known = [(date(2026, 3, 6), first), (date(2026, 3, 8), third)];
        let report = Report::new(&Catalog::default(), range, &known);
        let report: Value = serde_json::to_value(report).unwrap();
        let sums = |statuses: [i64; 6], amounts: [i64; 4], new_customers: i64| {
            let by_status: BTreeMap<_, _> =
                Status::ALL.map(Status::as_str).into_iter().zip(statuses).collect();
            json!({
                "bookings": statuses.iter().sum::<i64>(), "byStatus": by_status, "revenue": amounts[0],
                "refunded": amounts[1], "unverifiedValue": amounts[2], "unpaidValue": amounts[3],
                "cancellations": statuses[2], "noShows": statuses[5], "newCustomers": new_customers,
            })
        };
        let of = |date: &str, mut sums: Value| {
            sums["date"] = json!(date);
            sums
        };
        assert_eq!(
            report,
            json!({
                "from": "2026-03-06", "to": "2026-03-09", "timeZone": "UTC", "currency": "EUR",
                "totals": sums([1, 3, 2, 0, 0, 1], [9_000, 4_500, 300, 700], 4),
                "otherCurrencies": [
                    {"currency": "GBP", "revenue": 5_000, "refunded": 0, "unverifiedValue": 200, "unpaidValue": 0},
                ],
                "days": [
                    of("2026-03-06", sums([0, 3, 2, 0, 0, 0], [9_000, 4_500, 0, 0], 4)),
                    of("2026-03-07", sums([0; 6], [0; 4], 0)),
                    of("2026-03-08", sums([1, 0, 0, 0, 0, 1], [0, 0, 300, 700], 0)),
                    of("2026-03-09", sums([0; 6], [0; 4], 0)),
                ],
                "busiestHours": [{"hour": 9, "bookings": 3}, {"hour": 14, "bookings": 2}],
                "byWeekday": [
                    {"weekday": "monday", "bookings": 0}, {"weekday": "tuesday", "bookings": 0},
                    {"weekday": "wednesday", "bookings": 0}, {"weekday": "thursday", "bookings": 0},
                    {"weekday": "friday", "bookings": 3}, {"weekday": "saturday", "bookings": 0},
                    {"weekday": "sunday", "bookings": 2},
                ],
                "byService": [
                    {"id": a, "name": "Cut", "bookings": 1, "revenue": 9_000},
                    {"id": b, "name": "Dye", "bookings": 3, "revenue": 0},
                    {"id": c, "name": c.to_string(), "bookings": 1, "revenue": 0},
                ],
                "byExpert": [],
            })
        );
    }
}
