"""`eva metrics`: list all metrics."""

from eva.text_columns import align


def metrics() -> None:
    """List every metric: name, heading in tables, unit, better direction, and what it needs."""
    from eva.cli.project_plugins import load_project_plugins
    from eva.metrics.selection import every_metric

    load_project_plugins("estimators", "metrics")
    directions = {True: "higher", False: "lower", None: "-"}
    rows = [["metric", "heading", "unit", "better", "needs"]]
    rows += [
        [one.name, one.heading, one.unit, directions[one.higher_is_better], ", ".join(one.needs) or "-"]
        for one in every_metric()
    ]
    print("\n".join(align(rows, left=range(5))))
