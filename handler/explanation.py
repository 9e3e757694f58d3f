"""Why a class: its class activation map."""

from collections.abc import Sequence

import numpy as np

from handler.engines.engine import Floats
from handler.ranking import Item

CLASSIFIER = "classifier.npy"  # the last layer's weights in an archive, float32 [classes, C]


def explain(items: Sequence[Item], maps: Floats) -> list[Item]:
    """The same items, each with `heatmap`: its class activation map as rows of numbers in 0..1.

    maps: float32 [items, h, w], as class_activation_maps gives them.
    """
    rounded = maps.astype(float).round(3).tolist()
    return [item | {"heatmap": map} for item, map in zip(items, rounded, strict=True)]


def class_activation_maps(feature_maps: Floats, weights: Floats) -> Floats:
    """Where the evidence for each of K classes lies: float32 [K, h, w] in 0..1.

    The feature maps [C, h, w], weighted by the class's row of the classifier [K, C] and added
    up (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016). In a
    network that averages its feature maps before one linear layer, as this one does, the mean of
    that sum is the class's logit without its bias, so the map is exact. (Where the averages are
    divided by their length before, all logits have that factor, and no map changes.) What speaks
    against the class counts as 0 and the greatest value becomes 1, which makes the map equal to
    Grad-CAM (Selvaraju et al., ICCV 2017). Where nothing speaks for a class, its map is all 0.
    """
    maps: Floats = np.maximum(np.tensordot(weights, feature_maps, 1), 0)
    greatest = maps.max((1, 2), keepdims=True)
    greatest[greatest == 0] = 1
    maps /= greatest
    return maps
