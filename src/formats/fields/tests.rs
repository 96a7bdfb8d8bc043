use proptest::prelude::*;

use super::*;

fn read(json: &str, map: &[(Field, &str)]) -> (Record, Vec<Warning>) {
    let map = FieldMap(map.iter().map(|(field, column)| (*field, (*column).to_owned())).collect());
    let mut mapper = Mapper::new(&map);
    let record = mapper.read_json(json.as_bytes()).unwrap();
    (record, mapper.take_warnings())
}

/// A record as `field=value` words, in the order of `Fields`.
fn show(record: &Record) -> String {
    let fields = &record.fields;
    let mut words = Vec::new();
    let texts = [
        ("key", &record.key),
        ("title", &fields.title),
        ("description", &fields.description),
        ("caption", &fields.caption),
        ("brand", &fields.brand),
        ("price", &fields.price),
        ("url", &fields.url),
        ("licence", &fields.licence),
        ("split", &fields.split),
        ("leaf", &fields.leaf),
        ("wnid", &fields.wnid),
        ("image", &record.image),
        ("status", &record.status),
    ];
    words.extend(texts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))));
    for (name, list) in [("bullets", &fields.bullets), ("taxonomy", &fields.taxonomy)] {
        if !list.is_empty() {
            words.push(format!("{name}={}", list.join("+")));
        }
    }
    words.extend(fields.class_index.map(|index| format!("class={index}")));
    words.extend(record.width.zip(record.height).map(|(width, height)| format!("{width}x{height}")));
    words.join(" ")
}

#[test]
fn usual_names_and_types_find_their_fields() {
    let check = |json: &str, expect: &str| assert_eq!(show(&read(json, &[]).0), expect, "{json}");
    check(r#"{"title":"a","description":null,"brand":"b"}"#, "title=a brand=b");
    check(r#"{"Product_Title":"a","PRODUCT-BRAND":"b","product description":"c"}"#, "title=a description=c brand=b");
    check(r#"{"product_title":"worse","title":"better"}"#, "title=better");
    check(r#"{"title":"better","product_title":"worse"}"#, "title=better");
    check(r#"{"title":null,"product_title":"worse"}"#, "title=worse");
    check(r#"{"title":""}"#, "title=");
    check(r#"{"price":12.5,"url":""}"#, "price=12.5");
    check(r#"{"price":3,"license":"CC0","orig_split":"val"}"#, "price=3 licence=CC0 split=val");
    check(r#"{"taxonomy":["A","B"]}"#, "taxonomy=A+B");
    check(r#"{"taxonomy":"A > B"}"#, "taxonomy=A+B");
    check(r#"{"category":"A/B|C"}"#, "taxonomy=A/B+C");
    check(r#"{"category":"A / B"}"#, "taxonomy=A+B");
    check(r#"{"category":"Shoes"}"#, "taxonomy=Shoes");
    check(r#"{"category":"['A', 'B']"}"#, "taxonomy=A+B");
    check(r#"{"categories":[["A","B"],["C"]]}"#, "taxonomy=A+B");
    check(r#"{"categories":["A > B"]}"#, "taxonomy=A+B");
    check(r#"{"categories":["A/B","C"]}"#, "taxonomy=A/B+C");
    check(r#"{"taxonomy":["A/B"]}"#, "taxonomy=A/B");
    check(r#"{"features":[0.5,1.5],"title":[[["deep"]]],"brand":[null]}"#, "");
    check(r#"{"bullet_points":["x","y",null]}"#, "bullets=x+y");
    check(r#"{"product_bullet_point":"x\n\n y "}"#, "bullets=x+y");
    check(r#"{"captions":["first","second"]}"#, "caption=first bullets=first+second");
    check(r#"{"label":7}"#, "class=7");
    check(r#"{"label":"cat"}"#, "leaf=cat");
    check(r#"{"image_id":1,"caption_id":2}"#, "key=2");
    check(r#"{"__key__":"k","id":"i"}"#, "key=k");
    check(r#"{"width":3,"height":4.0,"status":"success"}"#, "status=success 3x4");
    check(
        r#"{"attributes":"{\"wnid\":\"n01440764\",\"class_index\":0,\"orig_split\":\"train\"}"}"#,
        "split=train wnid=n01440764 class=0",
    );
    check(r#"{"metadata":{"wnid":"n01440764","wnids":[1]}}"#, "wnid=n01440764");
    check(r#"{"wnid":"cat"}"#, "");
    check(r#"{"attributes":"{\"wnid\": broken"}"#, "");
    check(r#"{"title":"\u00fc\n","nothing":{"a":[{}]}}"#, "title=ü\n");
    check("\u{feff}{\"title\":\"a\"}", "title=a");
    check(r#"{"title":"NaN","price":NaN,"x":[-Infinity],"y":"\"NaN"}"#, "title=NaN");
}

#[test]
fn columns_of_known_tables_open_sensibly() {
    let check = |columns: &[&str], expect: &[(Field, &str)]| {
        let columns: Vec<_> = columns.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        let expect: Vec<_> = expect.iter().map(|(field, name)| (*field, (*name).to_owned())).collect();
        assert_eq!(crate::formats::guess_map(&columns).0.into_iter().collect::<Vec<_>>(), expect);
    };
    // ESCI's products and examples, SQID's links, COCO as lines, img2dataset.
    check(
        &[
            "product_id",
            "product_title",
            "product_description",
            "product_bullet_point",
            "product_brand",
            "product_color",
        ],
        &[
            (Field::Key, "product_id"),
            (Field::Title, "product_title"),
            (Field::Description, "product_description"),
            (Field::Brand, "product_brand"),
            (Field::Bullets, "product_bullet_point"),
        ],
    );
    check(
        &["example_id", "query", "query_id", "product_id", "esci_label", "split"],
        &[(Field::Key, "example_id"), (Field::Caption, "query"), (Field::Split, "split")],
    );
    check(&["product_id", "image_url"], &[(Field::Key, "product_id"), (Field::Url, "image_url")]);
    check(
        &["image_id", "caption_id", "caption", "coco_url", "file_name"],
        &[
            (Field::Key, "caption_id"),
            (Field::Caption, "caption"),
            (Field::Url, "coco_url"),
            (Field::Image, "file_name"),
        ],
    );
    check(&["caption", "key", "sha256"], &[(Field::Key, "key"), (Field::Caption, "caption")]);
}

#[test]
fn overrides_win_and_switch_the_guess_off() {
    let check =
        |json: &str, map: &[(Field, &str)], expect: &str| assert_eq!(show(&read(json, map).0), expect, "{json}");
    let json = r#"{"title":"a","text":"b","thing":"c"}"#;
    check(json, &[(Field::Title, "thing")], "title=c caption=b");
    check(json, &[(Field::Caption, "title")], "title=a caption=a");
    check(json, &[(Field::Title, "absent")], "caption=b");
    check(r#"{"label":7}"#, &[(Field::Leaf, "label")], "leaf=7");
}

#[test]
fn wrong_types_are_told_once_for_each_field() {
    let mut mapper = Mapper::new(&FieldMap::default());
    for _ in 0..3 {
        let record =
            mapper.read_json(br#"{"title":{"en":"a"},"brand":["a","b"],"taxonomy":{"a":1},"bullets":3}"#).unwrap();
        assert_eq!(show(&record), "");
    }
    let warnings = mapper.take_warnings();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.kind == WarningKind::MetadataUnreadable));
    assert!(warnings[0].message.contains("\"title\""), "{warnings:?}");
}

#[test]
fn long_values_are_cut_at_a_character() {
    let text = "ü".repeat(MAX_TEXT / 2) + "end";
    let (record, warnings) = read(&format!(r#"{{"title":"{text}"}}"#), &[]);
    assert_eq!(record.fields.title.unwrap().len(), MAX_TEXT);
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].kind, WarningKind::ValueCut);
    assert_eq!(cut_text(&("a".to_owned() + &"ü".repeat(MAX_TEXT))).len(), MAX_TEXT - 1);
}

#[test]
fn what_is_no_object_is_an_error_and_depth_is_harmless() {
    let mut mapper = Mapper::new(&FieldMap::default());
    for bad in ["", "[1]", "\"a\"", "{", "{\"title\":\"a\"} x", "{\"title\":\"\\ud800\"}", "null"] {
        assert!(mapper.read_json(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(mapper.read_json(b"{\"title\":\"\xff\"}").is_err());
    for name in ["title", "nobody", "attributes"] {
        let deep = format!("{{\"{name}\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        // An error or a skipped value, never a stack that runs out.
        let _ = mapper.read_json(deep.as_bytes());
        let deep = format!("{{\"{name}\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        let _ = mapper.read_json(deep.as_bytes());
    }
}

#[test]
fn ids_as_keys_do_not_fill_the_memory() {
    let mut mapper = Mapper::new(&FieldMap::default());
    let json =
        format!("{{{}\"title\":\"a\"}}", (0..20_000).map(|id| format!("\"id{id}x\":1,")).collect::<Vec<_>>().concat());
    assert_eq!(show(&mapper.read_json(json.as_bytes()).unwrap()), "title=a");
    assert!(mapper.by_name.len() <= MAX_COLUMNS);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_records_or_errors(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Mapper::new(&FieldMap::default()).read_json(&bytes);
    }

    #[test]
    fn any_text_comes_back(text in ".*") {
        let json = serde_json::json!({ "title": text }).to_string();
        prop_assert_eq!(read(&json, &[]).0.fields.title, Some(text));
    }

    #[test]
    fn any_path_splits_into_trimmed_parts(text in "[^\\[]*") {
        for part in split_path(&text) {
            prop_assert!(!part.is_empty() && part.trim() == part);
        }
    }
}
