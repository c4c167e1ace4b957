//! The demo's salon.

use std::collections::BTreeMap;

use chairbook_models::catalog::{
    Category, Expert, GalleryImage, ImageOf, OwnTerms, Service, Settings, SubService,
};
use chairbook_models::ids::{CategoryId, ExpertId, ImageId, OfferId, ServiceId, SubServiceId};
use chairbook_models::money::Currency;
use chairbook_models::offers::{Discount, Offer};
use chairbook_models::text::TextError;
use chairbook_models::working_hours::WorkingHours;
use chairbook_store::CatalogRow;
use jiff::Timestamp;
use jiff::civil::Weekday::{self, Friday, Monday, Saturday, Thursday, Tuesday, Wednesday};

use super::number;

/// The salon's time zone.
pub(super) const TIME_ZONE: &str = "Europe/Paris";

/// Number, name, description.
const CATEGORIES: [(u8, &str, &str); 4] = [
    (1, "Hair", "Cuts and styling for everybody"),
    (2, "Colour", "From a hint of light to something new"),
    (3, "Nails", "Hands and feet"),
    (4, "Skin & massage", "Time to breathe out"),
];

struct DemoService {
    number: u8,
    category: u8,
    name: &'static str,
    description: &'static str,
    /// Minor currency units.
    price: i64,
    minutes: u32,
    buffer: u32,
    /// Number, name, price, minutes.
    sub_services: &'static [(u8, &'static str, i64, u32)],
}

const SERVICES: [DemoService; 14] = [
    DemoService {
        number: 1,
        category: 1,
        name: "Cut & finish",
        description: "Consultation, wash, cut and blow-dry",
        price: 5_800,
        minutes: 60,
        buffer: 5,
        sub_services: &[
            (1, "Scalp massage", 1_000, 10),
            (2, "Deep conditioning", 1_800, 15),
            (3, "Fringe trim", 800, 5),
        ],
    },
    DemoService {
        number: 2,
        category: 1,
        name: "Short cut",
        description: "Clippers and scissors, wash included",
        price: 3_400,
        minutes: 30,
        buffer: 5,
        sub_services: &[(4, "Beard trim", 1_200, 15), (5, "Hot towel", 600, 5)],
    },
    DemoService {
        number: 3,
        category: 1,
        name: "Children's cut",
        description: "Up to 12 years, with patience",
        price: 2_400,
        minutes: 30,
        buffer: 0,
        sub_services: &[],
    },
    DemoService {
        number: 4,
        category: 1,
        name: "Blow-dry & styling",
        description: "Wash and style, ready to go out",
        price: 3_600,
        minutes: 45,
        buffer: 5,
        sub_services: &[(6, "Pinned up", 2_000, 30)],
    },
    DemoService {
        number: 5,
        category: 2,
        name: "Root touch-up",
        description: "Your colour, as it was",
        price: 6_200,
        minutes: 75,
        buffer: 10,
        sub_services: &[(7, "Gloss", 2_500, 20), (8, "Cut to finish", 3_900, 45)],
    },
    DemoService {
        number: 6,
        category: 2,
        name: "Full colour",
        description: "One colour from root to tip",
        price: 8_900,
        minutes: 120,
        buffer: 10,
        sub_services: &[(9, "Bond repair", 3_000, 15), (10, "Cut to finish", 3_900, 45)],
    },
    DemoService {
        number: 7,
        category: 2,
        name: "Balayage",
        description: "Painted by hand, toned and finished",
        price: 16_500,
        minutes: 180,
        buffer: 15,
        sub_services: &[(11, "Bond repair", 3_000, 15)],
    },
    DemoService {
        number: 8,
        category: 3,
        name: "Manicure",
        description: "Shape, cuticles, polish",
        price: 3_200,
        minutes: 40,
        buffer: 5,
        sub_services: &[(12, "Gel polish", 1_500, 20), (13, "Hand massage", 900, 10)],
    },
    DemoService {
        number: 9,
        category: 3,
        name: "Pedicure",
        description: "Bath, care, polish",
        price: 4_200,
        minutes: 50,
        buffer: 10,
        sub_services: &[(14, "Gel polish", 1_500, 20)],
    },
    DemoService {
        number: 10,
        category: 3,
        name: "Gel refill",
        description: "Every three to four weeks",
        price: 4_500,
        minutes: 70,
        buffer: 5,
        sub_services: &[(15, "Nail art, per hand", 1_000, 15)],
    },
    DemoService {
        number: 11,
        category: 4,
        name: "Classic facial",
        description: "Cleansing, peeling, mask, massage",
        price: 7_200,
        minutes: 60,
        buffer: 10,
        sub_services: &[(16, "LED light", 2_000, 15), (17, "Eyebrow shaping", 1_200, 10)],
    },
    DemoService {
        number: 12,
        category: 4,
        name: "Eyebrows & lashes",
        description: "Shaped and tinted",
        price: 3_800,
        minutes: 35,
        buffer: 5,
        sub_services: &[],
    },
    DemoService {
        number: 13,
        category: 4,
        name: "Back massage",
        description: "Neck, shoulders, back",
        price: 4_800,
        minutes: 40,
        buffer: 10,
        sub_services: &[(18, "Hot stones", 1_500, 15)],
    },
    DemoService {
        number: 14,
        category: 4,
        name: "Full-body massage",
        description: "An hour and a half of quiet",
        price: 9_500,
        minutes: 90,
        buffer: 15,
        sub_services: &[(19, "Aromatic oil", 800, 0), (20, "Foot reflexology", 2_200, 20)],
    },
];

struct DemoExpert {
    number: u8,
    name: &'static str,
    title: &'static str,
    bio: &'static str,
    rating: f64,
    reviews: u32,
    /// Service, own price.
    services: &'static [(u8, Option<i64>)],
    hours: &'static [(Weekday, &'static [(u16, u16)])],
}

struct DemoOffer {
    number: u8,
    name: &'static str,
    description: &'static str,
    discount: Discount,
    code: Option<&'static str>,
    /// Empty for all.
    services: &'static [u8],
}

const OFFERS: [DemoOffer; 3] = [
    DemoOffer {
        number: 1,
        name: "Happy feet",
        description: "15 % off every pedicure, as long as the sandals are out",
        discount: Discount::Percent(15),
        code: None,
        services: &[9],
    },
    DemoOffer {
        number: 2,
        name: "Welcome",
        description: "For your first visit",
        discount: Discount::Percent(10),
        code: Some("WELCOME10"),
        services: &[],
    },
    DemoOffer {
        number: 3,
        name: "New colour",
        description: "20 euros off a full colour or a balayage",
        discount: Discount::Amount(2_000),
        code: Some("COLOUR20"),
        services: &[6, 7],
    },
];

/// Expert or service, the image's file, what it says below it.
const GALLERY: [(DemoImageOf, &str, &str); 7] = [
    (DemoImageOf::Expert(1), "ines-at-work.jpg", "Inès at her chair"),
    (DemoImageOf::Expert(1), "bob.jpg", "A bob, sharp to the millimetre"),
    (DemoImageOf::Expert(3), "copper-balayage.jpg", "Copper, painted by hand"),
    (DemoImageOf::Expert(4), "fine-lines.jpg", "Fine lines"),
    (DemoImageOf::Service(7), "balayage-before.jpg", "Before"),
    (DemoImageOf::Service(7), "balayage-after.jpg", "Three hours later"),
    (DemoImageOf::Service(14), "quiet-room.jpg", "The quiet room"),
];

#[derive(Clone, Copy)]
enum DemoImageOf {
    Expert(u8),
    Service(u8),
}

/// Minutes after midnight.
const fn at(hour: u16, minute: u16) -> u16 {
    hour * 60 + minute
}

const FULL_DAY: &[(u16, u16)] = &[(at(9, 0), at(12, 30)), (at(13, 15), at(18, 0))];
const LATE_DAY: &[(u16, u16)] = &[(at(11, 0), at(15, 0)), (at(15, 45), at(20, 0))];
const MORNING: &[(u16, u16)] = &[(at(9, 0), at(13, 30))];
const SATURDAY: &[(u16, u16)] = &[(at(9, 0), at(16, 0))];

const EXPERTS: [DemoExpert; 6] = [
    DemoExpert {
        number: 1,
        name: "Inès Laurent",
        title: "Salon director",
        bio: "Twenty years behind the chair, and still the first to open.",
        rating: 4.9,
        reviews: 312,
        services: &[(1, Some(7_200)), (2, None), (4, None), (6, Some(9_900)), (7, Some(18_500))],
        hours: &[(Tuesday, FULL_DAY), (Wednesday, FULL_DAY), (Thursday, FULL_DAY), (Friday, FULL_DAY)],
    },
    DemoExpert {
        number: 2,
        name: "Marek Nowak",
        title: "Stylist",
        bio: "Short hair, beards, and no small talk unless you start it.",
        rating: 4.8,
        reviews: 204,
        services: &[(1, None), (2, None), (3, None), (4, None)],
        hours: &[
            (Monday, FULL_DAY),
            (Tuesday, LATE_DAY),
            (Wednesday, LATE_DAY),
            (Friday, FULL_DAY),
            (Saturday, SATURDAY),
        ],
    },
    DemoExpert {
        number: 3,
        name: "Yuki Tanaka",
        title: "Colourist",
        bio: "Paints by hand. Books out first.",
        rating: 5.0,
        reviews: 168,
        services: &[(1, None), (5, None), (6, None), (7, None)],
        hours: &[(Tuesday, LATE_DAY), (Wednesday, FULL_DAY), (Thursday, LATE_DAY), (Saturday, SATURDAY)],
    },
    DemoExpert {
        number: 4,
        name: "Rosa Ferreira",
        title: "Nail artist",
        bio: "Steady hands, clean lines.",
        rating: 4.7,
        reviews: 141,
        services: &[(8, None), (9, None), (10, None)],
        hours: &[
            (Monday, MORNING),
            (Tuesday, FULL_DAY),
            (Wednesday, FULL_DAY),
            (Thursday, LATE_DAY),
            (Friday, LATE_DAY),
            (Saturday, SATURDAY),
        ],
    },
    DemoExpert {
        number: 5,
        name: "Leila Haddad",
        title: "Skin therapist",
        bio: "Looks closely, explains simply.",
        rating: 4.9,
        reviews: 97,
        services: &[(11, None), (12, None), (8, None)],
        hours: &[(Monday, FULL_DAY), (Wednesday, FULL_DAY), (Thursday, FULL_DAY), (Friday, MORNING)],
    },
    DemoExpert {
        number: 6,
        name: "Jonas Weber",
        title: "Massage therapist",
        bio: "Trained in Uppsala, happiest with knots that others gave up on.",
        rating: 4.8,
        reviews: 88,
        services: &[(13, None), (14, None)],
        hours: &[
            (Monday, LATE_DAY),
            (Tuesday, LATE_DAY),
            (Thursday, FULL_DAY),
            (Friday, FULL_DAY),
            (Saturday, SATURDAY),
        ],
    },
];

/// All rows of the salon's catalog.
///
/// # Errors
/// [`TextError`] when a text above is none that the salon itself could enter.
pub(super) fn rows(now: Timestamp) -> Result<Vec<CatalogRow>, TextError> {
    let mut rows = vec![CatalogRow::Settings(settings()?)];
    for category in &CATEGORIES {
        rows.push(CatalogRow::Category(category_row(category, now)?));
    }
    for service in &SERVICES {
        rows.push(CatalogRow::Service(service_row(service, now)?));
        for sub_service in service.sub_services {
            rows.push(CatalogRow::SubService(sub_service_row(service, sub_service)?));
        }
    }
    for expert in &EXPERTS {
        rows.push(CatalogRow::Expert(Box::new(expert_row(expert, now)?)));
    }
    for offer in &OFFERS {
        rows.push(CatalogRow::Offer(offer_row(offer, now)?));
    }
    for (place, image) in (1_u8..).zip(&GALLERY) {
        rows.push(CatalogRow::GalleryImage(image_row(place, image, now)?));
    }
    Ok(rows)
}

fn settings() -> Result<Settings, TextError> {
    Ok(Settings {
        salon_name: "Salon Aurora".parse()?,
        time_zone: TIME_ZONE.to_owned(),
        currency: Currency::EUR,
        slot_grid_minutes: 15,
        lead_time_minutes: 60,
        horizon_days: 90,
        cancellation_window_minutes: 120,
        ..Settings::default()
    })
}

fn category_row(
    &(place, name, description): &(u8, &str, &str),
    now: Timestamp,
) -> Result<Category, TextError> {
    Ok(Category {
        id: CategoryId::derived(number(place)),
        name: name.parse()?,
        description: Some(description.parse()?),
        position: u32::from(place),
        is_active: true,
        created_at: now,
        updated_at: now,
    })
}

fn service_row(service: &DemoService, now: Timestamp) -> Result<Service, TextError> {
    Ok(Service {
        id: ServiceId::derived(number(service.number)),
        category_id: CategoryId::derived(number(service.category)),
        name: service.name.parse()?,
        description: Some(service.description.parse()?),
        price: service.price,
        duration_minutes: service.minutes,
        buffer_minutes: service.buffer,
        is_active: true,
        created_at: now,
        updated_at: now,
    })
}

fn sub_service_row(
    service: &DemoService,
    &(place, name, price, minutes): &(u8, &str, i64, u32),
) -> Result<SubService, TextError> {
    Ok(SubService {
        id: SubServiceId::derived(number(place)),
        service_id: ServiceId::derived(number(service.number)),
        name: name.parse()?,
        description: None,
        price,
        duration_minutes: minutes,
        is_active: true,
    })
}

fn expert_row(expert: &DemoExpert, now: Timestamp) -> Result<Expert, TextError> {
    let services: BTreeMap<_, _> = expert
        .services
        .iter()
        .map(|&(service, price)| {
            (ServiceId::derived(number(service)), OwnTerms { price, duration_minutes: None })
        })
        .collect();
    Ok(Expert {
        id: ExpertId::derived(number(expert.number)),
        name: expert.name.parse()?,
        title: Some(expert.title.parse()?),
        bio: Some(expert.bio.parse()?),
        image_url: None,
        rating: Some(expert.rating),
        total_reviews: expert.reviews,
        is_active: true,
        services,
        // The hours above are in order; a test says so.
        working_hours: WorkingHours::weekly(expert.hours).unwrap_or_default(),
        time_off: Vec::new(),
        created_at: now,
        updated_at: now,
    })
}

fn offer_row(offer: &DemoOffer, now: Timestamp) -> Result<Offer, TextError> {
    Ok(Offer {
        id: OfferId::derived(number(offer.number)),
        name: offer.name.parse()?,
        description: Some(offer.description.parse()?),
        discount: offer.discount,
        code: offer.code.map(str::parse).transpose()?,
        service_ids: offer.services.iter().map(|&service| ServiceId::derived(number(service))).collect(),
        valid_from: None,
        valid_to: None,
        is_active: true,
        created_at: now,
        updated_at: now,
    })
}

fn image_row(
    place: u8,
    &(of, file, caption): &(DemoImageOf, &str, &str),
    now: Timestamp,
) -> Result<GalleryImage, TextError> {
    Ok(GalleryImage {
        id: ImageId::derived(number(place)),
        of: match of {
            DemoImageOf::Expert(expert) => ImageOf::Expert(ExpertId::derived(number(expert))),
            DemoImageOf::Service(service) => ImageOf::Service(ServiceId::derived(number(service))),
        },
        image_url: format!("https://images.salon-aurora.example/{file}"),
        caption: Some(caption.parse()?),
        position: u32::from(place),
        created_at: now,
        updated_at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_the_salon_fits_together() {
        let rows = rows(Timestamp::UNIX_EPOCH).unwrap();
        assert!(rows.len() <= 98, "one transaction takes 98 rows; these are {}", rows.len());
        for expert in &EXPERTS {
            assert!(WorkingHours::weekly(expert.hours).is_ok(), "{}", expert.name);
            for (service, _) in expert.services {
                assert!(SERVICES.iter().any(|known| known.number == *service), "{}: {service}", expert.name);
            }
        }
        for service in &SERVICES {
            assert!(
                EXPERTS.iter().any(|e| e.services.iter().any(|(n, _)| *n == service.number)),
                "{}",
                service.name
            );
            assert!(CATEGORIES.iter().any(|(n, ..)| *n == service.category), "{}", service.name);
        }
        for offer in &OFFERS {
            let is_known = |number| SERVICES.iter().any(|service| service.number == number);
            assert!(offer.services.iter().all(|&service| is_known(service)), "{}", offer.name);
        }
        for (of, file, _) in GALLERY {
            assert!(
                match of {
                    DemoImageOf::Expert(number) => EXPERTS.iter().any(|expert| expert.number == number),
                    DemoImageOf::Service(number) => SERVICES.iter().any(|service| service.number == number),
                },
                "{file}"
            );
        }
        let mut subs: Vec<_> = SERVICES.iter().flat_map(|s| s.sub_services.iter().map(|sub| sub.0)).collect();
        subs.sort_unstable();
        assert!(subs.windows(2).all(|two| two[0] < two[1]), "every add-on has its own number");
    }
}
