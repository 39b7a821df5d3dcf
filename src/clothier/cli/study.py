"""``clothier study``."""

from clothier.cli import show, tables
from clothier.cli.options import DEFAULT_PRESET, DEFAULT_SEED, AnyIdx, Data, Json, Out, Preset, Seed
from clothier.cli.progress import watching


def study(
    preset: Preset = None,
    out: Out = None,
    data: Data = None,
    any_idx: AnyIdx = False,
    seed: Seed = None,
    json: Json = False,
) -> None:
    """Explore the data, train both models, compare, write report.html."""
    from clothier.workflows.study import study as run

    with watching() as progress:
        made = run(
            preset=preset or DEFAULT_PRESET,
            out=out,
            data=data,
            any_idx=any_idx,
            seed=seed or DEFAULT_SEED,
            progress=progress,
        )
    show.answer(made, json, tables.study)
