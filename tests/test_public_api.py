"""The public names, what they take and give, and that each is explained: a change here is a change for users."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.jittor

PACKAGES = (
    "sface.align",
    "sface.datasets",
    "sface.evaluate",
    "sface.export",
    "sface.infer",
    "sface.infer.zoo",
    "sface.models",
    "sface.train",
)

API = Path(__file__).with_name("public_api.txt")


def members(name: str, value: Any) -> list[tuple[str, Any]]:
    """A function; or a class and its public methods and properties."""
    if not inspect.isclass(value):
        return [(name, value)] if callable(value) else []
    own = [(key, item) for key, item in vars(value).items() if not key.startswith("_")]
    plain = [(key, getattr(item, "__func__", item)) for key, item in own]
    return [(name, value), *((f"{name}.{key}", item) for key, item in plain if callable(item) or is_property(item))]


def is_property(value: object) -> bool:
    return isinstance(value, property)


def signature(value: Any) -> str:
    """Parameters and defaults; without types, which Python's versions write differently and mypy checks."""
    if is_property(value):
        return ""
    whole = inspect.signature(value)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in whole.parameters.values()]
    return str(whole.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def public() -> list[tuple[str, Any]]:
    found = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            found += members(f"{package}.{name}", getattr(module, name))
    return found


def listing() -> str:
    return "".join(f"{name}{signature(value)}\n" for name, value in public())


def test_what_the_package_itself_shows() -> None:
    import sface
    import sface.errors
    import sface.infer

    errors = [name for name, value in vars(sface.errors).items() if inspect.isclass(value)]
    names = ["FaceVerifier", "Verification", "FaceEmbedder", "Gallery", "load_image", "load_detector", "Output"]
    assert sorted(sface.__all__) == sorted([*names, *errors, "__version__"])
    assert sface.FaceVerifier is sface.infer.FaceVerifier
    assert sface.NoFaceError is sface.errors.NoFaceError
    assert sface.infer.zoo.get is importlib.import_module("sface.infer.zoo").get


def test_the_names_and_what_they_take() -> None:
    """A deliberate change is written down with `python -m tests.test_public_api`."""
    assert listing() == API.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "value"), [pytest.param(*each, id=each[0]) for each in public()])
def test_each_is_explained_and_has_types(name: str, value: Any) -> None:
    text = inspect.getdoc(value)
    assert text is not None and len(text) > 20
    if not text.startswith(f"{name.split('.')[-1]}("):  # what dataclass writes itself
        assert "\n" in text or text.endswith((".", "default."))
    function = value.fget if is_property(value) else value.__init__ if inspect.isclass(value) else value
    for parameter in inspect.signature(function).parameters.values():
        bare = parameter.name in ("self", "cls") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        assert bare or parameter.annotation is not parameter.empty, parameter
    if not inspect.isclass(value):
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty


def test_every_error_of_the_tree_is_explained() -> None:
    errors = importlib.import_module("sface.errors")
    for name, value in vars(errors).items():
        if inspect.isclass(value) and value.__module__ == "sface.errors":
            assert inspect.getdoc(value) and issubclass(value, errors.SFaceError), name


if __name__ == "__main__":
    API.write_text(listing(), encoding="utf-8")
