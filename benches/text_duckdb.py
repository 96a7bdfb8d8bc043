"""DuckDB counting n-grams from ready integer ids, for benches/text.rs.

    text_duckdb.py IDS.u32 BITS THREADS TABLE1.u64 TABLE2.u64 TABLE3.u64

IDS holds one u32 for each token, 0 after each caption. Two ways are timed: from n columns of ids, and from one column of keys (ids packed into
one u64) that are made before the clock starts, which does DuckDB's work for it. Its tables of 10 or more are compared with ours (key,
count, ascending by key).
Prints {"seconds": [per order, from keys], "cpu_seconds": sum of those, "columns_seconds", "columns_cpu_seconds", "threads", "version", "equal"}.
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
seconds, cpu, columns_seconds, columns_cpu, equal = [], 0.0, [], 0.0, True


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
    parts = pyarrow.table({"w%d" % i: ids[i : len(ids) - n + 1 + i][whole] for i in range(n)})
    del key, whole
    start, cpu_start = time.perf_counter(), cpu_seconds()
    connection.execute("select *, count(*) as c from parts group by all having c >= 10").fetchnumpy()
    columns_seconds.append(time.perf_counter() - start)
    columns_cpu += cpu_seconds() - cpu_start
    del parts
    start, cpu_start = time.perf_counter(), cpu_seconds()
    found = connection.execute("select k, count(*) as c from grams group by k having c >= 10").fetchnumpy()
    seconds.append(time.perf_counter() - start)
    cpu += cpu_seconds() - cpu_start
    order = numpy.argsort(found["k"])
    ours = numpy.fromfile(path, dtype=numpy.uint64).reshape(-1, 2)
    equal &= numpy.array_equal(ours[:, 0], found["k"][order])
    equal &= numpy.array_equal(ours[:, 1], found["c"][order].astype(numpy.uint64))
result = {"seconds": seconds, "cpu_seconds": cpu, "columns_seconds": columns_seconds, "columns_cpu_seconds": columns_cpu}
print(json.dumps(result | {"threads": int(threads), "version": duckdb.__version__, "equal": bool(equal)}))
