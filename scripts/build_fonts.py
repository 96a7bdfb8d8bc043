#!/usr/bin/env python3
"""Builds assets/fonts/ and src/views/icons.rs from three packages of the npm registry.

    pip install fonttools brotli
    python3 scripts/build_fonts.py          (runs `npm pack` in a temporary folder, then `rustfmt`)

Inter-Regular.ttf, Inter-SemiBold.ttf   the face of the window, cut to Latin, Greek, Cyrillic, punctuation and arrows.
    Figures are the tabular ones, so that counts stand in columns: egui cannot ask for a font feature, so what `tnum`
    would choose takes the place of the plain digits. Contextual alternates are dropped: they draw "->" as an arrow and
    "2x4" with a multiplication sign, and captions must be seen as they are.
JetBrainsMono-Regular.ttf               keys, raw fields, numbers in logs; the cut without ligatures.
Icons.ttf                               the Phosphor icons that the window uses, scaled and shifted so that an icon in a
    line of text is centred on the capitals of Inter, with Inter's line metrics, so that no line grows.
LICENSE-*.txt                           the licence of each.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from fontTools import subset
from fontTools.misc.transform import Transform
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

ROOT = pathlib.Path(__file__).resolve().parent.parent
FONTS = ROOT / "assets" / "fonts"
ICONS_RS = ROOT / "src" / "views" / "icons.rs"

INTER = "inter-ui@4.1.1"
MONO = "jetbrains-mono@1.0.6"
PHOSPHOR = "@phosphor-icons/web@2.1.2"
LIMIT = 250_000  # bytes a face may cost in the repository and in the binary

TEXT = [
    (0x0020, 0x007E), (0x00A0, 0x024F),  # Latin, Latin-1, extended A and B
    (0x0259, 0x0259), (0x02B0, 0x02FF), (0x0300, 0x036F),  # modifiers and combining marks
    (0x0370, 0x03FF), (0x0400, 0x052F),  # Greek, Cyrillic
    (0x1E00, 0x1EFF),  # Vietnamese and other composed Latin
    (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF),  # punctuation, super- and subscripts, currencies
    (0x2100, 0x214F), (0x2150, 0x218F), (0x2190, 0x21FF),  # letterlike, fractions, arrows
    (0x2200, 0x22FF), (0x2300, 0x23FF), (0x2500, 0x25FF),  # operators, keys, boxes and shapes
    (0x2600, 0x27BF), (0xFB00, 0xFB06), (0xFFFD, 0xFFFD),  # stars and ticks, ligatures, replacement
]  # fmt: skip
MONO_TEXT = [(0x0020, 0x007E), (0x00A0, 0x024F), (0x0370, 0x03FF), (0x0400, 0x052F), (0x2000, 0x206F),
             (0x20A0, 0x20CF), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2500, 0x25FF), (0xFFFD, 0xFFFD)]  # fmt: skip

ICONS = """
arrow-down arrow-left arrow-right arrow-square-out arrow-u-up-left arrow-u-up-right arrow-up arrows-clockwise arrows-in
arrows-out barcode bell bookmark bookmark-simple brackets-curly caret-down caret-left caret-right caret-up chart-bar
chart-scatter check check-circle check-square circle clock clock-counter-clockwise columns command copy crosshair
crosshair-simple cursor database dots-three dots-three-vertical download-simple export eye eye-slash file file-text
files fire flask folder folder-open folder-simple-plus frame-corners funnel funnel-simple gear grid-four hand
hard-drives hash house image image-broken images info intersect keyboard lasso link list list-bullets list-checks
magnifying-glass magnifying-glass-minus magnifying-glass-plus map-trifold minus minus-circle minus-square monitor moon
note package palette path pause play plus plus-circle prohibit push-pin question quotes rectangle-dashed ruler scales
selection selection-all selection-slash shuffle sidebar-simple sliders-horizontal sort-ascending sort-descending
sparkle spinner-gap square squares-four stack star stop storefront sun swap tag terminal text-aa text-t trash
tree-structure tree-view warning warning-circle x x-circle
""".split()
# Drawn by turning another one round: our name -> (Phosphor's name, code point in the private use area).
MIRRORED = {"sidebar-right": ("sidebar-simple", 0xF8E0)}
RENAMED = {"sidebar-simple": "sidebar-left"}
ICON_SCALE = 1.15  # of the text size: at 13 px text an icon is 15 px


def unpack(package, into):
    """Downloads a package of the npm registry; returns the folder of its files."""
    packed = subprocess.run(["npm", "pack", "--silent", package], cwd=into, check=True, capture_output=True, text=True)
    folder = into / re.sub(r"\W", "_", package)
    folder.mkdir()
    subprocess.run(["tar", "xzf", into / packed.stdout.split()[-1], "-C", folder], check=True)
    return folder / "package"


def cut(font, ranges, features):
    options = subset.Options()
    options.layout_features = features
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.glyph_names = False
    options.hinting = False  # the window hints by itself, and lightly
    options.drop_tables += ["GlyphOrder"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[code for first, last in ranges for code in range(first, last + 1)])
    cutter.subset(font)


def freeze_tabular_figures(font):
    """Lets the digits point to their tabular twins. What else `tnum` covers stays: its hyphen tears words apart."""
    gsub = font["GSUB"].table
    lookups = {i for f in gsub.FeatureList.FeatureRecord if f.FeatureTag == "tnum" for i in f.Feature.LookupListIndex}
    twins = {}
    for index in lookups:
        for table in gsub.LookupList.Lookup[index].SubTable:
            twins.update(getattr(table, "ExtSubTable", table).mapping)
    for table in font["cmap"].tables:
        if table.isUnicode():
            digits = {ord(digit) for digit in "0123456789"}
            table.cmap = {code: twins[g] if code in digits and g in twins else g for code, g in table.cmap.items()}
    cmap, widths = font.getBestCmap(), font["hmtx"]
    wide = {widths[cmap[ord(digit)]][0] for digit in "0123456789"}
    assert len(wide) == 1, f"the figures are not tabular: widths {wide}"


def save(font, name):
    # Times would make every build another file.
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.flavor = None
    path = FONTS / name
    font.save(path)
    size = path.stat().st_size
    print(f"{name}: {size} bytes, {len(font.getGlyphOrder())} glyphs")
    if size > LIMIT:
        sys.exit(f"{name} takes more than {LIMIT} bytes")


def icon_font(source, css, inter):
    """Cuts the icons out of Phosphor; returns the font and {our name: code point}."""
    codes = dict(re.findall(r"\.ph\.ph-([a-z0-9-]+):before \{\s*content: \"\\([0-9a-f]+)\"", css))
    missing = [name for name in ICONS if name not in codes]
    assert not missing, f"Phosphor has no {missing}"
    names = {name: int(codes[name], 16) for name in ICONS}
    font = TTFont(source)
    by_code = font.getBestCmap()
    glyphs, widths = font["glyf"], font["hmtx"]

    em, inter_em = font["head"].unitsPerEm, inter["head"].unitsPerEm
    capitals = inter["OS/2"].sCapHeight / inter_em * em / 2  # the middle of the capitals above the base line
    middle = (font["hhea"].ascent + font["hhea"].descent) / 2
    place = Transform().translate(0, capitals).scale(ICON_SCALE).translate(0, -middle)

    def redraw(glyph_name, transform):
        pen = TTGlyphPen(None)
        font.getGlyphSet()[glyph_name].draw(TransformPen(pen, transform))
        return pen.glyph()

    drawn = {}
    for name, code in names.items():
        glyph = by_code[code]
        width = widths[glyph][0]
        drawn[glyph] = (redraw(glyph, place), round(width * ICON_SCALE))
    for name, (like, code) in MIRRORED.items():
        glyph = by_code[names[like]]
        width = widths[glyph][0]
        mirror = place.translate(width, 0).scale(-1, 1)
        # The glyph takes the place of one that is cut away, so that no table has to grow.
        spare = next(g for c, g in by_code.items() if c not in names.values() and g not in drawn)
        drawn[spare] = (redraw(glyph, mirror), round(width * ICON_SCALE))
        for table in font["cmap"].tables:
            if table.isUnicode():
                table.cmap = {c: g for c, g in table.cmap.items() if g != spare} | {code: spare}
        names[name] = code
    for glyph, (outline, width) in drawn.items():
        glyphs[glyph] = outline
        outline.recalcBounds(glyphs)
        widths[glyph] = (width, getattr(outline, "xMin", 0))
    # A line that holds an icon is as high as one that does not.
    for ours, theirs in (("ascent", "ascent"), ("descent", "descent"), ("lineGap", "lineGap")):
        setattr(font["hhea"], ours, round(getattr(inter["hhea"], theirs) / inter_em * em))
    os2, from_os2 = font["OS/2"], inter["OS/2"]
    for field in ("sTypoAscender", "sTypoDescender", "sTypoLineGap", "usWinAscent", "usWinDescent"):
        setattr(os2, field, round(getattr(from_os2, field) / inter_em * em))
    cut(font, [(code, code) for code in names.values()], [])
    return font, {RENAMED.get(name, name): code for name, code in names.items()}


def write_rust(names):
    lines = [
        "//! The icons of the window as text: put one in a label, a button or a job.",
        "//!",
        "//! Written by `scripts/build_fonts.py` from the Phosphor icons; change the list there. The font is among the",
        "//! fallbacks of every family, so an icon and its words can stand in one string.",
        "",
    ]
    for name, code in sorted(names.items()):
        lines += [f"/// Phosphor's `{name}`.", f"pub const {name.upper().replace('-', '_')}: &str = \"\\u{{{code:x}}}\";"]
    lines += ["", "/// Every icon with its name, in order of names.", "pub const ALL: &[(&str, &str)] = &["]
    lines += [f'    ("{name}", {name.upper().replace("-", "_")}),' for name in sorted(names)]
    lines += ["];"]
    text = "\n".join(lines) + "\n"
    text = text.replace("/// Phosphor's `sidebar-left`.", "/// Phosphor's `sidebar-simple`.")
    text = text.replace("/// Phosphor's `sidebar-right`.", "/// Phosphor's `sidebar-simple`, mirrored.")
    ICONS_RS.write_text(text, encoding="utf-8")
    subprocess.run(["rustfmt", "--edition", "2024", "--config-path", ROOT, ICONS_RS], check=True)


def main():
    FONTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        inter, mono, phosphor = (unpack(package, folder) for package in (INTER, MONO, PHOSPHOR))
        regular = TTFont(inter / "web" / "Inter-Regular.woff2")
        icons, names = icon_font(
            phosphor / "src" / "regular" / "Phosphor.ttf",
            (phosphor / "src" / "regular" / "style.css").read_text(encoding="utf-8"),
            regular,
        )
        save(icons, "Icons.ttf")
        write_rust(names)
        for weight in ("Regular", "SemiBold"):
            font = TTFont(inter / "web" / f"Inter-{weight}.woff2")
            freeze_tabular_figures(font)
            cut(font, TEXT, ["ccmp", "locl", "kern", "mark", "mkmk"])
            save(font, f"Inter-{weight}.ttf")
        font = TTFont(mono / "fonts" / "webfonts" / "JetBrainsMonoNL-Regular.woff2")
        copyright_of_mono = font["name"].getDebugName(0)
        cut(font, MONO_TEXT, ["ccmp", "locl", "mark", "mkmk"])
        save(font, "JetBrainsMono-Regular.ttf")

        ofl = (inter / "LICENSE.txt").read_text(encoding="utf-8").replace("\r\n", "\n")
        (FONTS / "LICENSE-Inter.txt").write_text(ofl, encoding="utf-8")
        first = ofl.split("\n", 1)[0]
        assert first.startswith("Copyright"), first
        (FONTS / "LICENSE-JetBrainsMono.txt").write_text(ofl.replace(first, copyright_of_mono, 1), encoding="utf-8")
        mit = (phosphor / "LICENSE").read_text(encoding="utf-8")
        (FONTS / "LICENSE-Phosphor.txt").write_text(mit, encoding="utf-8")


if __name__ == "__main__":
    main()
