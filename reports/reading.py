"""Reading a report.json again."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from dataflow.errors import ReportError
from reports.document import Json
from reports.schema import VERSION, Report

_FAULTS_SHOWN = 5


def read_report(path: str | Path) -> Json:
    """The report in a report.json, or in the folder that holds one.

    Raises ReportError when it is missing, is no JSON, has another version or lacks fields.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "report.json"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ReportError(
            f"report {str(file)!r}: there is no such file; 'dataflow run' writes one into its output folder"
        ) from None
    except OSError as error:
        raise ReportError(f"report {str(file)!r}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ReportError(f"report {str(file)!r}: is no text in UTF-8; give a report.json") from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReportError(
            f"report {str(file)!r}: is no JSON: line {error.lineno}, column {error.colno}: {error.msg}; "
            "give a report.json that Dataflow wrote"
        ) from None
    return parse_report(found, str(file)).model_dump(mode="json")


def parse_report(document: object, where: str) -> Report:
    """The report that a JSON object is. where: how errors call it.

    Raises ReportError when it has another version or lacks fields.
    """
    if not isinstance(document, dict):
        raise ReportError(
            f"report {where!r}: is a JSON {_json_type(document)}, not the object that a report.json is"
        )
    version = document.get("version")
    if version != VERSION:
        raise ReportError(
            f"report {where!r}: version is {version!r}, but this Dataflow reads version {VERSION!r}; "
            "run the experiment again to write a new one"
        )
    try:
        return Report.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise ReportError(_faults(where, error)) from None


def _json_type(document: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(document), "null")


def _faults(where: str, error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    lines = [
        f"  - {'.'.join(str(part) for part in e['loc'])}: {e['msg'].lower()}" for e in found[:_FAULTS_SHOWN]
    ]
    if len(found) > len(lines):
        lines.append(f"  ... and {len(found) - len(lines)} more")
    fields = "1 field does" if len(found) == 1 else f"{len(found)} fields do"
    return f"report {where!r}: {fields} not fit docs/report.schema.json\n" + "\n".join(lines)
