"""The reference of dialplan keys is generated from the models, and complete."""

import re
import tomllib
from pathlib import Path

from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.dialplan.reference import dialplan_reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_file_is_what_make_docs_writes() -> None:
    assert (DOCS / "dialplans.md").read_text() == dialplan_reference(), "run: make docs"


def test_every_row_says_what_its_key_means() -> None:
    rows = [row for row in dialplan_reference().splitlines() if row.startswith("| `")]
    assert len(rows) > 60
    assert [row for row in rows if re.search(r"\|\s*\|$", row)] == []


def test_every_key_of_a_shipped_dialplan_has_a_row() -> None:
    known = {row.split("`")[1] for row in dialplan_reference().splitlines() if row.startswith("| `")}
    known |= set(re.findall(r"^## `\[(\w+)", dialplan_reference(), re.M))
    for path in SHIPPED.rglob("*.toml"):
        data = tomllib.loads(path.read_text())
        tables = [data, *(data.get(name, {}) for name in ("hours", "voice", "barge_in", "llm", "prompts"))]
        tables += [each for name in ("slots", "intents", "tools") for each in data.get(name, {}).values()]
        assert {key for table in tables for key in table} <= known, path


def test_the_least_that_works_works(tmp_path: Path) -> None:
    (tmp_path / "least.toml").write_text(dialplan_reference().split("```toml\n")[1].split("```")[0])
    [plan] = Dialplans.load([tmp_path / "least.toml"])
    assert plan.phrases()


def test_what_is_required_is_said() -> None:
    text = dialplan_reference()
    assert "| `called` | list of texts | required |" in text
    assert "| `url` | text | required |" in text
