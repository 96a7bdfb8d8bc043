#!/usr/bin/env python3
"""Builds assets/wordnet/: the noun table that gives ImageNet's wnid folders names and a taxonomy.

    apt-get install wordnet-base
    pip install zstandard && pip download --no-deps timm
    python3 scripts/build_wordnet.py --timm timm-*.whl [--check imagenet1k_synsets.tsv]

nouns.txt.zst   UTF-8 under zstd, one line per noun synset of WordNet 3.0, in offset order:
                    OFFSET <TAB> lemma|lemma <TAB> hypernym,hypernym
                OFFSET has 8 digits: a wnid is "n" and the offset. Underscores of lemmas are spaces. Plain
                hypernyms (@) stand first, then instance hypernyms (@i), both in the database's order; the
                root's list is empty. Glosses are left out: they are two thirds of the bytes and unused.
imagenet1k.txt  the 1,000 wnids of ImageNet-1k, sorted, one a line: a wnid's line number is its class index.
LICENSE         WordNet's licence, as the header of the data file has it.

The result depends on the inputs alone, so a rebuild leaves no difference behind.
"""

import argparse
import functools
import pathlib
import sys
import zipfile

import zstandard

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "assets" / "wordnet"
LIMIT = 1_500_000  # bytes that the table may cost in the repository and in the binary
SYNSETS = 82_115  # nouns of WordNet 3.0; another count means another version, whose offsets are not wnids


def parse(line):
    """One line of data.noun -> (offset, lemmas, hypernym offsets). The format is wndb(5WN)."""
    words = line.split(" | ", 1)[0].split()
    offset, count = words[0], int(words[3], 16)
    lemmas = [word.replace("_", " ") for word in words[4 : 4 + 2 * count : 2]]
    at = 4 + 2 * count
    pointers = words[at + 1 : at + 1 + 4 * int(words[at])]
    quads = list(zip(pointers[0::4], pointers[1::4], pointers[2::4], strict=True))
    hypernyms = [target for kind in ("@", "@i") for symbol, target, _ in quads if symbol == kind]
    assert len(offset) == 8 and offset.isdigit(), line
    assert not any(set("|\t\n") & set(lemma) for lemma in lemmas), line
    return offset, lemmas, hypernyms


def check(synsets, classes, tsv):
    """Compares with an independent listing (index, wnid, lemmas, path_wnids, path_names): each of its paths
    must be a way from the root to the class, and a longest one. Where ways are equally long it may choose."""

    @functools.cache
    def ways(offset):
        ups = synsets[offset][1]
        return [way + (offset,) for up in ups for way in ways(up)] if ups else [(offset,)]

    rows = [line.split("\t") for line in tsv.read_text(encoding="utf-8").splitlines()[1:]]
    assert [row[1] for row in rows] == classes, "the class ids differ from the listing's"
    first = 0
    for _, wnid, lemmas, path_wnids, path_names in rows:
        own = ", ".join(synsets[wnid[1:]][0])
        assert own == lemmas, f"{wnid}: lemmas are {own!r}, not {lemmas!r}"
        path = tuple(node[1:] for node in path_wnids.split(">"))
        assert path in ways(wnid[1:]), f"{wnid}: no such way: {path_names}"
        assert len(path) == max(map(len, ways(wnid[1:]))), f"{wnid}: a longer way exists: {path_names}"
        assert [synsets[offset][0][0] for offset in path] == path_names.split(">"), wnid
        first += path == max(ways(wnid[1:]), key=len)
    print(f"{len(rows)} classes agree; {first} take the first of the longest ways")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--noun", type=pathlib.Path, default=pathlib.Path("/usr/share/wordnet/data.noun"))
    arguments.add_argument("--timm", type=pathlib.Path, required=True, help="timm's wheel")
    arguments.add_argument("--check", type=pathlib.Path, help="a table to compare with")
    arguments = arguments.parse_args()

    lines = arguments.noun.read_text(encoding="utf-8").splitlines()
    # The licence's lines are indented and numbered: "  4 read, understood, ..".
    licence = [line.strip().partition(" ")[2] for line in lines if line.startswith("  ")]
    synsets = {}
    for line in lines:
        if not line.startswith("  "):
            offset, lemmas, hypernyms = parse(line)
            synsets[offset] = (lemmas, hypernyms)
    assert len(synsets) == SYNSETS, f"{len(synsets)} noun synsets: this is not WordNet 3.0"
    assert list(synsets) == sorted(synsets)
    assert all(up in synsets for _, ups in synsets.values() for up in ups)
    assert [offset for offset, (_, ups) in synsets.items() if not ups] == ["00001740"], "entity is the one root"

    with zipfile.ZipFile(arguments.timm) as wheel:
        classes = sorted(wheel.read("timm/data/_info/imagenet_synsets.txt").decode().split())
    assert len(set(classes)) == 1000 and all(wnid[1:] in synsets for wnid in classes)
    if arguments.check:
        check(synsets, classes, arguments.check)

    table = "".join(f"{offset}\t{'|'.join(lemmas)}\t{','.join(ups)}\n" for offset, (lemmas, ups) in synsets.items())
    packed = zstandard.ZstdCompressor(level=19).compress(table.encode("utf-8"))
    if len(packed) >= LIMIT:
        sys.exit(f"the table takes {len(packed)} bytes, more than {LIMIT}")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "nouns.txt.zst").write_bytes(packed)
    (OUT / "imagenet1k.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    (OUT / "LICENSE").write_text("\n".join(line.rstrip() for line in licence).strip() + "\n", encoding="utf-8")
    print(f"{len(synsets)} synsets, {len(table.encode())} bytes, packed {len(packed)}")


if __name__ == "__main__":
    main()
