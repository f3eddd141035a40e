"""The JSON Schema of a sync's file. With it, editors complete and explain fields and mark what is wrong.

The text below a field in `sync` or `attachments` describes the field. It is read from the source when the schema
is asked for. pydantic could read it too (`use_attribute_docstrings`), but then every worker would parse the source as
it starts.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from sync_model.definition import attachments, sync
from sync_model.definition.sync import OnDelete, Sync

FILE = "sync.schema.json"
"""The name of the schema's file in the folder of the syncs, which refer to it."""
IDENTITY = "urn:jira-sync:sync"


def json_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12.

    A file that the schema accepts loads, unless several fields or several files contradict each other, or a list names
    the same thing in two spellings. The schema is stricter in one way: a value must have the type and spelling of the
    documentation.
    """
    schema = Sync.model_json_schema(by_alias=True, schema_generator=_PlainSchema)
    descriptions = {**dict(_descriptions(sync)), **dict(_descriptions(attachments))}
    for name, model in [("Sync", schema), *schema["$defs"].items()]:
        for field, field_schema in model.get("properties", {}).items():
            is_required = field in model.get("required", ())
            description = {"description": descriptions[name, field]}
            model["properties"][field] = description | (field_schema if is_required else _or_null(field_schema))
    is_transition = {"properties": {"onDelete": {"const": OnDelete.TRANSITION.value}}, "required": ["onDelete"]}
    has_status = {"properties": {"onDeleteStatus": {"type": "string"}}, "required": ["onDeleteStatus"]}
    header = {"$schema": GenerateJsonSchema.schema_dialect, "$id": IDENTITY}
    return {**header, **schema, "if": is_transition, "then": has_status}


def _descriptions(module: ModuleType) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the text below each field in `module`, by the model's name and the field's name in a file."""
    for model in ast.parse(inspect.getsource(module)).body:
        if not isinstance(model, ast.ClassDef):
            continue
        fields = getattr(getattr(module, model.name), "model_fields", {})
        for line, below in zip(model.body, model.body[1:], strict=False):
            if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr):
                field = fields[ast.unparse(line.target)]
                yield (model.name, field.alias), " ".join(ast.literal_eval(below.value).split())


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that also accepts `null`, which is the same as absent."""
    if isinstance(kind := schema.get("type"), str):
        values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, "type": [kind, "null"], **values}
    reference = {key: schema.pop(key) for key in ("$ref", "anyOf") if key in schema}
    return {"anyOf": [*reference.get("anyOf", [reference]), {"type": "null"}], **schema}


class _PlainSchema(GenerateJsonSchema):
    """Leaves out what informs nobody: titles derived from names, and the default None."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        is_plain = isinstance(default, str | bool | int | float)
        return {**inner, "default": default} if is_plain else inner
