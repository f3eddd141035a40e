"""The JSON Schema of a sync's file, for editors: they complete what it names, explain it, and mark what is wrong.

What a field means stands below it in `definition`, nowhere else, and is read from there: by us, when somebody asks.
pydantic could do it too, but would have every worker parse its own source as it starts.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from sync_model import definition
from sync_model.definition import OnDelete, Sync

FILE = "sync.schema.json"
"""How it is called beside the syncs that refer to it."""
IDENTITY = "urn:jira-sync:sync"


def json_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12.

    What it accepts loads, but for what only several fields, or several files, show together. It is stricter in one
    way: it wants each value in the type and spelling that the documentation gives it.
    """
    schema = Sync.model_json_schema(by_alias=True, schema_generator=_Plain)
    meanings = dict(_meanings())
    for name, model in [("Sync", schema), *schema["$defs"].items()]:
        for field, described in model.get("properties", {}).items():
            meaning = {"description": meanings[name, field]}
            optional = _or_null(described) if field not in model.get("required", ()) else described
            model["properties"][field] = meaning | optional
    deletion = {"properties": {"onDelete": {"const": OnDelete.TRANSITION.value}}, "required": ["onDelete"]}
    told = {"properties": {"onDeleteStatus": {"type": "string"}}, "required": ["onDeleteStatus"]}
    about = {"$schema": GenerateJsonSchema.schema_dialect, "$id": IDENTITY}
    return {**about, **schema, "if": deletion, "then": told}


def _meanings() -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what stands below each field, by model and by the name that the field has in a file."""
    for model in ast.parse(inspect.getsource(definition)).body:
        if not isinstance(model, ast.ClassDef):
            continue
        fields = getattr(getattr(definition, model.name), "model_fields", {})
        for line, below in zip(model.body, model.body[1:], strict=False):
            if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr):
                field = fields[ast.unparse(line.target)]
                yield (model.name, field.alias), " ".join(ast.literal_eval(below.value).split())


def _or_null(described: dict[str, Any]) -> dict[str, Any]:
    """Return what also takes `null`, which is the same as absent."""
    if isinstance(kind := described.get("type"), str):
        values = {"enum": [*described["enum"], None]} if "enum" in described else {}
        return {**described, "type": [kind, "null"], **values}
    reference = {key: described.pop(key) for key in ("$ref", "anyOf") if key in described}
    return {"anyOf": [*reference.get("anyOf", [reference]), {"type": "null"}], **described}


class _Plain(GenerateJsonSchema):
    """Leaves out what tells nobody anything: titles made of names, and defaults that are absence."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        is_plain = isinstance(default, str | bool | int | float)
        return {**inner, "default": default} if is_plain else inner
