"""Files as other programs write them: compressed, piped, recoded, and the exports of four services."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from donebit import clock
from tests.command_line.command import MODULE, Donebit
from tests.forked import start_module

MOMENT = clock.now().replace(minute=30, second=15, microsecond=0) - timedelta(hours=2)
AT = clock.iso(MOMENT)
CSV = f'"user","at"\n"ada é","{AT}"\n"eve","{AT}"\n'
LINES = "".join(json.dumps({"user": user, "at": AT}) + "\n" for user in ("ada é", "eve"))
CODED: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 big-endian": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
    "utf-32 big-endian": lambda text: codecs.BOM_UTF32_BE + text.encode("utf-32-be"),
    "bare cr": lambda text: text.replace("\n", "\r").encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip in two parts": lambda text: gzip.compress(text[:30].encode()) + gzip.compress(text[30:].encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "bzip2 in two parts": lambda text: bz2.compress(text[:30].encode()) + bz2.compress(text[30:].encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "gzip of utf-16": lambda text: gzip.compress(text.encode("utf-16")),
}


def users(donebit: Donebit, event: str) -> list[str]:
    return sorted(donebit("query", event, "--members", "--all").out.splitlines())


@pytest.mark.parametrize("coded", CODED)
@pytest.mark.parametrize(("text", "suffix"), [(CSV, "csv"), (LINES, "ndjson"), (CSV, "txt"), (LINES, "dump")])
def test_a_file_is_read_however_it_is_coded(
    donebit: Donebit, name: str, coded: str, text: str, suffix: str
) -> None:
    file = donebit.folder / f"visits.{suffix}"
    file.write_bytes(CODED[coded](text))

    loaded = donebit("load", file, "--event", name, "--json")

    assert (loaded.code, loaded.err, loaded.json["fresh"]) == (0, "", 2)
    assert users(donebit, name) == ["ada é", "eve"]


@pytest.mark.parametrize("coded", ["plain", "gzip", "utf-16"])
def test_standard_input_is_read_and_has_no_progress(donebit: Donebit, name: str, coded: str) -> None:
    file = donebit.folder / "visits"
    file.write_bytes(CODED[coded](LINES + '{"user": 7}\n'))

    with file.open("rb") as stdin:
        arguments = ["load", "-", "--event", name, "--skip-bad", "--json"]
        started = start_module(MODULE, arguments, donebit.folder, donebit.environment, stdin=stdin.fileno())
        out, _ = started.communicate(timeout=40)

    assert started.returncode == 5
    assert json.loads(out)["received"] == 2
    assert [file.name for file in donebit.folder.iterdir()] == ["visits"]


def test_a_named_pipe_is_read_and_leaves_nothing_beside_it(donebit: Donebit, name: str) -> None:
    pipe = donebit.folder / "pipe"
    os.mkfifo(pipe)

    loading = donebit.start("load", pipe, "--event", name)
    pipe.write_text(CSV)

    out, _ = loading.communicate(timeout=40)
    assert (loading.returncode, out.decode().split(":")[0]) == (0, "2 visits loaded from pipe")
    assert [file.name for file in donebit.folder.iterdir()] == ["pipe"]


@pytest.mark.parametrize("coded", ["gzip", "xz", "utf-16", "utf-32", "utf-8 with a mark", "bare cr"])
def test_an_interrupted_load_of_such_a_file_continues(donebit: Donebit, name: str, coded: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_bytes(CODED[coded](CSV + "joan,noon\n" + f"kim,{AT}\n"))

    stopped = donebit("load", file, "--event", name)
    went_on = donebit("load", file, "--event", name, "--skip-bad", "--json")

    assert (stopped.code, went_on.code) == (1, 5)
    assert went_on.err.startswith("resuming after line 3: 2 visits already loaded\nskipped line 4: ")
    assert (went_on.json["received"], went_on.json["received_before"]) == (3, 2)
    assert users(donebit, name) == ["ada é", "eve", "kim"]


@pytest.mark.parametrize("compress", [partial(gzip.compress, compresslevel=1), bz2.compress, lzma.compress])
def test_a_file_cut_off_is_loaded_up_to_there(
    donebit: Donebit, name: str, compress: Callable[[bytes], bytes]
) -> None:
    file = donebit.folder / "visits.csv.gz"
    rows = "".join(f"user {number} {os.urandom(9).hex()},{AT}\n" for number in range(100_000))
    whole = compress(f"user,at\n{rows}".encode())
    file.write_bytes(whole[: len(whole) // 2])

    cut = donebit("load", file, "--event", name)

    assert cut.code == 1
    assert "the file cannot be read: " in cut.err
    assert "Traceback" not in cut.err
    assert 0 < donebit("count", name, "--json").json["count"] < 100_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + b"\0" * 30, "is a zip archive: unzip -p "),
        (b"\x28\xb5\x2f\xfd" + b"\0" * 30, "is compressed with zstd: zstd -dc "),
        (b"\x04\x22\x4d\x18" + b"\0" * 30, "is compressed with lz4: lz4 -dc "),
        (b"\x1f\x9d" + b"\0" * 30, "is compressed with compress: gzip -dc "),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 30, "is a 7-Zip archive: 7z x -so "),
        (b"visits.csv".ljust(257, b"\0") + b"ustar\0", "is a tar archive: tar -xOf "),
        (gzip.compress(b"visits.csv".ljust(257, b"\0") + b"ustar\0", mtime=0), "is a tar archive: tar -xOf "),
        (b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", "is a workbook, which has to be exported"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 30, "is an Excel workbook, which has to be exported"),
        (b"PAR1" + b"\0" * 30, "is Parquet"),
        (b"Obj\x01" + b"\0" * 30, "is Avro"),
        (b"ORC" + b"\0" * 30, "is ORC"),
        (b"ARROW1" + b"\0" * 30, "is Arrow"),
        (CSV.encode("utf-16-le"), "is neither UTF-8, nor UTF-16 or UTF-32 with a byte order mark"),
        (b"BZh" + b"x" * 30, "cannot be read: "),
        (b"\xfd7zXZ" + b"x" * 30, "cannot be read: "),
        (b"\x1f\x8b\x08", "cannot be read: "),
        (b"\x1f\x8b" + b"x" * 30, "cannot be read: "),
        (codecs.BOM_UTF16_LE + b"x", "cannot be read: "),
        (b"\xff" * 100, "has no column 'user'"),
    ],
)
def test_a_file_that_is_not_read_is_one_sentence(donebit: Donebit, content: bytes, said: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_bytes(content)

    refused = donebit("load", file, "--event", "some")

    assert refused.code == 2
    assert said in refused.err
    assert len(refused.err.splitlines()) == 1


def test_a_list_of_json_is_one_sentence_that_says_how_to_load_it(donebit: Donebit) -> None:
    file = donebit.folder / "visits.json"
    file.write_text('[\n{"user": 7}\n]\n')

    refused = donebit("load", file, "--event", "some", "--skip-bad")

    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "is one JSON list, not a JSON object a line: jq -c '.[]' FILE | donebit load -" in refused.err


@pytest.mark.parametrize(
    "line",
    [
        '{"user": ',
        '{"user": "0123456789 \0"}',
        "[[" * 50_000,
        '{"user": NaN, "at": {}}',
        '{"user": {}}',
        '"x"',
    ],
)
def test_no_line_ends_in_a_traceback(donebit: Donebit, name: str, line: str) -> None:
    file = donebit.folder / "visits.ndjson"
    file.write_text(f"{line}\n{LINES}")

    loaded = donebit("load", file, "--event", name, "--skip-bad", "--json")

    assert (loaded.code, loaded.json["received"], loaded.json["skipped"]) == (5, 2, 1)
    assert "Traceback" not in loaded.err


def test_the_place_for_the_progress_of_a_pipe_is_refused(donebit: Donebit, name: str, tmp_path: Path) -> None:
    refused = donebit("load", "-", "--event", name, "--state", tmp_path / "kept")

    assert (refused.code, "--state needs a file" in refused.err) == (2, True)


SECONDS = int(datetime.fromisoformat(AT).timestamp())
EXPORTS: dict[str, tuple[list[str], list[dict[str, object]]]] = {
    "posthog": (
        ["--user-column", "distinct_id", "--at-column", "timestamp", "--map-event", "$pageview={}"],
        [
            {"event": "$pageview", "distinct_id": "ada", "timestamp": AT, "properties": {"a": 1}},
            {"event": "$pageview", "distinct_id": "17", "timestamp": AT.replace("Z", ".123456+00:00")},
        ],
    ),
    "mixpanel": (
        [
            *("--user-column", "properties.distinct_id", "--at-column", "properties.time"),
            *("--time-unit", "s", "--map-event", "Sign up = now={}"),
        ],
        [
            {"event": "Sign up = now", "properties": {"time": SECONDS, "distinct_id": "ada", "$os": "x"}},
            {"event": "Sign up = now", "properties": {"time": SECONDS, "distinct_id": 17}},
        ],
    ),
    "amplitude": (
        [
            *("--user-column", "user_id", "--user-column", "device_id", "--at-column", "event_time"),
            *("--event-column", "event_type", "--map-event", "play={}"),
        ],
        [
            {
                "event_type": "play",
                "event_time": f"{MOMENT:%F %T}.123456",
                "user_id": None,
                "device_id": "ada",
            },
            {"event_type": "play", "event_time": f"{MOMENT:%F %T}.1", "user_id": "17", "device_id": "x"},
        ],
    ),
    "ga4": (
        [
            *("--user-column", "user_pseudo_id", "--at-column", "event_timestamp", "--time-unit", "us"),
            *("--event-column", "event_name", "--map-event", "first_visit={}"),
        ],
        [
            {"event_name": "first_visit", "event_timestamp": f"{SECONDS}000001", "user_pseudo_id": "ada"},
            {"event_name": "first_visit", "event_timestamp": f"{SECONDS}999999", "user_pseudo_id": "123.456"},
        ],
    ),
}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_loads_with_options_alone(donebit: Donebit, name: str, export: str, zipped: bool) -> None:
    options, lines = EXPORTS[export]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = donebit.folder / ("export.json.gz" if zipped else "export.json")
    file.write_bytes(gzip.compress(content) if zipped else content)

    loaded = donebit("load", file, "--ids", "texts", *(option.format(name) for option in options), "--json")

    assert (loaded.code, loaded.json["fresh"]) == (0, 2)
    assert donebit("count", name, "--period", "hour", "--at", AT, "--json").json["count"] == 2
    assert users(donebit, name) == (["123.456", "ada"] if export == "ga4" else ["17", "ada"])


def test_a_csv_may_have_a_second_column_for_the_user(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text(f"user_id,device_id,at\n,ada,{AT}\neve,x,{AT}\n,,{AT}\n")

    loaded = donebit(
        "load", file, "--event", name, "--user-column", "user_id", "--user-column", "device_id", "--skip-bad"
    )

    assert loaded.code == 5
    assert users(donebit, name) == ["ada", "eve"]


def test_an_event_that_cannot_be_named_so_is_refused_with_the_remedy(donebit: Donebit) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at,event\n7,{AT},Sign up\n")

    refused = donebit("load", file)

    assert refused.code == 1
    assert "--map-event 'Sign up=NAME' renames it" in refused.err


@pytest.mark.parametrize("pair", ["a", "=b", "a=", "a=no name", "a=b --map-event a=c"])
def test_an_invalid_map_of_events_is_refused(donebit: Donebit, pair: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text(CSV)
    first, *more = pair.split(" --map-event ")

    refused = donebit(
        "load", file, "--map-event", first, *(part for one in more for part in ("--map-event", one))
    )

    assert (refused.code, "--map-event is " in refused.err) == (2, True)
