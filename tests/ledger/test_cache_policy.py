"""What makes a request another one, and what does not."""

from pathlib import Path

import pytest

from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.ledger import Ledger, export_rows, request_key
from dualchecker.prompts import PromptWriter, Rung, Template
from dualchecker.records import Record
from dualchecker.teachers import OpenAITeacher


@pytest.fixture
def render(task, demonstrations):
    def made(template: Template) -> list:
        writer = PromptWriter(task)
        records = [Record(f"r{i}", f"Device number {i} that saves water.") for i in range(3)]
        shown = [template.demonstrations(record.text, demonstrations) for record in records]
        rung = Rung("brief")
        return [writer.label(one, rung, template, demos) for one, demos in zip(records, shown, strict=True)]

    return made


def test_an_edited_template_makes_new_requests_and_keeps_old_answers_readable(
    tmp_path: Path, serve, settings, render, demonstrations
) -> None:
    server = serve()
    before = Template(demonstrations[:2], size=3)
    after = before.explained({demonstrations[0].record.id: "Half the power for the same warmth."})
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        with Asker(ledger, LimitsConfig()) as asker:
            teacher = OpenAITeacher(settings(server))
            old = asker.ask(teacher, render(before))
            new = asker.ask(teacher, render(after))
            assert len(server.calls) == 6 and not {one.key for one in old} & {one.key for one in new}
            again = asker.ask(teacher, render(before))  # the edit is taken back: nothing is asked
            assert len(server.calls) == 6 and [one.reply for one in again] == [one.reply for one in old]
        rows = {row["key"]: row for row in export_rows(ledger)}
        assert len(rows) == 6
        for one in old:
            assert one.reply is not None
            assert rows[one.key]["reply"]["text"] == one.reply.text
            assert rows[one.key]["payload"]["messages"] == [dict(message) for message in one.prompt.messages]


CHANGES = [
    ({"model": "other"}, True),
    ({"temperature": 0.5}, True),
    ({"max_tokens": 77}, True),
    ({"structured": False}, True),
    ({"extra": {"top_p": 0.5}}, True),
    ({"base_url": "http://elsewhere.example/v1"}, False),
    ({"key_env": "ANOTHER_KEY"}, False),
    ({"price_input": 3.0, "price_output": 9.0}, False),
    ({"timeout": 3.0}, False),
]


@pytest.mark.parametrize(("change", "another"), CHANGES, ids=lambda value: str(value))
def test_what_enters_the_key(make_prompts, change: dict[str, object], another: bool, monkeypatch) -> None:
    monkeypatch.setenv("ANOTHER_KEY", "secret")
    given = {"kind": "openai", "model": "tiny", "base_url": "http://here.example/v1", "key_env": None}
    keys = []
    for values in (given, given | change):
        teacher = OpenAITeacher(SeniorConfig.model_validate(values))
        keys.append(request_key(teacher.name, teacher.payload(make_prompts(1)[0])))
    assert (keys[0] != keys[1]) == another
