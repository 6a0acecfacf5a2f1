"""Small mistakes at the vendors' border: in which check counts, what a refusal means, and what a token's end costs."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from . import made_of_border as made
from .mutation import RUNNER, STEPS, Mutation

CHECKS = "adapters.providers.github.checks:"

MUTATIONS_OF_BORDER = (
    Mutation("a job that waits for its turn is passed over", "merges-green-heads",
             CHECKS + "results_of", "rest += _workflow_runs(shown, workflows)", "pass", made.late_job),
    Mutation("an app that has just begun is not waited for", "merges-green-heads",
             STEPS + "merge_gate:_slow", "pull_request.read_at < until", "False", made.late_app),
    Mutation("the checks that the configuration names are passed over", "merges-green-heads",
             STEPS + "merge_gate:_missing", "rules.required_checks)", "())", made.unseen),
    Mutation("a check that is absent has passed", "merges-green-heads",
             STEPS + "merge_gate:missing_check", 'if check.status == "expected":', 'if check.status == "expected": continue\n        if False:', made.late_by_rule),
    Mutation("the oldest result of a check counts", "every-item-rests-rightly",
             CHECKS + "_supersedes", "later = new.triggered > old.triggered", "later = new.triggered < old.triggered", made.superseded),
    Mutation("every result of a check counts", "every-item-rests-rightly",
             CHECKS + "results_of", "not any(_supersedes(other, result) for other in found)", "True", made.superseded),
    Mutation("a failure that is run again counts", "blocks-in-review-have-their-cause",
             CHECKS + "results_of", "not any(_reruns(run, result) for run in workflows or ())", "True", made.rerun),
    Mutation("a refusal that waits for people is final", "blocks-in-review-have-their-cause",
             STEPS + "merging:back_to_review", 'case "never":', 'case "never" | "wait-for-people":', made.owned),
    Mutation("a final refusal is waited for", "every-item-rests-rightly",
             STEPS + "merging:back_to_review", 'case "never":', 'case "none":', made.forbidden),
    Mutation("a branch that is behind is not updated", "blocks-in-review-have-their-cause",
             RUNNER + "perform_dispatch:Performer._update_branch",
             "await self._target.update_branch(record.pull_request, effect.sha) if record.pull_request else", "", made.behind),
    Mutation("a branch is updated for ever", "refusals-are-not-hammered",
             STEPS + "merging:_update", "refused.updates >= MOST_UPDATES", "False", made.outrun),
    Mutation("nothing is put into the merge queue", "blocks-in-review-have-their-cause",
             RUNNER + "perform_dispatch:Performer._enqueue_pull_request",
             "await self._target.enqueue(record.pull_request, effect.sha) if record.pull_request else", "", made.queued),
    Mutation("what leaves the merge queue is put into it for ever", "every-item-rests-rightly",
             STEPS + "merging:_enqueue", "refused.enqueued >= MOST_ENQUEUED", "False", made.queued),
    Mutation("updates are counted anew with each review", "refusals-are-not-hammered",
             STEPS + "merging:_call_a_person", 'if refusal.kind == "never" else {}', "", made.outrun),
    Mutation("a credential's end spends an attempt", "lost-credentials-cost-nothing",
             RUNNER + "retries:after_problem", "isinstance(problem, ConnectionLost)", "False", made.expired),
    Mutation("a credential's end counts as an outage", "lost-credentials-cost-nothing",
             RUNNER + "retries:_waiting", '"failing_since": None', '"failing_since": planned.failing_since or now', made.expired),
    Mutation("a new credential is looked for ever less often", "lost-credentials-cost-nothing",
             RUNNER + "retries:_waiting", "min(max((now - since) / 4, SOONEST), LATEST)", "max(now - since, SOONEST)", made.expired),
    Mutation("people are not given the time that a credential's end took", "given-up-in-due-time",
             STEPS + "records:InFlightRecord.resume",
             "paused=self.paused + lost", "paused=self.paused", made.expired_in_review),
)  # fmt: skip
