//! `GET` and `POST /gallery`, `PUT` and `DELETE /gallery/{id}`; and the images that an expert or a service shows.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, GalleryImage, ImageOf};
use chairbook_models::catalog_change::{GalleryImageDetails, MAX_POSITION, image_of};
use chairbook_models::ids::{ExpertId, ImageId, ServiceId};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Keyed, Page, Paging, Query, Reply, Web};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::change::{Decision, Editor, Kind, checked};
use crate::values::{http_url, whole};

/// `expertId` or `serviceId` or neither; `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    of: Option<ImageOf>,
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let expert = fields.optional::<ExpertId>("expertId");
        let service = fields.optional::<ServiceId>("serviceId");
        let of = match (expert, service) {
            (Some(None), Some(None)) => Some(None),
            (Some(expert), Some(service)) => checked(fields, image_of(expert, service)).map(Some),
            _ => None,
        };
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self { of: of?, include_inactive: include_inactive?, paging: paging? })
    }
}

fn render(audience: Audience, image: &GalleryImage) -> Value {
    let mut rendered = json!({
        "id": image.id,
        "imageUrl": image.image_url,
        "caption": image.caption,
        "position": image.position,
        "expertId": image.of.expert(),
        "serviceId": image.of.service(),
    });
    let times = [("createdAt", json!(image.created_at)), ("updatedAt", json!(image.updated_at))];
    audience.complete(&mut rendered, times);
    rendered
}

/// The images of one expert or service, in order.
pub(crate) fn of(audience: Audience, catalog: &Catalog, of: ImageOf) -> Vec<Value> {
    catalog.images_of(of).into_iter().map(|image| render(audience, image)).collect()
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page>, ApiError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let mut all = filter.of.map_or_else(|| catalog.images(), |of| catalog.images_of(of));
    all.retain(|image| audience == Audience::Admin || catalog.is_shown(image));
    let list = format!("gallery {:?} {audience:?}", filter.of);
    let show = |image: &&GalleryImage| render(audience, image);
    let page = filter.paging.page(&list, &all, |image| image.id.to_string(), show)?;
    Answer::new(audience, &headers, "The salon's gallery.", page)
}

/// `{imageUrl,caption?,position?,expertId?|serviceId?}`.
pub(crate) struct Request(GalleryImageDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let image_url = fields.required_with("imageUrl", http_url);
        let caption = fields.optional("caption");
        let position = fields.optional_with("position", whole(0..=MAX_POSITION));
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

fn put(image: GalleryImage, kind: Kind) -> Decision<GalleryImage> {
    Decision {
        writes: vec![CatalogWrite::Put(CatalogRow::GalleryImage(image.clone()))],
        what: "galleryImage",
        kind,
        id: image.id.to_string(),
        outcome: image,
    }
}

fn data(image: &GalleryImage) -> Value {
    json!({"image": render(Audience::Admin, image)})
}

pub(crate) async fn create(editor: Editor, request: Keyed<Request>) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = ImageId::derived(creation.id_bytes("galleryImage"));
    let decide = |catalog: &Catalog| Ok(put(catalog.create_image(id, &details, now)?, Kind::Created));
    let (catalog, is_repeat) = creation.write(decide).await?;
    let made = catalog.gallery.get(&id).ok_or_else(|| deleted_since("Image"))?;
    Ok(replayed_if(is_repeat, Reply::created("The image is added.", data(made))))
}

pub(crate) async fn change(
    editor: Editor,
    Id(id): Id<ImageId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| Ok(put(catalog.change_image(id, &details, now)?, Kind::Updated));
    let (_, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The image is changed.", data(&changed)))
}

pub(crate) async fn delete(editor: Editor, Id(id): Id<ImageId>) -> Result<Reply<Value>, ApiError> {
    let decide = |catalog: &Catalog| {
        catalog.delete_image(id)?;
        Ok(Decision::deleted("galleryImage", id, vec![CatalogWrite::DeleteGalleryImage(id)], ()))
    };
    editor.write(decide).await?;
    Ok(Reply::ok("The image is deleted.", json!({})))
}

/// What deletes the images of an expert or service that is deleted.
pub(crate) fn deletions(catalog: &Catalog, of: ImageOf) -> impl Iterator<Item = CatalogWrite> {
    catalog.images_of(of).into_iter().map(|image| CatalogWrite::DeleteGalleryImage(image.id))
}
