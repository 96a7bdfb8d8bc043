"""DuckDB counting n-grams from ready integer ids, for benches/text.rs.

    text_duckdb.py IDS.u32 BITS THREADS TABLE1.u64 TABLE2.u64 TABLE3.u64

IDS holds one u32 for each token, 0 after each caption. The keys (ids packed into one u64) are made before the clock starts, which is
more than fair: DuckDB gets one integer column per order. Its tables of 10 or more are compared with ours (key, count, ascending by key).
Prints {"seconds": [per order], "cpu_seconds", "threads", "version", "equal"}.
"""

import json
import resource
import sys
import time

import duckdb
import numpy
import pyarrow

ids, bits, threads, *tables = sys.argv[1:]
ids = numpy.fromfile(ids, dtype=numpy.uint32)
connection = duckdb.connect()
connection.execute("set threads = %d" % int(threads))
seconds, cpu, equal = [], 0.0, True


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


for n, path in enumerate(tables, 1):
    key = numpy.zeros(len(ids) - n + 1, dtype=numpy.uint64)
    whole = numpy.ones(len(key), dtype=bool)
    for i in range(n):
        part = ids[i : len(ids) - n + 1 + i]
        key = (key << numpy.uint64(bits)) | part
        whole &= part != 0
    grams = pyarrow.table({"k": key[whole]})
    del key, whole
    start, cpu_start = time.perf_counter(), cpu_seconds()
    found = connection.execute("select k, count(*) as c from grams group by k having c >= 10").fetchnumpy()
    seconds.append(time.perf_counter() - start)
    cpu += cpu_seconds() - cpu_start
    order = numpy.argsort(found["k"])
    ours = numpy.fromfile(path, dtype=numpy.uint64).reshape(-1, 2)
    equal &= numpy.array_equal(ours[:, 0], found["k"][order])
    equal &= numpy.array_equal(ours[:, 1], found["c"][order].astype(numpy.uint64))
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "threads": int(threads), "version": duckdb.__version__, "equal": bool(equal)}))
