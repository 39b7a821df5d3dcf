"""The model card as Markdown.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv 1810.03993). Model hubs read the block at the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.report.jinja_env import jinja_env
from clothier.report.limitations import FASHION_MNIST_NAME, limitations

if TYPE_CHECKING:
    from clothier.report.sections import ModelSection, Provenance


def model_card(model: ModelSection, dataset_name: str, provenance: Provenance) -> str:
    """The text of ``model_card.md``.

    Args:
        model: the trained model; its figures are not used.
        dataset_name: what it was trained on; limitations and license are known for ``Fashion-MNIST``.
        provenance: how to reproduce it.
    """
    text = (
        jinja_env()
        .get_template("model_card.md.j2")
        .render(
            model=model,
            dataset=dataset_name,
            is_fashion_mnist=dataset_name == FASHION_MNIST_NAME,
            limitations=limitations(dataset_name, [(model.name, model.evaluation[1])]),
            provenance=provenance,
        )
    )
    return f"{text.rstrip()}\n"
