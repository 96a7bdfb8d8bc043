//! The icons of the window as text: put one in a label, a button or a job.
//!
//! Written by `scripts/build_fonts.py` from the Phosphor icons; change the list there. The font is among the
//! fallbacks of every family, so an icon and its words can stand in one string.

/// Phosphor's `arrow-down`.
pub const ARROW_DOWN: &str = "\u{e03e}";
/// Phosphor's `arrow-left`.
pub const ARROW_LEFT: &str = "\u{e058}";
/// Phosphor's `arrow-right`.
pub const ARROW_RIGHT: &str = "\u{e06c}";
/// Phosphor's `arrow-square-out`.
pub const ARROW_SQUARE_OUT: &str = "\u{e5de}";
/// Phosphor's `arrow-u-up-left`.
pub const ARROW_U_UP_LEFT: &str = "\u{e08a}";
/// Phosphor's `arrow-u-up-right`.
pub const ARROW_U_UP_RIGHT: &str = "\u{e08c}";
/// Phosphor's `arrow-up`.
pub const ARROW_UP: &str = "\u{e08e}";
/// Phosphor's `arrows-clockwise`.
pub const ARROWS_CLOCKWISE: &str = "\u{e094}";
/// Phosphor's `arrows-in`.
pub const ARROWS_IN: &str = "\u{e09a}";
/// Phosphor's `arrows-out`.
pub const ARROWS_OUT: &str = "\u{e0a2}";
/// Phosphor's `barcode`.
pub const BARCODE: &str = "\u{e0b8}";
/// Phosphor's `bell`.
pub const BELL: &str = "\u{e0ce}";
/// Phosphor's `bookmark`.
pub const BOOKMARK: &str = "\u{e0e8}";
/// Phosphor's `bookmark-simple`.
pub const BOOKMARK_SIMPLE: &str = "\u{e0ea}";
/// Phosphor's `brackets-curly`.
pub const BRACKETS_CURLY: &str = "\u{e860}";
/// Phosphor's `caret-down`.
pub const CARET_DOWN: &str = "\u{e136}";
/// Phosphor's `caret-left`.
pub const CARET_LEFT: &str = "\u{e138}";
/// Phosphor's `caret-right`.
pub const CARET_RIGHT: &str = "\u{e13a}";
/// Phosphor's `caret-up`.
pub const CARET_UP: &str = "\u{e13c}";
/// Phosphor's `chart-bar`.
pub const CHART_BAR: &str = "\u{e150}";
/// Phosphor's `chart-scatter`.
pub const CHART_SCATTER: &str = "\u{eaac}";
/// Phosphor's `check`.
pub const CHECK: &str = "\u{e182}";
/// Phosphor's `check-circle`.
pub const CHECK_CIRCLE: &str = "\u{e184}";
/// Phosphor's `check-square`.
pub const CHECK_SQUARE: &str = "\u{e186}";
/// Phosphor's `circle`.
pub const CIRCLE: &str = "\u{e18a}";
/// Phosphor's `clock`.
pub const CLOCK: &str = "\u{e19a}";
/// Phosphor's `clock-counter-clockwise`.
pub const CLOCK_COUNTER_CLOCKWISE: &str = "\u{e1a0}";
/// Phosphor's `columns`.
pub const COLUMNS: &str = "\u{e546}";
/// Phosphor's `command`.
pub const COMMAND: &str = "\u{e1c4}";
/// Phosphor's `copy`.
pub const COPY: &str = "\u{e1ca}";
/// Phosphor's `crosshair`.
pub const CROSSHAIR: &str = "\u{e1d6}";
/// Phosphor's `crosshair-simple`.
pub const CROSSHAIR_SIMPLE: &str = "\u{e1d8}";
/// Phosphor's `cursor`.
pub const CURSOR: &str = "\u{e1dc}";
/// Phosphor's `database`.
pub const DATABASE: &str = "\u{e1de}";
/// Phosphor's `dots-three`.
pub const DOTS_THREE: &str = "\u{e1fe}";
/// Phosphor's `dots-three-vertical`.
pub const DOTS_THREE_VERTICAL: &str = "\u{e208}";
/// Phosphor's `download-simple`.
pub const DOWNLOAD_SIMPLE: &str = "\u{e20c}";
/// Phosphor's `export`.
pub const EXPORT: &str = "\u{eaf0}";
/// Phosphor's `eye`.
pub const EYE: &str = "\u{e220}";
/// Phosphor's `eye-slash`.
pub const EYE_SLASH: &str = "\u{e224}";
/// Phosphor's `file`.
pub const FILE: &str = "\u{e230}";
/// Phosphor's `file-text`.
pub const FILE_TEXT: &str = "\u{e23a}";
/// Phosphor's `files`.
pub const FILES: &str = "\u{e710}";
/// Phosphor's `fire`.
pub const FIRE: &str = "\u{e242}";
/// Phosphor's `flask`.
pub const FLASK: &str = "\u{e79e}";
/// Phosphor's `folder`.
pub const FOLDER: &str = "\u{e24a}";
/// Phosphor's `folder-open`.
pub const FOLDER_OPEN: &str = "\u{e256}";
/// Phosphor's `folder-simple-plus`.
pub const FOLDER_SIMPLE_PLUS: &str = "\u{e25e}";
/// Phosphor's `frame-corners`.
pub const FRAME_CORNERS: &str = "\u{e626}";
/// Phosphor's `funnel`.
pub const FUNNEL: &str = "\u{e266}";
/// Phosphor's `funnel-simple`.
pub const FUNNEL_SIMPLE: &str = "\u{e268}";
/// Phosphor's `gear`.
pub const GEAR: &str = "\u{e270}";
/// Phosphor's `grid-four`.
pub const GRID_FOUR: &str = "\u{e296}";
/// Phosphor's `hand`.
pub const HAND: &str = "\u{e298}";
/// Phosphor's `hard-drives`.
pub const HARD_DRIVES: &str = "\u{e2a0}";
/// Phosphor's `hash`.
pub const HASH: &str = "\u{e2a2}";
/// Phosphor's `house`.
pub const HOUSE: &str = "\u{e2c2}";
/// Phosphor's `image`.
pub const IMAGE: &str = "\u{e2ca}";
/// Phosphor's `image-broken`.
pub const IMAGE_BROKEN: &str = "\u{e7a8}";
/// Phosphor's `images`.
pub const IMAGES: &str = "\u{e836}";
/// Phosphor's `info`.
pub const INFO: &str = "\u{e2ce}";
/// Phosphor's `intersect`.
pub const INTERSECT: &str = "\u{e2d2}";
/// Phosphor's `keyboard`.
pub const KEYBOARD: &str = "\u{e2d8}";
/// Phosphor's `lasso`.
pub const LASSO: &str = "\u{edc6}";
/// Phosphor's `link`.
pub const LINK: &str = "\u{e2e2}";
/// Phosphor's `list`.
pub const LIST: &str = "\u{e2f0}";
/// Phosphor's `list-bullets`.
pub const LIST_BULLETS: &str = "\u{e2f2}";
/// Phosphor's `list-checks`.
pub const LIST_CHECKS: &str = "\u{eadc}";
/// Phosphor's `magnifying-glass`.
pub const MAGNIFYING_GLASS: &str = "\u{e30c}";
/// Phosphor's `magnifying-glass-minus`.
pub const MAGNIFYING_GLASS_MINUS: &str = "\u{e30e}";
/// Phosphor's `magnifying-glass-plus`.
pub const MAGNIFYING_GLASS_PLUS: &str = "\u{e310}";
/// Phosphor's `map-trifold`.
pub const MAP_TRIFOLD: &str = "\u{e31a}";
/// Phosphor's `minus`.
pub const MINUS: &str = "\u{e32a}";
/// Phosphor's `minus-circle`.
pub const MINUS_CIRCLE: &str = "\u{e32c}";
/// Phosphor's `minus-square`.
pub const MINUS_SQUARE: &str = "\u{ed4c}";
/// Phosphor's `monitor`.
pub const MONITOR: &str = "\u{e32e}";
/// Phosphor's `moon`.
pub const MOON: &str = "\u{e330}";
/// Phosphor's `note`.
pub const NOTE: &str = "\u{e348}";
/// Phosphor's `package`.
pub const PACKAGE: &str = "\u{e390}";
/// Phosphor's `palette`.
pub const PALETTE: &str = "\u{e6c8}";
/// Phosphor's `path`.
pub const PATH: &str = "\u{e39c}";
/// Phosphor's `pause`.
pub const PAUSE: &str = "\u{e39e}";
/// Phosphor's `play`.
pub const PLAY: &str = "\u{e3d0}";
/// Phosphor's `plus`.
pub const PLUS: &str = "\u{e3d4}";
/// Phosphor's `plus-circle`.
pub const PLUS_CIRCLE: &str = "\u{e3d6}";
/// Phosphor's `prohibit`.
pub const PROHIBIT: &str = "\u{e3de}";
/// Phosphor's `push-pin`.
pub const PUSH_PIN: &str = "\u{e3e2}";
/// Phosphor's `question`.
pub const QUESTION: &str = "\u{e3e8}";
/// Phosphor's `quotes`.
pub const QUOTES: &str = "\u{e660}";
/// Phosphor's `rectangle-dashed`.
pub const RECTANGLE_DASHED: &str = "\u{e3f2}";
/// Phosphor's `ruler`.
pub const RULER: &str = "\u{e6b8}";
/// Phosphor's `scales`.
pub const SCALES: &str = "\u{e750}";
/// Phosphor's `selection`.
pub const SELECTION: &str = "\u{e69a}";
/// Phosphor's `selection-all`.
pub const SELECTION_ALL: &str = "\u{e746}";
/// Phosphor's `selection-slash`.
pub const SELECTION_SLASH: &str = "\u{e69e}";
/// Phosphor's `shuffle`.
pub const SHUFFLE: &str = "\u{e422}";
/// Phosphor's `sidebar-simple`.
pub const SIDEBAR_LEFT: &str = "\u{ec24}";
/// Phosphor's `sidebar-simple`, mirrored.
pub const SIDEBAR_RIGHT: &str = "\u{f8e0}";
/// Phosphor's `sliders-horizontal`.
pub const SLIDERS_HORIZONTAL: &str = "\u{e434}";
/// Phosphor's `sort-ascending`.
pub const SORT_ASCENDING: &str = "\u{e444}";
/// Phosphor's `sort-descending`.
pub const SORT_DESCENDING: &str = "\u{e446}";
/// Phosphor's `sparkle`.
pub const SPARKLE: &str = "\u{e6a2}";
/// Phosphor's `spinner-gap`.
pub const SPINNER_GAP: &str = "\u{e66c}";
/// Phosphor's `square`.
pub const SQUARE: &str = "\u{e45e}";
/// Phosphor's `squares-four`.
pub const SQUARES_FOUR: &str = "\u{e464}";
/// Phosphor's `stack`.
pub const STACK: &str = "\u{e466}";
/// Phosphor's `star`.
pub const STAR: &str = "\u{e46a}";
/// Phosphor's `stop`.
pub const STOP: &str = "\u{e46c}";
/// Phosphor's `storefront`.
pub const STOREFRONT: &str = "\u{e470}";
/// Phosphor's `sun`.
pub const SUN: &str = "\u{e472}";
/// Phosphor's `swap`.
pub const SWAP: &str = "\u{e83c}";
/// Phosphor's `tag`.
pub const TAG: &str = "\u{e478}";
/// Phosphor's `terminal`.
pub const TERMINAL: &str = "\u{e47e}";
/// Phosphor's `text-aa`.
pub const TEXT_AA: &str = "\u{e6ee}";
/// Phosphor's `text-t`.
pub const TEXT_T: &str = "\u{e48a}";
/// Phosphor's `trash`.
pub const TRASH: &str = "\u{e4a6}";
/// Phosphor's `tree-structure`.
pub const TREE_STRUCTURE: &str = "\u{e67c}";
/// Phosphor's `tree-view`.
pub const TREE_VIEW: &str = "\u{ee48}";
/// Phosphor's `warning`.
pub const WARNING: &str = "\u{e4e0}";
/// Phosphor's `warning-circle`.
pub const WARNING_CIRCLE: &str = "\u{e4e2}";
/// Phosphor's `x`.
pub const X: &str = "\u{e4f6}";
/// Phosphor's `x-circle`.
pub const X_CIRCLE: &str = "\u{e4f8}";

/// Every icon with its name, in order of names.
pub const ALL: &[(&str, &str)] = &[
    ("arrow-down", ARROW_DOWN),
    ("arrow-left", ARROW_LEFT),
    ("arrow-right", ARROW_RIGHT),
    ("arrow-square-out", ARROW_SQUARE_OUT),
    ("arrow-u-up-left", ARROW_U_UP_LEFT),
    ("arrow-u-up-right", ARROW_U_UP_RIGHT),
    ("arrow-up", ARROW_UP),
    ("arrows-clockwise", ARROWS_CLOCKWISE),
    ("arrows-in", ARROWS_IN),
    ("arrows-out", ARROWS_OUT),
    ("barcode", BARCODE),
    ("bell", BELL),
    ("bookmark", BOOKMARK),
    ("bookmark-simple", BOOKMARK_SIMPLE),
    ("brackets-curly", BRACKETS_CURLY),
    ("caret-down", CARET_DOWN),
    ("caret-left", CARET_LEFT),
    ("caret-right", CARET_RIGHT),
    ("caret-up", CARET_UP),
    ("chart-bar", CHART_BAR),
    ("chart-scatter", CHART_SCATTER),
    ("check", CHECK),
    ("check-circle", CHECK_CIRCLE),
    ("check-square", CHECK_SQUARE),
    ("circle", CIRCLE),
    ("clock", CLOCK),
    ("clock-counter-clockwise", CLOCK_COUNTER_CLOCKWISE),
    ("columns", COLUMNS),
    ("command", COMMAND),
    ("copy", COPY),
    ("crosshair", CROSSHAIR),
    ("crosshair-simple", CROSSHAIR_SIMPLE),
    ("cursor", CURSOR),
    ("database", DATABASE),
    ("dots-three", DOTS_THREE),
    ("dots-three-vertical", DOTS_THREE_VERTICAL),
    ("download-simple", DOWNLOAD_SIMPLE),
    ("export", EXPORT),
    ("eye", EYE),
    ("eye-slash", EYE_SLASH),
    ("file", FILE),
    ("file-text", FILE_TEXT),
    ("files", FILES),
    ("fire", FIRE),
    ("flask", FLASK),
    ("folder", FOLDER),
    ("folder-open", FOLDER_OPEN),
    ("folder-simple-plus", FOLDER_SIMPLE_PLUS),
    ("frame-corners", FRAME_CORNERS),
    ("funnel", FUNNEL),
    ("funnel-simple", FUNNEL_SIMPLE),
    ("gear", GEAR),
    ("grid-four", GRID_FOUR),
    ("hand", HAND),
    ("hard-drives", HARD_DRIVES),
    ("hash", HASH),
    ("house", HOUSE),
    ("image", IMAGE),
    ("image-broken", IMAGE_BROKEN),
    ("images", IMAGES),
    ("info", INFO),
    ("intersect", INTERSECT),
    ("keyboard", KEYBOARD),
    ("lasso", LASSO),
    ("link", LINK),
    ("list", LIST),
    ("list-bullets", LIST_BULLETS),
    ("list-checks", LIST_CHECKS),
    ("magnifying-glass", MAGNIFYING_GLASS),
    ("magnifying-glass-minus", MAGNIFYING_GLASS_MINUS),
    ("magnifying-glass-plus", MAGNIFYING_GLASS_PLUS),
    ("map-trifold", MAP_TRIFOLD),
    ("minus", MINUS),
    ("minus-circle", MINUS_CIRCLE),
    ("minus-square", MINUS_SQUARE),
    ("monitor", MONITOR),
    ("moon", MOON),
    ("note", NOTE),
    ("package", PACKAGE),
    ("palette", PALETTE),
    ("path", PATH),
    ("pause", PAUSE),
    ("play", PLAY),
    ("plus", PLUS),
    ("plus-circle", PLUS_CIRCLE),
    ("prohibit", PROHIBIT),
    ("push-pin", PUSH_PIN),
    ("question", QUESTION),
    ("quotes", QUOTES),
    ("rectangle-dashed", RECTANGLE_DASHED),
    ("ruler", RULER),
    ("scales", SCALES),
    ("selection", SELECTION),
    ("selection-all", SELECTION_ALL),
    ("selection-slash", SELECTION_SLASH),
    ("shuffle", SHUFFLE),
    ("sidebar-left", SIDEBAR_LEFT),
    ("sidebar-right", SIDEBAR_RIGHT),
    ("sliders-horizontal", SLIDERS_HORIZONTAL),
    ("sort-ascending", SORT_ASCENDING),
    ("sort-descending", SORT_DESCENDING),
    ("sparkle", SPARKLE),
    ("spinner-gap", SPINNER_GAP),
    ("square", SQUARE),
    ("squares-four", SQUARES_FOUR),
    ("stack", STACK),
    ("star", STAR),
    ("stop", STOP),
    ("storefront", STOREFRONT),
    ("sun", SUN),
    ("swap", SWAP),
    ("tag", TAG),
    ("terminal", TERMINAL),
    ("text-aa", TEXT_AA),
    ("text-t", TEXT_T),
    ("trash", TRASH),
    ("tree-structure", TREE_STRUCTURE),
    ("tree-view", TREE_VIEW),
    ("warning", WARNING),
    ("warning-circle", WARNING_CIRCLE),
    ("x", X),
    ("x-circle", X_CIRCLE),
];
