"""Prints tests/fixtures/preprocess.txt: torchvision's Resize and CenterCrop on pictures that follow a rule.

    python tests/preprocess_reference.py > tests/fixtures/preprocess.txt    # needs pillow, numpy, torchvision
"""

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize


def picture(width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [(x * 7 + y * 3) % 256, (x * x + 5 * y) % 256, ((x // 3 + y // 2) % 2) * 255]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


MODES = {
    "Bilinear": InterpolationMode.BILINEAR,
    "Bicubic": InterpolationMode.BICUBIC,
    "Lanczos": InterpolationMode.LANCZOS,
    "Nearest": InterpolationMode.NEAREST,
}
CASES = [
    (500, 375, 16, 6),
    (375, 500, 17, 6),
    (1, 1, 9, 6),
    (3, 500, 8, 6),
    (640, 7, 11, 6),
    (61, 67, 40, 6),
    (90, 120, 5, 6),
    (301, 299, 0, 6),
]
for name, mode in MODES.items():
    for width, height, resize, crop in CASES:
        image = picture(width, height)
        if resize:
            image = Resize(resize, interpolation=mode, antialias=True)(image)
        print(width, height, resize, name.lower(), CenterCrop(crop)(image).tobytes().hex())
