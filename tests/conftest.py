"""What every test lives by: its own cache, two threads for torch, and no skip where none is allowed."""

from __future__ import annotations

import errno
import os
import resource
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from threadpoolctl import threadpool_limits

import clothier  # noqa: F401 - before ONNX Runtime, whose telemetry it switches off

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from clothier.bundle import Bundle
    from clothier.store import Store
    from clothier.training.finetune.features import FrozenFeatureExtractor
    from tests.postgresql import Server

HERE = Path(__file__).parent
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
LONGEST_FIRST = (  # files that take over half a minute: one that begins last would leave a core idle
    "e2e/test_study.py",
    "e2e/test_quick_study.py",
    "e2e/test_tag_ray.py",
    "e2e/test_tag.py",
    "e2e/test_training.py",
    "e2e/test_no_network.py",
    "e2e/test_distributed.py",
    "e2e/test_review_loop.py",
    "e2e/test_review.py",
    "e2e/test_explore.py",
    "e2e/test_notebook.py",
    "e2e/test_tune.py",
    "e2e/test_map.py",
    "e2e/test_pages.py",
    "e2e/test_replicas.py",
    "training/distillation/test_teachers.py",
    "benchmarks/test_baselines.py",
    "benchmarks/test_map.py",
    "workflows/test_train_photo.py",
    "workflows/test_explore.py",
    "workflows/test_study.py",
    "workflows/test_train.py",
)
NO_SKIP = bool(os.environ.get("CLOTHIER_NO_SKIP"))  # the CI's: there a skip is a failure


def pytest_configure() -> None:
    """Gives each xdist worker, with the processes that its tests start, one core: sharing cores is slow."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the longest files under xdist, which then gives out the files in this order."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        rank = {HERE / name: number for number, name in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_collection_finish() -> None:
    """Gives torch and BLAS one thread: the same everywhere, and xdist runs one worker a core."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    threadpool_limits(limits=1, user_api="blas")
    if "clothier.training.export.bundle_export" in sys.modules:
        _parse_operators_once()


def _parse_operators_once() -> None:
    """PyTorch's exporter parses the source of 500 operators for every graph: half the time of exporting a small one."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    from_torchlib = ONNXRegistry.from_torchlib
    ONNXRegistry.from_torchlib = staticmethod(cache(from_torchlib))  # type: ignore[method-assign,assignment]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Lets no file grow beyond ``file_size(bytes)`` while a test runs, but pytest's own log, which may be a file."""
    marker = item.get_closest_marker("file_size")
    if marker is None:
        return (yield)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (marker.args[0], before[1]))
    try:
        return (yield)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skipped test into a failed one under CLOTHIER_NO_SKIP."""
    return _unskipped((yield), item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turns a file that skips itself into an error under CLOTHIER_NO_SKIP."""
    return _unskipped((yield), collector.nodeid)


def _unskipped(report: Report, name: str) -> Report:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped, and CLOTHIER_NO_SKIP is set. {reason}"
    return report


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that starts empty and is shared by this session's tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(request: pytest.FixtureRequest, session_cache: Path) -> Iterator[None]:
    """Keeps tests out of the user's cache, but for the end-to-end ones, which need the real data."""
    with pytest.MonkeyPatch.context() as patch:
        if HERE / "e2e" not in request.node.path.parents:
            patch.setenv("CLOTHIER_CACHE", str(session_cache))
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_waiting_for_the_disk(request: pytest.FixtureRequest) -> Iterator[None]:
    """Writes files without fsync in this process, but where they are tested: a command test writes six of them."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path != HERE / "test_atomic.py":
            patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def tiny_graph() -> Callable[..., bytes]:
    """Makes a graph as a bundle holds it, of random weights: 784 pixels, a hidden layer, K logits."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    def make(classes: int = 10, *, seed: int = 0, hidden: int = 16, batch: str | int = "N") -> bytes:
        generator = np.random.default_rng(seed)
        first = generator.normal(0, 0.1, (784, hidden)).astype(np.float32)
        second = generator.normal(0, 1, (hidden, classes)).astype(np.float32)
        graph = helper.make_graph(
            [
                helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
                helper.make_node("Div", ["floats", "white"], ["scaled"]),
                helper.make_node("Flatten", ["scaled"], ["pixels"], axis=1),
                helper.make_node("MatMul", ["pixels", "first"], ["sums"]),
                helper.make_node("Relu", ["sums"], ["embedding"]),
                helper.make_node("MatMul", ["embedding", "second"], ["logits"]),
            ],
            "tiny",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, [batch, 28, 28])],
            [
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, classes]),
                helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, hidden]),
            ],
            [
                numpy_helper.from_array(np.array(255, np.float32), "white"),
                numpy_helper.from_array(first, "first"),
                numpy_helper.from_array(second, "second"),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        return bytes(model.SerializeToString())

    return make


@pytest.fixture(scope="session")
def tiny_bundle(tiny_graph: Callable[..., bytes]) -> Callable[..., Bundle]:
    """Saves a bundle of such a graph, or of another."""
    from clothier import bundle
    from clothier.taxonomy import FASHION_MNIST_CLASSES

    def save(
        path: Path, classes: tuple[str, ...] = FASHION_MNIST_CLASSES, *, graph: bytes | None = None, **options: Any
    ) -> Bundle:
        card = bundle.BundleMetadata(
            name=path.name,
            model="dnn",
            preset="fast",
            classes=classes,
            parameters=784 * 16 + 160,
            data={"name": "drawn"},
            clothier_version="0.1.0",
        )
        return bundle.save(path, card, graph or tiny_graph(len(classes), **options), b"weights")

    return save


@pytest.fixture(scope="session")
def photos() -> Path:
    """The development photos, where they are: in CLOTHIER_PHOTOS, or in ``shared/photos`` beside the repository.

    They are no part of the project, so their absence from a clone is an expected failure, which CLOTHIER_NO_SKIP
    allows, unless CLOTHIER_PHOTOS promises them.
    """
    named = os.environ.get("CLOTHIER_PHOTOS")
    folder = Path(named) if named else HERE.parents[1] / "shared/photos"
    if not (folder / "labels.csv").is_file():
        absent = pytest.xfail if NO_SKIP and not named else pytest.skip
        absent(f"{folder} has no labels.csv: the development photos are not here.")
    return folder


@pytest.fixture(scope="session")
def cases() -> Path:
    """Small files that were a problem once, in ``shared/cases`` beside the repository; no part of it either."""
    folder = HERE.parents[1] / "shared/cases"
    if not folder.is_dir():
        (pytest.xfail if NO_SKIP else pytest.skip)(f"{folder} is missing: the shared cases are not here.")
    return folder


@pytest.fixture(scope="session")
def color_bundle() -> Callable[..., Bundle]:
    """Saves a bundle that looks at photos of 16x16 pixels and names the class whose color is nearest to their mean."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from clothier import bundle
    from clothier.types import InputSpec

    def save(
        path: Path, colors: dict[str, tuple[int, int, int]], extras: dict[str, bytes] | None = None, **card: Any
    ) -> Bundle:
        means = np.array(list(colors.values()), np.float32) / 255
        weights = {"middles": 40 * means.T, "less": -20 * (means**2).sum(axis=1), "white": np.float32(255)}
        nodes = [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["floats", "white"], ["scaled"]),
            helper.make_node("ReduceMean", ["scaled", "axes"], ["embedding"], keepdims=0),
            helper.make_node("Gemm", ["embedding", "middles", "less"], ["logits"]),
            helper.make_node("Identity", ["embedding"], ["early_features"]),
        ]
        constants = [numpy_helper.from_array(np.asarray(one, np.float32), name) for name, one in weights.items()]
        outputs = {"logits": len(colors), "embedding": 3, "early_features": 3}
        graph = helper.make_graph(
            nodes,
            "colors",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 16, 16, 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in outputs.items()],
            [*constants, numpy_helper.from_array(np.array([1, 2]), "axes")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        told: dict[str, Any] = {
            "name": path.name,
            "model": "photo",
            "preset": "fast",
            "classes": tuple(colors),
            "input_spec": InputSpec("center_crop", 16, 16, 3),
            "parameters": 4 * len(colors),
            "data": {"name": "drawn"},
            "clothier_version": "0.1.0",
        }
        return bundle.save(path, bundle.BundleMetadata(**told | card), model.SerializeToString(), b"weights", extras)

    return save


@pytest.fixture(scope="session")
def frozen_extractor() -> FrozenFeatureExtractor:
    """The first six of the backbone's seven stages, exported once for all tests of photo training."""
    from clothier.training.finetune.efficientnet_lite import pretrained
    from clothier.training.finetune.features import FrozenFeatureExtractor

    return FrozenFeatureExtractor(pretrained("lite0"), 6)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A real PostgreSQL server; skipped where none is installed."""
    from tests.postgresql import Server, programs

    folder = programs()
    if folder is None:
        pytest.skip("there is no PostgreSQL here; install it to test stores on it")
    server = Server.create(folder)
    yield server
    server.remove()


@pytest.fixture
def new_database(postgresql_server: Server) -> Callable[[], str]:
    """Makes an empty database on a real PostgreSQL, and returns its URL."""
    return lambda: postgresql_server.create_database(f"test_{os.urandom(6).hex()}")


@pytest.fixture
def postgresql_url(new_database: Callable[[], str]) -> str:
    """Such a database."""
    return new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for a store."""
    return str(tmp_path / "tags.db") if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    from clothier.store import open_store

    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one that may be listed, but not entered; real permissions do not stop root, who may run this."""

    def forbid_folder(folder: Path) -> None:
        real = os.stat

        def refuse(path: Any, *args: Any, **options: Any) -> os.stat_result:
            if isinstance(path, (str, Path)) and folder in Path(path).parents:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return real(path, *args, **options)

        monkeypatch.setattr(os, "stat", refuse)

    return forbid_folder
