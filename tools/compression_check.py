"""What a bundle may give away for being small, whichever model it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.inference.session import OnnxClassifier

if TYPE_CHECKING:
    from clothier.bundle import Bundle
    from clothier.types import Images, Labels

MIN_AGREEMENT = 0.99  # share of answers that must stay the same
MAX_ACCURACY_LOSS = 0.001  # accuracy; so much may not be lost


def accuracy_problem(reference: Bundle, compressed: Bundle, images: Images, labels: Labels) -> str | None:
    """What the small bundle gives away on labelled pictures, if that is too much."""
    before, after = (OnnxClassifier(one).run(images).logits.argmax(1) for one in (reference, compressed))
    agreement = float((before == after).mean())
    lost = float((before == labels).mean() - (after == labels).mean())
    if agreement >= MIN_AGREEMENT and lost < MAX_ACCURACY_LOSS:
        return None
    return f"keeps {agreement:.2%} of the answers and costs {100 * lost:.2f} points"
