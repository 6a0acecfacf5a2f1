"""The one question that triage asks, in the ticket's language: it quotes the ticket, and asks for one thing.

`{q}` is a quote of at most 60 characters of the ticket, cleaned. A language without a catalogue gets English.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..text.foreign_text import for_chat

Missing = Literal[
    "text",
    "form",
    "picture",
    "link",
    "choice",
    "focus",
    "speed",
    "quality",
    "criteria",
    "test",
    "result",
    "goal",
    "place",
]
"""What stops work: nothing but a title, a form that nobody filled in, a picture, or a link; a decision is open; several
wishes; no measure of speed or of quality; criteria that repeat the title; which test; what should happen instead; what
should be different; where."""

MOST_QUOTE, MOST_CHOICE = 60, 80


def question_text(missing: Missing, language: str, quote: str, choices: Sequence[str] = ()) -> str:
    """The text of the question; choices are a numbered list below it."""
    asked = (_TEXTS.get(language) or _TEXTS["en"])[missing].replace("{q}", _shown(quote, MOST_QUOTE))
    listed = "\n".join(f"{number}. {_shown(choice, MOST_CHOICE)}" for number, choice in enumerate(choices, 1))
    return f"{asked}\n{listed}" if listed else asked


def once_more(question: str, language: str) -> str:
    """The question when an answer came that did not answer it."""
    return f"{_AGAIN.get(language) or _AGAIN['en']}\n{question}"


def close_question(key: str, language: str, written: str) -> str:
    """After somebody's words that it is not to be done."""
    asked = _CLOSE.get(language) or _CLOSE["en"]
    return asked.replace("{key}", key).replace("{q}", _shown(written, MOST_QUOTE))


def _shown(text: str, most: int) -> str:
    """On one line, and without marks that would end the quotation."""
    return for_chat(" ".join(text.split()).translate(_QUOTES), most)


_QUOTES = str.maketrans(dict.fromkeys("“”„«»「」`", "'"))
_CLOSE: Mapping[str, str] = {
    "en": "“{q}”: nothing starts. Should {key} be closed? Answer yes, or write what should be done instead.",
    "de": "„{q}“: es wird nichts begonnen. Soll {key} geschlossen werden? Antworten Sie mit Ja, oder schreiben Sie, was"
    " stattdessen zu tun ist.",
    "fr": "« {q} » : rien n'est lancé. Faut-il fermer {key} ? Répondez oui, ou écrivez ce qu'il faut faire à la place.",
    "es": "«{q}»: no se inicia nada. ¿Se cierra {key}? Responda sí, o escriba qué hay que hacer en su lugar.",
    "pt": "“{q}”: nada é iniciado. Devemos fechar {key}? Responda sim, ou escreva o que deve ser feito.",
    "it": "«{q}»: non si avvia nulla. Chiudiamo {key}? Risponda sì, oppure scriva che cosa fare invece.",
    "nl": "“{q}”: er begint niets. Mag {key} dicht? Antwoord ja, of schrijf wat er dan moet gebeuren.",
    "pl": "„{q}”: nic się nie zaczyna. Zamknąć {key}? Proszę odpowiedzieć tak albo napisać, co zrobić zamiast tego.",
    "ru": "«{q}»: ничего не начинается. Закрыть {key}? Ответьте «да» или напишите, что сделать вместо этого.",
    "zh": "“{q}”：不会开始任何工作。要关闭 {key} 吗？请回复“是”，或写明应该做什么。",
    "ja": "「{q}」：作業は始めません。{key} を閉じますか。「はい」と返信するか、代わりに何をするかを書いてください。",
    "ko": "“{q}”: 작업을 시작하지 않습니다. {key}을(를) 닫을까요? ‘네’라고 답하거나, 대신 할 일을 적어 주세요.",
}
_AGAIN: Mapping[str, str] = {
    "en": "Thanks, but that does not say it yet. A page, a file or the exact words on the screen would do.",
    "de": "Danke, aber das sagt es noch nicht. Eine Seite, eine Datei oder der genaue Wortlaut reicht.",
    "fr": "Merci, mais cela ne le dit pas encore. Une page, un fichier ou le texte exact suffit.",
    "es": "Gracias, pero eso todavía no lo dice. Basta una página, un archivo o el texto exacto.",
    "pt": "Obrigado, mas isso ainda não diz o que falta. Basta uma página, um arquivo ou o texto exato.",
    "it": "Grazie, ma questo non lo dice ancora. Basta una pagina, un file o il testo esatto.",
    "nl": "Bedankt, maar dat zegt het nog niet. Een pagina, een bestand of de precieze tekst is genoeg.",
    "pl": "Dziękuję, ale to jeszcze tego nie mówi. Wystarczy strona, plik lub dokładny tekst.",
    "ru": "Спасибо, но этого пока недостаточно. Хватит страницы, файла или точного текста.",
    "zh": "谢谢，但还没有说明这一点。给出页面、文件或屏幕上的原文即可。",
    "ja": "ありがとうございます。ただ、まだ分かりません。画面、ファイル、または表示された文言を教えてください。",
    "ko": "감사합니다. 그런데 아직 알 수 없습니다. 화면, 파일 또는 표시된 문구를 알려 주세요.",
}
_TEXTS: Mapping[str, Mapping[Missing, str]] = {
    "en": {
        "text": "There is only the title “{q}”. Where is that (page, file, endpoint), and what should be "
        "different there?",
        "form": "“{q}”: the form still has its example text. What did you do, what happened, and what should "
        "have happened?",
        "picture": "“{q}”: what matters is in a picture, which the factory does not read. What does it show "
        "(page, message), and what should it show?",
        "link": "“{q}”: the details are behind a link that the factory does not open. Which page or file is it, "
        "and what is the exact message?",
        "choice": "“{q}”: that is still open. What should be built?",
        "focus": "“{q}” names several wishes. Which one should be done first, and where?",
        "speed": "“{q}”: which action on which page is slow, and how fast should it be?",
        "quality": "“{q}”: what exactly should look or work differently, and where?",
        "criteria": "“{q}”: the criteria repeat the title. Which fields, values or cases should it cover?",
        "test": "“{q}”: which test is it (its name or file), and with which output does it fail?",
        "result": "“{q}”: what should happen there instead?",
        "goal": "“{q}”: what should be different when this is done?",
        "place": "“{q}”: where is that: which page, file, endpoint or exact message?",
    },
    "de": {
        "text": "Es gibt nur den Titel „{q}“. Wo ist das (Seite, Datei, Endpunkt), und was soll dort anders sein?",
        "form": "„{q}“: im Formular steht noch der Beispieltext. Was haben Sie getan, was geschah, und was hätte "
        "geschehen sollen?",
        "picture": "„{q}“: das Wesentliche steht in einem Bild, das die Factory nicht liest. Was zeigt es "
        "(Seite, Meldung), und was soll es zeigen?",
        "link": "„{q}“: die Einzelheiten stehen hinter einem Link, den die Factory nicht öffnet. Welche Seite "
        "oder Datei ist es, und wie lautet die Meldung?",
        "choice": "„{q}“: das ist noch offen. Was soll gebaut werden?",
        "focus": "„{q}“ nennt mehrere Wünsche. Welcher soll zuerst umgesetzt werden, und wo?",
        "speed": "„{q}“: welche Aktion auf welcher Seite ist langsam, und wie schnell soll sie sein?",
        "quality": "„{q}“: was genau soll anders aussehen oder funktionieren, und wo?",
        "criteria": "„{q}“: die Kriterien wiederholen den Titel. Welche Felder, Werte oder Fälle sind gemeint?",
        "test": "„{q}“: welcher Test ist es (Name oder Datei), und mit welcher Ausgabe schlägt er fehl?",
        "result": "„{q}“: was soll dort stattdessen geschehen?",
        "goal": "„{q}“: was soll anders sein, wenn das fertig ist?",
        "place": "„{q}“: wo ist das: welche Seite, Datei, welcher Endpunkt oder welche genaue Meldung?",
    },
    "fr": {
        "text": "Il n'y a que le titre « {q} ». Où est-ce (page, fichier, point d'accès), et qu'est-ce qui doit "
        "y changer ?",
        "form": "« {q} » : le formulaire contient encore son texte d'exemple. Qu'avez-vous fait, que s'est-il "
        "passé, et qu'aurait-il dû se passer ?",
        "picture": "« {q} » : l'essentiel est dans une image, que la factory ne lit pas. Que montre-t-elle "
        "(page, message), et que devrait-elle montrer ?",
        "link": "« {q} » : les détails sont derrière un lien que la factory n'ouvre pas. Quelle page ou quel "
        "fichier, et quel est le message exact ?",
        "choice": "« {q} » : c'est encore ouvert. Que faut-il réaliser ?",
        "focus": "« {q} » contient plusieurs demandes. Laquelle faut-il faire d'abord, et où ?",
        "speed": "« {q} » : quelle action sur quelle page est lente, et quelle durée serait acceptable ?",
        "quality": "« {q} » : qu'est-ce qui doit changer exactement, et où ?",
        "criteria": "« {q} » : les critères répètent le titre. Quels champs, valeurs ou cas sont concernés ?",
        "test": "« {q} » : quel test est concerné (nom ou fichier), et avec quel message échoue-t-il ?",
        "result": "« {q} » : que devrait-il se passer à la place ?",
        "goal": "« {q} » : qu'est-ce qui doit être différent une fois que c'est fait ?",
        "place": "« {q} » : où est-ce : quelle page, quel bouton, quel fichier ou quel message exact ?",
    },
    "es": {
        "text": "Solo está el título «{q}». ¿Dónde es (página, archivo, endpoint) y qué debe cambiar ahí?",
        "form": "«{q}»: el formulario todavía tiene su texto de ejemplo. ¿Qué hizo, qué pasó y qué debería haber "
        "pasado?",
        "picture": "«{q}»: lo importante está en una imagen, que la factory no lee. ¿Qué muestra (página, "
        "mensaje) y qué debería mostrar?",
        "link": "«{q}»: los detalles están detrás de un enlace que la factory no abre. ¿Qué página o archivo es "
        "y qué dice el mensaje exacto?",
        "choice": "«{q}»: eso sigue abierto. ¿Qué hay que hacer?",
        "focus": "«{q}» contiene varias peticiones. ¿Cuál hay que hacer primero y dónde?",
        "speed": "«{q}»: ¿qué acción en qué página va lenta y qué tiempo sería aceptable?",
        "quality": "«{q}»: ¿qué debe cambiar exactamente y dónde?",
        "criteria": "«{q}»: los criterios repiten el título. ¿Qué campos, valores o casos abarca?",
        "test": "«{q}»: ¿qué prueba es (nombre o archivo) y con qué salida falla?",
        "result": "«{q}»: ¿qué debería pasar en su lugar?",
        "goal": "«{q}»: ¿qué debe ser diferente cuando esté hecho?",
        "place": "«{q}»: ¿dónde es: qué página, archivo, endpoint o mensaje exacto?",
    },
    "pt": {
        "text": "Há apenas o título “{q}”. Onde é (página, arquivo, endpoint) e o que deve mudar ali?",
        "form": "“{q}”: o formulário ainda tem o texto de exemplo. O que você fez, o que aconteceu e o que "
        "deveria ter acontecido?",
        "picture": "“{q}”: o principal está em uma imagem, que a factory não lê. O que ela mostra (página, "
        "mensagem) e o que deveria mostrar?",
        "link": "“{q}”: os detalhes estão atrás de um link que a factory não abre. Qual é a página ou o arquivo, "
        "e qual é a mensagem exata?",
        "choice": "“{q}”: isso ainda está em aberto. O que deve ser feito?",
        "focus": "“{q}” traz vários pedidos. Qual deve ser feito primeiro, e onde?",
        "speed": "“{q}”: qual ação em qual página está lenta, e qual tempo seria aceitável?",
        "quality": "“{q}”: o que exatamente deve mudar, e onde?",
        "criteria": "“{q}”: os critérios repetem o título. Quais campos, valores ou casos estão incluídos?",
        "test": "“{q}”: qual é o teste (nome ou arquivo), e com qual saída ele falha?",
        "result": "“{q}”: o que deveria acontecer em vez disso?",
        "goal": "“{q}”: o que deve ser diferente quando estiver pronto?",
        "place": "“{q}”: onde é: qual página, arquivo, endpoint ou mensagem exata?",
    },
    "it": {
        "text": "C'è solo il titolo «{q}». Dov'è (pagina, file, endpoint), e che cosa deve cambiare lì?",
        "form": "«{q}»: il modulo ha ancora il testo di esempio. Che cosa ha fatto, che cosa è successo e che "
        "cosa doveva succedere?",
        "picture": "«{q}»: l'essenziale è in un'immagine, che la factory non legge. Che cosa mostra (pagina, "
        "messaggio), e che cosa dovrebbe mostrare?",
        "link": "«{q}»: i dettagli sono dietro un link che la factory non apre. Quale pagina o file è, e qual è "
        "il messaggio esatto?",
        "choice": "«{q}»: è ancora aperto. Che cosa si deve realizzare?",
        "focus": "«{q}» contiene più richieste. Quale va fatta per prima, e dove?",
        "speed": "«{q}»: quale azione in quale pagina è lenta, e quale tempo sarebbe accettabile?",
        "quality": "«{q}»: che cosa deve cambiare esattamente, e dove?",
        "criteria": "«{q}»: i criteri ripetono il titolo. Quali campi, valori o casi comprende?",
        "test": "«{q}»: quale test è (nome o file), e con quale output fallisce?",
        "result": "«{q}»: che cosa dovrebbe succedere invece?",
        "goal": "«{q}»: che cosa deve essere diverso quando è fatto?",
        "place": "«{q}»: dov'è: quale pagina, file, endpoint o messaggio esatto?",
    },
    "nl": {
        "text": "Er is alleen de titel “{q}”. Waar is dat (pagina, bestand, endpoint), en wat moet daar anders?",
        "form": "“{q}”: in het formulier staat nog de voorbeeldtekst. Wat deed u, wat gebeurde er, en wat had er "
        "moeten gebeuren?",
        "picture": "“{q}”: het belangrijkste staat in een afbeelding, en die leest de factory niet. Wat toont "
        "die (pagina, melding), en wat moet er staan?",
        "link": "“{q}”: de details staan achter een link die de factory niet opent. Welke pagina of welk bestand "
        "is het, en wat is de precieze melding?",
        "choice": "“{q}”: dat staat nog open. Wat moet er gebouwd worden?",
        "focus": "“{q}” noemt meerdere wensen. Welke moet eerst, en waar?",
        "speed": "“{q}”: welke actie op welke pagina is traag, en hoe snel moet die zijn?",
        "quality": "“{q}”: wat moet er precies anders, en waar?",
        "criteria": "“{q}”: de criteria herhalen de titel. Welke velden, waarden of gevallen horen erbij?",
        "test": "“{q}”: welke test is het (naam of bestand), en met welke uitvoer faalt die?",
        "result": "“{q}”: wat moet er in plaats daarvan gebeuren?",
        "goal": "“{q}”: wat moet er anders zijn als dit klaar is?",
        "place": "“{q}”: waar is dat: welke pagina, welk bestand, endpoint of welke precieze melding?",
    },
    "pl": {
        "text": "Jest tylko tytuł „{q}”. Gdzie to jest (strona, plik, endpoint) i co ma się tam zmienić?",
        "form": "„{q}”: w formularzu jest jeszcze tekst przykładowy. Co Pan/Pani zrobił(a), co się stało i co "
        "powinno się stać?",
        "picture": "„{q}”: to, co ważne, jest na obrazku, którego factory nie czyta. Co on pokazuje (strona, "
        "komunikat) i co powinno być widać?",
        "link": "„{q}”: szczegóły są pod linkiem, którego factory nie otwiera. Która to strona lub plik i jak "
        "brzmi dokładny komunikat?",
        "choice": "„{q}”: to jest jeszcze otwarte. Co należy zrobić?",
        "focus": "„{q}” zawiera kilka życzeń. Które zrobić najpierw i gdzie?",
        "speed": "„{q}”: która czynność na której stronie jest wolna i jak szybka ma być?",
        "quality": "„{q}”: co dokładnie ma się zmienić i gdzie?",
        "criteria": "„{q}”: kryteria powtarzają tytuł. Jakich pól, wartości lub przypadków to dotyczy?",
        "test": "„{q}”: który to test (nazwa lub plik) i z jakim wynikiem nie przechodzi?",
        "result": "„{q}”: co powinno się stać zamiast tego?",
        "goal": "„{q}”: co ma być inaczej, gdy to będzie gotowe?",
        "place": "„{q}”: gdzie to jest: która strona, plik, endpoint lub dokładny komunikat?",
    },
    "ru": {
        "text": "Есть только заголовок «{q}». Где это (страница, файл, эндпойнт) и что там должно измениться?",
        "form": "«{q}»: в форме остался текст примера. Что вы сделали, что произошло и что должно было произойти?",
        "picture": "«{q}»: главное на картинке, а factory её не читает. Что на ней (страница, сообщение) и что "
        "должно быть?",
        "link": "«{q}»: подробности по ссылке, которую factory не открывает. Какая это страница или файл и каков "
        "точный текст сообщения?",
        "choice": "«{q}»: это ещё не решено. Что нужно сделать?",
        "focus": "«{q}»: здесь несколько пожеланий. Какое сделать первым и где?",
        "speed": "«{q}»: какое действие на какой странице медленное и какое время подойдёт?",
        "quality": "«{q}»: что именно должно измениться и где?",
        "criteria": "«{q}»: критерии повторяют заголовок. Какие поля, значения или случаи имеются в виду?",
        "test": "«{q}»: какой это тест (имя или файл) и с каким выводом он падает?",
        "result": "«{q}»: что должно происходить вместо этого?",
        "goal": "«{q}»: что должно быть иначе, когда это будет готово?",
        "place": "«{q}»: где это: какая страница, файл, эндпойнт или точный текст сообщения?",
    },
    "zh": {
        "text": "这里只有标题“{q}”。它在哪里（页面、文件、接口），那里应该变成什么样？",
        "form": "“{q}”：表单里还是示例文字。您做了什么，发生了什么，本应发生什么？",
        "picture": "“{q}”：关键内容在图片里，而 factory 不读图片。图中是什么（页面、提示文字），应该是什么样？",
        "link": "“{q}”：细节在链接后面，factory 不会打开它。是哪个页面或文件，完整的提示是什么？",
        "choice": "“{q}”：这一点还没有决定。应该做什么？",
        "focus": "“{q}”里有多个需求。先做哪一个，在哪里？",
        "speed": "“{q}”：哪个页面的哪个操作慢，多快才算够？",
        "quality": "“{q}”：具体哪里要改，改成什么样？",
        "criteria": "“{q}”：验收条件只是重复了标题。包括哪些字段、取值或情况？",
        "test": "“{q}”：是哪个测试（名称或文件），失败时输出什么？",
        "result": "“{q}”：那里本应发生什么？",
        "goal": "“{q}”：做完之后应该有什么不同？",
        "place": "“{q}”：在哪里：哪个页面、文件、接口，或完整的提示文字？",
    },
    "ja": {
        "text": "タイトル「{q}」しかありません。どこ（画面、ファイル、エンドポイント）で、何を変えればよいですか。",
        "form": "「{q}」：フォームに例文が残っています。何をして、何が起き、本来どうなるはずでしたか。",
        "picture": "「{q}」：要点が画像にありますが、factory は画像を読みません。何が写っていて（画面、文言）、"
        "本来どうなるべきですか。",
        "link": "「{q}」：詳細がリンク先にありますが、factory は開きません。どの画面またはファイルで、"
        "正確な文言は何ですか。",
        "choice": "「{q}」：まだ決まっていません。どれを作ればよいですか。",
        "focus": "「{q}」には複数の要望があります。最初に行うのはどれで、どこですか。",
        "speed": "「{q}」：どの画面のどの操作が遅く、どのくらいの速さであればよいですか。",
        "quality": "「{q}」：具体的にどこを、どう変えればよいですか。",
        "criteria": "「{q}」：条件がタイトルの繰り返しです。対象となる項目、値、場合は何ですか。",
        "test": "「{q}」：どのテスト（名前またはファイル）で、どんな出力で失敗しますか。",
        "result": "「{q}」：本来はどうなるべきですか。",
        "goal": "「{q}」：完了したとき、何が変わっていればよいですか。",
        "place": "「{q}」：どこで起きますか。画面、ファイル、エンドポイント、または正確な文言を教えてください。",
    },
    "ko": {
        "text": "제목 “{q}”만 있습니다. 어디(화면, 파일, 엔드포인트)이고, 무엇이 달라져야 하나요?",
        "form": "“{q}”: 양식에 예시 문구가 그대로 있습니다. 무엇을 했고, 어떤 일이 있었고, 원래 어떻게 되어야 하나요?",
        "picture": "“{q}”: 핵심이 이미지에 있지만 factory는 이미지를 읽지 않습니다. 무엇이 보이고(화면, 문구) "
        "어떻게 되어야 하나요?",
        "link": "“{q}”: 자세한 내용이 링크 뒤에 있지만 factory는 열지 않습니다. 어느 화면이나 파일이고, 정확한 "
        "문구는 무엇인가요?",
        "choice": "“{q}”: 아직 정해지지 않았습니다. 무엇을 만들어야 하나요?",
        "focus": "“{q}”에 요청이 여러 개 있습니다. 어느 것을 먼저, 어디에서 해야 하나요?",
        "speed": "“{q}”: 어느 화면의 어떤 동작이 느리고, 얼마나 빨라야 하나요?",
        "quality": "“{q}”: 정확히 무엇이, 어디에서 달라져야 하나요?",
        "criteria": "“{q}”: 조건이 제목을 되풀이합니다. 어떤 필드, 값, 경우가 포함되나요?",
        "test": "“{q}”: 어떤 테스트(이름 또는 파일)이고, 어떤 출력으로 실패하나요?",
        "result": "“{q}”: 원래는 어떻게 되어야 하나요?",
        "goal": "“{q}”: 완료되면 무엇이 달라져야 하나요?",
        "place": "“{q}”: 어디인가요: 어느 화면, 파일, 엔드포인트, 또는 정확한 문구를 알려 주세요.",
    },
}
