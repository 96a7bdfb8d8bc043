#!/usr/bin/env python3
"""Trains the two demo models in assets/models/: small residual networks on the pictures that Shopscope draws itself.

    cargo run --release --example draw_demo -- demo/train --samples 16000 --seed 2
    cargo run --release --example draw_demo -- demo/held-out
    pip install torch torchvision onnx onnxruntime
    python3 scripts/train_demo_models.py demo/train demo/held-out

demo-scenes  learns the 20 classes of the scenes from nothing (the role of ImageNet).
demo-shop    goes on from demo-scenes' weights with a new head for the 24 leaves (the role of a shop's data).

The held-out pictures are those that `shopscope demo` makes (seed 1): the accuracy in the cards is the one that users see.
They are looked at once, after the last step: no choice was made by them. Training pictures have another seed.

Each model is a stem and four residual stages, BatchNorm folded into the convolutions; the tensors of the graph are named
stem, layer1 .. layer4, pool and logits. Preprocessing is torchvision's Resize with antialias and CenterCrop, on PIL pictures.
Some minutes on one core. The same inputs, versions, processor and --threads give the same bytes.
"""

import argparse
import io
import json
import pathlib
import sys
import tarfile
import time

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn
from torch.nn import functional
from torchvision import transforms

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "assets" / "models"
LIMIT = 3_000_000  # bytes that both may cost in the repository and in the binary
FLOOR = 0.90  # top-1 on the held-out pictures, below which nothing is written
SIDE = 128
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]
STEM = 16
WIDTHS = {"layer1": 24, "layer2": 40, "layer3": 64, "layer4": 128}
BLOCKS = {"layer1": 1, "layer2": 2, "layer3": 1, "layer4": 1}
# The stem halves the picture, layer1 to layer3 halve again, layer4 keeps 8 x 8: heat maps need some detail.
STRIDES = {"layer1": 2, "layer2": 2, "layer3": 2, "layer4": 1}
SEED = 20
BATCH = 32
PREPARE = transforms.Compose(
    [
        transforms.Resize(SIDE, interpolation=transforms.InterpolationMode.BILINEAR, antialias=True),
        transforms.CenterCrop(SIDE),
        transforms.PILToTensor(),
    ]
)


def samples(root):
    """The pictures of a WebDataset folder as u8 [N, 3, SIDE, SIDE], and their records."""
    pictures, records = [], []
    for shard in sorted(root.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                data = tar.extractfile(member).read()
                if member.name.endswith(".jpg"):
                    pictures.append(PREPARE(Image.open(io.BytesIO(data)).convert("RGB")))
                elif member.name.endswith(".json"):
                    records.append(json.loads(data))
    if not pictures or len(pictures) != len(records):
        sys.exit(f"{len(pictures)} pictures and {len(records)} records; draw the dataset first: {root}")
    return torch.stack(pictures), records


def classes_of(records):
    """Names in output order: by `class_index` where the records have one, else by the way down the taxonomy."""
    found = {}
    for record in records:
        attributes = json.loads(record["attributes"])
        found[record["leaf"]] = (attributes.get("class_index", 0), record["taxonomy"])
    return sorted(found, key=found.get)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.norm_shortcut = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return functional.relu(y + (x if self.shortcut is None else self.norm_shortcut(self.shortcut(x))))


class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        width = STEM
        self.stem_conv = nn.Conv2d(3, width, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        for name, outputs in WIDTHS.items():
            blocks = [Block(width, outputs, STRIDES[name])] + [Block(outputs, outputs, 1) for _ in range(1, BLOCKS[name])]
            setattr(self, name, nn.Sequential(*blocks))
            width = outputs
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = functional.relu(self.stem_norm(self.stem_conv(x)))
        for name in WIDTHS:
            x = getattr(self, name)(x)
        return self.head(x.mean((2, 3)))


def normal(pictures):
    """u8 pictures as the network's input."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pictures.float() / 255 - mean) / std


def augmented(pictures):
    """Each picture mirrored, moved and recoloured a little, as the network's input."""
    count, reach = len(pictures), 8
    x = functional.pad(pictures.float() / 255, [reach] * 4, mode="reflect")
    corners = torch.randint(0, 2 * reach + 1, (count, 2)).tolist()
    x = torch.stack([picture[:, top : top + SIDE, left : left + SIDE] for picture, (top, left) in zip(x, corners, strict=True)])
    mirrored = torch.rand(count) < 0.5
    x[mirrored] = x[mirrored].flip(3)
    grey = x.mean((1, 2, 3), keepdim=True)
    contrast = torch.rand(count, 1, 1, 1) * 0.4 + 0.8
    gain = 1 + 0.1 * (torch.rand(count, 3, 1, 1) * 2 - 1)
    light = 0.1 * (torch.rand(count, 1, 1, 1) * 2 - 1)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (((x - grey) * contrast + grey) * gain + light - mean) / std


def train(network, pictures, labels, epochs, rate):
    """SGD with momentum; the learning rate rises, then falls to nothing."""
    network.train().to(memory_format=torch.channels_last)
    kernels = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": 5e-4}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    steps = epochs * (len(pictures) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2, cycle_momentum=False)
    for epoch in range(epochs):
        start, total, right = time.monotonic(), 0.0, 0
        order = torch.randperm(len(pictures))
        for step, batch in enumerate(order[: len(order) // BATCH * BATCH].split(BATCH)):
            scores = network(augmented(pictures[batch]).to(memory_format=torch.channels_last))
            loss = functional.cross_entropy(scores, labels[batch], label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            plan.step()
            total += loss.item() * BATCH
            right += (scores.argmax(1) == labels[batch]).sum().item()
            if step % 100 == 99:
                done = (step + 1) * BATCH
                print(f"    {done} pictures: loss {total / done:.3f}, right {right / done:.4f}", file=sys.stderr, flush=True)
        seconds = time.monotonic() - start
        print(f"  {epoch + 1}/{epochs}: loss {total / len(order):.3f}, right {right / len(order):.4f}, {seconds:.0f} s", flush=True)
    network.eval()


class Graph:
    """The network as ONNX nodes whose names say what they are."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name, values):
        values = np.ascontiguousarray(values.detach().numpy().astype(np.float32))
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}/{kind}", **attributes))
        return output

    def conv(self, x, output, conv, norm):
        """A convolution and the BatchNorm behind it, as one."""
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        weight = self.weight(f"{output}.weight", conv.weight * gain.view(-1, 1, 1, 1))
        bias = self.weight(f"{output}.bias", norm.bias - norm.running_mean * gain)
        sides = {"kernel_shape": list(conv.kernel_size), "strides": list(conv.stride), "pads": list(conv.padding) * 2}
        return self.node("Conv", [x, weight, bias], output, **sides)


def export(network, path):
    graph = Graph()
    x = graph.node("Relu", [graph.conv("input", "stem.conv", network.stem_conv, network.stem_norm)], "stem")
    for stage in WIDTHS:
        blocks = list(getattr(network, stage))
        for place, block in enumerate(blocks):
            at = f"{stage}.{place}"
            y = graph.node("Relu", [graph.conv(x, f"{at}.conv1", block.conv1, block.norm1)], f"{at}.relu1")
            y = graph.conv(y, f"{at}.conv2", block.conv2, block.norm2)
            if block.shortcut is not None:
                x = graph.conv(x, f"{at}.shortcut", block.shortcut, block.norm_shortcut)
            y = graph.node("Add", [y, x], f"{at}.add")
            x = graph.node("Relu", [y], stage if place + 1 == len(blocks) else at)
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x], "pool.mean")], "pool", axis=1)
    head = [graph.weight("head.weight", network.head.weight), graph.weight("head.bias", network.head.bias)]
    graph.node("Gemm", [x, *head], "logits", transB=1)

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

    body = helper.make_graph(
        graph.nodes,
        path.stem,
        [value("input", 3, SIDE, SIDE)],
        [value("logits", network.head.out_features)],
        graph.weights,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], producer_name="train_demo_models.py")
    model.ir_version = 8
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def scores(model, pictures):
    """Logits of the finished ONNX file for u8 pictures."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    parts = [session.run(["logits"], {"input": normal(part).numpy()})[0] for part in pictures.split(BATCH)]
    return torch.from_numpy(np.concatenate(parts))


def card(title, names, accuracy, recall, trained_on):
    """The sidecar: Shopscope's model card."""
    lines = [
        f"# Made by scripts/train_demo_models.py; trained on {trained_on}.",
        f"# Top-1 {100 * accuracy:.1f} % on the 2,000 pictures that `shopscope demo` makes, none of which it was trained on.",
        "# Recall of each class there is behind its name.",
        f'name = "{title}"',
        'logits = "logits"',
        "classes = [",
        *(f"    {json.dumps(name)},{' ' * (22 - len(name))}# {100 * recall[name]:5.1f} %" for name in names),
        "]",
        "",
        "[preprocessing]",
        f"resize = {SIDE}",
        'interpolation = "bilinear"',
        f"crop = {SIDE}",
        'channels = "rgb"',
        f"mean = {MEAN}",
        f"std = {STD}",
        "",
        "[stages]",
        *(f'{stage} = "{stage}"' for stage in ["stem", *WIDTHS, "pool"]),
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path, help="folder of demo-scenes and demo-shop to learn from")
    parser.add_argument("held_out", type=pathlib.Path, help="folder of demo-scenes and demo-shop to measure on")
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    parser.add_argument("--epochs", type=int, nargs=2, default=[7, 3], metavar=("SCENES", "SHOP"))
    parser.add_argument("--threads", type=int, default=1, help="another number gives other last digits")
    args = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, onnx {onnx.__version__}")

    network, files = None, {}
    plans = [
        ("demo-scenes", "Demo scenes (20 classes)", "drawn scenes", args.epochs[0], 0.1),
        ("demo-shop", "Demo shop (24 leaves)", "drawn scenes, then on drawn shop pictures", args.epochs[1], 0.05),
    ]
    for name, title, trained_on, epochs, rate in plans:
        pictures, records = samples(args.train / name)
        names = classes_of(records)
        labels = torch.tensor([names.index(record["leaf"]) for record in records])
        print(f"{name}: {len(pictures)} pictures, {len(names)} classes", flush=True)
        before, network = network, Network(len(names))
        if before is not None:
            old = {key: value for key, value in before.state_dict().items() if not key.startswith("head.")}
            network.load_state_dict(old, strict=False)
        train(network, pictures, labels, epochs, rate)

        model = export(network, pathlib.Path(name))
        held, records = samples(args.held_out / name)
        truth = torch.tensor([names.index(record["leaf"]) for record in records])
        found = scores(model, held)
        with torch.no_grad():
            drift = (network(normal(held[:BATCH])) - found[:BATCH]).abs().max().item()
        assert drift < 1e-3, f"the ONNX file and torch differ by {drift}"
        right = (found.argmax(1) == truth).float()
        accuracy = right.mean().item()
        recall = {cls: right[truth == at].mean().item() for at, cls in enumerate(names)}
        print(f"{name}: top-1 {accuracy:.4f} on {len(held)} held out; least recall {min(recall.values()):.3f}", flush=True)
        if accuracy < FLOOR:
            sys.exit(f"{name} reaches {accuracy:.4f}, which is below {FLOOR}")
        files[f"{name}.onnx"] = model
        files[f"{name}.toml"] = card(title, names, accuracy, recall, trained_on).encode()
    size = sum(len(data) for name, data in files.items() if name.endswith(".onnx"))
    if size > LIMIT:
        sys.exit(f"the models have {size} bytes, more than {LIMIT}")
    for name, data in files.items():
        (args.out / name).write_bytes(data)
    print(f"{size} bytes of models: {args.out}")


if __name__ == "__main__":
    main()
