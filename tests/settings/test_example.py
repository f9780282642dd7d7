"""The example settings file: generated from the models, complete, and harmless as it is."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

from phone_daemon.settings.example import example, table_of_many, toml
from phone_daemon.settings.load import beside, load_settings
from phone_daemon.settings.problems import fields_of
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.toml_lines import Document
from phone_daemon.settings.trunks import RegisterKeys, TrunkSettings

EXAMPLE = Path(__file__).parents[2] / "phone-daemon.example.toml"


def test_the_committed_file_is_what_make_docs_writes() -> None:
    assert EXAMPLE.read_text() == example(), "run: make docs"


def test_as_it_is_it_changes_nothing() -> None:
    assert load_settings(EXAMPLE, {}) == beside(EXAMPLE.parent, Settings(), Document(Path(), {}))


def uncommented() -> str:
    """The example with its keys switched on, except for those of tables in lists."""
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith(("# ", "#\n")) and "=" in line else line
        for line in example().partition("#[[")[0].splitlines()
    )


def test_every_key_is_there_with_its_default(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(uncommented())
    settings = load_settings(tmp_path / "s.toml", {})
    default = Settings()
    # Some keys have no default that can be written; the file has an example value instead.
    assert settings == replace(
        default,
        llm_cancel_floor_s=0.05,
        calls=replace(default.calls, directory=tmp_path / default.calls.directory),
        state=replace(default.state, directory=tmp_path / default.state.directory, texts=True),
        web=replace(default.web, tokens=tmp_path / "tokens.toml"),
        edge=replace(
            default.edge,
            certificate=tmp_path / "edge.pem",
            key=tmp_path / "edge.key",
            client_ca=tmp_path / "trunks.pem",
            directory=tmp_path / default.edge.directory,
        ),
    )
    text = "\n" + uncommented()
    for section in fields(Settings):
        value = getattr(default, section.name)
        if is_dataclass(value):
            part = text.partition(f"\n[{section.name}]\n")[2].partition("\n[")[0]
            for key in fields(value):
                assert f"\n{key.name} = " in "\n" + part, f"[{section.name}] {key.name}"
        elif not table_of_many(fields_of(Settings)[section.name]):
            assert f"\n{section.name} = " in text.partition("\n[")[0], section.name


def test_every_key_of_a_trunk_is_there() -> None:
    part = example().partition("#[[trunk]]")[2].partition("#[[")[0]
    of_account = part.partition("#[trunk.register]\n")[2]
    assert [each.name for each in fields(TrunkSettings) if f"\n#{each.name} = " not in part] == ["register"]
    assert all(f"\n#{each.name} = " in of_account for each in fields(RegisterKeys))


def test_no_line_is_too_long_to_read() -> None:
    assert max(map(len, example().splitlines())) <= 120


def test_values_are_written_as_toml_has_them() -> None:
    assert toml({"rate": 1.5, "voice": 'a "b"', "on": True, "list": ["é", 2]}) == (
        '{ rate = 1.5, voice = "a \\"b\\"", on = true, list = ["é", 2] }'
    )
