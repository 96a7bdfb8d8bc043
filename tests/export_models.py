#!/usr/bin/env python3
"""Exports torchvision's architectures with seeded random weights to ONNX: what tests and timings run on.

    pip install torch torchvision onnx
    python3 tests/export_models.py OUT [--only resnet18,vit_b_16] [--opset 17]

Writes OUT/NAME.onnx (weights inside, input `input` [batch, 3, S, S], output `logits`, batch dynamic) and OUT/NAME.npz: a
seeded `input` of two pictures and torch's own `logits` for it. Nothing of it is kept in the repository.

Random weights as torchvision starts them leave dead ends (vit's head is all zeros, deep nets without trained
normalisation shrink their signal), so weights are drawn anew and the statistics of BatchNorm are moved off their
defaults: gradients then reach every layer and a wrong BatchNorm is seen.
"""

import argparse
import pathlib

import numpy as np
import onnx
import torch
import torchvision

# vgg11's first fully connected layer alone has 100 million weights: half a gigabyte whatever the classes.
MODELS = {
    "resnet18": 224,
    "resnet50": 224,
    "mobilenet_v2": 224,
    "mobilenet_v3_small": 224,
    "efficientnet_b0": 224,
    "densenet121": 224,
    "convnext_tiny": 224,
    "vit_b_16": 224,
    "vgg11": 224,
}
CLASSES = {"vgg11": 100}


def shake(model, seed):
    """Weights of every layer drawn anew, from `seed` alone."""
    rng = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu", generator=rng)
        elif isinstance(module, torch.nn.Linear):
            torch.nn.init.xavier_normal_(module.weight, generator=rng)
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.7, 1.3, generator=rng)
            module.bias.data.normal_(0.0, 0.1, generator=rng)
            module.running_mean.normal_(0.0, 0.1, generator=rng)
            module.running_var.uniform_(0.8, 1.25, generator=rng)
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)) and module.bias is not None:
            module.bias.data.normal_(0.0, 0.05, generator=rng)


def settle(model, size, seed):
    """Statistics of BatchNorm from a batch of noise, so that no layer grows or shrinks the signal without end."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if not norms:
        return
    for module in norms:
        module.momentum = 0.9
    model.train()
    with torch.no_grad():
        model(torch.randn(8, 3, size, size, generator=torch.Generator().manual_seed(seed)))
    model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", help="names, comma between")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    for name in args.only.split(",") if args.only else MODELS:
        size, seed = MODELS[name], sum(name.encode())
        torch.manual_seed(seed)  # dropout and stochastic depth while the statistics settle
        model = torchvision.models.get_model(name, weights=None, num_classes=CLASSES.get(name, 1000)).eval()
        shake(model, seed)
        settle(model, size, seed)
        batch = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed + 1))
        with torch.no_grad():
            logits = model(batch)
        assert logits.isfinite().all() and logits.std() > 1e-3, f"{name}: dead or exploding, {logits.std()}"
        assert (logits[0] - logits[1]).abs().max() > 1e-3, f"{name}: the input does not reach the output"
        path = args.out / f"{name}.onnx"
        torch.onnx.export(
            model,
            (batch,),
            path,
            opset_version=args.opset,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
            dynamo=False,
        )
        np.savez(args.out / f"{name}.npz", input=batch.numpy(), logits=logits.numpy())
        onnx.checker.check_model(str(path))
        print(f"{name}: {path.stat().st_size / 1e6:.1f} MB, logits {logits.mean():.3f} +- {logits.std():.3f}", flush=True)


if __name__ == "__main__":
    main()
