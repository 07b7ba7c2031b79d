"""Plug-ins that are good, bad and missing; each is a module of the test's own folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from archspace.__main__ import main, plugins_first
from archspace.plan import UNITS
from archspace.support import plugins, registry
from archspace.support.errors import FieldError, InputError
from archspace.support.plugins import (
    Plugin,
    PluginError,
    load_plugins,
    loaded_plugins,
    made_with,
    plugins_noted_in,
    plugins_of,
)
from archspace.support.registry import Registry, later
from searches.config.study import parse_config
from tests.searches.studies import tiny

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module that can be imported; what plug-ins leave behind is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "_LOADED", {})
    monkeypatch.setattr(registry, "_PROMISED", deepcopy(registry._PROMISED))
    written = []

    def make(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        written.append(name)
        return name

    yield make
    for name in written:
        sys.modules.pop(name, None)


def test_a_plug_in_is_loaded_once(write: Write) -> None:
    name = write("once", "import sys\nsys.loads = getattr(sys, 'loads', 0) + 1\n__version__ = '2.5'\n")
    (plugin,) = load_plugins([name])
    assert plugin == Plugin("once", "2.5") and str(plugin) == "once 2.5"
    assert load_plugins([name, name]) == (plugin, plugin)
    assert loaded_plugins() == (plugin,)
    assert vars(sys).pop("loads") == 1


def test_an_object_with_register_is_a_plug_in(write: Write) -> None:
    text = "import sys\nclass Kit:\n    @staticmethod\n    def register():\n        sys.kits = ['one']\n"
    assert load_plugins([write("kits", text) + ":Kit"]) == (Plugin("kits:Kit"),)
    assert vars(sys).pop("kits") == ["one"]


def test_a_register_that_a_module_imported_is_not_its_own(write: Write) -> None:
    name = write("entering", "from analysis.quantities import register\n")
    assert load_plugins([name]) == (Plugin("entering", None),)


def test_a_module_with_register_is_asked_to(write: Write) -> None:
    load_plugins([write("asked", "import sys\ndef register():\n    sys.asked = True\n")])
    assert vars(sys).pop("asked") is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "there is no such module; install bad, or put its folder on PYTHONPATH"),
        ("import nowhere.at_all\n", "No module named 'nowhere'; install nowhere, or put its folder"),
        ("1 / 0\n", "cannot be loaded: ZeroDivisionError: division by zero; mend it, or leave it out"),
        ("def\n", "cannot be loaded: SyntaxError"),
        (
            "from archspace.plan.request import UNITS\nUNITS.register('esp')(None)\n",
            "cannot be loaded: ValueError: unit 'esp' is registered twice; mend it",
        ),
    ],
)
def test_a_bad_plug_in_is_one_line_and_exit_code_2(
    write: Write,
    text: str | None,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if text is not None:
        write("bad", text)
    esp = UNITS["esp"]
    monkeypatch.setattr(sys, "argv", ["archspace", "cost", "espnet", "--plugin", "bad"])
    with pytest.raises(SystemExit) as caught:
        main()
    output = capsys.readouterr()
    assert caught.value.code == 2 and output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("archspace: plug-in 'bad': ") and reason in line
    assert loaded_plugins() == () and UNITS["esp"] is esp


def test_an_object_that_is_no_plug_in_is_refused(write: Write) -> None:
    with pytest.raises(PluginError, match=r"'plain:thing': .* plain:thing has no register\(\)"):
        load_plugins([write("plain", "thing = 3\n") + ":thing"])
    with pytest.raises(PluginError, match="has no attribute 'other'"):
        load_plugins(["plain:other"])


def test_the_option_may_stand_anywhere() -> None:
    assert plugins_first(["--plugin", "a", "cost", "x", "--plugin=b", "--json"]) == (
        ["--plugin", "a", "--plugin=b"],
        ["cost", "x", "--json"],
    )
    assert plugins_first(["cost", "--", "--plugin", "a"]) == ([], ["cost", "--", "--plugin", "a"])
    with pytest.raises(FieldError, match="needs the name of a module"):
        plugins_first(["cost", "x", "--plugin"])


def test_a_study_loads_its_plug_ins_and_keeps_their_versions(write: Write) -> None:
    name = write("kept", "__version__ = '7'\n")
    config = parse_config(tiny(plugins=[name]))
    assert [one.model_dump() for one in config.plugins] == [{"module": "kept", "version": "7"}]
    assert parse_config(config.model_dump(mode="json")) == config
    with pytest.raises(PluginError, match="plug-in 'nowhere': there is no such module"):
        parse_config(tiny(plugins=["nowhere"]))
    for wrong in ("kept", [3], [{"version": "7"}]):
        with pytest.raises(FieldError, match=r"plugins: .*must be a list of modules"):
            parse_config(tiny(plugins=wrong))


def test_a_promise_is_kept_when_the_entry_is_asked_for(write: Write) -> None:
    colours: Registry[int] = Registry("colour")
    colours.register("red")(1)
    later("colour", "green", write("greens", "import sys\nsys.colours.register('green')(2)\n"))
    sys.colours = colours  # type: ignore[attr-defined]
    try:
        assert "green" in colours and list(colours) == ["red", "green"] and len(colours) == 2
        assert "greens" not in sys.modules
        with pytest.raises(FieldError, match="nearest valid: green"):
            colours["grene"]
        assert "greens" not in sys.modules
        assert colours["green"] == 2 and list(colours) == ["red", "green"]
    finally:
        del sys.colours  # type: ignore[attr-defined]


def test_a_promise_that_is_not_kept_is_one_line(write: Write) -> None:
    colours: Registry[int] = Registry("colour")
    later("colour", "blue", write("forgets", ""))
    later("colour", "pink", "nowhere.at_all")
    with pytest.raises(InputError, match="colour 'blue': forgets promises it and does not register it"):
        colours["blue"]
    with pytest.raises(InputError, match=r"colour 'pink': nowhere\.at_all cannot be imported"):
        colours["pink"]
    with pytest.raises(ValueError, match="colour 'blue' is promised twice"):
        later("colour", "blue", "another")


def test_what_is_unknown_without_a_plug_in_names_it(write: Write, tmp_path: Path) -> None:
    here, away = Plugin(write("here", "")), Plugin("ghosts", "1.2")
    load_plugins([here.module])
    rule = r"unit: 'ghost': needs the plug-in ghosts 1.2, which is not loaded; .*--plugin ghosts$"
    with pytest.raises(PluginError, match=rule), made_with([here, away]):
        UNITS["ghost"]
    with pytest.raises(FieldError, match="unknown unit; nearest valid"), made_with([here]):
        UNITS["ghost"]
    with pytest.raises(FieldError, match="must be odd"), made_with([away]):
        raise FieldError("receptive_field", 4, "must be odd", 3)
    (tmp_path / "study.yaml").write_text("plugins: [here, {module: ghosts, version: '1.2'}]\n")
    with pytest.raises(PluginError, match=rule), plugins_noted_in(tmp_path / "study.yaml"):
        UNITS["ghost"]
    for text in ("plugins: 3\n", "- a\n", "{", ""):
        (tmp_path / "study.yaml").write_text(text)
        with plugins_noted_in(tmp_path / "study.yaml"), plugins_noted_in(tmp_path / "none.yaml"):
            pass
    assert plugins_of([{"module": "a"}, "b", 3]) == (Plugin("a"), Plugin("b"))
