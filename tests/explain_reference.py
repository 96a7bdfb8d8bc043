#!/usr/bin/env python3
"""Torch's answers to what `shopscope explain` computes.

    pip install torch torchvision onnx onnxruntime pillow
    python3 tests/explain_reference.py mobilenet MODEL.onnx > tests/fixtures/explain_mobilenet.json
    python3 tests/explain_reference.py models EXPORTS target/debug/shopscope [--only resnet18] [--device cpu]

`mobilenet` runs the real MobileNet's graph (Conv, Clip, GlobalAveragePool, Flatten) in torch and prints maps by autograd for a
picture that `tests/explain.rs` draws, too. `models` holds the program against autograd on torchvision's architectures as
`tests/export_models.py OUT` exports them, and prints a table of relative L2 errors.
"""

import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def picture(side):
    """Smooth and rough parts, exact in bytes."""
    y, x = np.mgrid[0:side, 0:side]
    red = (x * 2 + y) % 256
    green = (x * y // 16 + 40) % 256
    blue = ((x - 70) ** 2 + (y - 60) ** 2 < 40**2) * 180 + 30
    return np.stack([red, green, blue], -1).astype(np.uint8)


def grad_cam(values, gradient):
    return (gradient.mean((1, 2), keepdims=True) * values).sum(0)


def grad_cam_plus_plus(values, gradient):
    square, cube = gradient**2, gradient**3
    alpha = square / (2 * square + values.sum((1, 2), keepdims=True) * cube + 1e-6)
    alpha = np.where(gradient != 0, alpha, 0)
    return ((np.maximum(gradient, 0) * alpha).sum((1, 2), keepdims=True) * values).sum(0)


METHODS = {
    "gradcam": grad_cam,
    "gradcam++": grad_cam_plus_plus,
    "hirescam": lambda values, gradient: (values * gradient).sum(0),
    "layercam": lambda values, gradient: (values * np.maximum(gradient, 0)).sum(0),
}


def eigen_cam(values):
    rows = values.reshape(len(values), -1).T
    rows = rows - rows.mean(0)
    map = rows @ np.linalg.svd(rows.astype(np.float64), full_matrices=False)[2][0]
    sums = values.reshape(len(values), -1).sum(0)
    map *= np.sign(((sums - sums.mean()) * map).sum())
    return map.reshape(values.shape[1:])


def interpret(path, x):
    """Runs a graph of MobileNet's operators; all tensors by name."""
    graph = onnx.load(path).graph
    tensors = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    tensors[graph.input[0].name] = x
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [tensors[name] for name in node.input]
        if node.op_type == "Conv":
            top, left, bottom, right = attributes["pads"]
            padded = F.pad(inputs[0], (left, right, top, bottom))
            out = F.conv2d(padded, *inputs[1:], stride=attributes["strides"], groups=attributes["group"])
        elif node.op_type == "Clip":
            out = inputs[0].clamp(inputs[1].item(), inputs[2].item())
        elif node.op_type == "GlobalAveragePool":
            out = inputs[0].mean((2, 3), keepdim=True)
        elif node.op_type == "Flatten":
            out = inputs[0].flatten(1)
        elif node.op_type == "Softmax":
            out = inputs[0].softmax(-1)
        else:
            raise SystemExit(f"no {node.op_type} here")
        if out.requires_grad:
            out.retain_grad()
        tensors[node.output[0]] = out
    return tensors


def mobilenet(path):
    pixels = picture(146)[9:137, 9:137]
    answers = {}
    for name, wanted in [("predicted", None), ("207", 207)]:
        x = torch.from_numpy(((pixels / 255 - 0.5) / 0.5).astype(np.float32).transpose(2, 0, 1)[None].copy())
        x.requires_grad_()
        tensors = interpret(path, x)
        logits = tensors["logits"][0]
        index = int(logits.argmax()) if wanted is None else wanted
        logits[index].backward()
        answer = {"class": index, "score": logits[index].item(), "probability": logits.softmax(0)[index].item()}
        for layer in ("block3", "block4"):
            values, gradient = (t[0].detach().numpy() for t in (tensors[layer], tensors[layer].grad))
            maps = {method: make(values, gradient) for method, make in METHODS.items()}
            maps["eigencam"] = eigen_cam(values)
            answer[layer] = {method: [float(f"{v:.7g}") for v in map.ravel()] for method, map in maps.items()}
        gradient = x.grad[0].numpy()
        answer["gradient_length"] = float(np.linalg.norm(extreme(gradient)))
        answer["gradient_input_sum"] = float((gradient * x[0].detach().numpy()).sum())
        answers[name] = answer
    json.dump(answers, sys.stdout, indent=0)
    print()


def extreme(gradient):
    at = np.abs(gradient).argmax(0)
    return np.take_along_axis(gradient, at[None], 0)[0]


def models(args):
    import torchvision
    from PIL import Image

    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import export_models as export

    torch.set_num_threads(2)
    print("| model | layer | relative L2 to torch | median | to torch in f64 | torch's f32 to its f64 | shifted by a place | class 7 |")
    print("|---|---|---|---|---|---|---|---|")
    for name in args.only.split(",") if args.only else export.MODELS:
        path, size, seed = args.exports / f"{name}.onnx", export.MODELS[name], sum(name.encode())
        if not path.exists():
            continue
        torch.manual_seed(seed)
        model = torchvision.models.get_model(name, weights=None, num_classes=export.CLASSES.get(name, 1000)).eval()
        export.shake(model, seed)
        export.settle(model, size, seed)
        model.eval()
        for module in model.modules():
            if hasattr(module, "inplace"):
                module.inplace = False
        known = np.load(args.exports / f"{name}.npz")
        with torch.no_grad():
            off = (model(torch.from_numpy(known["input"])) - torch.from_numpy(known["logits"])).abs().max().item()
        assert off < 1e-2 * np.abs(known["logits"]).max(), f"{name}: the weights are others, {off}"
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            Image.fromarray(picture(size)).save(folder / "p.png")
            card = folder / "card.toml"
            card.write_text(f"[preprocessing]\nresize = 0\ncrop = {size}\n")
            x = (picture(size) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            x = torch.from_numpy(x.astype(np.float32).transpose(2, 0, 1)[None].copy()).requires_grad_()

            def explain(*more):
                command = [args.program, "--catalog", folder / "c", "explain", "--image", folder / "p.png", "--model", path,
                           "--card", card, "--device", args.device, "--out", folder / "out", "--json", *more]
                done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
                if done.returncode:
                    return done.stderr.strip()
                said = json.loads(done.stdout)["explanations"][0]
                return said, np.load(said["map"])

            passes = [forward(model, x), forward(copy.deepcopy(model).double(), x.detach().double().requires_grad_())]
            stages = explain("--layer", "no such layer").split("it has ")[1].split(", ")
            default = explain()[0]["layer"]
            early = stages[max(0, stages.index(default) // 3)]
            for layer in dict.fromkeys([default, early, "input"]):
                more = ["--method", "gradient"] if layer == "input" else ["--layer", layer]
                said, got = explain(*more)
                single, double = (reference(path, layer, said, each) for each in passes)
                clear = np.ones_like(single, bool)
                if layer == "input":
                    clear = ~tied(passes[1][1].grad[0].numpy())
                    if not clear.all():
                        print(f"{name}: {(~clear).sum()} of {clear.size} places left out, where channels tie", file=sys.stderr)
                off = lambda a, b: np.linalg.norm((a - b)[clear]) / np.linalg.norm(b[clear])
                median = np.median(np.abs(got - single)) / np.median(np.abs(single))
                other = explain(*more, "--class", "7")[1]
                row = (off(got, single), median, off(got, double), off(single, double), off(np.roll(got, 1, 1), single),
                       off(other, single))
                shape = "x".join(map(str, got.shape))
                texts = [f"{error:.1e}" for error in row[:4]] + [f"{error:.2f}" for error in row[4:]]
                print(f"| {name} | {layer} {shape} | {' | '.join(texts)} |", flush=True)
                # Far from the end some ReLUs near 0 fall to the other side in f32, here or in torch: there the program
                # is about as near to f64 as torch's own f32 is.
                assert (row[0] <= 1e-4 or row[2] <= 3 * row[3]) and min(row[4:]) > 0.05, row


def tied(gradient):
    """Where the greatest of the channels [C, h, w] and one of the other sign are as great in f32: the map may show either."""
    up, down = gradient.max(0), -gradient.min(0)
    return np.abs(up - down) < 1e-4 * np.maximum(up, down)


def forward(model, x):
    """Scores of one picture, the picture, and what each call of a module made."""
    outputs = []
    hooks = [module.register_forward_hook(lambda m, i, o: outputs.append(o)) for module in model.modules()]
    logits = model(x)[0]
    for hook in hooks:
        hook.remove()
    outputs = [output for output in outputs if torch.is_tensor(output) and output.requires_grad]
    for output in outputs:
        output.retain_grad()
    return logits, x, outputs


def reference(path, layer, said, one_pass):
    logits, x, outputs = one_pass
    for tensor in [x, *outputs]:
        tensor.grad = None
    logits[said["class"]].backward(retain_graph=True)
    if layer == "input":
        return extreme(x.grad[0].numpy())
    return grad_cam(*of_tensor(path, said["tensor"], x, outputs))


def of_tensor(path, tensor, x, outputs):
    """Values [C, h, w] and gradient of the module whose output is a tensor of the graph."""
    import onnxruntime

    graph = onnx.load(path)
    graph.graph.output.append(onnx.ValueInfoProto(name=tensor))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    expect = session.run([tensor], {session.get_inputs()[0].name: x.detach().float().numpy()})[0]
    for output in outputs:
        if tuple(output.shape) != expect.shape or output.grad is None:
            continue
        values = output.detach().numpy()
        if np.linalg.norm(values - expect) < 1e-3 * np.linalg.norm(expect):
            gradient = output.grad.numpy()
            if values.ndim == 3:
                side = int(values.shape[1] ** 0.5)
                tokens = lambda t: t[0, -side * side:].T.reshape(-1, side, side)
                return tokens(values), tokens(gradient)
            # Channels last (ConvNeXt keeps them first in its stages).
            return values[0], gradient[0]
    raise SystemExit(f"no module makes {tensor}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("mobilenet")
    one.add_argument("model")
    several = commands.add_parser("models")
    several.add_argument("exports", type=pathlib.Path)
    several.add_argument("program")
    several.add_argument("--only", help="names, comma between")
    several.add_argument("--device", default="cpu")
    args = parser.parse_args()
    mobilenet(args.model) if args.command == "mobilenet" else models(args)
