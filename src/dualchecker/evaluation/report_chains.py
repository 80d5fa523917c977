"""What the report says where questions are answered by reasoning; plain values for the template."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.charts import whisker_chart
from dualchecker.evaluation.formats import (
    DASH,
    cut,
    decimal,
    decimal_interval,
    interval,
    known,
    percent,
    plural,
    share,
    whole,
)
from dualchecker.evaluation.report_quality import (
    View,
    compared,
    confidence_view,
    final_stage,
    judged,
    stages_view,
    total,
    value_and_range,
)
from dualchecker.evaluation.report_work import doubtful_view

SUREST = "0.8"
"""The share of the student's surest answers that stands beside all of them: what abstaining on the rest brings."""

CHAINS = 6
"""Chains shown of a doubtful question; all are in ``labels.jsonl``."""

CHAIN_LIMIT = 700
REASON_LIMIT = 240


def chain_views(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All sections but those that every report has.

    Args:
        metrics: See ``render_report``; stages as ``judge_answers`` gives them, students as ``judge_reasoned``.
        rows: Of ``labels.jsonl``.
    """
    teacher, student = metrics["teacher"], metrics["student"]
    stages, calibration = teacher.get("stages") or {}, teacher.get("calibration") or {}
    test = student.get("test")
    steps = stages_view(stages) | {"unit": "questions"}
    for row, name in zip(steps["rows"], stages, strict=True):
        row["title"], row["meaning"] = _named(name)
    return {
        "kept": "answer",
        "stages": steps,
        "chains": chains_view(stages),
        "students": chain_students_view(student, metrics.get("references") or {}),
        "confidence": confidence_view(stages, test, calibration, what="answer"),
        "signals": signals_view(calibration),
        "doubtful": doubtful_questions_view(rows, str(teacher["name"])),
    }


def _named(stage: str) -> tuple[str, str]:
    return (wording.STAGES | wording.CHAIN_STAGES).get(stage, (stage, ""))


def chain_figures(metrics: Mapping[str, Any]) -> list[View]:
    """The few numbers that a reader takes away: answers and chains of the teacher, and what the student is worth."""
    calibration = metrics["teacher"].get("calibration") or {}
    stage, test = final_stage(metrics["teacher"].get("stages") or {})[1], metrics["student"].get("test") or {}
    threshold, kept, chains = calibration.get("threshold") or {}, stage.get("kept") or {}, stage.get("chains") or {}
    wanted, records = known(threshold.get("target")), total(stage)
    goal = [f"asked for: {percent(wanted)}"] if wanted is not None else []
    accepted = {
        "name": "Pool answers accepted",
        "value": percent(share(stage.get("accepted"), records)),
        "range": "",
        "notes": [
            f"{whole(stage.get('accepted'))} of {plural(records, 'question')}",
            f"{whole(stage.get('abstained') or 0)} left open, {whole(stage.get('failed') or 0)} failed",
        ],
    }
    right = {"name": "Accepted answers that are right", **value_and_range(kept.get("accuracy"))}
    if kept.get("count"):
        right["notes"] = [f"of {plural(kept['count'], 'accepted answer')} with a human one", *goal]
    elif judged(stage):
        right["notes"] = ["nothing was accepted", *goal]
    else:
        estimate = known(threshold.get("precision"))
        seen = [f"{percent(estimate)} by estimate on gold"] if estimate is not None else []
        right["notes"] = ["not measured: the pool has no human answers", *seen, *goal]
    unmeasured = ["not measured: the run has no test set"]
    student = {"name": "Student right on test", **value_and_range(test.get("accuracy"))}
    student["notes"] = (
        [f"{interval(test.get('direct_accuracy'))} at once, without a chain", plural(int(test["count"]), "question")]
        if test
        else unmeasured
    )
    surest = {"name": "Its surest 80\N{NO-BREAK SPACE}%, right", **value_and_range(_surest(test))}
    surest["notes"] = ["what it brings to leave the least sure fifth to others"] if test else unmeasured
    return [accepted, right, student, surest, *([_kept_chains(chains)] if chains else [])]


def _surest(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return (result.get("accuracy_at") or {}).get(SUREST)


def _kept_chains(chains: Mapping[str, Any]) -> View:
    rejected = sum((chains.get("rejected") or {}).values())
    count, drawn = int(chains.get("count") or 0), int(chains.get("drawn") or 0)
    notes = [f"{whole(count - rejected)} of {plural(count, 'different chain')}", f"{plural(drawn, 'draw')}"]
    return {"name": "Chains kept", "value": percent(share(count - rejected, count)), "range": "", "notes": notes}


def chains_view(stages: Mapping[str, Mapping[str, Any]]) -> View | None:
    """The chains of thought step by step, and what became of the last ones; None where no stage has any."""
    found = {name: stage["chains"] for name, stage in stages.items() if stage.get("chains")}
    if not found:
        return None
    rows = []
    for name, chains in found.items():
        count, rejected = int(chains.get("count") or 0), sum((chains.get("rejected") or {}).values())
        title, meaning = _named(name)
        rows.append(
            {
                "title": title,
                "meaning": meaning,
                "questions": whole(chains.get("questions")),
                "drawn": whole(chains.get("drawn")),
                "count": whole(count),
                "unsound": f"{whole(chains.get('unsound'))} of {whole(chains.get('with_arithmetic'))}"
                if chains.get("with_arithmetic")
                else DASH,
                "kept": percent(share(count - rejected, count)),
                "right": interval(chains.get("right")),
                "right_of_kept": interval(chains.get("right_of_kept")),
                "auroc": decimal_interval(chains.get("verdict_auroc")),
            }
        )
    last = list(found.values())[-1]
    count = int(last.get("count") or 0)
    return {
        "rows": rows,
        "known": any("right" in chains for chains in found.values()),
        "rejected": _counted(last.get("rejected") or {}, wording.REJECTED, count),
        "verdicts": _counted(last.get("verdicts") or {}, wording.VERDICTS | wording.OUTCOMES),
    }


def _counted(
    counts: Mapping[str, int], meanings: Mapping[str, str], of: int | None = None
) -> list[tuple[str, str, str, str]]:
    """Name, meaning, number and share, the most frequent first."""
    everything = sum(counts.values()) if of is None else of
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(name, meanings.get(name, ""), whole(n), percent(share(n, everything))) for name, n in ordered]


def chain_students_view(student: Mapping[str, Any], references: Mapping[str, Any]) -> View | None:
    """The student beside its references; None without a test set."""
    test = student.get("test")
    if not test:
        return None
    words = wording.STUDENTS | wording.CHAIN_STUDENTS
    results = [(*words.get(n, (n, "")), r) for n, r in {"student": test, **references}.items()]
    charts = [
        whisker_chart(
            [(title, result.get(key) or {}) for title, _, result in results],
            name=f"students-{key}",
            title=f"{what} on the test set, with 95 % intervals",
            axis=f"{what} on the test set",
        )
        for key, what in (("accuracy", "right by vote"), ("direct_accuracy", "right at once"))
    ]
    readings = [compared(test, name, r) for name, r in references.items()]
    unlearnt = {name: count for name, count in (student.get("unlearnt") or {}).items() if count}
    return {
        "rows": [
            {
                "title": title,
                "meaning": meaning,
                "vote": interval(result.get("accuracy")),
                "direct": interval(result.get("direct_accuracy")),
                "surest": interval(_surest(result)),
                "verdicts": decimal_interval(result.get("verdict_auroc")),
                "ece": interval(result.get("ece")),
                "silent": whole(result.get("without_answer") or 0),
            }
            for title, meaning, result in results
        ],
        "charts": [chart for chart in charts if chart] if references else [],
        "count": int(test.get("count") or 0),
        "chains": f"{share(test.get('chains'), test.get('count')) or 0:.1f}",
        "judges": bool(student.get("judges")),
        "unlearnt": [(wording.UNLEARNT.get(name, name), whole(count)) for name, count in unlearnt.items()],
        "calibration": student.get("calibration"),
        "reading": [sentence for sentence in readings if sentence],
    }


def signals_view(calibration: Mapping[str, Any]) -> View | None:
    """How much each signal counts in the teacher checker's confidence, rung by rung."""
    weights = {rung: fitted for rung, fitted in (calibration.get("weights") or {}).items() if fitted}
    names = [name for name in dict.fromkeys(n for fitted in weights.values() for n in fitted) if name != "intercept"]
    if not names or calibration.get("calibrated") is False:
        return None
    return {
        "rungs": list(weights),
        "rows": [
            (wording.SIGNALS.get(name, name), [decimal(fitted.get(name), 2) for fitted in weights.values()])
            for name in names
        ],
    }


def doubtful_questions_view(rows: Sequence[Mapping[str, Any]], teacher: str) -> View:
    """Questions for people, each with the answers that its chains arrive at, and what was said of these chains."""
    view = doubtful_view(rows, teacher)
    by_id = {str(row.get("id")): row for row in rows}
    for doubt in view["rows"]:
        row = by_id[doubt["id"]]
        chains = list(row.get("chains") or ())
        doubt["choices"] = [str(choice) for choice in row.get("choices") or ()]
        doubt["parties"] = _parties(chains[:CHAINS], doubt["label"])
        doubt["more"] = max(0, len(chains) - CHAINS)
    return view


def _parties(chains: Sequence[Mapping[str, Any]], kept: Any) -> list[View]:
    """Chains by what they arrive at: the answer kept first, then in the order in which they came."""
    answers = dict.fromkeys(str(chain.get("answer") or "") for chain in chains)
    return [
        {
            "answer": answer,
            "kept": answer == kept,
            "votes": sum(int(chain.get("count") or 1) for chain in mine),
            "chains": [_chain(chain) for chain in mine],
        }
        for answer in sorted(answers, key=lambda one: one != kept)
        for mine in [[chain for chain in chains if str(chain.get("answer") or "") == answer]]
    ]


def _chain(chain: Mapping[str, Any]) -> View:
    said = list(chain.get("evaluations") or ())
    verdicts = Counter(str(one.get("verdict") or one.get("outcome") or "") for one in said)
    rejected = str(chain.get("rejected") or "")
    reasons = [(str(one.get("verdict") or ""), str(one.get("rationale") or "").strip()) for one in said]
    return {
        "text": cut(str(chain.get("rationale") or "").strip(), CHAIN_LIMIT),
        "count": int(chain.get("count") or 1),
        "verdicts": ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdicts.items()),
        "reasons": [
            (verdict, cut(" ".join(words.split()), REASON_LIMIT))
            for verdict, words in dict.fromkeys(reasons)
            if verdict and words
        ],
        "unsound": (known(chain.get("sound")) or 0.0) < 1 if known(chain.get("sound")) is not None else False,
        "rejected": rejected,
        "meaning": wording.REJECTED.get(rejected, rejected),
    }
