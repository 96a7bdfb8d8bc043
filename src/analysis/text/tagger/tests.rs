use proptest::prelude::*;

use super::*;

fn check(caption: &str, expect: &str) {
    let sentences = split(caption);
    let found: Vec<String> = sentences.iter().map(|sentence| sentence.join(" ")).collect();
    assert_eq!(found.join(" | "), expect, "{caption:?}");
}

#[test]
fn captions_are_cut_like_the_training_text() {
    check("", "");
    check(" \n ", "");
    check("A T-Shirt, size 8.5.", "A T-Shirt , size 8.5 .");
    check("Women's shoes don't fit. They're \"great\"!!", "Women 's shoes do n't fit . | They 're \" great \" !!");
    check("It’s the U.S. size, e.g. 5\" or 1/2 in.", "It ’s the U.S. size , e.g. 5 \" or 1/2 in.");
    check("black/white (2-pack) $5.99 20% off", "black / white ( 2-pack ) $ 5.99 20 % off");
    check("see https://a.b/c?d=e, www.x.com or a@b.c", "see https://a.b/c?d=e , www.x.com or a@b.c");
    check("line one\nline two", "line one | line two");
    check("wait... what?! -- ok", "wait ... | what ? ! | -- ok");
    check("👕 红色 T恤", "👕 红色 T恤");
    check("... ' \" - 's", "... | ' \" - 's");
    check("Gore-Tex® jacket,black; 10:30", "Gore-Tex ® jacket , black ; 10:30");
}

#[test]
fn no_character_is_lost() {
    for caption in ["a.b,c;d'e\"f(g)h", "''''", "don't''s n't 't", "’’s…—x", "\u{200b}.\u{301}'S"] {
        let joined: String = split(caption).words().concat();
        assert_eq!(joined, caption.split_whitespace().collect::<String>());
    }
}

#[test]
fn the_bundled_tagger_tags() {
    let mut session = Tagger::bundled().session();
    let mut tags = Vec::new();
    let mut check = |sentence: &str, expect: &str| {
        let words: Vec<&str> = sentence.split(' ').collect();
        session.tag(&words, &mut tags);
        let found: Vec<&str> = tags.iter().map(|tag| tag.name()).collect();
        assert_eq!(found.join(" "), expect, "{sentence}");
    };
    check("The red shirt is soft .", "DET ADJ NOUN AUX ADJ PUNCT");
    check("the red shirt is soft", "DET ADJ NOUN AUX ADJ");
    check("I want to buy two of them !", "PRON VERB PART VERB NUM ADP PRON PUNCT");
    let empty: &[&str] = &[];
    session.tag(empty, &mut tags);
    assert_eq!(tags, []);
    // Anything goes, and a session forgets without a trace.
    let long = "x".repeat(1 << 20);
    session.tag(&[&long, "", "\u{301}", "👕"], &mut tags);
    assert_eq!(tags.len(), 4);
}

#[test]
fn tags_do_not_depend_on_what_a_session_remembers() {
    let sentences: Vec<Vec<String>> =
        (0..300).map(|i| (0..5).map(|k| format!("w{}", (i * 7 + k * 13) % 400)).collect()).collect();
    let (mut tags, mut fresh) = (Vec::new(), Vec::new());
    let mut session = Tagger::bundled().session();
    session.remembered = 50;
    for sentence in &sentences {
        let words: Vec<&str> = sentence.iter().map(String::as_str).collect();
        session.tag(&words, &mut tags);
        Tagger::bundled().session().tag(&words, &mut fresh);
        assert_eq!(tags, fresh);
    }
}

#[test]
fn damaged_models_are_refused() {
    assert!(Tagger::from_bytes(b"").is_err());
    assert!(Tagger::from_bytes(&BUNDLED[..BUNDLED.len() / 2]).is_err());
    let unpacked = zstd::decode_all(BUNDLED).unwrap();
    for cut in [0, 4, 11, 12, 1000, unpacked.len() - 1] {
        assert!(Model::parse(&unpacked[..cut]).is_none(), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_caption_is_cut_into_words_without_loss(caption in "([a-zA-Z0-9 .,'’/\"$%#()!?…é👕\u{301}\n-]|\\PC){0,60}") {
        let sentences = split(&caption);
        prop_assert_eq!(sentences.words().concat(), caption.split_whitespace().collect::<String>());
        prop_assert!(sentences.words().iter().all(|word| !word.is_empty()));
        prop_assert!(sentences.iter().all(|sentence| !sentence.is_empty()));
        prop_assert_eq!(sentences.iter().map(<[&str]>::len).sum::<usize>(), sentences.words().len());
    }
}
