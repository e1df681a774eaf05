"""What a chart renders, by the real helm."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
CHARTS = ROOT / "charts"
MODEL = CHARTS / "model"
PLATFORM = CHARTS / "trellis"

Document = dict[str, Any]

_NOTES = """apiVersion: v1
kind: ConfigMap
metadata: {{name: notes}}
data:
  notes: {{{{ include "{chart}/templates/NOTES.txt" . | quote }}}}
"""


class Refused(Exception):
    """helm said no, in these words."""


class Helm:
    """Renders charts of this checkout in the namespace `trellis`."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._rendered: dict[tuple[Path, str, str, tuple[str, ...]], str] = {}

    def render(
        self,
        chart: Path,
        values: Mapping[str, Any] | None = None,
        release: str = "tomato",
        flags: tuple[str, ...] = (),
    ) -> list[Document]:
        """All objects, hooks included, with ``values`` and helm's own ``flags``. Raises
        ``Refused``.
        """
        given = (chart, release, json.dumps(values or {}), flags)
        if given not in self._rendered:
            self._rendered[given] = self._template(*given)
        rendered = yaml.load_all(self._rendered[given], Loader=yaml.CSafeLoader)
        return [document for document in rendered if document]

    def _template(self, chart: Path, release: str, values: str, flags: tuple[str, ...]) -> str:
        command = [self._program, "template", release, str(chart), "--namespace", "trellis", "-f-"]
        command += flags
        done = subprocess.run(
            command,
            input=values,
            capture_output=True,
            text=True,
            check=False,
            # It ends before its garbage is worth collecting.
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "GOGC": "off"},
        )
        if done.returncode:
            # After the sentence helm advises --debug, which says no more.
            raise Refused(done.stderr.partition("\n\nUse --debug")[0].strip())
        return done.stdout

    def fresh(self, folder: Path) -> "Helm":
        """The same program, which has rendered nothing yet."""
        return Helm(self._program, folder)

    def lint(self, chart: Path) -> subprocess.CompletedProcess[str]:
        """helm's own judgement, warnings included."""
        command = [self._program, "lint", "--strict", "--quiet", str(chart)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def notes(self, chart: Path, values: Mapping[str, Any] | None = None) -> str:
        """What an install prints at its end; rendered as an object, since without a cluster helm
        shows no notes.
        """
        copy = self._folder / f"notes-{chart.name}"
        if not copy.exists():
            shutil.copytree(chart, copy)
            (copy / "templates/notes.yaml").write_text(_NOTES.format(chart=chart.name))
        rendered = named(self.render(copy, values), "ConfigMap", "notes")
        return str(rendered["data"]["notes"])


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    """The objects of a kind."""
    return [document for document in documents if document["kind"] == kind]


def named(documents: list[Document], kind: str, name: str) -> Document:
    """The one object of this kind and name."""
    (found,) = [item for item in of_kind(documents, kind) if item["metadata"]["name"] == name]
    return found
