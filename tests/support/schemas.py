# SPDX-License-Identifier: Apache-2.0
"""Documents held against schemas of their standards.

    validate("job", answer.body)      # AssertionError with xmllint's words

Each kind is a schema and the one root element a document of that kind has: a schema with
several roots would take a list for a job.
"""

import os
import subprocess
import xml.etree.ElementTree as ET

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema")
LIMIT_S = 60

UWS = "http://www.ivoa.net/xml/UWS/v1.0"
VOS = "http://www.ivoa.net/xml/VOSpace/v2.0"

KINDS = {  # kind: (schema file, root element)
    "node": ("vospace-2.1.xsd", f"{{{VOS}}}node"),
    "transfer": ("vospace-2.1.xsd", f"{{{VOS}}}transfer"),
    "protocols": ("vospace-2.1.xsd", f"{{{VOS}}}protocols"),
    "views": ("vospace-2.1.xsd", f"{{{VOS}}}views"),
    "properties": ("vospace-2.1.xsd", f"{{{VOS}}}properties"),
    "capabilities": ("vosi-capabilities-1.0.xsd", "{http://www.ivoa.net/xml/VOSICapabilities/v1.0}capabilities"),
    "availability": ("vosi-availability-1.0.xsd", "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}availability"),
    "job": ("uws-1.1.xsd", f"{{{UWS}}}job"),
    "jobs": ("uws-1.1.xsd", f"{{{UWS}}}jobs"),
    "parameters": ("uws-1.1.xsd", f"{{{UWS}}}parameters"),
    "results": ("uws-1.1.xsd", f"{{{UWS}}}results"),
}


def validate(kind, text):
    """`text` is what came over the wire, bytes or str. Returns its root element."""
    schema, root = KINDS[kind]
    data = text.encode() if isinstance(text, str) else text
    done = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", os.path.join(SCHEMAS, schema), "-"],
                          input=data, capture_output=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise AssertionError(f"no valid {kind}: {done.stderr.decode('utf-8', 'replace').strip()}\n"
                             f"{data.decode('utf-8', 'replace')}")
    found = ET.fromstring(data)
    if found.tag != root:
        raise AssertionError(f"no {kind}: the root is {found.tag}")
    return found
