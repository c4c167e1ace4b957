//! A day's row: each measure is one flat attribute, since `ADD` creates those but no nested ones.

use chairbook_models::appointment::Status;
use chairbook_models::statistics::{DayStatistics, Measure, Named};

use crate::item::{Item, number, text};

const NEW_CUSTOMERS: &str = "new_customers";
const REVENUE: &str = "revenue";
const REFUNDED: &str = "refunded";
const UNVERIFIED: &str = "unverified";
const UNPAID: &str = "unpaid";
const NAME: &str = "name";

/// The attribute of a measure: `confirmed`, `h09`, `revenue:EUR`, `svc_…`, `svc_…:EUR`, `new_customers`.
pub(super) fn measure_attribute(measure: Measure) -> String {
    match measure {
        Measure::Status(status) => status.as_str().to_owned(),
        Measure::Hour(hour) => format!("h{hour:02}"),
        Measure::Revenue(currency) => format!("{REVENUE}:{currency}"),
        Measure::Refunded(currency) => format!("{REFUNDED}:{currency}"),
        Measure::Unverified(currency) => format!("{UNVERIFIED}:{currency}"),
        Measure::Unpaid(currency) => format!("{UNPAID}:{currency}"),
        Measure::Service(id) => id.to_string(),
        Measure::ServiceRevenue(id, currency) => format!("{id}:{currency}"),
        Measure::Expert(id) => id.to_string(),
        Measure::ExpertRevenue(id, currency) => format!("{id}:{currency}"),
        Measure::NewCustomers => NEW_CUSTOMERS.to_owned(),
    }
}

/// The attribute of a name: `svc_…:name`.
pub(super) fn name_attribute(named: Named) -> String {
    match named {
        Named::Service(id) => format!("{id}:{NAME}"),
        Named::Expert(id) => format!("{id}:{NAME}"),
    }
}

fn read_measure(attribute: &str) -> Option<Measure> {
    if attribute == NEW_CUSTOMERS {
        return Some(Measure::NewCustomers);
    }
    if let Some(status) = Status::ALL.into_iter().find(|status| status.as_str() == attribute) {
        return Some(Measure::Status(status));
    }
    if let Some((what, currency)) = attribute.split_once(':') {
        let currency = currency.parse().ok()?;
        return match what {
            REVENUE => Some(Measure::Revenue(currency)),
            REFUNDED => Some(Measure::Refunded(currency)),
            UNVERIFIED => Some(Measure::Unverified(currency)),
            UNPAID => Some(Measure::Unpaid(currency)),
            id => match read_named(id)? {
                Named::Service(id) => Some(Measure::ServiceRevenue(id, currency)),
                Named::Expert(id) => Some(Measure::ExpertRevenue(id, currency)),
            },
        };
    }
    if let Some(hour) = attribute.strip_prefix('h').filter(|hour| hour.len() == 2) {
        return hour.parse().ok().filter(|hour| (0..24).contains(hour)).map(Measure::Hour);
    }
    match read_named(attribute)? {
        Named::Service(id) => Some(Measure::Service(id)),
        Named::Expert(id) => Some(Measure::Expert(id)),
    }
}

fn read_named(id: &str) -> Option<Named> {
    let service = || id.parse().ok().map(Named::Service);
    let expert = || id.parse().ok().map(Named::Expert);
    service().or_else(expert)
}

/// Reads a day's row, and tells whether there is anything else in it.
pub(super) fn read_day(item: &Item) -> (DayStatistics, bool) {
    let mut day = DayStatistics::default();
    let mut has_more = false;
    for attribute in item.keys() {
        let name =
            || Some((read_named(attribute.strip_suffix(NAME)?.strip_suffix(':')?)?, text(item, attribute)?));
        if matches!(attribute.as_str(), "pk" | "sk" | "revision") {
        } else if let Some((named, name)) = name() {
            day.names.insert(named, name.to_owned());
        } else if let Some((measure, sum)) = read_measure(attribute).zip(number(item, attribute)) {
            day.totals.add(measure, sum);
        } else {
            has_more = true;
        }
    }
    (day, has_more)
}

#[cfg(test)]
mod tests {
    use chairbook_models::ids::{ExpertId, ServiceId};
    use chairbook_models::money::Currency;

    use super::*;
    use crate::item::{n, s};

    #[test]
    fn every_measure_is_read_back_from_its_attribute() {
        let (service, expert) = (ServiceId::derived([1; 16]), ExpertId::derived([2; 16]));
        let measures = (0..24).map(Measure::Hour).chain(Status::ALL.map(Measure::Status)).chain([
            Measure::Revenue(Currency::EUR),
            Measure::Refunded(Currency::EUR),
            Measure::Unverified(Currency::EUR),
            Measure::Unpaid(Currency::EUR),
            Measure::Service(service),
            Measure::ServiceRevenue(service, Currency::EUR),
            Measure::Expert(expert),
            Measure::ExpertRevenue(expert, Currency::EUR),
            Measure::NewCustomers,
        ]);
        let mut item = Item::new();
        let mut expected = DayStatistics::default();
        for (place, measure) in (1..).zip(measures) {
            assert_eq!(read_measure(&measure_attribute(measure)), Some(measure));
            item.insert(measure_attribute(measure), n(place));
            expected.totals.add(measure, place);
        }
        for named in [Named::Service(service), Named::Expert(expert)] {
            item.insert(name_attribute(named), s("A name"));
            expected.names.insert(named, "A name".to_owned());
        }
        item.extend([("pk".to_owned(), s("x")), ("sk".to_owned(), s("x")), ("revision".to_owned(), n(7))]);
        assert_eq!(read_day(&item), (expected, false));
    }

    #[test]
    fn what_a_day_does_not_have_is_noticed() {
        for stray in
            ["h24", "h9", "hab", "colour", "revenue:eur", "svc_1", "usr_00000000000000000000000000", ":name"]
        {
            let (day, has_more) = read_day(&Item::from([(stray.to_owned(), n(1))]));
            assert!(has_more && day == DayStatistics::default(), "{stray}");
        }
        assert!(read_day(&Item::from([("h09".to_owned(), s("many"))])).1, "a measure that is no number");
    }
}
