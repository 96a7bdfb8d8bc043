//! The usual names of columns, and how a category path is written into one text.

use super::Slot;
use crate::formats::source::Field;

/// Usual names, best first, in normal form ([`normal`]): lower case without `_`, `-`, spaces and dots.
const NAMES: &[(Slot, &[&str])] = &[
    (
        Slot::Key,
        &[
            // An id of the row stands before an id of what the row is about: five captions share one image id.
            "key",
            "uid",
            "uuid",
            "sampleid",
            "exampleid",
            "captionid",
            "annotationid",
            "id",
            "productid",
            "itemid",
            "asin",
            "sku",
            "imageid",
            "photoid",
            "queryid",
        ],
    ),
    (
        Slot::Title,
        &["title", "producttitle", "productname", "productdisplayname", "itemname", "itemtitle", "name", "headline"],
    ),
    (
        Slot::Description,
        &["description", "productdescription", "itemdescription", "longdescription", "desc", "details", "body"],
    ),
    (
        Slot::Caption,
        &[
            "caption",
            "captions",
            "text",
            "alt",
            "alttext",
            "sentence",
            "sentences",
            "toplevelcaption",
            "prompt",
            "captionreferencedescription",
            "query",
        ],
    ),
    (Slot::Brand, &["brand", "productbrand", "brandname", "manufacturer", "maker", "vendor"]),
    (
        Slot::Bullets,
        &[
            "bullets",
            "bulletpoints",
            "bulletpoint",
            "productbulletpoint",
            "productbulletpoints",
            "featurebullets",
            "highlights",
            "aboutproduct",
            "features",
        ],
    ),
    (Slot::Price, &["price", "productprice", "listprice", "saleprice", "actualprice", "retailprice"]),
    (Slot::Url, &["url", "imageurl", "imgurl", "cocourl", "imagelink", "producturl", "link", "href", "flickrurl"]),
    (Slot::Licence, &["license", "licence", "licensename", "licensetype", "licenseid"]),
    (Slot::Split, &["split", "origsplit", "subset", "partition"]),
    (
        Slot::Taxonomy,
        &[
            "taxonomy",
            "taxonomypath",
            "categorypath",
            "categoriespath",
            "categories",
            "breadcrumbs",
            "breadcrumb",
            "categoryhierarchy",
            "productcategorytree",
            "categorytree",
            "googleproductcategory",
            "productcategory",
            "category",
            "producttype",
        ],
    ),
    (
        Slot::Leaf,
        &["leaf", "leafname", "leafcategory", "classname", "categoryname", "labelname", "labeltext", "class", "label"],
    ),
    (
        Slot::Image,
        &[
            "image",
            "img",
            "jpg",
            "png",
            "webp",
            "imagebytes",
            "picture",
            "photo",
            "imagepath",
            "imgpath",
            "filename",
            "filepath",
            "imagefile",
            "path",
        ],
    ),
    (Slot::Width, &["width", "imagewidth", "imgwidth"]),
    (Slot::Height, &["height", "imageheight", "imgheight"]),
    (Slot::Status, &["status"]),
    (Slot::Wnid, &["wnid", "synset", "synsetid"]),
    (Slot::ClassIndex, &["classindex", "classidx", "classid", "labelid", "cls"]),
    (Slot::Attributes, &["attributes", "attrs", "metadata", "meta", "extra"]),
];

/// Lower case, without `_`, `-`, spaces and dots.
fn normal(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// Where a column called `name` goes by its name alone, with its rank (0 = the field's best name).
pub(super) fn guess(name: &str) -> Option<(Slot, u8)> {
    let name = normal(name);
    NAMES.iter().find_map(|(slot, names)| {
        let rank = names.iter().position(|candidate| *candidate == name)?;
        Some((*slot, rank as u8))
    })
}

/// The field that a column called `name` is guessed to be, with its rank (0 = the best name of the field).
pub(in crate::formats) fn guess_field(name: &str) -> Option<(Field, u8)> {
    let (slot, rank) = guess(name)?;
    Field::ALL.into_iter().find(|field| Slot::of(*field) == slot).map(|field| (field, rank))
}

/// True where a column of this name makes a table a dataset: it holds a text about a picture or product, or a link.
pub(in crate::formats) fn is_telling(name: &str) -> bool {
    matches!(guess(name), Some((Slot::Title | Slot::Caption | Slot::Description | Slot::Url, _)))
}

/// Splits a category path at the first of ` > `, `|`, `/` that it contains; without any it is one element.
pub(in crate::formats) fn split_path(text: &str) -> Vec<String> {
    if let Some(list) = list_in_text(text) {
        // Amazon keeps several paths as strings in a list; a list of one path is that path.
        if let [only] = list.as_slice() {
            return split_path(only);
        }
        return list;
    }
    let separator = ['>', '›', '»', '|', '/'].into_iter().find(|separator| text.contains(*separator));
    let trimmed = |part: &str| {
        let part = part.trim();
        (!part.is_empty()).then(|| part.to_owned())
    };
    match separator {
        Some(separator) => text.split(separator).filter_map(trimmed).collect(),
        None => trimmed(text).into_iter().collect(),
    }
}

/// A list written into a text: JSON (`["a","b"]`) or Python (`['a', 'b']`).
pub(super) fn list_in_text(text: &str) -> Option<Vec<String>> {
    let trimmed = text.trim();
    if !trimmed.starts_with('[') || !trimmed.ends_with(']') {
        return None;
    }
    if let Ok(list) = serde_json::from_str::<Vec<String>>(trimmed) {
        return Some(list);
    }
    let inner = trimmed[1..trimmed.len() - 1].trim();
    let inner = inner.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.split("', '").map(str::to_owned).collect())
}
