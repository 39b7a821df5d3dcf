from __future__ import annotations

import numpy as np
import torch
from torch import nn

from clothier.recipes import preset
from clothier.training.layers import layer_table
from clothier.training.networks import build_network, count_parameters
from tests.synthetic import draw_garments


def test_the_rows_add_up_to_the_parameters_of_the_network() -> None:
    images = draw_garments(60, 0).images
    for name in ("classic", "fast"):
        network = build_network(preset("cnn", name).network, images, 10, 0)
        rows = layer_table(network, images.shape[1:])
        assert sum(row["parameters"] for row in rows) == count_parameters(network)
        assert rows[-1]["output"] == [10]


def test_the_layers_of_the_reference_studys_cnn() -> None:
    images = draw_garments(60, 0).images
    rows = layer_table(build_network(preset("cnn", "classic").network, images, 10, 0), images.shape[1:])
    assert rows[0] == {"layer": "Conv2d 3x3", "output": [16, 26, 26], "parameters": 160}
    assert [row["output"] for row in rows if row["layer"] == "MaxPool2d 2x2"] == [[16, 13, 13], [64, 4, 4]]
    assert [row["layer"] for row in rows[-3:]] == ["Linear", "ReLU", "Linear"]


def test_what_is_fitted_before_training_has_no_trained_parameters() -> None:
    images = draw_garments(400, 0).images
    cnn, dnn = (build_network(preset(name, "fast").network, images, 10, 0) for name in ("cnn", "dnn"))
    assert layer_table(cnn, (28, 28))[0] == {
        "layer": "Whitening filters (fitted)",
        "output": list(cnn.get_submodule("features.stem")(torch.zeros(1, 1, 28, 28)).shape[1:]),
        "parameters": 0,
    }
    assert layer_table(dnn, (28, 28))[0]["layer"] == "PCA (fitted)"


def test_the_network_stays_as_it_was() -> None:
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert [row["layer"] for row in layer_table(network, (28, 28))] == ["BatchNorm1d", "Linear"]
    assert network.training
    assert not network[1]._forward_hooks
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
