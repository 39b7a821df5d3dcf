from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from clothier.recipes import Optimizer
from clothier.training.networks import build_network
from clothier.training.optimizers import Muon, make_optimizers, newton_schulz

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Recipe

MUON_RECIPE = Optimizer(
    kind="muon", learning_rate=0.1, head_learning_rate=0.02, bias_learning_rate=5.0, momentum=0.6, weight_decay=1e-3
)
SGD_RECIPE = Optimizer(kind="sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-4)
KINDS = [
    Optimizer(kind="adam"),
    Optimizer(kind="adamw", weight_decay=0.01),
    MUON_RECIPE,
    Optimizer(kind="rmsprop"),
    SGD_RECIPE,
]


class OddNetwork(nn.Module):
    """A custom network, with weights of 0, 1, 2 and 4 dimensions and a frozen one."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(2.0))
        self.bank = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(4, 10)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)


def covered_parameters(optimizers: list[torch.optim.Optimizer]) -> list[int]:
    return sorted(id(weight) for one in optimizers for group in one.param_groups for weight in group["params"])


@pytest.mark.parametrize("wanted", KINDS, ids=lambda one: one.kind)
def test_every_trainable_weight_has_one_optimizer(wanted: Optimizer, recipe: Recipe, garments: LabeledImages) -> None:
    for network in (
        build_network(recipe.network, garments.images, 10, 0),
        OddNetwork(),
        nn.Linear(3, 2, bias=False),
        nn.Conv2d(1, 2, 3, bias=False),
    ):
        trainable = sorted(id(weight) for weight in network.parameters() if weight.requires_grad)
        assert covered_parameters(make_optimizers(network, wanted, torch.float32)) == trainable


@pytest.mark.parametrize("wanted", KINDS, ids=lambda one: one.kind)
def test_every_group_keeps_its_initial_learning_rate(wanted: Optimizer) -> None:
    for optimizer in make_optimizers(OddNetwork(), wanted, torch.float32):
        assert all(group["initial_lr"] == group["lr"] > 0 for group in optimizer.param_groups)


def test_muon_has_own_learning_rates_for_head_and_vectors() -> None:
    network = OddNetwork()
    muon, sgd = make_optimizers(network, MUON_RECIPE, torch.float32)
    vectors, head = sgd.param_groups
    assert covered_parameters([muon]) == [id(network.bank.weight)]
    assert {id(weight) for weight in vectors["params"]} == {
        id(network.temperature),
        id(network.bank.bias),
        id(network.head.bias),
    }
    assert [id(weight) for weight in head["params"]] == [id(network.head.weight)]
    assert (muon.param_groups[0]["lr"], vectors["lr"], head["lr"]) == (0.1, 5.0, 0.02)
    assert vectors["weight_decay"] * vectors["lr"] == pytest.approx(1e-3)
    assert head["weight_decay"] * head["lr"] == pytest.approx(1e-3)


def test_rmsprop_has_the_defaults_of_pytorch() -> None:
    (rmsprop,) = make_optimizers(OddNetwork(), Optimizer(kind="rmsprop", learning_rate=0.01), torch.float32)
    assert isinstance(rmsprop, torch.optim.RMSprop)
    assert rmsprop.defaults == torch.optim.RMSprop([torch.zeros(1)], lr=0.01).defaults


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.9, True), (0.0, False)])
def test_sgd_has_nesterov_momentum_where_it_has_any(momentum: float, nesterov: bool) -> None:
    (sgd,) = make_optimizers(OddNetwork(), replace(SGD_RECIPE, momentum=momentum), torch.float32)
    assert isinstance(sgd, torch.optim.SGD)
    expected = {"lr": 0.1, "momentum": momentum, "weight_decay": 1e-4, "nesterov": nesterov}
    assert {name: sgd.defaults[name] for name in expected} == expected


def test_adamw_decays_matrices_only() -> None:
    network = OddNetwork()
    (adamw,) = make_optimizers(network, KINDS[1], torch.float32)
    decay = {id(weight): group["weight_decay"] for group in adamw.param_groups for weight in group["params"]}
    assert decay[id(network.bank.weight)] == decay[id(network.head.weight)] == 0.01
    assert decay[id(network.temperature)] == decay[id(network.head.bias)] == 0


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (40, 8), (1, 9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_newton_schulz_approximates_the_nearest_orthogonal_matrix(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = newton_schulz(matrix, dtype)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    pushed = torch.linalg.svdvals(result)
    large = values > 0.15 * values.max()  # three steps do not reach the smallest ones
    assert result.dtype == torch.float32
    assert pushed[: int(large.sum())].min() > 0.5
    assert pushed.max() < 1.3
    assert torch.nn.functional.cosine_similarity(result.flatten(), (left @ right).flatten(), dim=0) > 0.9


def test_a_tall_matrix_is_treated_as_its_transpose() -> None:
    matrix = torch.randn(30, 7, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(newton_schulz(matrix), newton_schulz(matrix.T).T, atol=1e-5)


def test_muon_updates_convolutions_by_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 3, 3, 3, generator=generator))
    expected, momentum = weight.detach().clone(), torch.zeros(6, 27)
    optimizer = Muon([weight], lr=0.1, momentum=0.6, dtype=torch.float32)
    for _ in range(3):
        gradient = torch.randn(6, 3, 3, 3, generator=generator)
        weight.grad = gradient.clone()
        optimizer.step()
        momentum = 0.6 * momentum + gradient.reshape(6, 27)
        update = newton_schulz(gradient.reshape(6, 27) + 0.6 * momentum)
        expected = expected * (6**0.5 / expected.norm()) - 0.1 * update.reshape(6, 3, 3, 3)
    assert torch.allclose(weight.detach(), expected, atol=1e-5)


def test_muon_does_not_depend_on_the_memory_format() -> None:
    plain = nn.Parameter(torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0)))
    last = nn.Parameter(plain.detach().clone().to(memory_format=torch.channels_last))
    gradient = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    for weight in (plain, last):
        weight.grad = gradient.clone()
        Muon([weight], lr=0.1, momentum=0.6, dtype=torch.float32).step()
    assert torch.allclose(plain, last, atol=1e-6)


def test_muon_keeps_the_norm_of_each_weight() -> None:
    weight = nn.Parameter(100 * torch.randn(9, 20, generator=torch.Generator().manual_seed(0)))
    optimizer = Muon([weight], lr=0.01, momentum=0.6, dtype=torch.float32)
    for _ in range(5):
        weight.grad = torch.randn(9, 20, generator=torch.Generator().manual_seed(1))
        optimizer.step()
        assert float(weight.detach().norm()) == pytest.approx(3, abs=0.01 * 3 * 1.3)  # sqrt of 9 rows; a step's length


def test_muon_updates_zero_weights_and_skips_those_without_gradient() -> None:
    zero, idle = nn.Parameter(torch.zeros(4, 4)), nn.Parameter(torch.ones(4, 4))
    zero.grad = torch.eye(4)
    Muon([zero, idle], lr=0.1, momentum=0.6, dtype=torch.float32).step()
    assert torch.isfinite(zero).all()
    assert (zero.diagonal() < 0).all()
    assert torch.equal(idle.detach(), torch.ones(4, 4))
