"""How well layouts keep the neighbours of their features, umap-learn's beside them.

    python score_umap.py FEATURES.npy LAYOUT.npy [LAYOUT.npy ...] [--labels LABELS.npy] [--peer SEEDS]

A line for each layout: trustworthiness and recall of 15 neighbours, silhouette of the labels, and how far the furthest
row lies out (its distance from the median over the 99th percentile). With --peer, umap-learn lays the same features
out first, once a seed. Needs: numpy, scikit-learn (and umap-learn for --peer).
"""
import argparse

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

NEAR = 15
MOST = 5000


def near(rows):
    found = NearestNeighbors(n_neighbors=NEAR + 1).fit(rows).kneighbors(rows, return_distance=False)
    return [[other for other in row if other != at][:NEAR] for at, row in enumerate(found)]


def line(name, features, layout, labels, wanted):
    kept = np.mean([len(set(a) & set(b)) / NEAR for a, b in zip(wanted, near(layout))])
    out = np.abs(layout - np.median(layout, axis=0))
    clusters = "" if labels is None else f"  silhouette {silhouette_score(layout, labels):.4f}"
    print(
        f"{name}: trustworthiness {trustworthiness(features, layout, n_neighbors=NEAR):.4f}  recall {kept:.4f}{clusters}"
        f"  furthest {out.max() / np.percentile(out, 99):.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features")
    parser.add_argument("layouts", nargs="*")
    parser.add_argument("--labels")
    parser.add_argument("--peer", type=int, default=0, metavar="SEEDS")
    args = parser.parse_intermixed_args()
    features = np.load(args.features).astype(np.float32)
    labels = np.load(args.labels) if args.labels else None
    layouts = [(path, np.load(path)) for path in args.layouts]
    if args.peer:
        import umap

        layouts += [
            (f"umap-learn, seed {seed}", umap.UMAP(random_state=seed).fit_transform(features))
            for seed in range(args.peer)
        ]
    # Rows without a position, and of many rows a sample: the figures take all pairs.
    good = np.flatnonzero(np.all([np.isfinite(layout).all(axis=1) for _, layout in layouts], axis=0))
    if len(good) > MOST:
        good = np.sort(np.random.default_rng(0).choice(good, MOST, replace=False))
    labels = None if labels is None else labels[good]
    wanted = near(features[good])
    for name, layout in layouts:
        line(name, features[good], layout[good], labels, wanted)


if __name__ == "__main__":
    main()
