"""Words and n-grams of captions, straight from the definitions: what src/analysis/text/ is compared with.

    python3 tests/text_reference.py CAPTIONS.jsonl [--min-count 10] [--top 20]

Each line is a JSON string or null. Needs nothing but Python.
"""

import argparse
import collections
import json
import math
import re
import unicodedata

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
SPLIT = re.compile("[%s]+" % WHITE_SPACE)
# On the classes of the characters: w = \p{L}\p{M}\p{N} but d = \p{Nd}; j = ' ’ - ‐; p = . ,
TOKEN = re.compile(r"[wd]+(?:(?:j|(?<=d)p(?=d))[wd]+)*")


class Classes(dict):
    def __missing__(self, code):
        c = chr(code)
        category = unicodedata.category(c)
        found = "j" if c in "'\u2019-\u2010" else "p" if c in ".," else "d" if category == "Nd" else "w" if category[0] in "LMN" else "o"
        self[code] = found
        return found


CLASSES = Classes()


def tokens(caption):
    lowered = "".join(c.lower()[0] for c in caption)
    return [lowered[m.start() : m.end()] for m in TOKEN.finditer(lowered.translate(CLASSES))]


def moments(lengths):
    if not lengths:
        return None
    n, ordered = len(lengths), sorted(lengths)
    mean = math.fsum(lengths) / n
    m2 = math.fsum((x - mean) ** 2 for x in lengths) / n
    m3 = math.fsum((x - mean) ** 3 for x in lengths) / n
    return {
        "captions": n,
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "median": (ordered[(n - 1) // 2] + ordered[n // 2]) / 2,
        "std": math.sqrt(m2),
        "skew": m3 / m2**1.5 if ordered[0] < ordered[-1] else None,
        "total": sum(lengths),
    }


def fnv(lines):
    digest = 0xCBF29CE484222325
    for byte in "".join(lines).encode():
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return "%016x" % digest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("captions")
    parser.add_argument("--min-count", type=int, default=10)
    parser.add_argument("--top", type=int, default=20)
    args = parser.parse_args()
    with open(args.captions, encoding="utf-8") as file:
        captions = [c for c in map(json.loads, file) if c is not None]
    result = {"words": moments([len([w for w in SPLIT.split(c) if w]) for c in captions]), "ngrams": []}
    counts = [collections.Counter() for _ in range(3)]
    for words in map(tokens, captions):
        for n, counter in enumerate(counts, 1):
            counter.update(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    for n, counter in enumerate(counts, 1):
        often = sorted((gram, count) for gram, count in counter.items() if count >= args.min_count)
        result["ngrams"].append(
            {
                "n": n,
                "total": sum(counter.values()),
                "distinct": len(counter),
                "at_least_min": len(often),
                "top": [{"gram": g, "count": c} for g, c in sorted(counter.items(), key=lambda item: (-item[1], item[0]))[: args.top]],
                # Of the lines "gram<TAB>count", in order of code points: equal only if the full tables are.
                "table": fnv("%s\t%d\n" % line for line in often),
            }
        )
    print(json.dumps(result, ensure_ascii=False, indent=1))


main()
