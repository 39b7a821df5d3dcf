"""``clothier serve``.

clothier serve
clothier serve --store postgresql://shop@db/catalogue --host 0.0.0.0
clothier serve --store tags.db --photos photos
clothier serve --model runs/photo --taxonomy codes.toml --port 8080
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.predict import Taxonomy
from clothier.cli.tag import TaggingModel
from clothier.errors import UsageError

Host = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all. Beyond this machine, keys are needed."
    ),
]
Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port to listen on; 0 for a free one.")]
ServedStore = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="FILE|URL",
        help="Database of the catalogue: a SQLite file, or postgresql://user@host/database. "
        "Default: catalogue.db in your data folder.",
    ),
]
ServedIndex = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Index that clothier index made, in which similar photos are searched. "
        "Default: the server makes one of its catalogue, up to 100,000 photos.",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Name under which it is reached through a proxy; keys are then needed."),
]
RateLimit = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=1_000_000, help="Requests a minute of each key, or address. Default: no limit."
    ),
]
Runs = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of runs, whose reports and maps the page shows.")]
Photos = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="DIR", help="Folder or ZIP file that was tagged: its photos are shown on the pages. Can be repeated."
    ),
]
NoPreviews = Annotated[
    bool,
    typer.Option("--no-previews", help="Keep no small copies of uploaded photos; the pages then cannot show them."),
]
Open = Annotated[
    bool, typer.Option("--anyone-may-change-everything", help="Need no keys, although others can reach the server.")
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    store: ServedStore = None,
    model: TaggingModel = None,
    taxonomy: Taxonomy = None,
    index: ServedIndex = None,
    runs: Runs = Path("runs"),
    allow_host: AllowHost = None,
    photos: Photos = None,
    no_previews: NoPreviews = False,
    rate_limit: RateLimit = None,
    anyone: Open = False,
) -> None:
    """Serve the page and the HTTP API: classify, find similar photos, tag, review. Ctrl-C stops it."""
    from clothier.api.server import serve as run_server
    from clothier.api.settings import Limits, Settings

    settings = Settings(
        store if store is not None else default_store(),
        model,
        taxonomy,
        host,
        port,
        allow_host or (),
        anyone,
        photos=photos or (),
        previews=not no_previews,
        limits=Limits(requests_per_minute=rate_limit),
        index=index,
        runs=runs,
    )
    run_server(settings, _say_ready)


def default_store() -> Path:
    """The catalogue of a user who named none."""
    from platformdirs import user_data_path

    try:
        return user_data_path("clothier") / "catalogue.db"
    except RuntimeError as error:  # an unknown user in a container
        raise UsageError("This user has no home folder for a catalogue. Give --store FILE.") from error


def _say_ready(url: str, store: str) -> None:
    output.print_message(f"Clothier listens on {url} (catalogue: {store}). Open it in a browser; Ctrl-C stops it.")
