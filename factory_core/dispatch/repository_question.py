"""The question to which repository an item belongs, and what an answer to it does. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..config import FactoryConfig
from .choices import MOST_SHOWN, chosen, numbered
from .effects import Effect, RememberRoute, TriageItem
from .events import Reply
from .records import InFlightRecord, Transition
from .replies import ReplyEvent, reply_in_place, take_words
from .routing import Undecided, project_shown, route_to


def question(record: InFlightRecord, undecided: Undecided, language: str) -> str:
    """In the ticket's language: which rules disagree, and as choices the repositories of the configuration alone."""
    project = project_shown(record.item.project) if record.item else ""
    asked, reply, kept, otherwise = _TEXTS.get(language) or _TEXTS["en"]
    told = " ".join((reply, kept.format(project=project), otherwise) if project else (reply, otherwise))
    rules = f" ({undecided.rules})" if undecided.rules else ""
    return f"{asked.format(key=record.key)}{rules}\n\n{numbered(undecided.repositories)}\n\n{told}"


def picked(record: InFlightRecord, reply: Reply, config: FactoryConfig) -> str:
    """The repository that an answer picks; empty if it picks none, or that is not what was asked.

    The record holds only what the question lists; of more, any name in the configuration counts.
    """
    offered = record.clarification.repositories if record.clarification else ()
    if len(offered) == MOST_SHOWN:
        offered = (*offered, *(name for name in config.repositories if name not in offered))
    repository = chosen(reply.text, offered)
    return repository if repository in config.repositories else ""


def take_repository(
    record: InFlightRecord,
    event: ReplyEvent,
    config: FactoryConfig,
    go_on: Callable[[InFlightRecord, Sequence[Effect]], Transition],
) -> Transition | None:
    """An answer that picks one of the repositories routes the item, and its project; else the question stands."""

    def use(noted: InFlightRecord) -> Transition:
        repository = picked(noted, event.reply, config)
        if not repository:
            return _not_offered(noted, event)
        route = route_to(repository, "an answer on this ticket", config, chosen=True)
        project = record.item.project if record.item else ""
        kept = (RememberRoute(project=project, repository=repository),) if project_shown(project) else ()
        known = noted.take(event.reply).note(event.at, "factory", f"Belongs to {repository}.").but(route=route)
        return go_on(known, (TriageItem(), *kept))

    return take_words(record, event, config, "answered", use)


def _not_offered(record: InFlightRecord, event: ReplyEvent) -> Transition:
    """Kept with the answers; the question stands, its time runs on, and once it is said which answers count."""
    known = record.answered(event.reply)
    asked = known.clarification
    if asked is None or asked.choice_asked:
        return known.stay()
    listed = numbered(asked.repositories)
    text = f"That names none of the repositories, or several. Reply with one number or name:\n\n{listed}"
    return known.stay(reply_in_place(event, text), clarification=asked.model_copy(update={"choice_asked": True}))


_TEXTS: Mapping[str, tuple[str, str, str, str]] = {
    "en": (
        "Which repository does {key} belong to?", "Reply with the number or the name.",
        "The answer is remembered for project {project}.",
        "If it is none of them, move the ticket out of the ready state.",
    ),
    "de": (
        "Zu welchem Repository gehört {key}?", "Antworten Sie mit der Nummer oder dem Namen.",
        "Die Antwort wird für das Projekt {project} gemerkt.",
        "Ist es keines davon, nehmen Sie das Ticket aus dem Zustand „bereit“.",
    ),
    "fr": (
        "À quel dépôt appartient {key} ?", "Répondez par le numéro ou le nom.",
        "La réponse est retenue pour le projet {project}.",
        "Si ce n'est aucun d'eux, sortez le ticket de l'état « prêt ».",
    ),
    "es": (
        "¿A qué repositorio pertenece {key}?", "Responda con el número o el nombre.",
        "La respuesta se recuerda para el proyecto {project}.",
        "Si no es ninguno, saque el ticket del estado «listo».",
    ),
    "pt": (
        "A qual repositório pertence {key}?", "Responda com o número ou o nome.",
        "A resposta fica guardada para o projeto {project}.",
        "Se não for nenhum, tire o ticket do estado “pronto”.",
    ),
    "it": (
        "A quale repository appartiene {key}?", "Risponda con il numero o il nome.",
        "La risposta viene ricordata per il progetto {project}.",
        "Se non è nessuno di questi, tolga il ticket dallo stato «pronto».",
    ),
    "nl": (
        "Bij welke repository hoort {key}?", "Antwoord met het nummer of de naam.",
        "Het antwoord wordt onthouden voor project {project}.",
        "Is het geen van deze, haal het ticket dan uit de status ‘gereed’.",
    ),
    "pl": (
        "Do którego repozytorium należy {key}?", "Proszę odpowiedzieć numerem lub nazwą.",
        "Odpowiedź zostanie zapamiętana dla projektu {project}.",
        "Jeśli do żadnego, proszę wycofać zgłoszenie ze stanu „gotowe”.",
    ),
    "ru": (
        "К какому репозиторию относится {key}?", "Ответьте номером или названием.",
        "Ответ запоминается для проекта {project}.",
        "Если ни к одному, выведите задачу из состояния готовности.",
    ),
    "zh": (
        "{key} 属于哪个代码仓库？", "请回复编号或名称。", "该回答会为项目 {project} 记住。",
        "如果都不是，请将工单移出就绪状态。",
    ),
    "ja": (
        "{key} はどのリポジトリのものですか。", "番号か名前で返信してください。",
        "回答はプロジェクト {project} について記憶されます。",
        "どれでもない場合は、チケットを準備完了の状態から外してください。",
    ),
    "ko": (
        "{key}은(는) 어느 저장소에 속합니까?", "번호나 이름으로 답해 주세요.",
        "답변은 프로젝트 {project}에 대해 기억됩니다.",
        "모두 아니라면 티켓을 준비 상태에서 옮겨 주세요.",
    ),
}  # fmt: skip
"""Language → the question, how to answer it, what is remembered, and what to do if none of them is it."""
