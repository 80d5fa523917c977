"""The report of a run: one HTML file that opens offline, loads nothing and runs no script."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dualchecker.evaluation import wording
from dualchecker.evaluation.formats import interval, known, money, percent, plural, share, visible, whole
from dualchecker.evaluation.report_chains import chain_figures, chain_views
from dualchecker.evaluation.report_closer import noise_view, slices_view
from dualchecker.evaluation.report_labels import decision_rows, label_sets_view
from dualchecker.evaluation.report_panel import panel_view
from dualchecker.evaluation.report_quality import (
    View,
    confidence_view,
    confusion_view,
    final_stage,
    judged,
    stages_view,
    students_view,
    total,
    unit,
    value_and_range,
)
from dualchecker.evaluation.report_spans import span_figures, span_views
from dualchecker.evaluation.report_work import doubtful_view, work_view


def render_report(metrics: Mapping[str, Any], labels: Sequence[Mapping[str, Any]]) -> str:
    """The report as HTML.

    Args:
        metrics: What ``metrics.json`` holds; its ``kind`` is ``extraction`` where spans are asked for, and
            ``reasoning`` where questions are answered. Parts that a run did not have (test set, references, human
            labels in the pool, rounds) may be missing; the report then says so or leaves the section out.
        labels: Rows of ``labels.jsonl``.

    Returns:
        A whole page. Every text in it is escaped; characters that reorder or break text are spelled out.
    """
    teacher, student = metrics["teacher"], metrics["student"]
    shared = {
        "head": _head(metrics),
        "warnings": _warnings(metrics),
        "panel": panel_view(teacher.get("panel")),
        "work": work_view(metrics),
    }
    if metrics.get("kind") == "extraction":
        figures = [*span_figures(metrics), _spent(metrics)]
        template = _environment().get_template("report_spans.html.j2")
        return template.render(shared, figures=figures, **span_views(metrics, labels))
    if metrics.get("kind") == "reasoning":
        figures = [*chain_figures(metrics), _spent(metrics)]
        template = _environment().get_template("report_chains.html.j2")
        return template.render(shared, figures=figures, **chain_views(metrics, labels))
    stages = teacher.get("stages") or {}
    test = student.get("test")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            shared,
            figures=_figures(metrics),
            stages=stages_view(stages, panel=bool(teacher.get("panel"))),
            students=students_view(test, metrics.get("references") or {}),
            confidence=confidence_view(stages, test, teacher.get("calibration") or {}),
            confusion=confusion_view(test),
            slices=slices_view(metrics.get("slices")),
            noise=noise_view(metrics.get("noise"), labels),
            doubtful=doubtful_view(decision_rows(labels) if metrics.get("multiple") else labels, teacher["name"]),
            label_sets=label_sets_view(metrics),
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "files"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_spell_out,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _spell_out(value: Any) -> Any:
    # Markup is ours: charts, whose words went through ``visible`` already.
    return visible(value) if type(value) is str else value


def _head(metrics: Mapping[str, Any]) -> View:
    teacher, student, data = metrics["teacher"], metrics["student"], metrics["data"]
    base = str(student.get("base") or "")
    return {
        "question": metrics["question"],
        "method": metrics["method"],
        "teacher": teacher["name"],
        "senior": teacher.get("senior"),
        "student": student["kind"],
        "base": wording.BASES.get(base, _last_part(base)),
        "labels": list(metrics["labels"].items()),
        "noun": "answer" if metrics.get("kind") == "reasoning" else "label",
        "gold": whole(data["gold"]),
        "pool": whole(data["pool"]),
        "test": whole(data["test"]),
        "taught": whole((student.get("taught") or {}).get("teacher", 0)),
        "generated": (student.get("taught") or {}).get("generated", 0),
        "calibrated": bool(teacher.get("calibration")),
        "training_gold": whole((metrics.get("gold_used") or {}).get("student_training", data["gold"])),
        "seed": metrics.get("seed"),
    }


def _last_part(base: str) -> str:
    """Of a folder only its name: where it lay on somebody's disk is nobody's business."""
    looks_like_path = base.startswith(("/", ".", "~")) or "\\" in base
    return base.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if looks_like_path else base


def _final(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    return final_stage(metrics["teacher"].get("stages") or {})[1]


def _threshold(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    calibration: Mapping[str, Any] = metrics["teacher"].get("calibration") or {}
    return calibration.get("threshold") or {}


def _figures(metrics: Mapping[str, Any]) -> list[View]:
    """The few numbers that a reader takes away."""
    stage, test, threshold = _final(metrics), metrics["student"].get("test") or {}, _threshold(metrics)
    records, kept = total(stage), stage.get("kept") or {}
    left = f"{whole(stage.get('abstained', 0))} left open, {whole(stage.get('failed', 0))} failed"
    accepted = {
        "name": "Pool accepted",
        "value": percent(share(stage.get("accepted"), records)),
        "notes": [f"{whole(stage.get('accepted'))} of {plural(records, unit(stage)[:-1])}", left],
    }
    wanted = known(threshold.get("target"))
    goal = [f"asked for: {percent(wanted)}"] if wanted is not None else []
    right = {"name": "Accepted labels that are right", **value_and_range(kept.get("accuracy"))}
    if kept.get("count"):
        right["notes"] = [
            f"measured on {plural(kept['count'], 'accepted ' + unit(stage)[:-1])} with a human label",
            *goal,
        ]
    elif judged(stage):
        right["notes"] = ["nothing was accepted", *goal]
    else:
        estimate = (
            f"{percent(threshold.get('precision'))} by estimate on {whole(threshold.get('accepted'))} gold answers"
        )
        seen = [estimate] if known(threshold.get("precision")) is not None else []
        right["notes"] = ["not measured: the pool has no human labels", *seen, *goal]
    headline = ("micro-F1", "micro_f1") if metrics.get("multiple") else ("accuracy", "accuracy")
    student = {"name": f"Student {headline[0]} on test", **value_and_range(test.get(headline[1]))}
    student["notes"] = (
        [f"macro-F1 {interval(test.get('macro_f1'))}", f"{plural(test.get('count') or judged(test), 'text')}"]
        if test
        else ["not measured: the run has no test set"]
    )
    return [{"range": "", **accepted}, right, student, _spent(metrics)]


def _spent(metrics: Mapping[str, Any]) -> View:
    requests, tokens = metrics.get("requests") or {}, metrics.get("tokens") or {}
    return {
        "name": "Requests answered",
        "value": whole(requests.get("used", requests.get("answered"))),
        "range": "",
        "notes": [
            *([f"{requests['per_record']:.1f} for each pool record"] if "per_record" in requests else []),
            f"cost {money(metrics.get('cost'))}{_in_folder(metrics)}",
            f"{whole(tokens.get('prompt'))} tokens in, {whole(tokens.get('completion'))} out",
        ],
    }


def _in_folder(metrics: Mapping[str, Any]) -> str:
    """What the whole folder cost, where that is more: earlier settings, and whatever this result did not use."""
    folder = money((metrics.get("money") or {}).get("spent_in_folder", metrics.get("cost")))
    return "" if folder == money(metrics.get("cost")) else f" for this result; spent in this folder {folder}"


def _warnings(metrics: Mapping[str, Any]) -> list[str]:
    """What a reader must know before any number."""
    found = []
    if metrics["teacher"]["name"] == "exemplar":
        found.append(
            "The teacher “exemplar” is no LLM: it votes by similarity to the examples in its prompt. "
            "This run shows how the method works, not what an LLM would reach."
        )
    if metrics["teacher"]["name"] == "program":
        found.append(
            "The teacher “program” is a program with known flaws, no LLM: its chains are right or wrong as they were "
            "made to be. This run shows how the method works, not what an LLM would reach."
        )
    threshold = _threshold(metrics)
    if threshold.get("message"):
        found.append(str(threshold["message"]))
    found += map(str, (metrics["teacher"].get("calibration") or {}).get("remarks") or ())
    wanted, accuracy = known(threshold.get("target")), (_final(metrics).get("kept") or {}).get("accuracy") or {}
    high = known(accuracy.get("high"))
    if wanted is not None and high is not None and high < wanted:
        what = {"extraction": "spans", "reasoning": "answers"}.get(str(metrics.get("kind")), "labels")
        found.append(
            f"The accepted {what} miss the precision asked for ({percent(wanted)}): {interval(accuracy)} are right."
        )
    return [*found, *map(str, metrics["data"].get("warnings") or ())]
