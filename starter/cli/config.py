"""``evercert config``: the settings in force, and where each came from."""

from typing import Annotated

import typer

from starter.cli.answer import Answer, Column, Json
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

app = noun("The settings in force.")


@verb(app, "show", LIST)
async def show(
    call: Call, origin: Annotated[bool, typer.Option("--origin", help="Say where each value came from.")] = False
) -> Answer:
    """Show the settings; they hold references to secrets, never secrets."""
    from starter.settings import known_keys, load, without_password

    loaded = load(config=call.flags.config, profile=call.flags.profile)
    values = loaded.settings.model_dump(mode="json")
    rows: list[dict[str, Json]] = []
    for key in ("profile", *known_keys()):
        section, _, name = key.rpartition(".")
        value = values[section][name] if section else values[key]
        shown = without_password(str(value)) if key == "inventory" else value
        rows.append({"name": key, "value": shown, "origin": loaded.origins.get(key, "default")})
    columns = (Column("name", "key"), Column("value"), *((Column("origin"),) if origin else ()))
    return Answer("config.show", rows, columns)


@verb(app, "path", SHOW)
async def path(call: Call) -> Answer:
    """Show the file that is read and the folders in use."""
    settings = call.settings
    places = settings.paths
    row: dict[str, Json] = {
        "file": str(settings.config_file) if settings.config_file else None,
        "config": str(places.config),
        "data": str(places.data),
        "state": str(places.state),
        "cache": str(places.cache),
    }
    return Answer("config.path", row, tuple(Column(key) for key in row))
