"""Conformance with messages and numbers of other implementations, where that data is beside the project."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from wechat import receive
from wechat.crypto import signature

FOLDER = Path(__file__).parent.parent.parent / "shared" / "vectors"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text("utf-8")) if FOLDER.exists() else {}


def flat(fields: Any, path: str = "") -> dict[str, Any]:
    """Nested fields by dotted paths; what is repeated in lists."""
    if isinstance(fields, list):
        merged: dict[str, Any] = {}
        for one in fields:
            for name, text in flat(one, path).items():
                merged.setdefault(name, []).append(text)
        return merged
    if not isinstance(fields, dict):
        return {path: str(fields).strip()}
    return {
        key: text for name, value in fields.items() for key, text in flat(value, f"{path}.{name}".strip(".")).items()
    }


def test_every_message_of_others_has_the_fields_they_say() -> None:
    for case in MANIFEST.get("messages", ()):
        if case["format"] != "xml" or "fields" not in case.get("expect", {}):
            continue
        raw = receive.fields((FOLDER / case["file"]).read_bytes())
        found = flat(raw)
        for name, text in case["expect"]["fields"].items():
            wanted = text if isinstance(text, list) else str(text or "").strip()
            assert found.get(name, "") == wanted, (case["id"], name)
        if {"ToUserName", "FromUserName", "MsgType"} <= raw.keys():
            assert receive.build(raw, dt.timezone.utc).raw == raw


def test_every_signature_of_others_is_ours() -> None:
    for case in MANIFEST.get("signature", ()):
        parts = [str(case[name]) for name in ("timestamp", "nonce") if name in case]
        if "token" in case and len(parts) == 2 and case.get("expect") not in (False, "invalid"):
            made = signature(case["token"], *parts)
            assert case.get("signature", made) == made or case.get("valid") is False, case["id"]
