"""Iterates tar shards with webdataset and decodes each sample's JSON: the peer of benches/index.rs.

Usage: bench_webdataset.py SHARD.tar..     Prints: samples seconds
"""

import json
import sys
import time

import webdataset as wds


def main() -> None:
    start = time.perf_counter()
    samples = 0
    for sample in wds.WebDataset(sys.argv[1:], shardshuffle=False):
        json.loads(sample["json"])
        samples += 1
    print(samples, time.perf_counter() - start)


if __name__ == "__main__":
    main()
