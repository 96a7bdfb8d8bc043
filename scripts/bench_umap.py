"""The peer of `cargo bench --bench layout`: umap-learn on the same features, its JIT warm.

    python bench_umap.py FEATURES.npy EPOCHS

Prints one line: seconds of one end-to-end fit, then CPU seconds of the optimiser alone (one thread) for EPOCHS epochs
from the same graph. Needs: numpy, umap-learn.
"""
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
import umap
from umap.layouts import optimize_layout_euclidean
from umap.umap_ import find_ab_params

features, epochs = np.load(sys.argv[1]), int(sys.argv[2])
# As large as the numbers of rows at which umap-learn takes its other path, so that all of it is compiled.
umap.UMAP(n_epochs=11).fit(features[:5000])
start = time.perf_counter()
fitted = umap.UMAP(n_epochs=epochs).fit(features)
whole = time.perf_counter() - start

a, b = find_ab_params(1.0, 0.1)
graph = fitted.graph_.tocoo()
keep = graph.data >= graph.data.max() / epochs
head, tail, weight = graph.row[keep], graph.col[keep], graph.data[keep]
rng = np.random.default_rng(0)
state = rng.integers(-(2**31), 2**31 - 1, 3).astype(np.int64)
spent = 0.0
for count in (2, epochs):  # the first compiles
    positions = rng.uniform(0, 10, (len(features), 2)).astype(np.float32)
    start = time.process_time()
    optimize_layout_euclidean(
        positions, positions, head.astype(np.int32), tail.astype(np.int32), count, len(features),
        weight.max() / weight, a, b, state, 1.0, 1.0, 5.0, parallel=False,
    )
    spent = time.process_time() - start
print(whole, spent)
