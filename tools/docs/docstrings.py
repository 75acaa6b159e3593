"""Griffe extension: docstrings of the project as Markdown that the API reference renders."""

import re

import griffe

import lpt

FIELD = re.compile(r"^(Attributes|Raises|Returns|Sources?|Yields): +(\S.*(?:\n +\S.*)*)$", re.M)
EXAMPLE = re.compile(r"^>>> .*(?:\n.*\S.*)*", re.M)
PUBLIC = re.compile(rf"`(lpt\.(?:{'|'.join(lpt.__all__)}))`")
OPTION = re.compile(r" *# doctest:.*$", re.M)


class ProjectDocstrings(griffe.Extension):
    """Rewrites every docstring of the loaded package before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rewrite the docstring of a member: module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Rewrite the docstring of the package itself."""
        self.on_object(obj=pkg)


def as_markdown(docstring: str) -> str:
    """Give fields of one line their own paragraph, fence examples, and link public names."""
    text = FIELD.sub(lambda found: f"\n**{found[1]}:** {' '.join(found[2].split())}\n", docstring)
    text = PUBLIC.sub(r"[`\1`][\1]", text)
    return EXAMPLE.sub(lambda found: f"```pycon\n{OPTION.sub('', found[0])}\n```", text)
