#!/bin/sh
# pydantic documents the bounds of a number under names that JSON Schema does not have.
#
# Versions:  pydantic 2.14.3
# Behaviour: Annotated[int, BeforeValidator(...), Field(ge=0, le=5)] is checked as it should be, but its schema says "ge"
#            and "le" in place of "minimum" and "maximum", so no reader of the schema knows the bounds. With the
#            validator behind the Field they are right. A text's max_length is right in either order.
# Seen:      pydantic 2.14.3: validator last {'maximum': 5, 'minimum': 0, 'type': 'integer'}; first {'ge': 0, 'le': 5,
#            'type': 'integer'}; a text, first {'maxLength': 5, 'type': 'string'}
#
# For Donebit: what reads a number from a query stands behind its bounds, or the OpenAPI document would lack them.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pydantic==2.14.3

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from typing import Annotated

from pydantic import VERSION, BeforeValidator, Field, TypeAdapter


def schema_of(annotated):
    return TypeAdapter(annotated).json_schema()


bounds = Field(ge=0, le=5)
last = schema_of(Annotated[int, bounds, BeforeValidator(int)])
first = schema_of(Annotated[int, BeforeValidator(int), bounds])
text = schema_of(Annotated[str, BeforeValidator(str), Field(max_length=5)])
print(f"pydantic {VERSION}: validator last {last}; first {first}; a text, first {text}")
sys.exit(("minimum" in last, "minimum" in first, "ge" in first, "maxLength" in text) != (True, False, True, True))
PYTHON
