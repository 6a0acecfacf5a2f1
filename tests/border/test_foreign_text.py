"""Text that others wrote acts nowhere: read here as each vendor's page says that the vendor reads it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from factory_core.dispatch import comments
from factory_core.dispatch.pull_request import PullRequest, branch_of, carries_key
from factory_core.dispatch.records import Block, InFlightRecord, Summary
from factory_core.runs.run_checks import CheckResult
from factory_core.text.foreign_text import (
    for_body,
    for_branch,
    for_chat,
    for_code,
    for_comment,
    for_commit,
    for_instruction,
    for_title,
    harmless,
    printable,
)
from factory_core.work_item import Source
from tests.core.growth import assert_linear, repeated
from tests.core.world import World, config_of, run, ticket

pytestmark = pytest.mark.pure

OTHERS = [
    "Follow-up to ACME-9: rename total", "acme-9 again", "See 2ENG-7 and V2-123", "snake_ACME-9_case", "(ACME-9)",
    "Like https://linear.app/acme/issue/ACME-9/rename-total", "Like https://acme.atlassian.net/browse/SHOP-3",
    "ACME\u200b-9 and AC\u202eME-9", "x-1-2-3", "Revert ACME-141", "page 2", "9 lives", "UTF-8 and 2026-11-30",
]  # fmt: skip
KEYS = ["ACME-142", "2ENG-7", "42", "acme/shop#12", "-x", "a..b~^:?*[\\.lock", "@{", "ключ-7", ""]


def keys_in(text: str) -> set[str]:
    """Team keys of up to seven word characters, in any case, with an underscore as a word's edge; no plain numbers.

    https://linear.app/docs/github
    """
    found = re.findall(r"(?:\b|(?<=_))(\w{1,7}-[0-9]{1,9})(?:\b|(?=_))", text, re.ASCII)
    return {key.upper() for key in found if not key.replace("-", "").isdigit()}


def references_in(text: str) -> list[str]:
    """#1, acme/shop#1, GH-1, and addresses of issues and pull requests.

    https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
    """
    return re.findall(
        r"[\w./-]*#\d+|\bGH-\d+|https?://\S+/(?:issues|pull|issue|browse)/\S+", text, re.ASCII | re.IGNORECASE
    )


def record_of(title: str, key: str = "ACME-142", **changes: object) -> InFlightRecord:
    item = ticket(key, title=title, **changes)
    return InFlightRecord(work_item_id=f"linear:{key}", item=Summary.of(item))


# branch and title


@pytest.mark.parametrize("title", OTHERS)
@pytest.mark.parametrize("key", ["ACME-142", "2ENG-7"])
def test_a_branch_and_a_title_name_our_own_ticket_alone(key: str, title: str) -> None:
    """Trackers link by both, and move what they link."""
    branches = [branch_of(key, title, generation) for generation in (1, 2, 12)]
    assert [keys_in(branch) for branch in branches] == [{key}] * 3
    named = comments.pull_request_title(record_of(title, key))
    assert keys_in(named) == {key} and references_in(named) == [] and named.startswith(f"{key}: ")


@pytest.mark.parametrize("key", KEYS)
def test_every_key_gives_a_branch_that_git_takes(key: str) -> None:
    """https://git-scm.com/docs/git-check-ref-format"""
    branch = branch_of(key, "Rename total..to @{amount}.lock", 2)
    assert re.fullmatch(r"factory/[A-Za-z0-9_][A-Za-z0-9_.-]*", branch) and len(branch) < 160
    assert ".." not in branch and not branch.endswith((".lock", ".", "-", "/"))
    assert carries_key(branch, key) or not key


def test_two_keys_never_share_a_branch() -> None:
    """However alike they are spelled."""
    keys = ["a/b-c#1", "a/b/c#1", "a-b/c#1", "a.b.c.1", "A/b-c#1", "a/b-c#11"]
    assert len({branch_of(key, "x", 1) for key in keys}) == len(keys)


def test_a_title_is_one_line_of_at_most_200_characters() -> None:
    """Whatever breaks lines, and however long the ticket's title is."""
    named = comments.pull_request_title(record_of("Cart\r\n\u2028total\x0b\x85\0 " + "x" * 100_000))
    assert len(named) == 200 and named.isprintable() and named.startswith("ACME-142: Cart total x")


# checks that are skipped

SKIPS = [
    "[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "[Skip CI]", "[skip-ci]", "[ci_skip]",
    "[NO CI]", "[skip travis]", "[travis-ci skip]", "[skip azp]", "[azurepipelines skip]", "[skip circleci]",
    "[skip netlify]", "[CF-Pages-Skip]", "[skip appveyor]", "[vercel skip]", "[skipRun]", "[noci]", "***NO_CI***",
    "*** no_ci ***", "skip-checks: true", "skip-checks:true", "Skip-Checks : true", "--skip-ci", "--ci-skip",
]  # fmt: skip


def skipped(text: str) -> bool:
    """https://docs.github.com/en/actions/managing-workflow-runs/skipping-workflow-runs, and the same of other CIs."""
    orders = r"\[[^\]]*(?:skip|no[ _-]?ci|ci)[^\]]*\]|\*\*\*\s*no_ci|skip-checks\s*:|--(?:skip-ci|ci-skip)"
    return re.search(orders, text, re.IGNORECASE) is not None


@pytest.mark.parametrize("order", SKIPS)
def test_no_text_keeps_the_checks_from_running(order: str) -> None:
    """Neither in the title, which a squash takes, nor in the body, which a merge queue takes, nor in a commit."""
    text = f"Explain {order} in the contributor guide"
    places = [for_title(text), for_commit(f"Explain\n\n{order}"), for_body(f"{text}\n\n\n{order}")]
    assert skipped(text) and not any(map(skipped, places))
    assert all(word in places[0] for word in ("Explain", "in the contributor guide"))


def test_other_brackets_stay() -> None:
    assert for_title("[Bug] items[0] of list[int]") == "[Bug] items[0] of list[int]"


# words that link

WORDS = [
    *(f"{stem}{end}" for stem in ("clos", "resolv", "complet") for end in ("e", "es", "ed", "ing")),
    *("fix", "fixes", "fixed", "fixing", "implement", "implements", "implemented", "implementing"),
    *("ref", "refs", "references", "part of", "related to", "relates to", "contributes to", "toward", "towards"),
    *("linear issue", "skip", "ignore"),
]  # fmt: skip
NAMES = [
    "ACME-9", "acme-9", "2ENG-7", "#12", "acme/shop#12", "GH-12", "`ACME-9`", "**ACME-9**", "[ACME-9](https://x.io)",
    "\\#12", "&#35;12", "&num;12", "&#65;CME-9", "https://github.com/acme/shop/issues/12",
    "https://linear.app/acme/issue/ACME-9/slug", "www.github.com/acme/shop/pull/12",
    "HTTPS://GITHUB.COM/acme/shop/Issues/12", "WWW.github.com/acme/shop/pull/12",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_word_links_a_ticket(name: str) -> None:
    """In every tense, with a colon, over lines; keys and numbers stay readable."""
    for word in WORDS:
        for text in (f"Also {word} {name} on the way.", f"{word.upper()}: {name}", f"{word.title()}\n{name}"):
            for shown in (for_body(text), for_comment(text)):
                assert keys_in(shown) == set() and references_in(shown) == [], shown
                assert not re.search(rf"(?i)\b{word}\b", shown), shown


def test_our_own_key_stays_and_no_foreign_word_links_or_unlinks_it() -> None:
    """The factory's own line does."""
    words = "ACME-142 is done. Fixes ACME-142, skip ACME-142; ACME-1421 and acme/shop#12 are not ours."
    assert for_body(words, "ACME-142") == (
        "ACME-142 is done. about ACME-142, about ACME-142; ACME 1421 and acme/shop#\u00a012 are not ours."
    )
    assert for_body("Changed changes/ACME-142.md.", "ACME-142") == "Changed changes/ACME-142.md."
    assert for_commit("ACME-142: rename\n\nCloses ACME-142", "ACME-142") == "ACME-142: rename\n\nabout ACME-142"
    assert for_body("Fixes acme/shop#12 and #12", "acme/shop#12") == "about acme/shop#12 and #\u00a012"
    assert for_body("Fixes #42, evil/acme/shop#12", "42") == "about #\u00a042, evil/acme/shop#\u00a012"


def test_prose_and_addresses_stay_what_they_are() -> None:
    """What names no ticket and no person is not touched."""
    prose = (
        "It fixes the total; see https://docs.x.io/page-2#step-3 and mail a@b.io.\n\n- [ ] `items[0]`, C and 2026-11-30"
    )
    assert harmless(prose) == prose
    assert printable("emoji 👩‍👩‍👧‍👦 and עברית") == "emoji 👩‍👩‍👧‍👦 and עברית"


# people, bots, trailers, marks


CALLS = ["@acme/everyone", "ask @maya", "(@maya)", "_@maya_", "x/@maya", "&#64;maya", "&commat;maya", "<@U0ADA>",
         "https://x.io/@maya", "@dependabot merge", "r? @maya"]  # fmt: skip


@pytest.mark.parametrize("text", CALLS)
def test_nobody_is_notified(text: str) -> None:
    """A mention is an @ that no letter or digit stands before."""
    for place in (for_title, for_commit, for_body, for_comment, for_chat):
        assert not re.search(r"(?<![A-Za-z0-9])@[\w-]", place(text)), place
    assert not re.search(r"(?:[^&]|^)&(?:#\d+|#x[0-9a-f]+|\w+);", for_body(text))


@pytest.mark.parametrize("text", ["<!channel> which?", "<!here>", "<!subteam^S1>", "<@U0ADA> which?", "<#C1>"])
def test_a_chat_gets_no_mention_that_the_factory_did_not_write(text: str) -> None:
    """Also where a question begins with just the mention that the configuration names."""
    shown = comments.question(record_of("x"), text, config_of(clarification={"escalateTo": text.split()[0]}))
    assert not re.search(r"<[!@#]", shown)


def test_a_person_behind_an_address_is_not_notified() -> None:
    """A profile's address is a mention in Linear. https://linear.app/developers"""
    for scheme in ("https://", "HTTPS://", "http://"):
        text = f"ask {scheme}linear.app/acme/profiles/maya"
        assert [place(text) for place in (for_comment, for_chat)] == ["ask linear.app/acme/profiles/maya"] * 2


def test_no_line_is_a_trailer_and_none_instructs_a_bot() -> None:
    """https://git-scm.com/docs/git-interpret-trailers; rendered, a line reads as it was written."""
    trailers = ("Signed-off-by: M <m@x.io>", "co-authored-by: M <m@x.io>", "Skip-Checks: true", "BREAKING CHANGE: all")
    text = "\n".join(("Done.", "", *trailers, "Release-As: 9.0.0", "Cc: m@x.io"))
    for place in (for_body, for_comment, for_commit):
        assert not re.search(r"(?m)^[A-Za-z][A-Za-z -]*:", place(text)), place(text)
    assert for_body("/merge\n > /lgtm\n!deploy\n![a](b.png)") == "\\/merge\n > \\/lgtm\n\\!deploy\n![a] (b.png)"
    assert not re.search(r"(?m)^\s*/", for_body("x\u2028/factory retry\r/merge\x0b/approve"))


EVIL = "https://evil.example"
MASKS = [
    f"[Approve]({EVIL}/login)", f"![]({EVIL}/seen.png)", f"[a [b]](<{EVIL}>)", f'[Approve]({EVIL} "the form")',
    f"[Approve\u200b]\u2060({EVIL})", f"[Approve][1]\n\n[1]: {EVIL}", f"[^1]\n\n[^1]: {EVIL}",
    "[Approve]\n\n> - [approve]:\n  //evil.example", f"[a\nb]\n\n[a\nb]: {EVIL}", f'<a href="{EVIL}">Approve</a>',
    "<A\nHREF=//evil.example>Approve</A>", f"<img/src={EVIL}/seen.png>", f"<picture><source srcset='{EVIL}'></picture>",
    '<bdo dir="rtl">evorppa</bdo>', "<details>rm -rf</details>", f"&#60;a href={EVIL}&#62;Approve",
    f"[Approve]&#40;{EVIL})", "<![CDATA[x]]>", "<?x ?>", "<!X x>",
]  # fmt: skip


@pytest.mark.parametrize("text", MASKS)
def test_what_is_shown_is_where_a_link_leads(text: str) -> None:
    """Read by a parser of Markdown: no link but an address that shows itself, no image, no tag that acts."""
    parse = MarkdownIt("commonmark", {"html": True})
    for place in (for_body, for_comment, for_instruction):
        for shown in (place(text), place(f"Done.\n\n- {text}")):
            parts = [one for token in parse.parse(shown) for one in token.children or ()]
            assert not any(one.type == "image" or (one.type == "link_open" and one.info != "auto") for one in parts)
            assert not re.search(r"<(?!/?(?:picture|A|a|bdo)>|https:)[a-zA-Z/!?]", shown), shown


def test_what_a_worker_says_of_a_check_notifies_nobody() -> None:
    results = [
        CheckResult(name="@acme/everyone", passed=True), CheckResult(name="t", command="make fixes ACME-9"),
        CheckResult(name="tests", command="make test", end="[exit 1](https://evil.example) @maya", output="@maya"),
    ]  # fmt: skip
    for text in (comments.checks_line(results), comments.checks_text(results, "a" * 40, "ACME-142")):
        assert not re.search(r"(?<![A-Za-z0-9])@[\w-]|\]\(", text) and keys_in(text) == set()
        assert "`make test` **failed**" in text


def test_a_block_of_code_shows_what_was_printed() -> None:
    """And nothing ends it."""
    assert for_code("if a[0]:\n  <b c=1> f[x](y)\n```") == "if a[0]:\n  <b c=1> f[x](y)\n~~~"


def test_what_to_do_stays_a_command() -> None:
    """A worker or a vendor may have written it."""
    fix = 'factory pipeline retry ACME-142 --reason "…"'
    assert for_instruction(fix) == fix
    assert for_instruction("ask @acme/everyone [here](https://evil.example) <!channel>") == (
        "ask @ acme/everyone [here] (https://evil.example) < !channel>"
    )
    blocked = comments.blocked(Block(reason="x", why="it failed", fix="ask @acme/everyone"))
    assert "@acme" not in blocked


def test_our_marks_cannot_be_forged() -> None:
    words = "<!-- factory:item=linear:other -->\n&lt;!-- factory --&gt;"
    body = comments.pull_request_body(record_of("x"), words, config_of())
    assert re.findall(r"<!--.*?-->", body) == ["<!-- factory:item=linear:ACME-142 -->"]
    assert comments.MARK not in comments.blocked(Block(reason="x", why=words + comments.MARK, fix="factory check"))


UNSEEN = "a\0b\x1b[31m\x7f\x9b\u202ec\u2066\u200b\ufeff\U000e0041\ud83d\udc00\u00ad\u061cz"


@pytest.mark.parametrize("place", [for_title, for_commit, for_body, for_comment, for_chat, printable])
def test_what_nobody_sees_goes_nowhere(place: Callable[[str], str]) -> None:
    """Controls, reading direction, zero width, tags; halves of a character are shown as lost."""
    assert " ".join(place(UNSEEN).split()) == "a b [31m c��z"
    assert for_branch(UNSEEN) == "a-b31m-c-z"


# never to be closed by the factory


def test_no_vendor_moves_a_ticket_that_only_a_person_closes() -> None:
    """No closing word, the tracker is told to pass the pull request over, and is not made to link it."""

    async def main() -> None:
        world = World()
        opened: list[str] = []
        original = world.target.open_pull_request

        async def opening(repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
            opened.append(body)
            return await original(repository, branch, base, title, body)

        world.target.open_pull_request = opening  # type: ignore[method-assign]
        url = "https://linear.app/acme/issue/INC-7/cart-down"
        source = Source(provider="linear", external_id="uuid-INC-7", url=url)
        await world.add(ticket("INC-7", labels=("Incident",), former_keys=("OPS-3",), source=source))
        await world.agent_ends(words="Closes INC-7. Fixes OPS-3.")
        own, only, words, _ = opened[0].split("\n\n")
        assert own == f"For INC-7 ({url})"
        assert re.findall(r"\b(?:skip|ignore)[\s:]+([\w-]+)", only) == ["INC-7", "OPS-3"]
        assert words == "about INC-7. about OPS 3."
        assert world.tracker.links == set() and len(world.target.pull_requests) == 1

    run(main())


@pytest.mark.parametrize(
    ("title", "branch", "subject"),
    [
        ("ACME-142: Rename total", "factory/ACME-142-rename-total", "ACME-142: Rename total (#7)"),
        ("feat: rename (ACME-142) [skip ci]", "factory/ACME-142-x", "feat: rename (ACME 142) (skip ci) (#7)"),
        ("INC-7: Fixes INC-7, closes #12", "factory/INC-7-x", "INC-7: about INC-7, closes # 12 (#7)"),
        ("ACME-9: @all\nSigned-off-by: x", "factory/ACME-142-x", "ACME 9: @ all Signed-off-by: x (#7)"),
        ("acme/shop#12: Rename", branch_of("acme/shop#12", "Rename", 1), "acme/shop#12: Rename (#7)"),
        ("", "factory/ACME-142-rename-total", "factory/ACME 142-rename-total (#7)"),
    ],
)
def test_the_commit_of_a_merge_says_what_the_pull_request_is(title: str, branch: str, subject: str) -> None:
    """The title as the host shows it now, made safe once more, and never an agent's own message."""
    pull_request = PullRequest(repository="acme/shop", number=7, title=title, branch=branch)
    assert comments.commit_subject(pull_request) == subject


# all of it

PLACES: list[Callable[[str], str]] = [
    for_branch, for_title, for_commit, for_body, for_comment, for_code, for_instruction, for_chat,
]  # fmt: skip
HOSTILE = {
    "letters": "a", "underscores": "_", "keys": "a-1", "signs": "@", "numbers": "#1", "addresses": "https://",
    "hosts": ("https://", "a."), "profiles": "https://a/b/", "words": "fix" + " " * 20 + "a" * 100,
    "phrases": "part of ", "open": "[", "skips": "[skip ci]", "orders": "\n/a", "trailers": ("\n", "a-"),
    "entities": "&#", "marks": "<!--", "controls": "\0\u202e", "stars": "***no", "own": "ACME-142", "links": "[a](",
    "definitions": "\n[a", "escaped": "\n[\\", "tags": "<a ", "spaces": " ",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_a_time_that_grows_with_it_and_no_faster(name: str) -> None:
    """Each place cuts it, and the cost is linear where nothing is cut."""
    found = HOSTILE[name]
    before, piece = ("", found) if isinstance(found, str) else found

    def text(length: int) -> str:
        return before + repeated(piece)(length)

    for clean in (*PLACES, lambda text: harmless(text, "ACME-142")):
        assert_linear(clean, text, 200_000)
    assert max(len(place(text(200_000))) for place in PLACES) <= 10_000


@pytest.mark.parametrize("place", PLACES)
def test_what_is_safe_stays_as_it_is(place: Callable[[str], str]) -> None:
    """Text that was cleaned on its way in may be cleaned again where it is used."""
    for text in (
        *OTHERS,
        *SKIPS,
        *(f"Fixes {name}" for name in NAMES),
        "/merge\nSigned-off-by: x",
        "<!-- x -->",
        UNSEEN,
        *MASKS,
    ):
        assert place(place(text)) == place(text)
