#!/usr/bin/env python3
"""Rules of `shopscope gradients` against finite differences of what ONNX Runtime computes, for attributes that tract cannot run forward.

    pip install numpy onnx onnxruntime
    python3 tests/gradient_reference.py target/debug/shopscope

The unit tests beside the rules do the same on tract. Prints the relative L2 distance of each; the last column is that of a gradient
one place off, which the comparison must refuse.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIDE = 7
RNG = np.random.default_rng(1)


def weights(*dims):
    return RNG.standard_normal(dims).astype(np.float32)


def longs(*values):
    return np.array(values, np.int64)


def case(operator, stored=(), opset=19, **attributes):
    """One node over a picture [N, 3, 7, 7], then its square flattened: so that the gradient depends on the place."""
    names = [f"w{at}" for at in range(len(stored))]
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["q"]),
        helper.make_node("Add", ["q", "x"], ["p"]),
        helper.make_node(operator, ["p", *[name if value is not None else "" for name, value in zip(names, stored)]], ["t"], **attributes),
        helper.make_node("Flatten", ["t"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        operator,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", None])],
        [numpy_helper.from_array(value, name) for name, value in zip(names, stored) if value is not None],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


CASES = {
    "ConvTranspose strides dilations": case("ConvTranspose", [weights(3, 2, 2, 3)], strides=[2, 3], dilations=[2, 2]),
    "ConvTranspose all": case(
        "ConvTranspose", [weights(3, 2, 2, 3)], strides=[2, 3], dilations=[2, 1], group=3, pads=[1, 0, 0, 2], output_padding=[1, 2]
    ),
    "ConvTranspose output_shape": case("ConvTranspose", [weights(3, 2, 3, 3)], strides=[2, 2], output_shape=[14, 13]),
    "ConvTranspose SAME_UPPER": case("ConvTranspose", [weights(3, 2, 4, 3)], strides=[2, 2], auto_pad="SAME_UPPER"),
    "ConvTranspose SAME_LOWER": case("ConvTranspose", [weights(3, 2, 4, 3)], strides=[2, 2], auto_pad="SAME_LOWER"),
    "Conv SAME_LOWER": case("Conv", [weights(4, 3, 4, 3)], strides=[2, 2], auto_pad="SAME_LOWER"),
    "Conv asymmetric": case("Conv", [weights(6, 1, 3, 2)], group=3, pads=[0, 1, 2, 0], strides=[2, 1], dilations=[2, 3]),
    "MaxPool ceil dilations": case("MaxPool", kernel_shape=[3, 2], strides=[2, 2], dilations=[2, 3], ceil_mode=1, pads=[1, 0, 0, 1]),
    "MaxPool SAME_LOWER": case("MaxPool", kernel_shape=[2, 4], strides=[2, 2], auto_pad="SAME_LOWER"),
    "AveragePool ceil": case("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 0, 0]),
    "AveragePool ceil with padding": case(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 0, 0], count_include_pad=1
    ),
    "AveragePool dilations": case("AveragePool", kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 2, 0, 1]),
    "AveragePool SAME_UPPER with padding": case(
        "AveragePool", kernel_shape=[4, 2], strides=[2, 2], auto_pad="SAME_UPPER", count_include_pad=1
    ),
    "Pad reflect": case("Pad", [longs(0, 0, 3, 2, 0, 0, 1, 4)], mode="reflect"),
    "Pad edge": case("Pad", [longs(0, 0, 3, 2, 0, 0, 1, 4)], mode="edge"),
    "Slice backwards": case("Slice", [longs(-1, 5), longs(-20, 0), longs(3, 2), longs(-2, -1)]),
    "Gather table": case("Gather", [np.array([[0, -1], [3, 3]], np.int64)], axis=2),
    "Split rest": case("Split", [], axis=3, num_outputs=1),
    "Clip open below": case("Clip", [None, np.float32(0.4)]),
    "Softmax of operator set 11": case("Softmax", opset=11, axis=2),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    args = parser.parse_args()
    worst = 0.0
    for name, model in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            onnx.save(model, folder / "m.onnx")
            command = [args.program, "gradients", "--model", folder / "m.onnx", "--of", "y", "--wrt", "x", "--out", folder / "g.onnx"]
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if done.returncode:
                print(f"{name:40} {done.stderr.strip()}")
                worst = np.inf
                continue
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            forward = onnxruntime.InferenceSession(folder / "m.onnx", options)
            backward = onnxruntime.InferenceSession(folder / "g.onnx", options)
            x = RNG.standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
            y = forward.run(None, {"x": x})[0]
            seed = RNG.standard_normal(y.shape).astype(np.float32)
            got = backward.run(["grad_0"], {"x": x, "shopscope_seed": seed})[0]
            step = 2e-3
            expect = np.zeros(x.shape)
            for at in np.ndindex(*x.shape[1:]):
                sides = []
                for sign in (1, -1):
                    moved = x.copy()
                    moved[(slice(None), *at)] += sign * step
                    sides.append(forward.run(None, {"x": moved})[0].astype(np.float64))
                expect[(slice(None), *at)] = ((sides[0] - sides[1]) * seed).sum(1) / (2 * step)
            off = lambda a: np.linalg.norm(a - expect) / np.linalg.norm(expect)
            shifted = off(np.roll(got, 1, 3))
            print(f"{name:40} {off(got):.1e}  {shifted:.2f}", flush=True)
            # Differences of f32 results leave some 1e-3; a window's maximum may change hands within a step.
            worst = max(worst, off(got))
            assert shifted > 0.1, "the comparison is blind"
    sys.exit(f"a rule is wrong: {worst}" if worst > 2e-2 else 0)


if __name__ == "__main__":
    main()
