"""The page's HTML templates, with autoescape."""

from functools import lru_cache
from pathlib import Path

import jinja2


@lru_cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": "{:.0%}".format, "clock": _clock, "sentence": _sentence}
    return environment


def render(template: str, **values: object) -> str:
    """Render a template.

    Args:
        template: The name of its file in this folder.
        values: Its variables; text is escaped.

    Returns:
        HTML.
    """
    return _templates().get_template(template).render(values)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
