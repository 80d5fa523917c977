"""The page of a bench: one HTML file that opens offline, loads nothing and runs no script."""

from typing import Any

from markupsafe import Markup

from dualchecker.evaluation.bench import OVERALL, Comparison
from dualchecker.evaluation.bench_charts import calls_chart, difference_chart
from dualchecker.evaluation.bench_measures import WORDS
from dualchecker.evaluation.bench_tables import (
    HOW_DIFFERENCES,
    Table,
    about,
    difference_table,
    how_to_read,
    missing,
    score_table,
    title,
)
from dualchecker.evaluation.formats import visible
from dualchecker.evaluation.report import _environment


def render_bench(comparison: Comparison) -> str:
    """All tables and charts as HTML; every text in it is escaped."""
    names = [name for name in comparison.tables if name != OVERALL]
    order = [*([OVERALL] if OVERALL in comparison.tables else []), *names]
    done = sum(cell.state == "done" for cell in comparison.cells)
    methods = list(dict.fromkeys(cell.method for cell in comparison.cells))
    return (
        _environment()
        .get_template("bench.html.j2")
        .render(
            facts={
                "Data sets": ", ".join(names),
                "Methods": str(len(methods)),
                "Seeds": ", ".join(map(str, comparison.seeds)),
                "Runs": f"{done} of {len(comparison.cells)}",
            },
            how=how_to_read(comparison),
            sections=[_section(comparison, data, f"s{number}") for number, data in enumerate(order)],
        )
    )


def _section(comparison: Comparison, data: str, name: str) -> dict[str, Any]:
    rows = comparison.tables[data]
    differences = [
        (HOW_DIFFERENCES.format(unit="data sets" if data == OVERALL else "seeds"), _marked(table))
        for baseline in comparison.baselines
        if (table := difference_table(comparison, data, baseline))
    ]
    charts = []
    kinds = comparison.measures(data)
    charted = [f"{side}_{kind.main[0]}" for kind in kinds for side in ("teacher", "student")]
    # Of several kinds, the heading tells which score it is.
    heads = {score: WORDS[score] if len(kinds) > 1 else score.partition("_")[0] for score in charted}
    heads = {score: words[:1].upper() + words[1:] for score, words in heads.items()}
    for baseline in comparison.baselines[:1]:
        for score in charted:
            heading = f"{heads[score]}: difference from {baseline}"
            own = f"{name}-{score}-{baseline}"
            charts.append((heading, difference_chart(rows, baseline, score, name=own, title=heading)))
    for score in charted:
        heading = f"{heads[score]}: quality and calls"
        charts.append((heading, calls_chart(rows, score, name=f"{name}-{score}-calls", title=heading)))
    return {
        "name": name,
        "title": title(comparison, data),
        "about": about(comparison, data),
        "scores": _marked(score_table(comparison, data)),
        "missing": missing(comparison, data),
        "differences": differences,
        "charts": [(heading, chart) for heading, chart in charts if chart],
    }


def _marked(table: Table) -> dict[str, Any]:
    """A table whose intervals stand under their values, bold where Markdown has them bold."""

    def cell(text: str) -> Markup:
        value, _, more = visible(text).replace("**", "").partition(" (")
        value = Markup("_<wbr>").join(value.split("_"))  # where a long name may be broken
        shape = Markup("<b>{}</b>{}") if text.startswith("**") else Markup("{}{}")
        return shape.format(value, Markup("<small>{}</small>").format(more.replace(")", "")) if more else "")

    return {
        "title": table.title,
        "head": [word[:1].upper() + word[1:] for word in table.head],
        "rows": [[cell(text) for text in row] for row in table.rows],
    }
