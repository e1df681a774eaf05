"""What a key may see of a look: the part of its own models. Pure."""

from trellis.gateway.access.callers import Caller
from trellis.gateway.dashboard.figures import figures_of
from trellis.gateway.dashboard.snapshot import Jobs, Snapshot
from trellis.gateway.dashboard.window import JOBS, Labels, Values, Window


def own_part(snapshot: Snapshot, caller: Caller) -> Snapshot:
    """The look without what is of other models, or of all together; itself where all are the caller's.

    An experiment counts with each of its models, as on ``/experiments``.
    """
    if caller.models is None:
        return snapshot
    window = None if snapshot.window is None else _own_window(snapshot.window, caller)
    experiments, jobs = snapshot.experiments, snapshot.jobs
    return snapshot._replace(
        models=caller.models,
        revisions=tuple(row for row in snapshot.revisions if caller.is_for(row.model)),
        window=window,
        figures=None if window is None else figures_of(window),
        experiments=experiments
        and tuple(each for each in experiments if all(map(caller.is_for, each.models))),
        jobs=jobs and Jobs(None, tuple(job for job in jobs.dead if caller.is_for(job.model))),
    )


def _own_window(window: Window, caller: Caller) -> Window:
    """Every series but those of jobs names its model first, "" where a request met none."""

    def own(values: Values) -> dict[Labels, float]:
        return {
            labels: value
            for labels, value in values.items()
            if labels[0] and caller.is_for(labels[0])
        }

    return window._replace(
        increases={name: own(values) for name, values in window.increases.items() if name != JOBS},
        traffic={who: points for who, points in window.traffic.items() if caller.is_for(who[0])},
        latency={who: points for who, points in window.latency.items() if caller.is_for(who[0])},
    )
