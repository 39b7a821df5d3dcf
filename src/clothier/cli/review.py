"""``clothier review``.

clothier review --store tags.db
clothier review --store tags.db --class hat --reviewer anna
clothier review --store tags.db --decision review --min-probability 0.7 --accept-all
clothier review --store tags.db --stats
clothier review --store tags.db --export corrections.csv
clothier review --store tags.db --import annotations.json
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from clothier.cli import output
from clothier.cli.options import Json, probability
from clothier.errors import CheckFailedError, UsageError
from clothier.types import MAX_ACCEPTED, SHARE_ACCEPTED

PANEL = "Instead of going through the queue"

StoreName = Annotated[
    str,
    typer.Option("--store", metavar="FILE|URL", help="The store that `clothier tag` has written."),
]
Reviewer = Annotated[str | None, typer.Option(metavar="NAME", help="Your name. Default: your login.")]
ClassName = Annotated[str | None, typer.Option("--class", metavar="NAME", help="Only tags of this class.")]
DecisionName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only accept, review, reject or uncalibrated tags.")
]
Color = Annotated[str | None, typer.Option(metavar="NAME", help="Only photos of this color.")]
Product = Annotated[str | None, typer.Option(metavar="NAME", help="Only photos of this product.")]
SourceName = Annotated[
    str | None, typer.Option(metavar="PATH", help="Only photos of this folder or table, as the store names it.")
]
MinProbability = Annotated[
    float | None, typer.Option(metavar="P", parser=probability, help="Only tags with at least this probability.")
]
ShareAccepted = Annotated[
    float,
    typer.Option(
        metavar="FRACTION",
        parser=probability,
        help="Fraction of the accepted tags to review too, drawn at random: the risk guarantee is checked on them.",
    ),
]
Random = Annotated[bool, typer.Option("--random", help="Show all photos in random order, as calibration needs them.")]
AcceptAll = Annotated[
    bool,
    typer.Option(
        "--accept-all",
        rich_help_panel=PANEL,
        help="Accept all tags that match --decision and the other filters, the most probable first. Of accepted tags, "
        "the random sample is left for the queue.",
    ),
]
Limit = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, max=MAX_ACCEPTED, rich_help_panel=PANEL, help="At most so many with --accept-all."
    ),
]
Undo = Annotated[
    bool, typer.Option("--undo", rich_help_panel=PANEL, help="Take your last action back, also one of --accept-all.")
]
Stats = Annotated[
    bool,
    typer.Option(
        "--stats", rich_help_panel=PANEL, help="Show the accuracy on reviewed photos and whether the guarantee holds."
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", rich_help_panel=PANEL, help="With --stats: exit with 5 when the guarantee is violated."),
]
Export = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Write the reviewed photos as a table for `calibrate`.",
    ),
]

Import = Annotated[
    Path | None,
    typer.Option(
        "--import",
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Read annotations that Label Studio exported as JSON or JSON-MIN, as reviews by their annotators.",
    ),
]

QUEUE = "the queue"
FILTERS = ("class_name", "decision", "color", "product", "source", "min_probability")
BELONGS_TO = {
    "reviewer": (QUEUE, "--accept-all", "--undo"),
    **dict.fromkeys(FILTERS, (QUEUE, "--accept-all")),
    "share_accepted": (QUEUE, "--stats"),
    "random": (QUEUE,),
    "limit": ("--accept-all",),
    "strict": ("--stats",),
}
"""Options that not everything takes, and what takes them."""


def review(
    context: typer.Context,
    store: StoreName,
    reviewer: Reviewer = None,
    class_name: ClassName = None,
    decision: DecisionName = None,
    color: Color = None,
    product: Product = None,
    source: SourceName = None,
    min_probability: MinProbability = None,
    share_accepted: ShareAccepted = SHARE_ACCEPTED,
    random: Random = False,
    accept_all: AcceptAll = False,
    limit: Limit = MAX_ACCEPTED,
    undo: Undo = False,
    stats: Stats = False,
    strict: Strict = False,
    export: Export = None,
    annotations: Import = None,
    json: Json = False,
) -> None:
    """Look at doubtful tags and some accepted ones, and say what is right. Keys: a, 1-9, m, n, u, s, q."""
    modes = {"accept-all": accept_all, "undo": undo, "stats": stats}
    _check_options(context, check_modes(**modes, **{"export": export is not None, "import": annotations is not None}))
    from clothier.catalogue.review import Filter
    from clothier.cli import review_tables
    from clothier.workflows import review as run

    filters = Filter(
        class_name=class_name,
        decision=decision,
        color=color,
        product=product,
        source=source,
        min_probability=min_probability,
    )
    if stats:
        found = run.review_statistics(store, share_accepted)
        output.print_result(found, json, review_tables.statistics_table)
        if strict and found.guarantee.status == "violated":
            raise CheckFailedError(found.guarantee.message)
    elif export:
        exported = run.export_corrections(store, export)
        output.print_result(exported, json, review_tables.export_table)
        output.exit_on_failures(one.to_json() for one in exported.failures)
    elif annotations:
        imported = run.import_label_studio(store, annotations)
        output.print_result(imported, json, review_tables.import_table)
        output.exit_on_failures(one.to_json() for one in imported.failures)
    elif accept_all or undo:
        name = login_name(reviewer)
        done = run.undo_last(store, name) if undo else run.accept_matching(store, name, filters, limit)
        output.print_result(done, json, review_tables.action_table)
    else:
        _check_share(context, random, decision)
        queue = {"filters": filters, "share_accepted": share_accepted, "order": "random" if random else "doubtful"}
        done = _review_queue(store, login_name(reviewer), **queue)
        output.print_result(done, json, review_tables.summary_table)


def _review_queue(store: str, reviewer: str, **queue: Any) -> Any:
    """Goes through the queue in the terminal; what was done."""
    from clothier.cli.review_terminal import review_in_terminal
    from clothier.workflows.review import open_desk, summarize

    with open_desk(store, reviewer, **queue) as desk:
        review_in_terminal(desk)
        return summarize(desk)


def _check_options(context: typer.Context, mode: str | None) -> None:
    """Raises UsageError if an option was given that has no effect with this one; None for the queue."""
    for one in context.command.params:
        takers, found = BELONGS_TO.get(one.name or "", ()), context.get_parameter_source(one.name or "")
        if takers and found and found.name == "COMMANDLINE" and (mode or QUEUE) not in takers:
            raise UsageError(f"{one.opts[0]} belongs to {', '.join(takers)}; it has no effect on {mode or QUEUE}.")


def _check_share(context: typer.Context, random: bool, decision: str | None) -> None:
    """Raises UsageError if a share of the accepted tags was given to a queue that draws none."""
    given = context.get_parameter_source("share_accepted")
    if given and given.name == "COMMANDLINE" and (random or decision):
        other = "--random shows all photos" if random else f"--decision {decision} shows the photos of one decision"
        raise UsageError(f"--share-accepted has no effect here, because {other}. Leave one of the two out.")


def check_modes(**modes: bool) -> str | None:
    """Which of these options was given; None if none was.

    Raises:
        UsageError: more than one was.
    """
    chosen = [f"--{name}" for name, is_chosen in modes.items() if is_chosen]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} cannot be given together. Run one after the other.")
    return chosen[0] if chosen else None


def check_by(given: str | None, changes: bool) -> None:
    """Refuses the name of a person who changes nothing.

    Raises:
        UsageError: ``given`` has no use.
    """
    if given is not None and not changes:
        raise UsageError("--by names who makes a change, and this command shows only. Leave --by out.")


def login_name(given: str | None) -> str:
    """The name that was given, or the login.

    Raises:
        UsageError: the system has no name for this user.
    """
    if given is not None:
        return given
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError) as error:
        raise UsageError("this user has no login name. Give a name.") from error
