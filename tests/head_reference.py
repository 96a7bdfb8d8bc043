#!/usr/bin/env python3
"""scikit-learn's answer to what `shopscope explain --head A:B` learns.

    pip install numpy scikit-learn
    shopscope --catalog C features imagenet-mini/00000.tar lgs-mini/00000.tar --model MODEL.onnx
    python3 tests/head_reference.py A/pool.npy B/pool.npy [--splits 200]

Prints mean and standard deviation of the balanced accuracy on 30 % held-out rows over random splits, of logistic regression on
standardised features with C = 1 / (0.01 n) and class_weight="balanced": the same sum that the program minimises.
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("a")
parser.add_argument("b")
parser.add_argument("--splits", type=int, default=200)
args = parser.parse_args()
sides = [rows[np.isfinite(rows).all(1)] for rows in (np.load(args.a), np.load(args.b))]
x = np.concatenate(sides).astype(np.float64)
y = np.r_[np.ones(len(sides[0])), np.zeros(len(sides[1]))]
found = {"told": [], "shuffled": []}
for split in range(args.splits):
    for name in found:
        labels = y if name == "told" else np.random.default_rng(split).permutation(y)
        train, test, known, held = train_test_split(x, labels, test_size=0.3, stratify=labels, random_state=split)
        mean, deviation = train.mean(0), train.std(0)
        scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
        model = LogisticRegression(C=1 / (0.01 * len(train)), class_weight="balanced", max_iter=2000)
        model.fit((train - mean) * scale, known)
        found[name].append(balanced_accuracy_score(held, model.predict((test - mean) * scale)))
for name, values in found.items():
    print(f"{name}: {np.mean(values):.4f} +- {np.std(values):.4f} over {args.splits} splits of {len(sides[0])} + {len(sides[1])} rows")
