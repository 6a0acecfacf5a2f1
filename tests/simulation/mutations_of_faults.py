"""Mistakes in what becomes of a failure, of a start, and of an answer: each needs a fault that is made for it."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from . import made_of_faults as made
from .mutation import RUNNER, STEPS, Mutation

MUTATIONS_OF_FAULTS = (
    Mutation("a hopeless effect is passed over", "waits-with-a-deadline",
             STEPS + "ending:block_or_note", "if event.effect in SPEAKING or (", "if True or (", made.refused),
    Mutation("what a vendor refuses is tried for ever", "hopeless-is-given-up",
             RUNNER + "retries:after_problem",
             "if problem.retryable and not is_poison(tried, config.runner) and lasts", "if True", made.refused),
    Mutation("who never answers is asked for ever", "hopeless-is-given-up",
             RUNNER + "retries:_is_overdue", "now - planned.failing_since >= rules.give_up_after", "False", made.silent),
    Mutation("poison is tried for ever", "poison-is-parked",
             RUNNER + "retries:is_poison", "planned.faults >= rules.max_attempts", "False", made.deadly),
    Mutation("who died over an effect is not counted", "poison-is-parked",
             RUNNER + "lease:_at_fault", '{"faults": planned.faults + 1}', "{}", made.deadly),
    Mutation("who waits for a vendor is blamed for deaths over another", "poison-is-parked",
             RUNNER + "lease:claim", "(lease.doing or first.key)", "first.key", made.deadly_beside_another),
    Mutation("a ticket that could not be moved is taken for a reopened one", "search-starts-only-news",
             STEPS + "following:_left", "record.tracker is not ItemState.READY", "True", made.unmoved),
    Mutation("early answers are lost with the save of their question", "every-item-rests-rightly",
             RUNNER + "perform_dispatch:Performer._wait_in",
             "stored.replies if stored else ()", "stored.replies if stored and stored.work_item_id is None else ()", made.torn_early),
    Mutation("a block says no reason of its own", "every-item-rests-rightly",
             STEPS + "ending:block_or_note", "did not work: {event.why}", "did not work", made.refused),
    Mutation("a start looks only whether the ticket is there", "starts-only-what-is-ours",
             RUNNER + "perform_dispatch:Performer._start_agent",
             "if item is None or item.state not in OURS or not_eligible(item, self._config)", "if item is None", made.taken_back_unheard),
    Mutation("a start passes over the labels", "starts-only-what-is-ours",
             RUNNER + "perform_dispatch:Performer._start_agent",
             " or not_eligible(item, self._config)", "", made.forbidden_unheard),
    Mutation("every problem is answered with 400", "answers-so-that-senders-repeat",
             "factory_core.factory:Factory.handle_webhook",
             "return problem_response(problem)", "return HttpResponse(status=400)", made.without_a_store),
    Mutation("a conflict with the base is nobody's matter", "every-item-rests-rightly",
             STEPS + "merge_gate:_conflict", "if pull_request.mergeable is not False", "if True", made.clashing),
    Mutation("a merge that is refused is tried every minute", "refusals-are-not-hammered",
             STEPS + "merging:_until", "min(LOOK_SOON * 2 ** min(times - 1, 20), longest)", "LOOK_SOON", made.unwilling),
    Mutation("a merge that waits for people is tried every minute", "refusals-are-not-hammered",
             STEPS + "merging:_until", "return at + longest", "return at + LOOK_SOON", made.unwilling),
    Mutation("an outage of days leaves it armed", "nothing-stays-armed",
             RUNNER + "retries:after_problem", "planned.effect.kind in NEVER_GIVEN_UP or ", "", made.armed_through_an_outage),
    Mutation("a thread that was stored before is taken for a new one", "comes-to-rest",
             RUNNER + "perform_dispatch:Performer._wait_in", "stored.version if stored else 0", "0", made.torn_thread),
)  # fmt: skip
