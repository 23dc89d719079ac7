"""The house: which room imports which, what stands where, how long a command's file is."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from .paths import REPOSITORY

ROOMS = ("align", "datasets", "evaluate", "export", "infer", "models", "train")
MOST_FILES = 15  # of a folder, without its __init__; sface/cli has one for each verb
VERB_LINES = 80


def modules() -> Iterator[Path]:
    """The source files of all rooms and of what they share, relative to the repository."""
    for folder in (*ROOMS, "sface"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            relative = path.relative_to(REPOSITORY)
            if not (folder == "sface" and len(relative.parts) > 2 and relative.parts[1] in ROOMS):  # the links
                yield relative


def room_of(name: str) -> str:
    """The room of a module, by its full name; "cli"; "shared"."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in (*ROOMS, "cli") else "shared"


def name_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    parts = parts if parts[0] == "sface" else ("sface", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """The full names of what a file imports of sface, wherever in it, also for types alone or by a lazy name."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "sface")
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            if source.split(".")[0] == "sface":
                yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"sface(\.\w+)+", str(node.value)):
            yield str(node.value)


def allowed() -> dict[str, set[str]]:
    """What CONTRIBUTING.md's table lets each room import."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", cell)) for room, cell in rows if room in ROOMS}


def test_the_table_names_every_room_and_has_no_circle() -> None:
    table = allowed()
    assert set(table) == set(ROOMS)
    done: set[str] = set()
    while len(done) < len(table):
        ready = {room for room, others in table.items() if room not in done and others <= done}
        assert ready, f"a circle among {set(table) - done}"
        done |= ready


def test_rooms_import_what_the_table_allows() -> None:
    table, wrong = allowed(), []
    for path in modules():
        own = room_of(name_of(path))
        if own == "cli":
            continue
        for name in imports(path):
            other = room_of(name)
            public = own == "shared" and path == Path("sface/__init__.py") and other != "cli"
            dispatch = path == Path("sface/__main__.py")
            if other not in (own, "shared") and not public and not dispatch and other not in table.get(own, set()):
                wrong.append(f"{path} imports {name}")
    assert wrong == []


def test_no_function_below_the_commands_takes_their_arguments() -> None:
    wrong = [
        str(path)
        for path in modules()
        if room_of(name_of(path)) != "cli" and re.search(r"\bargparse\b", (REPOSITORY / path).read_text("utf-8"))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in modules() if path.parent == Path("sface/cli")], ids=lambda p: p.stem)
def test_a_commands_file_is_short_but_for_its_parser(path: Path) -> None:
    text = (REPOSITORY / path).read_text("utf-8")
    parser = sum(
        node.end_lineno - node.lineno + 1
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("add_") and node.end_lineno is not None
    )
    if path.stem not in ("dispatch", "options"):
        assert len(text.splitlines()) - parser < VERB_LINES


def test_no_file_name_twice() -> None:
    names = Counter(path.name for path in modules() if path.parent.name != "cli" and path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_a_folder_holds_about_a_dozen_files() -> None:
    folders = Counter(path.parent for path in modules() if path.name != "__init__.py")
    assert {folder: count for folder, count in folders.items() if count > MOST_FILES} == {
        Path("sface/cli"): folders[Path("sface/cli")]
    }


def test_the_tests_mirror_the_rooms() -> None:
    """A test file named after a module stands where the module stands."""
    places = defaultdict(set)
    for path in modules():
        folder = path.parent.relative_to("sface") if path.parts[0] == "sface" else path.parent
        places[path.stem].add(folder)
    wrong = []
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        name, folder = path.stem.removeprefix("test_"), path.parent.relative_to(REPOSITORY / "tests")
        if name in places and folder not in places[name]:
            wrong.append(str(path.relative_to(REPOSITORY)))
    assert wrong == []
