"""The demo this project grew from, in spirit: eager PyTorch in Flask's own threaded server.

torchvision's transforms, eval(), no gradients, one model, top-3: the usual tutorial, done right.

python -m benchmarks.rivals.flask_demo WEIGHTS PORT
"""

import io
import sys
from pathlib import Path

import torch
from flask import Flask, jsonify, request
from flask.wrappers import Response
from PIL import Image

from handler.labels import IMAGENET, read_labels
from scripts.packaging.reference import WEIGHTS, load_reference

app = Flask(__name__)
model = load_reference(Path(sys.argv[1])).network.resnet
transforms = WEIGHTS.transforms()
labels = read_labels(IMAGENET)


@app.post("/predict")
def predict() -> Response:
    image = Image.open(io.BytesIO(request.get_data())).convert("RGB")
    with torch.inference_mode():
        probabilities = model(transforms(image)[None]).softmax(1)[0]
    values, indices = probabilities.topk(3)
    pairs = zip(values.tolist(), indices.tolist(), strict=True)
    return jsonify([{"class": labels[i].name, "confidence": value} for value, i in pairs])


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
