//! Captions to count.

/// Captions of everything that may stand in one: emoji, combining marks, CJK, right-to-left, zero-width and control characters, long ones, empty
/// ones, missing ones.
pub fn generated() -> Vec<Option<String>> {
    const PIECES: [&str; 48] = [
        "red",
        "Red",
        "T-Shirt",
        "t-shirt",
        "women's",
        "women\u{2019}s",
        "8.25",
        "1,000.50",
        "x",
        "THE",
        "the",
        "with",
        "a",
        "É",
        "é",
        "e\u{301}",
        "\u{301}",
        "Ä\u{308}rmel",
        "ΣΑΣ",
        "İ",
        "ß",
        "ﬁn",
        "红色",
        "连衣裙",
        "한국어",
        "ひらがな",
        "カタカナ",
        "قميص",
        "שמלה",
        "١٢.٥",
        "👕",
        "👩\u{200d}👧",
        "❤\u{fe0f}",
        "a\u{200b}b",
        "\u{feff}",
        "\u{ad}",
        "\0",
        "\u{7}",
        "\u{1c}",
        "½",
        "²",
        "Ⅳ",
        "5.5.5",
        "-",
        "''",
        "a--b",
        "1,,2",
        "end.",
    ];
    const BETWEEN: [&str; 12] = [" ", " ", " ", " ", "\t", "\u{a0}", "\u{3000}", "\n", "-", "'", ".", ""];
    let mut state = 20_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut captions: Vec<Option<String>> = vec![None, Some(String::new()), Some(" \n ".to_owned())];
    for i in 0..3000 {
        let length = if i % 500 == 0 { 2000 } else { random(25) };
        let mut caption = String::new();
        for _ in 0..length {
            let bound = random(PIECES.len()) + 1;
            caption.push_str(PIECES[random(bound)]);
            caption.push_str(BETWEEN[random(BETWEEN.len())]);
        }
        captions.push(if i % 97 == 0 { None } else { Some(caption) });
    }
    // One megabyte each (1 MiB is what is kept of a text): words, one word, nothing but marks.
    captions.push(Some("long caption words-and 4.5 ".repeat(38_000)));
    captions.push(Some("x".repeat(1 << 20)));
    captions.push(Some("\u{301}\u{200d}".repeat(200_000)));
    captions
}
