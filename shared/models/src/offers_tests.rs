use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::booking::tests::{at, catalog, service_id};
use crate::booking::{ChoiceError, OfferError, Salon};
use crate::catalog::Catalog;

const TODAY: Date = date(2026, 3, 2);
const TOMORROW: Date = date(2026, 3, 3);
const NOW: &str = "2026-03-02T12:00:00Z";

fn id(byte: u8) -> OfferId {
    OfferId::derived([byte; 16])
}

fn code(text: &str) -> OfferCode {
    text.parse().unwrap()
}

/// An active offer for everything, at any time.
fn offer(byte: u8, discount: Discount, code: Option<&str>) -> Offer {
    Offer {
        id: id(byte),
        name: format!("Offer {byte}").parse().unwrap(),
        description: None,
        discount,
        code: code.map(|text| text.parse().unwrap()),
        service_ids: BTreeSet::new(),
        valid_from: None,
        valid_to: None,
        is_active: true,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn salon_with(offers: impl IntoIterator<Item = Offer>) -> Catalog {
    let offers = offers.into_iter().map(|offer| (offer.id, offer)).collect();
    Catalog { offers, ..catalog("UTC") }
}

/// The ids of the offers that a booking of the service has the best of.
fn found(catalog: &Catalog, on: Date, code: Option<&OfferCode>) -> Result<Vec<OfferId>, OfferError> {
    let salon = Salon::new(catalog).unwrap();
    let offers = salon.offers(service_id(), on, code, at(NOW))?;
    Ok(offers.into_iter().map(|offer| offer.id).collect())
}

#[test]
fn a_code_is_one_whatever_its_case() {
    assert_eq!(code(" Spring-26 ").as_str(), "SPRING-26");
    assert_eq!(code("abc"), code("ABC"));
    for bad in ["", "ab", "spring 26", "frühling", "a_b", &"x".repeat(33), "abc\n1"] {
        let error = bad.parse::<OfferCode>().unwrap_err().to_string();
        assert_eq!(error, "must have 3 to 32 letters (A to Z), digits or hyphens", "{bad:?}");
    }
}

#[test]
fn a_percentage_is_rounded_in_the_customers_favour() {
    for (percent, price, off) in [
        (10, 5_800, 580),
        (15, 4_201, 630),
        (50, 101, 51),
        (50, 1, 1),
        (25, 10, 3),
        (1, 49, 0),
        (1, 50, 1),
        (33, 100, 33),
        (100, 5_801, 5_801),
        (10, 0, 0),
        (99, i64::MAX, 9_131_138_316_486_228_049),
    ] {
        assert_eq!(Discount::Percent(percent).on(price), off, "{percent} % of {price}");
    }
    for (amount, price, off) in [(500, 5_800, 500), (5_800, 5_800, 5_800), (5_801, 5_800, 5_800), (1, 0, 0)] {
        assert_eq!(Discount::Amount(amount).on(price), off, "{amount} off {price}");
    }
}

#[test]
fn what_applies_by_itself_fits_the_service_and_the_date() {
    let percent = Discount::Percent(10);
    let plain = offer(1, percent, None);
    let of_others = Offer { service_ids: [ServiceId::derived([9; 16])].into(), ..offer(2, percent, None) };
    let of_this = Offer { service_ids: [service_id()].into(), ..offer(3, percent, None) };
    let past = Offer { valid_to: Some(TODAY), ..offer(4, percent, None) };
    let to_come = Offer { valid_from: Some(date(2026, 3, 4)), ..offer(5, percent, None) };
    let of_that_day =
        Offer { valid_from: Some(TOMORROW), valid_to: Some(TOMORROW), ..offer(6, percent, None) };
    let inactive = Offer { is_active: false, ..offer(7, percent, None) };
    let coded = offer(8, percent, Some("SPRING"));
    let catalog = salon_with([plain, of_others, of_this, past, to_come, of_that_day, inactive, coded]);
    assert_eq!(found(&catalog, TOMORROW, None), Ok(vec![id(1), id(3), id(6)]));
    assert_eq!(found(&catalog, TOMORROW, Some(&code("spring"))), Ok(vec![id(1), id(3), id(6), id(8)]));
    assert_eq!(found(&catalog, TODAY, None), Ok(vec![id(1), id(3), id(4)]));
    assert_eq!(found(&catalog, date(2026, 3, 5), None), Ok(vec![id(1), id(3), id(5)]));
    let public = |today| catalog.public_offers(today).into_iter().map(|o| o.id).collect::<Vec<_>>();
    assert_eq!(public(TODAY), [1, 2, 3, 4, 5, 6].map(id), "for others, too, and those that are to come");
    assert_eq!(public(date(2026, 3, 4)), [1, 2, 3, 5].map(id));
}

#[test]
fn a_code_that_does_not_fit_is_refused_without_telling_which_codes_there_are() {
    let percent = Discount::Percent(10);
    let offers = [
        Offer { is_active: false, ..offer(1, percent, Some("INACTIVE")) },
        Offer { valid_to: Some(date(2026, 3, 1)), ..offer(2, percent, Some("OVER")) },
        Offer { service_ids: [ServiceId::derived([9; 16])].into(), ..offer(3, percent, Some("OTHERS")) },
        Offer { valid_to: Some(TODAY), ..offer(4, percent, Some("UNTIL-TODAY")) },
        Offer {
            valid_from: Some(date(2026, 3, 9)),
            valid_to: Some(date(2026, 3, 15)),
            ..offer(5, percent, Some("NEXT-WEEK"))
        },
    ];
    let catalog = salon_with(offers);
    let refused = |text: &str| found(&catalog, TOMORROW, Some(&code(text))).unwrap_err();
    for unknown in ["NO-SUCH-CODE", "inactive", "over"] {
        assert_eq!(refused(unknown), OfferError::UnknownOffer, "{unknown}");
    }
    assert_eq!(refused("others"), OfferError::OfferForOtherServices);
    for (text, told) in [
        (
            "until-today",
            "must be the code of an offer for that date; this one is for appointments until 2026-03-02",
        ),
        (
            "next-week",
            "must be the code of an offer for that date; this one is for appointments from 2026-03-09 until 2026-03-15",
        ),
    ] {
        let error = refused(text);
        assert_eq!((error.to_string().as_str(), error.field()), (told, "offerCode"));
    }
    assert_eq!(found(&catalog, date(2026, 3, 9), Some(&code("next-week"))), Ok(vec![id(5)]));
}

#[test]
fn the_best_is_applied_and_only_that() {
    let ten = offer(1, Discount::Percent(10), None);
    let five_euros = offer(2, Discount::Amount(500), Some("FIVE"));
    let nothing = offer(3, Discount::Percent(1), None);
    let all = [&ten, &five_euros, &nothing];
    let best_of = |price| best(all, price).map(|applied| (applied.id, applied.discount));
    assert_eq!(best_of(10_000), Some((id(1), 1_000)));
    assert_eq!(best_of(4_000), Some((id(2), 500)));
    assert_eq!(best_of(5_000), Some((id(2), 500)), "the one that was asked for");
    assert_eq!(best_of(0), None);
    assert_eq!(best([&nothing], 49), None, "what takes nothing off is not applied");
    let twin = offer(9, Discount::Percent(10), None);
    assert_eq!(best([&twin, &ten], 10_000), best([&ten, &twin], 10_000));
    assert_eq!(best([&twin, &ten], 10_000).unwrap().id, id(1), "always the same one");
    assert_eq!(best([], 10_000), None);
}

fn discounts() -> impl Strategy<Value = Discount> {
    prop_oneof![
        (1_u32..=100).prop_map(Discount::Percent),
        (1_i64..=100_000_000).prop_map(Discount::Amount),
        (1_i64..=5_000).prop_map(Discount::Amount),
    ]
}

fn offers() -> impl Strategy<Value = Vec<Offer>> {
    let one = (discounts(), proptest::bool::ANY);
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let numbered = (1..).zip(all);
        numbered
            .map(|(byte, (discount, is_coded))| {
                let text = format!("CODE-{byte}");
                offer(byte, discount, is_coded.then_some(text.as_str()))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn no_price_is_negative_or_raised(discount in discounts(), price in 0_i64..=i64::MAX) {
        let off = discount.on(price);
        prop_assert!((0..=price).contains(&off), "{off}");
        if let Discount::Percent(percent) = discount {
            // The exact discount is less than half a minor unit away, or exactly half of one below.
            let error = i128::from(off) * 100 - i128::from(price) * i128::from(percent);
            prop_assert!(-50 < error && error <= 50, "{error}");
        }
    }

    #[test]
    fn the_best_is_the_best_in_any_order(
        (sorted, shuffled) in offers().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        price in 0_i64..=2_000_000,
    ) {
        let chosen = best(&sorted, price);
        prop_assert_eq!(&chosen, &best(&shuffled, price));
        let most = sorted.iter().map(|offer| offer.discount.on(price)).max().unwrap_or(0);
        prop_assert_eq!(chosen.as_ref().map_or(0, |applied| applied.discount), most);
        if let Some(applied) = chosen {
            prop_assert!(applied.discount > 0 && applied.discount <= price);
            let offer = sorted.iter().find(|offer| offer.id == applied.id).unwrap();
            prop_assert_eq!(offer.discount.on(price), applied.discount);
            prop_assert_eq!((&offer.name, &offer.code), (&applied.name, &applied.code));
        }
    }
}
