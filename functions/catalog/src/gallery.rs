//! `GET` and `POST /gallery`, `PUT` and `DELETE /gallery/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, GalleryImage, ImageOf};
use chairbook_models::catalog_change::{CatalogError, GalleryImageDetails, MAX_POSITION, image_of};
use chairbook_models::event::CatalogKind;
use chairbook_models::ids::{ExpertId, ImageId, ServiceId};
use chairbook_models::text::Label;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{Format, text, whole};
use chairbook_web::{Fields, FromFields, Id, Page, Paging, Query, RequestError, Web};
use http::HeaderMap;
use jiff::Timestamp;

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::error::{CreateError, MoveError};
use crate::ids::TopLevel;
use crate::resource::Resource;
use crate::values::{HttpUrl, checked};
use crate::view::{self, OneGalleryImage};
use crate::written::Written;

/// `expertId` or `serviceId` or neither; `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    of: Option<ImageOf>,
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let expert = fields.optional::<ExpertId>("expertId");
        let service = fields.optional::<ServiceId>("serviceId");
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        let of = match (expert?, service?) {
            (None, None) => None,
            (expert, service) => Some(checked(fields, image_of(expert, service))?),
        };
        Some(Self { of, include_inactive: include_inactive?, paging: paging? })
    }
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page<view::GalleryImage<'static>>>, RequestError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let mut all = filter.of.map_or_else(|| catalog.images(), |of| catalog.images_of(of));
    all.retain(|image| audience.is_admin() || catalog.is_shown(image));
    let list = format!("gallery {:?} {audience:?}", filter.of);
    let id = |image: &&GalleryImage| image.id.to_string();
    let page = filter.paging.page(&list, &all, id, |image| view::GalleryImage::new(audience, image))?;
    Answer::new(audience, &headers, "The salon's gallery.", page)
}

/// `imageUrl`, `caption`, `position`, `expertId` or `serviceId`.
pub(crate) struct Request(GalleryImageDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let image_url = fields.required_as("imageUrl", HttpUrl);
        let caption = fields.optional_as("caption", text::<Label>().about("A text below the image."));
        let position = whole(0..=MAX_POSITION).about(
            "The place among the images, lowest first; unless given, a new image comes after those of the same \
             expert or service.",
        );
        let position = fields.optional_as("position", position);
        let expert = fields.optional("expertId");
        let service = fields.optional("serviceId");
        let of = match (expert, service) {
            (Some(expert), Some(service)) => checked(fields, image_of(expert, service)),
            _ => None,
        };
        Some(Self(GalleryImageDetails {
            of: of?,
            image_url: image_url?,
            caption: caption?,
            position: position?,
        }))
    }
}

/// The deletions of the images of an expert or service that is deleted.
pub(crate) fn deletions(catalog: &Catalog, of: ImageOf) -> impl Iterator<Item = CatalogWrite> {
    catalog.images_of(of).into_iter().map(|image| CatalogWrite::DeleteGalleryImage(image.id))
}

impl Resource for GalleryImage {
    const KIND: CatalogKind = CatalogKind::GalleryImage;
    const NAME: &'static str = "Image";
    const CREATED: &'static str = "The image is added.";
    const UPDATED: &'static str = "The image is changed.";
    const DELETED: &'static str = "The image is deleted.";

    type Id = ImageId;
    type Parent = TopLevel;
    type Path = Id<ImageId>;
    type Request = Request;
    type Data = OneGalleryImage<'static>;
    type CreateError = CreateError;
    type UpdateError = MoveError;

    fn derive_id(bytes: [u8; 16]) -> ImageId {
        ImageId::derived(bytes)
    }

    fn id(&self) -> ImageId {
        self.id
    }

    fn row(&self) -> CatalogRow {
        CatalogRow::GalleryImage(self.clone())
    }

    fn find(catalog: &Catalog, id: ImageId) -> Option<&Self> {
        catalog.gallery.get(&id)
    }

    fn create(
        catalog: &Catalog,
        _: &TopLevel,
        id: ImageId,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.create_image(id, details, now)
    }

    fn update(
        catalog: &Catalog,
        Id(id): &Id<ImageId>,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.change_image(*id, details, now)
    }

    fn delete(
        catalog: &Catalog,
        Id(id): &Id<ImageId>,
        _: Timestamp,
    ) -> Result<Vec<CatalogWrite>, CatalogError> {
        catalog.delete_image(*id)?;
        Ok(vec![CatalogWrite::DeleteGalleryImage(*id)])
    }

    fn data(&self, _: &Catalog) -> Result<Written<OneGalleryImage<'static>>, RequestError> {
        Written::new(&OneGalleryImage { image: view::GalleryImage::new(Audience::Admin, self) })
    }
}
