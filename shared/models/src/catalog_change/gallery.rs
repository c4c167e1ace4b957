//! How the gallery changes: the images of experts and services.

use jiff::Timestamp;

use super::{CatalogError, FieldFault, MAX_POSITION, room};
use crate::catalog::{Catalog, GalleryImage, ImageOf};
use crate::ids::{ExpertId, ImageId, ServiceId};
use crate::text::Label;

/// The most images of one expert or service: they are deleted together with it, in one transaction.
pub const MAX_IMAGES_OF_ONE: usize = 30;
/// The most images of all experts and services together.
pub const MAX_IMAGES: usize = 1_000;

/// The details of an image. Without a position it stays where it is, a new one comes after those of the same expert
/// or service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryImageDetails {
    /// The subject.
    pub of: ImageOf,
    /// The address, an http(s) URL.
    pub image_url: String,
    /// The text below it.
    pub caption: Option<Label>,
    /// The place among the images, lowest first.
    pub position: Option<u32>,
}

/// Returns the subject of an image: an expert or a service.
///
/// # Errors
/// [`FieldFault`] when it is neither or both.
pub fn image_of(expert: Option<ExpertId>, service: Option<ServiceId>) -> Result<ImageOf, FieldFault> {
    match (expert, service) {
        (Some(expert), None) => Ok(ImageOf::Expert(expert)),
        (None, Some(service)) => Ok(ImageOf::Service(service)),
        (None, None) => Err(FieldFault::new("expertId", "is required, unless there is `serviceId`")),
        (Some(_), Some(_)) => {
            Err(FieldFault::new("serviceId", "must be absent: an image is either of this or of `expertId`"))
        }
    }
}

/// The gallery.
impl Catalog {
    fn known_image(&self, id: ImageId) -> Result<&GalleryImage, CatalogError> {
        self.gallery.get(&id).ok_or(CatalogError::NotFound("Image"))
    }

    /// Checks that the subject of an image exists, and has room for one more of it.
    fn check_image_of(&self, of: ImageOf) -> Result<(), CatalogError> {
        let fault = match of {
            ImageOf::Expert(id) => (!self.experts.contains_key(&id))
                .then(|| FieldFault::new("expertId", "must be the id of an expert")),
            ImageOf::Service(id) => (!self.services.contains_key(&id))
                .then(|| FieldFault::new("serviceId", "must be the id of a service")),
        };
        if let Some(fault) = fault {
            return Err(CatalogError::Invalid(vec![fault]));
        }
        let what = match of {
            ImageOf::Expert(_) => "images of this expert",
            ImageOf::Service(_) => "images of this service",
        };
        room(what, self.images_of(of).len(), MAX_IMAGES_OF_ONE)
    }

    /// A new image.
    ///
    /// # Errors
    /// [`CatalogError::Full`], and [`CatalogError::Invalid`] when there is no such expert or service.
    pub fn create_image(
        &self,
        id: ImageId,
        details: &GalleryImageDetails,
        now: Timestamp,
    ) -> Result<GalleryImage, CatalogError> {
        room("images", self.gallery.len(), MAX_IMAGES)?;
        self.check_image_of(details.of)?;
        let last = self.images_of(details.of).last().map(|image| image.position);
        let next = last.map_or(1, |last| last.saturating_add(1).min(MAX_POSITION));
        Ok(GalleryImage {
            id,
            of: details.of,
            image_url: details.image_url.clone(),
            caption: details.caption.clone(),
            position: details.position.unwrap_or(next),
            created_at: now,
            updated_at: now,
        })
    }

    /// An image as it is to be, perhaps of something else.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::Full`] of what it is to show, and [`CatalogError::Invalid`] when
    /// there is no such expert or service.
    pub fn change_image(
        &self,
        id: ImageId,
        details: &GalleryImageDetails,
        now: Timestamp,
    ) -> Result<GalleryImage, CatalogError> {
        let known = self.known_image(id)?;
        if known.of != details.of {
            self.check_image_of(details.of)?;
        }
        Ok(GalleryImage {
            id,
            of: details.of,
            image_url: details.image_url.clone(),
            caption: details.caption.clone(),
            position: details.position.unwrap_or(known.position),
            created_at: known.created_at,
            updated_at: now,
        })
    }

    /// Checks that an image can be deleted: it can, since nothing refers to it.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_image(&self, id: ImageId) -> Result<(), CatalogError> {
        self.known_image(id).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::super::CatalogError;
    use super::super::tests::{CUT, INES, NOW, catalog};
    use super::*;

    fn id(number: usize) -> ImageId {
        ImageId::derived(u128::try_from(number).unwrap().to_be_bytes())
    }

    fn of(of: ImageOf) -> GalleryImageDetails {
        let image_url = "https://cdn.example/1.jpg".to_owned();
        GalleryImageDetails { of, image_url, caption: None, position: None }
    }

    fn add(catalog: &mut Catalog, number: usize, details: &GalleryImageDetails) {
        let image = catalog.create_image(id(number), details, NOW).unwrap();
        catalog.gallery.insert(image.id, image);
    }

    #[test]
    fn images_are_in_order_and_a_new_one_comes_last() {
        let (cut, ines) = (ImageOf::Service(CUT), ImageOf::Expert(INES));
        let mut catalog = catalog();
        add(&mut catalog, 1, &of(cut));
        add(&mut catalog, 2, &GalleryImageDetails { position: Some(7), ..of(cut) });
        add(&mut catalog, 3, &of(ines));
        add(&mut catalog, 4, &of(cut));
        add(&mut catalog, 5, &GalleryImageDetails { position: Some(0), ..of(cut) });
        add(&mut catalog, 6, &GalleryImageDetails { position: Some(1), ..of(cut) });
        let order = |catalog: &Catalog, of| {
            let images = catalog.images_of(of);
            images.into_iter().map(|image| (image.id, image.position)).collect::<Vec<_>>()
        };
        assert_eq!(order(&catalog, cut), [(id(5), 0), (id(1), 1), (id(6), 1), (id(2), 7), (id(4), 8)]);
        assert_eq!(order(&catalog, ines), [(id(3), 1)]);
        assert_eq!(catalog.change_image(id(2), &of(cut), NOW).unwrap().position, 7, "it stays where it is");
        let moved = catalog.change_image(id(2), &of(ines), NOW).unwrap();
        assert_eq!((moved.of, moved.position), (ines, 7));
        catalog.gallery.get_mut(&id(4)).unwrap().position = MAX_POSITION;
        assert_eq!(catalog.create_image(id(7), &of(cut), NOW).unwrap().position, MAX_POSITION);
    }

    #[test]
    fn an_image_is_of_something_that_there_is() {
        let catalog = catalog();
        let (nobody, nothing) = (ExpertId::derived([9; 16]), ServiceId::derived([9; 16]));
        for (details, field) in
            [(of(ImageOf::Expert(nobody)), "expertId"), (of(ImageOf::Service(nothing)), "serviceId")]
        {
            let Err(CatalogError::Invalid(faults)) = catalog.create_image(id(1), &details, NOW) else {
                panic!("{field}")
            };
            assert_eq!(faults[0].field, field);
        }
        assert_eq!(image_of(Some(INES), None), Ok(ImageOf::Expert(INES)));
        assert_eq!(image_of(None, Some(CUT)), Ok(ImageOf::Service(CUT)));
        assert_eq!(image_of(None, None).unwrap_err().field, "expertId");
        assert_eq!(image_of(Some(INES), Some(CUT)).unwrap_err().field, "serviceId");
        let missing = Err(CatalogError::NotFound("Image"));
        assert_eq!(catalog.change_image(id(1), &of(ImageOf::Service(CUT)), NOW).map(|_| ()), missing);
        assert_eq!(catalog.delete_image(id(1)), missing);
    }

    #[test]
    fn the_gallery_stays_small() {
        let (cut, ines) = (ImageOf::Service(CUT), ImageOf::Expert(INES));
        let mut catalog = catalog();
        for number in 0..MAX_IMAGES_OF_ONE {
            add(&mut catalog, number, &of(cut));
        }
        let full = Err(CatalogError::Full { what: "images of this service", at_most: MAX_IMAGES_OF_ONE });
        assert_eq!(catalog.create_image(id(500), &of(cut), NOW), full);
        add(&mut catalog, 500, &of(ines));
        assert_eq!(catalog.change_image(id(500), &of(cut), NOW), full, "nor by a change");
        assert!(catalog.change_image(id(0), &of(cut), NOW).is_ok());
        let model = catalog.gallery[&id(0)].clone();
        for number in catalog.gallery.len()..MAX_IMAGES {
            let image = GalleryImage { id: id(1_000 + number), ..model.clone() };
            catalog.gallery.insert(image.id, image);
        }
        let full = Err(CatalogError::Full { what: "images", at_most: MAX_IMAGES });
        assert_eq!(catalog.create_image(id(9_999), &of(ines), NOW), full);
    }
}
