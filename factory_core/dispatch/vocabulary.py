"""Words that triage knows, per purpose and language. Whatever structure can tell is told without them.

A line holds phrases of one language, separated by `|`; a phrase that ends in `*` matches every word that begins so.
Phrases are looked up in folded text: lower case, every sign that is no letter or digit a space. Scripts without spaces
are searched anywhere. A language that is not listed is judged by the structure of its text alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..text.normal_form import normal_form

LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "ru", "zh", "ja", "ko")

_NO_WORD = re.compile(r"[\W_]+")
_WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

By = Mapping[str, str]


def fold(text: str) -> str:
    """Lower case, one space for whatever is neither letter nor digit, and one at each end."""
    return f" {_NO_WORD.sub(' ', normal_form(text, 'NFKC').casefold()).strip()} "


class Phrases:
    """All phrases of one purpose, of every language: tickets mix them."""

    def __init__(self, by_language: By) -> None:
        self.by_language = by_language
        self._needles = {
            needle: phrase for text in by_language.values() for phrase in text.split("|") if (needle := _needle(phrase))
        }

    def found(self, folded: str) -> str:
        """One of the phrases that the folded text holds, or nothing."""
        return next((phrase for needle, phrase in self._needles.items() if needle in folded), "")

    def all_found(self, folded: str) -> list[str]:
        return [phrase for needle, phrase in self._needles.items() if needle in folded]

    def begins(self, folded: str) -> str:
        """The phrase that the folded text begins with, or nothing."""
        return next(
            (phrase for needle, phrase in self._needles.items() if folded.lstrip().startswith(needle.lstrip())), ""
        )

    def is_all_of(self, folded: str) -> str:
        """The phrase that the folded text is, or nothing."""
        return next((phrase for needle, phrase in self._needles.items() if folded.strip() == needle.strip()), "")

    def without(self, folded: str) -> str:
        """The folded text without the phrases, the longest first."""
        for needle in sorted(self._needles, key=len, reverse=True):
            while needle in folded:
                folded = folded.replace(needle, " ")
        return folded


def _needle(phrase: str) -> str:
    folded = fold(phrase.removesuffix("*"))
    if _WITHOUT_SPACES.search(folded):
        return folded.strip()
    return folded.rstrip() if phrase.endswith("*") else folded


# Which language is it? Frequent small words that few of the others have.
SMALL_WORDS: By = {
    "en": "the|is|are|and|of|to|in|it|that|this|with|for|not|when|on|we|be|from|does|i|you|should|please|there|an|"
    "after|by|don|my|was",
    "de": "der|die|das|und|ist|nicht|ein|eine|einen|mit|auf|für|wird|werden|wenn|dem|den|im|zu|von|bei|wir|ich|es|"
    "sich|sind|soll|nach|kann|wie|mein|als|dass|oder|beim|unseren",
    "fr": "le|la|les|des|est|et|une|un|pas|dans|pour|sur|que|qui|ne|du|au|avec|il|quand|ce|cette|sont|nous|je|après|"
    "depuis|plus|doit|aux|à|quelqu|peut",
    "es": "el|la|los|las|es|y|una|un|en|que|no|con|por|para|del|se|cuando|al|está|como|su|este|esta|sobre|hay|más|"
    "debe|lo|añadir|sale|sin|ya|tienen",
    "pt": "o|a|os|as|é|e|uma|um|em|que|não|com|por|para|do|da|no|na|se|quando|ao|está|como|são|ser|dos|das|mais|"
    "deve|foi|pode|seu|sem",
    "it": "il|lo|la|gli|le|è|e|una|un|di|che|non|con|per|del|della|si|quando|nel|nella|sono|come|deve|al|dei|"
    "sarebbe|solo|dopo|questo|i|delle|alla",
    "nl": "de|het|een|en|is|niet|van|op|met|voor|dat|in|te|wordt|worden|als|bij|zijn|wij|ik|er|aan|moet|naar|deze|"
    "dit|maar|kan|goed|nu|geen|werkt",
    "pl": "i|w|na|nie|się|z|do|jest|że|to|po|dla|jak|przez|od|są|gdy|lub|oraz|powinien|powinna|być|ma|albo|ten|tego|"
    "czy|tylko|pod|może|można",
}

# What has to be true: obligation, and a wish that is put into words.
MUST = Phrases(
    {
        "en": "should|must|shall|needs to|need to|has to|have to|ought to|is expected to|are expected to|will be|"
        "so that|would like|i want|we want|could be added|supposed to|required to",
        "de": "soll|sollen|sollte|sollten|muss|müssen|müsste|darf nicht|dürfen nicht|ist zu|möchte|wünsch*|damit|"
        "erwart*",
        "fr": "doit|doivent|devrait|devraient|il faut|faut|ne doit pas|souhait*|voudr*|afin que|afin de|attendu",
        "es": "debe|deben|debería|deberían|debiera|tiene que|tienen que|hay que|quiero|queremos|necesit*|para que|"
        "permitir que|se espera",
        "pt": "deve|devem|deveria|deveriam|precisa|precisam|tem que|têm que|tem de|quero|queremos|gostaria|para que|"
        "é necessário|espera se",
        "it": "deve|devono|dovrebbe|dovrebbero|bisogna|occorre|vorrei|vorremmo|vogliamo|affinché|in modo che|"
        "si aspetta",
        "nl": "moet|moeten|dient|dienen|zou moeten|hoort|willen graag|wil graag|graag|zodat|mag niet|mogen niet|"
        "verwacht",
        "pl": "powinien|powinna|powinno|powinny|musi|muszą|należy|trzeba|chcę|chcemy|chciał*|tak aby|żeby|nie może|"
        "ma być|mają być",
        "ru": "должен|должна|должно|должны|нужно|надо|необходимо|следует|хочу|хотим|хотелось|чтобы|требуется|ожидается",
        "zh": "应该|应当|应|必须|需要|要求|希望|要|改为|改成|不能再|期望",
        "ja": "べき|必要があ|必要です|なければ|してください|して下さい|てほしい|て欲しい|するこ|できること|すること|"
        "ようにする|ように変更|たい|期待",
        "ko": "해야|되어야|하도록|되도록|해주세요|해 주세요|바랍니다|필요합니다|하면 됩니다|원합니다|구현합니다|"
        "추가합니다|변경합니다",
    }
)

# Two states of the same thing: what is, and what is right.
CONTRAST = Phrases(
    {
        "en": "instead of|instead|rather than|is meant|was meant|but is|but was|becomes|become|correct is|"
        "but should|not the other way",
        "de": "statt|anstatt|stattdessen|anstelle|richtig ist|richtig wäre|gemeint ist|korrekt ist|korrekt wäre|"
        "aber ist",
        "fr": "au lieu de|au lieu d|plutôt que|à la place de|le bon|la bonne orthographe|il faut lire",
        "es": "en vez de|en lugar de|lo correcto|debería decir|debe decir",
        "pt": "em vez de|ao invés de|no lugar de|o correto é|deveria ser|o certo é",
        "it": "invece di|anziché|al posto di|quello giusto|la forma corretta|corretto è",
        "nl": "in plaats van|ipv|juist is|correct is|bedoeld is|moet zijn",
        "pl": "zamiast|poprawnie|prawidłowo|powinno być",
        "ru": "вместо|правильно|а должно|имелось в виду",
        "zh": "而不是|改为|改成|正确的是|应为|应改|才对",
        "ja": "ではなく|が正しい|の代わりに|に変更|に修正|の誤り",
        "ko": "대신|아니라|올바른|로 변경|으로 변경|오타",
    }
)

# A sentence that says when.
WHEN = Phrases(
    {
        "en": "when|whenever|if|as soon as",
        "de": "wenn|falls|sobald",
        "fr": "quand|lorsque|lorsqu|dès que",
        "es": "cuando|siempre que|en caso de que",
        "pt": "quando|sempre que|caso o|caso a",
        "it": "quando|qualora|ogni volta che",
        "nl": "wanneer|zodra|indien",
        "pl": "gdy|kiedy|jeśli|jeżeli",
        "ru": "когда|если",
        "zh": "如果|当",
        "ja": "場合|たら|すると",
        "ko": "경우|하면|되면",
    }
)

# Wishes without a measure.
QUALITY = Phrases(
    {
        "en": "slow|slower|fast|faster|speed|performance|better|improve*|nicer|nice|ugly|modern|cleaner|tidy|"
        "clean up|refactor*|user friendly|intuitive|jerky|stutter*|lag*|laggy|smooth*|optimi*|confusing|enhance*|"
        "responsive",
        "de": "langsam*|schnell*|performance|leistung|besser|verbesser*|schöner|hübsch*|hässlich|modern*|aufräumen|"
        "benutzerfreundlich*|übersichtlich*|ruckel*|optimier*|intuitiv*",
        "fr": "lent*|rapide*|vite|performance*|mieux|amélior*|plus joli*|beau|moderne*|nettoyer|ergonomi*|optimis*|"
        "fluide|intuiti*",
        "es": "lent*|rápid*|rendimiento|mejor|mejorar|mejora|bonit*|modern*|limpiar|optimiz*|intuitiv*|fluid*",
        "pt": "lent*|rápid*|desempenho|performance|melhor|melhorar|melhoria|bonit*|modern*|otimiz*|intuitiv*|travando",
        "it": "lent*|veloc*|prestazion*|meglio|miglior*|bell*|modern*|pulire|ottimizz*|intuitiv*|fluid*",
        "nl": "traag|trage|sneller|snel|snelheid|prestatie*|beter|verbeter*|mooier|modern*|opruimen|optimalis*|"
        "gebruiksvriendelijk*|haper*",
        "pl": "wolno|wolny|wolna|szybciej|szybki*|wydajnoś*|lepiej|lepszy|popraw wygląd|ulepsz*|ładniej*|nowoczesn*|"
        "optymaliz*|intuicyjn*|zacina*",
        "ru": "медленн*|быстр*|тормоз*|производительност*|лучше|улучш*|красив*|современн*|оптимиз*|удобн*",
        "zh": "慢|卡顿|性能|优化|改进|改善|美观|好看|更好|流畅|现代|体验",
        "ja": "遅い|重い|速く|早く|性能|改善|きれい|綺麗|見やすく|使いやすく|最適化|もっさり",
        "ko": "느려|느리|느림|빠르게|성능|개선|예쁘게|보기 좋게|최적화|버벅",
    }
)
SPEED = Phrases(
    {
        "en": "slow|slower|slowly|fast|faster|speed|performance|jerky|stutter*|lag|lags|laggy|smooth*|responsive|"
        "takes forever",
        "de": "langsam*|schnell*|performance|ruckel*",
        "fr": "lent*|rapide*|vite|performance*|fluide",
        "es": "lent*|rápid*|rendimiento|fluid*",
        "pt": "lent*|rápid*|desempenho|performance|travando",
        "it": "lent*|veloc*|prestazion*|fluid*",
        "nl": "traag|trage|sneller|snel|snelheid|prestatie*|haper*",
        "pl": "wolno|wolny|wolna|szybciej|szybki*|wydajnoś*|zacina*",
        "ru": "медленн*|быстр*|тормоз*|производительност*",
        "zh": "慢|卡顿|性能|流畅",
        "ja": "遅い|重い|速く|早く|性能|もっさり",
        "ko": "느려|느리|느림|빠르게|성능|버벅",
    }
)

# The first word of a title that orders one certain change. "Fix" and "improve" say nothing of the result.
CHANGE = Phrases(
    {
        "en": "add|remove|delete|drop|rename|replace|move|use|upgrade|update|bump|show|hide|return|log|validate|"
        "reject|allow|disable|enable|round|sort|paginate|display|print|set|make|support|convert|expose|send|store|"
        "ignore|trim|limit|document|implement|filter|split|extract|switch|migrate|pin|downgrade|reduce|increase|"
        "include|exclude|deprecate|accept|require|translate",
        "de": "hinzufügen|entferne*|lösche*|umbenenne*|benenne*|ersetze*|verschiebe*|verwende*|zeige*|anzeigen|"
        "ausblenden|aktualisiere*|validiere*|prüfe*|sortiere*|runde*|protokolliere*|ergänze*",
        "fr": "ajout*|supprim*|retir*|renomm*|remplac*|déplac*|utilis*|affich*|masqu*|valid*|tri*|arrondi*|"
        "journalis*|désactiv*|activ*|met*|mise à jour|passer",
        "es": "añad*|agreg*|elimin*|quit*|borr*|renombr*|reemplaz*|sustitu*|mover|usar|mostrar|ocultar|actualiz*|"
        "valid*|orden*|filtr*|permit*|desactiv*|activ*|redonde*",
        "pt": "adicion*|acrescent*|remov*|apag*|exclu*|renome*|substitu*|mover|usar|mostrar|exibir|ocultar|atualiz*|"
        "valid*|orden*|filtr*|permit*|desativ*|ativ*|arredond*",
        "it": "aggiung*|rimuov*|elimin*|rinomin*|sostitu*|spost*|usare|mostra*|nascond*|aggiorn*|valid*|ordin*|"
        "filtr*|permett*|disattiv*|attiv*|arrotond*",
        "nl": "voeg|toevoegen|verwijder*|hernoem*|vervang*|verplaats*|gebruik|toon|verberg*|werk bij|valideer*|"
        "sorteer*|filter*|schakel*|rond af",
        "pl": "doda*|usu*|zmień nazwę|zmienić nazwę|zamie*|przenie*|użyj|użyć|pokaż|pokaza*|ukry*|zaktualiz*|walid*|"
        "sortow*|posortuj|filtr*|wyłącz*|włącz*|zaokrągl*",
        "ru": "добав*|удал*|убра*|переимен*|замен*|перемест*|использов*|показ*|скры*|обнов*|провер*|сортир*|отключ*|"
        "включ*|округл*",
        "zh": "添加|增加|新增|删除|移除|去掉|重命名|替换|改用|使用|显示|隐藏|升级|更新|校验|禁用|启用|支持|导出",
        "ja": "追加|削除|名前を変更|置き換え|移動|表示|非表示|更新|検証|無効化|有効化|変更|無視",
        "ko": "추가|삭제|제거|이름 변경|교체|이동|표시|숨기|업데이트|검증|비활성화|활성화|변경|구현",
    }
)
TYPO = Phrases(
    {
        "en": "typo|typos|misspel*|spelling|spelt|grammar",
        "de": "tippfehler|rechtschreib*|schreibfehler",
        "fr": "faute de frappe|coquille|orthograph*",
        "es": "errata|error ortográfico|ortograf*|mal escrit*",
        "pt": "erro de digitação|ortograf*|digitad*",
        "it": "refuso|errore di battitura|ortograf*",
        "nl": "typfout|spelfout|tikfout|spelling",
        "pl": "literówk*|ortograf*|błąd w pisowni",
        "ru": "опечатк*|орфограф*",
        "zh": "错别字|拼写|笔误|错字",
        "ja": "誤字|脱字|タイプミス|誤記|スペルミス",
        "ko": "오타|맞춤법|오탈자",
    }
)
FAILS = Phrases(
    {
        "en": "fail|fails|failed|failing|flaky|breaks|broken|red|crash*|does not work|doesn t work|wrong|error|"
        "errors|bug",
        "de": "fehlschl*|schlägt fehl|fehlgeschlagen|flaky|kaputt|rot|absturz|stürzt|funktioniert nicht|falsch*|"
        "fehler*",
        "fr": "échou*|échec*|instable*|cassé*|plant*|ne marche pas|ne marche plus|ne fonctionne pas|"
        "ne fonctionne plus|erreur*|faux|pas d effet",
        "es": "fall*|falla|rot*|inestable*|no funciona|no se descarga|error*|mal",
        "pt": "falh*|quebrad*|instáve*|não funciona|erro*|errad*",
        "it": "fallisc*|fallit*|rotto|rotta|instabil*|non funziona|errore*|sbagliat*",
        "nl": "faalt|falen|mislukt|stuk|kapot|instabiel|werkt niet|fout*|verkeerd*|onjuist*",
        "pl": "nie przechodzi|zawodzi|pada|niestabiln*|nie działa|błąd|błęd*|błędn*|zły|źle|nie znajduje",
        "ru": "падает|падают|упал*|нестабильн*|сломан*|не работает|не загружа*|ошибк*|неверн*|неправильн*",
        "zh": "失败|不稳定|报错|挂了|不能|无法|错误|乱码|崩溃|异常",
        "ja": "失敗|不安定|落ちる|エラー|動かない|できない|できません|不具合|崩れ|真っ白",
        "ko": "실패|불안정|오류|에러|안 됨|안됨|안 돼|되지 않|깨짐|버그",
    }
)

# What a section is, by its heading.
EXPECTED = Phrases(
    {
        "en": "expected|expectation|expectations|should happen|desired|acceptance|done when|definition of done|"
        "criteria|outcome|requirement|requirements|fix|proposed fix|solution|proposed solution|must be true|"
        "what we want|to do|todo",
        "de": "erwart*|akzeptanzkriteri*|abnahmekriteri*|soll|sollverhalten|gewünscht*|fertig wenn|lösung|"
        "lösungsvorschlag|anforderung*|ziel",
        "fr": "attendu*|critère*|souhaité*|solution|définition de fini|exigence*|résultat attendu|objectif",
        "es": "esperad*|criterio*|aceptación|deseado|solución|alcance|requisito*|definición de hecho",
        "pt": "esperad*|critério*|aceitação|aceite|desejado|solução|requisito*|definição de pronto",
        "it": "attes*|criteri|accettazione|desiderat*|soluzione|requisit*|definizione di fatto",
        "nl": "verwacht*|acceptatiecriteria|criteria|gewenst*|oplossing|eisen",
        "pl": "oczekiwan*|kryteria|kryterium|akceptacji|pożądan*|rozwiązanie|wymagania",
        "ru": "ожида*|критери*|приёмки|приемки|желаем*|решение|требовани*",
        "zh": "期望|预期|验收|应有|完成标准|完成条件|解决办法|解决方案|做法|要求|目标",
        "ja": "期待|受け入れ|受入|完了条件|あるべき|要件|対応方法|対応内容|解決",
        "ko": "기대|예상|인수 조건|완료 조건|요구|해결",
    }
)
STEPS = Phrases(
    {
        "en": "steps|reproduce|reproduction|how to see|to see it|repro",
        "de": "schritte|nachstellen|reproduz*|reproduktion",
        "fr": "étapes|reproduction|reproduire|repro",
        "es": "pasos|reproducir|reproducción",
        "pt": "passos|reproduzir|reprodução",
        "it": "passi|passaggi|riprodurre|riproduzione",
        "nl": "stappen|reproduc*",
        "pl": "kroki|odtworz*|reproduk*",
        "ru": "шаги|воспроизв*",
        "zh": "步骤|复现|重现",
        "ja": "手順|再現",
        "ko": "재현|단계|절차",
    }
)
ACTUAL = Phrases(
    {
        "en": "actual|actually|current|currently|what happens|result|observed|today|now",
        "de": "aktuell*|tatsächlich*|istzustand|ist|derzeit|beobachtet|beschreibung",
        "fr": "actuel*|constaté|observé|obtenu",
        "es": "actual|obtenido|observado|ocurre",
        "pt": "atual|obtido|observado|acontece",
        "it": "attuale|effettivo|ottenuto|osservato",
        "nl": "huidig*|werkelijk*|nu|feitelijk*",
        "pl": "obecn*|rzeczywist*|aktualn*",
        "ru": "фактическ*|сейчас|текущ*",
        "zh": "实际|目前|现状|当前",
        "ja": "実際|現状|現在",
        "ko": "실제|현재",
    }
)

# What the form's own text begins with, and what it writes for a field that was left empty.
PLACEHOLDER = Phrases(
    {
        "en": "a clear and concise|a short and clear|a clear and short|a clear description|tell us|describe the|"
        "describe what|describe how|please describe|explain the|explain what|explain how|provide a|if applicable|"
        "add any other|add pictures|add screenshots|anything else about|steps that show|steps to reproduce the|"
        "please provide|please fill|what actually happened|no response",
        "de": "eine klare und|beschreibe|beschreiben sie|bitte beschreib*|erkläre|erzähl*|falls zutreffend|"
        "füge screenshots|keine angabe",
        "fr": "une description claire|décri*|veuillez décrire|expliqu*|le cas échéant|ajoutez des captures|"
        "aucune réponse",
        "es": "una descripción clara|describ*|por favor describ*|expli*|si corresponde|sin respuesta",
        "pt": "uma descrição clara|descrev*|por favor descrev*|expli*|se aplicável|sem resposta",
        "it": "una descrizione chiara|descriv*|spiega*|se applicabile|nessuna risposta",
        "nl": "een duidelijke|beschrijf|omschrijf|leg uit|indien van toepassing|geen antwoord",
        "pl": "jasny i zwięzły|opisz|wyjaśnij|jeśli dotyczy|brak odpowiedzi",
        "ru": "чёткое и краткое|четкое и краткое|опишите|объясните|если применимо|нет ответа",
        "zh": "清晰简洁|请描述|请填写|请说明|简要描述|如果适用|无回复",
        "ja": "簡潔に|明確かつ簡潔|記述してください|記入してください|説明してください|回答なし",
        "ko": "명확하고 간결|설명해 주세요|설명해주세요|작성해 주세요|기입해 주세요|응답 없음",
    }
)

# A title that asks, and a text that asks for help.
ASKS = Phrases(
    {
        "en": "how do i|how can i|how to|is it possible|is there a way|any plans|can someone|could someone|"
        "can anyone|has anyone|does anyone|please help|need help|help needed|help me|question about|"
        "i have a question|why does|why is|what is the|wondering",
        "de": "wie kann ich|wie kann man|wie geht|ist es möglich|gibt es eine möglichkeit|kann jemand|"
        "kann mir jemand|hat jemand|bitte um hilfe|brauche hilfe|frage zu|warum",
        "fr": "comment faire|comment puis|est il possible|y a t il|quelqu un peut|quelqu un sait|besoin d aide|"
        "aidez|question sur|pourquoi|m aider",
        "es": "cómo puedo|cómo se|es posible|hay alguna forma|alguien puede|alguien sabe|necesito ayuda|ayuda con|"
        "pregunta sobre|por qué|tienen pensado",
        "pt": "como posso|como faço|é possível|existe alguma forma|alguém pode|alguém sabe|preciso de ajuda|"
        "ajuda com|pergunta sobre|por que|dúvida",
        "it": "come posso|come si|è possibile|c è modo|qualcuno può|qualcuno sa|ho bisogno di aiuto|aiuto con|"
        "domanda su|perché",
        "nl": "hoe kan ik|hoe moet ik|is het mogelijk|kan iemand|weet iemand|hulp nodig|vraag over|waarom",
        "pl": "jak mogę|jak zrobić|czy można|czy jest możliwość|czy ktoś|ktoś wie|potrzebuję pomocy|proszę o pomoc|"
        "pytanie o|dlaczego",
        "ru": "как мне|как сделать|как можно|можно ли|есть ли|кто нибудь|кто знает|нужна помощь|помогите|вопрос про|"
        "вопрос о|почему",
        "zh": "请问|怎么|如何|为什么|能否|可不可以|求助|有没有|请教",
        "ja": "質問|教えて|でしょうか|どうすれば|可能ですか|ですか|なぜ|ヘルプ",
        "ko": "질문|어떻게|알려주세요|알려 주세요|가능한가요|인가요|왜|도와주세요",
    }
)

# A request that is put as a question for politeness' sake.
REQUESTS = Phrases(
    {
        "en": "could you please|can you please|would you please|could you|can you|would you mind|can we please|"
        "could we please",
        "de": "könntet ihr|könnt ihr|könnten sie|können sie bitte|kannst du|könntest du|würden sie bitte",
        "fr": "pourriez vous|pouvez vous|peux tu|pourrais tu|serait il possible de",
        "es": "podrían|podríais|podrías|podría usted|pueden|podéis|puedes",
        "pt": "poderiam|poderia|podem por favor|pode por favor|podes|vocês podem|você pode",
        "it": "potreste|potresti|potrebbe|potete|puoi|può per favore",
        "nl": "kunnen jullie|kun je|kunt u|zou je|zouden jullie|zou u",
        "pl": "czy możecie|czy możesz|czy mógłbyś|czy mogłabyś|czy moglibyście|możecie|możesz|czy może pan*",
        "ru": "можете ли|не могли бы|могли бы вы|могли бы|можете пожалуйста|можете",
        "zh": "能不能帮|能否帮|可以帮|麻烦|请帮",
        "ja": "いただけますか|いただけませんか|もらえますか|もらえませんか|くれますか|くれませんか",
        "ko": "해 주실 수|해주실 수|주시겠|주실래요|부탁",
    }
)

# It waits for another ticket, or is one that exists. A reference has to follow, or stand before.
BLOCKED = Phrases(
    {
        "en": "blocked by|depends on|is waiting for|waits for|waiting on|after merge of|on hold until",
        "de": "blockiert durch|blockiert von|hängt ab von|abhängig von|wartet auf",
        "fr": "bloqué par|bloquée par|dépend de|en attente de",
        "es": "bloqueado por|bloqueada por|depende de|a la espera de",
        "pt": "bloqueado por|bloqueada por|depende de|depende do|aguardando",
        "it": "bloccato da|bloccata da|dipende da|in attesa di",
        "nl": "geblokkeerd door|afhankelijk van|hangt af van|wacht op",
        "pl": "zablokowane przez|blokowane przez|zależy od|czeka na",
        "ru": "заблокирован*|зависит от|ждёт|ждет",
        "zh": "被阻塞|依赖于|依赖|等待",
        "ja": "ブロックされ|に依存|待ち",
        "ko": "차단됨|막혀|에 의존|대기 중",
    }
)
DUPLICATE = Phrases(
    {
        "en": "duplicate of|duplicates|dupe of|same as|same issue as|same problem as|already reported in|"
        "already tracked in",
        "de": "duplikat von|duplikat zu|doppelt zu|dasselbe wie|dasselbe problem wie|bereits gemeldet in",
        "fr": "doublon de|doublon|même problème que|déjà signalé",
        "es": "duplicado de|duplicada de|mismo problema que|lo mismo que|ya reportado",
        "pt": "duplicado de|duplicada de|mesmo problema que|o mesmo que|já relatado",
        "it": "duplicato di|stesso problema di|uguale a|già segnalato",
        "nl": "duplicaat van|dubbel met|zelfde als|zelfde probleem als|al gemeld",
        "pl": "duplikat|to samo co|już zgłoszone",
        "ru": "дубликат|дубль|то же что|уже сообщал*",
        "zh": "重复|相同的问题|问题相同|同上一个问题|已有相同",
        "ja": "重複|と同じ|既出",
        "ko": "중복|와 같은 문제|과 같은 문제|동일한 이슈",
    }
)

# Somebody reports a hole, and wants to do it in private.
SECURITY = Phrases(
    {
        "en": "vulnerability|vulnerabilities|xss|csrf|ssrf|rce|sql injection|path traversal|remote code execution|"
        "privilege escalation|authentication bypass|security issue|security flaw|security hole|exploit|0day|"
        "zero day|cve",
        "de": "sicherheitslücke|schwachstelle|sicherheitsproblem",
        "fr": "faille de sécurité|vulnérabilité|faille",
        "es": "vulnerabilidad|fallo de seguridad|agujero de seguridad",
        "pt": "vulnerabilidade|falha de segurança",
        "it": "vulnerabilità|falla di sicurezza",
        "nl": "kwetsbaarheid|beveiligingslek|lek",
        "pl": "podatność|luka bezpieczeństwa|luka w zabezpieczeniach|lukę",
        "ru": "уязвимост*|брешь",
        "zh": "漏洞|安全问题",
        "ja": "脆弱性|セキュリティ上の問題",
        "ko": "취약점|보안 문제",
    }
)
PRIVATE = Phrases(
    {
        "en": "private|privately|publicly|in public|confidential*|disclos*|security team|security contact|"
        "e mail address|email address|how can i reach|pgp|bounty",
        "de": "privat|vertraulich|nicht öffentlich|sicherheitsteam|kontaktadresse|e mail adresse",
        "fr": "en privé|privé|confidentiel*|équipe de sécurité|adresse e mail|adresse mail|divulg*",
        "es": "en privado|privado|confidencial*|equipo de seguridad|correo|divulg*",
        "pt": "em privado|privado|confidencial*|equipe de segurança|e mail de contato|divulg*",
        "it": "in privato|privato|riservat*|team di sicurezza|indirizzo e mail|divulg*",
        "nl": "privé|vertrouwelijk|beveiligingsteam|e mailadres|niet openbaar",
        "pl": "prywatnie|poufn*|zespół bezpieczeństwa|adres e mail|ujawn*",
        "ru": "приватно|лично|конфиденциальн*|команда безопасности|команду безопасности|команде безопасности|"
        "раскры*|почт*",
        "zh": "私下|保密|安全团队|邮箱|披露|私密",
        "ja": "非公開|内密|セキュリティチーム|メールアドレス|開示",
        "ko": "비공개|비밀리|보안팀|이메일|공개하지",
    }
)

# Work for people: what is written is a text for the team, or what is done is talking.
WRITES = Phrases(
    {
        "en": "write|report|create|file|open|draft|prepare|collect|refine|groom|estimate|review",
        "de": "schreibe*|erstelle*|melde*|sammle*|verfasse*|anlegen|schätze*",
        "fr": "écri*|rédig*|créer|signaler|préparer|recueillir|estimer",
        "es": "escribir|redactar|crear|reportar|preparar|recopilar|estimar",
        "pt": "escrever|redigir|criar|relatar|preparar|coletar|estimar",
        "it": "scrivere|redigere|creare|segnalare|preparare|raccogliere|stimare",
        "nl": "schrijf|schrijven|maak|maken|meld|melden|verzamel*|inschatten",
        "pl": "napisa*|napisz|utworz*|zgłosi*|przygotowa*|zebra*|oszacowa*",
        "ru": "написать|создать|сообщить|подготовить|собрать|оценить",
        "zh": "编写|撰写|创建|整理|评估|上报",
        "ja": "作成|書く|起票|報告|見積",
        "ko": "작성|생성|보고|정리|추정",
    }
)
PAPERS = Phrases(
    {
        "en": "issue|issues|ticket|tickets|bug reports|user stories|user story|stories|acceptance criteria|"
        "meeting notes|minutes|slides|presentation|newsletter|blog post|announcement|roadmap|backlog|summary for",
        "de": "issues|tickets|fehlerberichte|user stories|akzeptanzkriterien|protokoll|folien|präsentation|"
        "ankündigung|rundmail|backlog",
        "fr": "tickets|issues|récits utilisateur|user stories|critères d acceptation|compte rendu|diapositives|"
        "présentation|annonce|backlog",
        "es": "historias de usuario|tickets|issues|criterios de aceptación|acta|diapositivas|presentación|anuncio|"
        "backlog",
        "pt": "histórias de usuário|histórias de utilizador|tickets|issues|critérios de aceitação|ata|apresentação|"
        "anúncio|backlog",
        "it": "storie utente|user story|ticket|issue|criteri di accettazione|verbale|presentazione|annuncio|backlog",
        "nl": "user stories|gebruikersverhalen|tickets|issues|acceptatiecriteria|notulen|presentatie|aankondiging|"
        "backlog",
        "pl": "historyjki|user stories|zgłoszenia|tickety|kryteria akceptacji|protokół|prezentacj*|ogłoszenie|backlog",
        "ru": "пользовательские истории|тикеты|задачи|критерии приёмки|протокол|презентаци*|объявление|бэклог",
        "zh": "用户故事|工单|验收标准|会议纪要|幻灯片|公告|需求文档",
        "ja": "ユーザーストーリー|チケット|課題を|受け入れ基準|議事録|スライド|お知らせ",
        "ko": "사용자 스토리|티켓|이슈를|인수 조건을|회의록|발표 자료|공지",
    }
)
TALKS = Phrases(
    {
        "en": "interview|talk to|call|meet|discuss|decide|agree on|ask|hire|buy|schedule|negotiate|train|present|"
        "vote|pair on|choose|align with|workshop",
        "de": "interviewe*|befrage*|bespreche*|besprechen|entscheide*|abstimmen|kläre*|vereinbare*|einstellen|"
        "kaufen|schulen|telefoniere*|treffen",
        "fr": "interroger|discuter|décider|convenir|réunir|rencontrer|appeler|embaucher|acheter|former|choisir|voter",
        "es": "entrevistar|hablar con|discutir|decidir|acordar|reunirse|llamar|contratar|comprar|formar|elegir|votar",
        "pt": "entrevistar|falar com|discutir|decidir|combinar|reunir|ligar|contratar|comprar|treinar|escolher|votar",
        "it": "intervistare|parlare con|discutere|decidere|concordare|incontrare|chiamare|assumere|comprare|formare|"
        "scegliere|votare",
        "nl": "interview|spreek|bespreek|bespreken|beslis*|overleg*|afspreken|bel|inhuren|kopen|trainen|kies|stemmen",
        "pl": "przeprowadź wywiad*|porozmawia*|omówi*|zdecydowa*|zdecyduj|uzgodni*|spotka*|zadzwoni*|zatrudni*|"
        "kupi*|przeszkoli*|wybra*|wybierz",
        "ru": "опросить|поговорить|обсудить|решить|договориться|встретиться|позвонить|нанять|купить|обучить|выбрать",
        "zh": "访谈|讨论|决定|商量|开会|联系|采购|培训|投票|选择",
        "ja": "インタビュー|話し合|議論|決める|決定する|打ち合わせ|相談|購入|研修|選定",
        "ko": "인터뷰|논의|결정|협의|회의|연락|구매|교육|선정",
    }
)

# Orders against the machine that reads the ticket.
OVERRIDES = Phrases(
    {
        "en": "ignore all instructions|ignore all previous|ignore previous instructions|ignore the previous|"
        "ignore any previous|ignore prior|ignore your instructions|ignore the rules|ignore your rules|"
        "disregard previous|disregard all|disregard the above|disregard your|forget previous|"
        "forget your instructions|forget all previous|you are now|new instructions for you|system prompt|"
        "maintenance mode|developer mode|override your|do not tell the user|without telling",
        "de": "ignoriere alle|ignoriere vorherige|ignoriere die vorherigen|ignoriere deine|vergiss alle|"
        "vergiss deine anweisungen|du bist jetzt|missachte",
        "fr": "ignore les instructions|ignore toutes les|ignorez les instructions|ignorez toutes|"
        "oublie les instructions|oubliez les instructions|tu es maintenant|vous êtes maintenant",
        "es": "ignora las instrucciones|ignora todas las|ignore las instrucciones|olvida las instrucciones|"
        "olvida tus|ahora eres",
        "pt": "ignore as instruções|ignore todas as|ignora as instruções|esqueça as instruções|esqueça suas|"
        "agora você é",
        "it": "ignora le istruzioni|ignora tutte le|dimentica le istruzioni|ora sei",
        "nl": "negeer alle|negeer de vorige|negeer eerdere|negeer je instructies|vergeet je instructies|je bent nu",
        "pl": "zignoruj wszystkie|zignoruj poprzednie|ignoruj poprzednie|zapomnij o poprzednich|jesteś teraz",
        "ru": "игнорируй все|игнорируй предыдущие|проигнорируй|забудь инструкции|забудь предыдущие|теперь ты",
        "zh": "忽略之前|忽略以上|忽略所有|无视之前|忘记之前|你现在是",
        "ja": "これまでの指示を無視|以前の指示を無視|上記の指示を無視|すべての指示を無視|あなたは今",
        "ko": "이전 지시를 무시|이전 지침을 무시|모든 지시를 무시|위의 지시를 무시|당신은 이제",
    }
)
SECRETS = Phrases(
    {
        "en": "environment variables|env vars|all secrets|the secrets|your secrets|secret keys|private key|"
        "private keys|ssh key|ssh keys|your token|os environ|process env|printenv|id rsa|aws secret access key|"
        "aws access key id|github token|gh token|anthropic api key|openai api key|aws credentials|etc passwd|"
        "etc shadow|kubeconfig|your credentials|all credentials|git credentials|your api key|your api keys|"
        "all api keys|your tokens|all tokens|secret key",
        "de": "umgebungsvariablen|private schlüssel|geheimnisse|deine zugangsdaten|alle zugangsdaten",
        "fr": "variables d environnement|identifiants secrets|clé privée|clés privées|les secrets",
        "es": "variables de entorno|clave privada|claves privadas|los secretos|todas las credenciales|tus credenciales",
        "pt": "variáveis de ambiente|chave privada|chaves privadas|os segredos|todas as credenciais|suas credenciais",
        "it": "variabili d ambiente|variabili di ambiente|chiave privata|chiavi private|i segreti|"
        "tutte le credenziali|le tue credenziali",
        "nl": "omgevingsvariabelen|privésleutel*|geheimen|alle inloggegevens|je inloggegevens",
        "pl": "zmienne środowiskowe|zmiennych środowiskowych|poświadczenia|klucz prywatny|klucze prywatne|sekrety",
        "ru": "переменные окружения|переменных окружения|учётные данные|учетные данные|приватный ключ|закрытый ключ|"
        "ключи api|секреты",
        "zh": "环境变量|凭据|凭证|私钥|密钥",
        "ja": "環境変数|認証情報|秘密鍵|apiキー|シークレット",
        "ko": "환경 변수|환경변수|자격 증명|개인 키|비밀 키|api 키",
    }
)
EXPOSES = Phrases(
    {
        "en": "print*|dump*|send|post|upload|commit|push|paste|echo|exfiltrate|email|reveal|leak|publish|encode|cat|"
        "write them|write it|write all|output all|export all|copy all|log all|show all|append them|save them",
        "de": "gib aus|ausgeben|drucke*|sende*|schicke*|lade hoch|hochladen|committe*|schreibe*|kopiere*|"
        "veröffentliche*|gib",
        "fr": "affich*|imprim*|envoi*|envoy*|publi*|commit*|écri*|copi*|téléverse*|liste*",
        "es": "imprim*|muestra*|mostrar|envía*|enviar|sube|subir|publica*|escrib*|copia*|volcar",
        "pt": "imprim*|mostr*|exib*|envi*|publi*|escrev*|copi*|faça commit|liste",
        "it": "stampa*|mostra*|invia*|pubblic*|scriv*|copia*|carica*|elenca*",
        "nl": "print*|toon|stuur*|verzend*|upload*|commit*|schrijf*|kopieer*|publiceer*",
        "pl": "wypisz*|wydrukuj|wyświetl*|wyślij|prześlij|zapisz|skopiuj|opublikuj|zacommituj",
        "ru": "выведи*|вывести|напечатай*|отправ*|загрузи*|опублику*|запиши*|скопиру*|покажи*",
        "zh": "打印|输出|发送|上传|提交|写入|显示|导出|复制|公开",
        "ja": "出力|表示|送信|アップロード|コミット|書き込|書き出|公開|コピー",
        "ko": "출력|표시|전송|보내|업로드|커밋|기록|공개|복사",
    }
)
NEVER = Phrases(
    {
        "en": "not|never|no longer|don t|doesn t|isn t|without|must not|stop|avoid|prevent*|instead of|mask*|"
        "redact*|hide|remove|missing",
        "de": "nicht|nie|niemals|keine|kein|ohne|vermeide*|verhinder*|maskier*|entferne*",
        "fr": "ne|pas|jamais|sans|éviter|empêch*|masqu*",
        "es": "no|nunca|sin|evitar|impedir|ocultar",
        "pt": "não|nunca|sem|evitar|impedir|ocultar",
        "it": "non|mai|senza|evitare|impedire|nascondere",
        "nl": "niet|nooit|geen|zonder|voorkom*|verberg*",
        "pl": "nie|nigdy|bez|uniknąć|unikać|ukry*",
        "ru": "не|никогда|без|избега*|скры*",
        "zh": "不要|不能|不应|禁止|避免|隐藏|不再",
        "ja": "しない|ない|禁止|避け|隠",
        "ko": "않|말아|금지|숨기|없이",
    }
)
RUNS = Phrases(
    {
        "en": "run|execute|download|install|curl|wget|fetch|source|eval|bash|open|follow|visit|load|apply|clone|"
        "pipe|start",
        "de": "führe|ausführen|starte*|lade*|herunterladen|installiere*|folge|öffne*",
        "fr": "exécut*|lance*|télécharg*|install*|suis|suivez|ouvr*",
        "es": "ejecut*|descarg*|instal*|sigue|siga|abr*",
        "pt": "execut*|baix*|instal*|siga|abr*|rode",
        "it": "esegu*|scaric*|install*|segui*|apri*",
        "nl": "voer uit|uitvoeren|download*|installeer*|volg|open",
        "pl": "uruchom*|wykonaj*|pobierz*|zainstaluj*|otwórz*",
        "ru": "запусти*|выполни*|скачай*|установи*|следуй*|открой*",
        "zh": "运行|执行|下载|安装|打开|访问",
        "ja": "実行|ダウンロード|インストール|開いて|アクセス",
        "ko": "실행|다운로드|설치|열어|접속",
    }
)
MACHINE = Phrases(
    {
        "en": "ai|agent|agents|assistant|llm|bot|bots|automated|automation|automations|claude|codex|copilot|chatgpt|"
        "gpt|language model|contributors|ignore|instead do|you must",
        "de": "ki|agent|agenten|assistent|automatisiert*",
        "fr": "ia|agents|automatis*",
        "es": "agente|agentes|asistente|automátic*",
        "pt": "agente|agentes|assistente|automátic*",
        "it": "agente|agenti|assistente|automatic*",
        "nl": "agent|agenten|geautomatiseerd*",
        "pl": "agent|asystent|automatyczn*",
        "ru": "ии|агент*|ассистент*|автоматическ*",
        "zh": "人工智能|智能体|代理|助手|机器人|自动",
        "ja": "エージェント|アシスタント|自動化|ボット",
        "ko": "에이전트|어시스턴트|자동화|봇",
    }
)

# What an answer is.
REFUSES = Phrases(
    {
        "en": "never mind|nevermind|forget it|forget about it|forget this|stop|cancel|cancelled|canceled|abort|"
        "obsolete|no longer needed|no longer need|not needed|not needed anymore|not needed any more|"
        "no longer relevant|not relevant anymore|don t work on this|do not work on this|don t do this|"
        "do not do this|don t do it|do not do it|don t start|do not start|don t bother|please close|close it|"
        "close this|can be closed|you can close|should be closed|already fixed|already done|already solved|"
        "already resolved|already implemented|fixed already|was fixed in|is fixed in|fixed in|duplicate|"
        "duplicate of|dupe of|dup of|wontfix|won t fix|won t do|wont do|will not do|leave it|drop it|drop this|"
        "scrap it|skip it|skip this|withdraw*|invalid|not a bug|works as intended|by design|works for me now|"
        "solved itself|we decided against|not doing this|hold off|put on hold|don t touch|please don t|not worth it|"
        "superseded|not do this now|not do it now|let s not do this|let s not do it|decided to keep the old|"
        "decided to keep it|decided to leave it|decided not to|decided against|opened by accident|"
        "created by accident|opened by mistake|created by mistake|turned out to be correct|turned out to be right|"
        "turned out to be fine|closing this|it s fixed|fixed now|is fixed now|has been fixed|was fixed|"
        "don t need this|don t need it|do not need this|do not need it|not relevant|on hold|forget my|closed|"
        "resolved|solved|no longer an issue|no longer happens|ignore this|not an issue|it works now|works now|"
        "was a mistake|my mistake|works again",
        "de": "hat sich erledigt|erledigt|bereits erledigt|schon erledigt|nicht mehr nötig|nicht mehr notwendig|"
        "nicht mehr gebraucht|nicht mehr benötigt|nicht mehr bearbeiten|nicht bearbeiten|nicht mehr relevant|"
        "nicht umsetzen|nicht anfangen|nicht starten|vergiss es|vergesst es|lass es|lasst es|lassen wir|abbrechen|"
        "abbruch|stopp|bitte schließen|kann geschlossen werden|kann zu|kann man schließen|schon behoben|"
        "bereits behoben|ist behoben|schon gelöst|bereits gelöst|schon gefixt|duplikat|doppelt|obsolet|hinfällig|"
        "machen wir nicht|machen wir doch nicht|brauchen wir nicht|brauchen wir nicht mehr|kein fehler|überholt|"
        "wird nicht gemacht|machen wir erst mal nicht|machen wir erstmal nicht|machen wir jetzt nicht|"
        "aus versehen erstellt|aus versehen angelegt|versehentlich erstellt|versehentlich angelegt|"
        "bleibt wie es ist|lassen es so|ist gelöst|hat sich gelöst|funktioniert jetzt|geht jetzt|geht wieder|"
        "passt wieder|brauchen das nicht|gelöst|behoben|nicht relevant|war mein fehler",
        "fr": "laisse tomber|laissez tomber|annul*|abandonn*|arrête*|stop|plus nécessaire|plus besoin|"
        "pas nécessaire|n est plus utile|obsolète|ne pas traiter|ne travaillez pas|ne rien faire|ne faites pas|"
        "à fermer|merci de fermer|peut être fermé|vous pouvez fermer|peux fermer|déjà corrigé|déjà résolu|déjà fait|"
        "doublon|caduc|on ne le fait pas|pas un bug|oublie*|sans objet|ouvert par erreur|créé par erreur|"
        "on laisse comme|on garde comme|c est réglé|c est résolu|réglé|résolu|ça marche maintenant|ça remarche",
        "es": "ya no hace falta|no hace falta|ya no es necesario|no es necesario|ya no se necesita|"
        "ya no lo necesitamos|olvídalo|olvidadlo|déjalo|dejadlo|cancel*|anul*|abandon*|parad|parar|detened|obsolet*|"
        "se puede cerrar|puedes cerrar|pueden cerrar|cerrar por favor|por favor cierr*|ciérr*|ya está resuelto|"
        "ya está arreglado|ya se arregló|ya se resolvió|ya está hecho|ya resuelto|ya corregido|duplicado|"
        "no lo hagas|no lo hagan|no trabajes|no trabajar|no es un error|descartado|abierto por error|"
        "creado por error|lo abrí por error|lo dejamos así|lo dejamos como está|ya funciona|está resuelto|resuelto|"
        "ya no lo necesit*|no es relevante",
        "pt": "não precisa mais|já não precisa|não é mais necessário|já não é necessário|não é necessário|"
        "não precisamos mais|esquece|esqueça|deixa pra lá|deixa para lá|cancel*|parem|obsolet*|pode fechar|"
        "podem fechar|favor fechar|por favor fech*|já foi resolvido|já foi corrigido|já resolvido|já corrigido|"
        "já está pronto|já está feito|duplicado|não faça|não façam|não trabalhe*|não é um bug|descartado|"
        "desconsider*|aberto por engano|criado por engano|abri por engano|deixamos assim|deixamos como está|"
        "já funciona|está resolvido|resolvido|não é relevante",
        "it": "non serve più|non serve|non è più necessario|non è necessario|non più necessario|lascia perdere|"
        "lasciate perdere|lascia stare|annull*|ferma|fermati|stop|obsolet*|si può chiudere|puoi chiudere|"
        "potete chiudere|chiudere per favore|chiudi pure|da chiudere|già risolto|già corretto|già fatto|"
        "già sistemato|duplicato|non farlo|non fatelo|non lavorar*|non è un bug|scartato|aperto per errore|"
        "aperto per sbaglio|creato per errore|lasciamo così|ora funziona|funziona ora|è risolto|risolto|"
        "non è rilevante",
        "nl": "laat maar|niet meer nodig|niet nodig|hoeft niet meer|hoeft niet|vergeet het|stop|stoppen|annul*|"
        "afblazen|verouderd|achterhaald|mag dicht|kan dicht|kan gesloten worden|mag gesloten worden|graag sluiten|"
        "sluiten maar|al opgelost|is al opgelost|al gefixt|al gedaan|duplicaat|doe maar niet|niet doen|"
        "niet aan beginnen|geen bug|vervallen|per ongeluk aangemaakt|per vergissing aangemaakt|we laten het zo|"
        "werkt nu|werkt weer|is opgelost|opgelost|niet relevant",
        "pl": "nieaktualn*|nie jest już potrzebn*|już niepotrzebn*|niepotrzebn*|nie trzeba|zapomnij*|odpuść*|anulu*|"
        "anulow*|przerwij*|stop|proszę zamknąć|można zamknąć|do zamknięcia|zamknij*|już naprawion*|już zrobion*|"
        "już rozwiązan*|duplikat|nie rób*|nie robimy|nie zaczynaj*|to nie błąd|przestarzał*|utworzone przez pomyłkę|"
        "zgłoszone przez pomyłkę|zostawiamy jak jest|już działa|naprawione|rozwiązane|nieistotne",
        "ru": "не нужно|не надо|больше не нужно|больше не требуется|уже не нужно|уже не актуально|неактуально|"
        "не актуально|забудь*|отмен*|стоп|остановите|хватит|можно закрыть|закройте|закрывайте|уже исправлен*|"
        "уже решен*|уже сделан*|дубликат|дубль|не делайте|не работайте|не начинайте|это не баг|устарел*|"
        "создано по ошибке|создал по ошибке|создала по ошибке|открыто по ошибке|оставляем как есть|оставим как есть|"
        "пока не делаем|уже работает|решено|исправлено|не важно|неважно",
        "zh": "不用做|不用改|已经正常|不需要|不用了|"
        "不必|不做了|不要做|别做|取消|停止|停下|算了|作废|过时|可以关闭|请关闭|关闭吧|"
        "关掉|已经解决|已解决|已经修复|已修复|已经完成|重复|不是bug|不处理|无需处理|放弃|误开|误建|不小心开|"
        "保持原样|先不做|暂不处理|撤回|已经好了|好了|不需要了",
        "ja": "対応不要|不要です|不要になり|必要ありません|必要なくなり|やらなくて|しなくて|中止|取り消|キャンセル|"
        "やめて|止めて|閉じて|クローズ|解決済|解決しました|修正済|対応済|完了済|重複|忘れて|取り下げ|見送|"
        "着手しない|仕様です|間違えて作|間違えて起票|このままでいい|このままで大丈夫|見送り|今回はやりません|"
        "取り下げ|直りました|大丈夫です|もう解決",
        "ko": "필요 없|필요없|안 해도|하지 마|하지마|하지 않아도|취소|중단|중지|그만|닫아|종료해|이미 해결|"
        "이미 수정|이미 완료|해결됐|해결되었|중복|잊어|무시해|보류|철회|실수로 만들|실수로 등록|그대로 두기로|"
        "하지 않기로|보류|철회|해결됨|고쳐졌|이제 됩니다",
    }
)
SHRUGS = Phrases(
    {
        "en": "idk|i dk|dunno|not sure|no idea|no clue|don t know|do not know|don t really know|can t say|"
        "cannot say|can t tell|no preference|don t care|do not care|whatever|up to you|you decide|as you like|"
        "your call|hard to say|beats me|who knows|can t remember|ask someone else|not my area|ask the|"
        "ask our|ask him|ask her|ask them",
        "de": "keine ahnung|weiß nicht|weiss nicht|weiß ich nicht|weiss ich nicht|weiß es nicht|weiß auch nicht|"
        "nicht sicher|kann ich nicht sagen|egal|mir egal|wie du willst|wie ihr wollt|wie sie möchten|entscheide du|"
        "entscheidet ihr|frag den*|frag die|frag mal|schwer zu sagen",
        "fr": "je ne sais pas|je sais pas|sais pas|aucune idée|pas sûr|pas sûre|peu importe|comme tu veux|"
        "comme vous voulez|à toi de voir|à vous de voir|difficile à dire|j ignore|jsp",
        "es": "no sé|no lo sé|ni idea|no tengo idea|no estoy segur*|da igual|me da igual|lo que quieras|"
        "como quieras|como quieran|tú decides|usted decide|difícil de decir|quién sabe",
        "pt": "não sei|não faço ideia|nem ideia|sem ideia|não tenho certeza|não tenho ideia|tanto faz|como quiser|"
        "como quiserem|você decide|vocês decidem|difícil dizer|quem sabe|sei lá",
        "it": "non so|non lo so|boh|nessuna idea|non ho idea|non sono sicur*|è uguale|fa lo stesso|come vuoi|"
        "come volete|decidi tu|decidete voi|difficile a dirsi|chissà",
        "nl": "geen idee|weet ik niet|weet niet|weet het niet|niet zeker|maakt niet uit|maakt me niet uit|"
        "wat je wilt|zoals je wilt|beslis jij|jij beslist|moeilijk te zeggen",
        "pl": "nie wiem|nie mam pojęcia|nie jestem pew*|wszystko jedno|obojętnie|jak chcesz|jak chcecie|ty zdecyduj|"
        "trudno powiedzieć|kto wie|pojęcia nie mam",
        "ru": "не знаю|без понятия|понятия не имею|не уверен*|все равно|всё равно|как хотите|как хочешь|"
        "решайте сами|реши сам|трудно сказать|кто знает|хз",
        "zh": "不知道|不清楚|不确定|没想法|随便|都可以|无所谓|你定|你决定|看着办|不好说|不太清楚|不晓得",
        "ja": "わかりません|分かりません|わからない|分からない|知りません|知らない|さあ|お任せ|おまかせ|"
        "なんでもいい|何でもいい|どちらでも|どうでもいい|不明です|はっきりしません",
        "ko": "모르겠|몰라|잘 모름|모름|글쎄|아무거나|상관없|상관 없|알아서|마음대로|확실하지 않",
    }
)
PROMISES = Phrases(
    {
        "en": "i ll check|i will check|i ll look|i will look|i ll ask|i will ask|let me ask|let me check|let me see|"
        "let me look|will answer|will reply|will check|will get back|get back to you|i ll get back|hold on|"
        "one moment|give me a|later|tomorrow|next week|after lunch|tonight|i ll do it|looking into it|on it|"
        "coming back|will update|stay tuned|wait a|in a minute|checking",
        "de": "ich schaue|ich schau|ich prüfe|ich frage|ich frag|ich kläre|ich melde mich|melde mich|mach ich|"
        "mache ich|morgen|später|nächste woche|moment bitte|moment|gleich|kommt noch|antworte später|bin dran|"
        "heute abend|nach dem mittag*",
        "fr": "je regarde|je vérifie|je vais voir|je vais vérifier|je vais demander|je demande|je reviens vers|"
        "je réponds|demain|plus tard|la semaine prochaine|un instant|un moment|attendez|je m en occupe|"
        "tout à l heure",
        "es": "lo miro|lo reviso|voy a ver|voy a revisar|voy a preguntar|pregunto|luego te|luego le|te digo|"
        "te aviso|le aviso|mañana|más tarde|la próxima semana|la semana que viene|un momento|espera|ahora vuelvo|"
        "luego",
        "pt": "vou ver|vou verificar|vou perguntar|vou checar|vou olhar|pergunto|te aviso|aviso depois|amanhã|"
        "mais tarde|depois te|depois eu|semana que vem|próxima semana|um momento|espera aí|já volto|retorno",
        "it": "controllo|verifico|vedo|chiedo|vado a vedere|vi faccio sapere|ti faccio sapere|domani|più tardi|"
        "dopo ti|settimana prossima|un momento|un attimo|aspetta|rispondo dopo",
        "nl": "ik kijk|ik ga kijken|ik check|ik zoek het uit|ik vraag|kom erop terug|kom ik op terug|morgen|later|"
        "volgende week|moment|even geduld|wacht even|straks|vanavond",
        "pl": "sprawdzę|zobaczę|zapytam|dopytam|odpiszę|dam znać|odezwę się|jutro|później|w przyszłym tygodniu|"
        "chwila|moment|chwileczkę|zaraz|wieczorem",
        "ru": "посмотрю|проверю|спрошу|узнаю|уточню|отвечу|напишу|завтра|позже|потом|на следующей неделе|минутку|"
        "секунду|подождите|сейчас гляну|вернусь",
        "zh": "我看看|我查一下|我问一下|我去问|我确认|稍后|明天|回头|晚点|等一下|稍等|下周|之后回复|马上",
        "ja": "確認します|確認して|調べます|聞いてみます|聞きます|後で|あとで|明日|後ほど|来週|少々お待ち|"
        "お待ちください|ちょっと待|折り返し",
        "ko": "확인해 볼게|확인해볼게|확인하겠|알아볼게|알아보겠|물어볼게|물어보겠|나중에|내일|다음 주|잠시만|"
        "잠깐만|이따가|곧",
    }
)
COUNTERS = Phrases(
    {
        "en": "what do you mean|what does that mean|which one do you mean|what exactly do you|what do you need|"
        "what is it you|what are you asking|can you explain|could you explain|can you clarify|could you clarify|"
        "please clarify|please explain|don t understand|do not understand|didn t understand|not clear to me|"
        "why do you ask|what for|who are you|huh|pardon|come again|be more specific|why",
        "de": "was meinst du|was meinen sie|was ist gemeint|wie meinst du|verstehe nicht|verstehe ich nicht|"
        "verstehe die frage|versteh ich nicht|können sie erklären|kannst du erklären|wozu|wieso|warum fragst",
        "fr": "que voulez vous dire|que veux tu dire|qu est ce que tu veux|qu est ce que vous|c est à dire|"
        "je ne comprends pas|je comprends pas|pouvez vous expliquer|peux tu expliquer|pourquoi|de quoi parl*",
        "es": "qué quieres decir|qué quiere decir|a qué te refieres|a qué se refiere|no entiendo|no comprendo|"
        "puedes explicar|puede explicar|para qué|por qué",
        "pt": "o que quer dizer|o que você quer dizer|como assim|não entendi|não entendo|pode explicar|para quê|"
        "por quê|de que",
        "it": "cosa intendi|cosa intende|che cosa intendi|che vuol dire|non capisco|non ho capito|puoi spiegare|"
        "può spiegare|in che senso|perché lo",
        "nl": "wat bedoel je|wat bedoelt u|hoe bedoel je|begrijp het niet|begrijp ik niet|snap ik niet|"
        "snap het niet|kun je uitleggen|kunt u uitleggen|waarom",
        "pl": "co masz na myśli|co to znaczy|o co chodzi|nie rozumiem|możesz wyjaśnić|proszę wyjaśnić|po co|dlaczego",
        "ru": "что вы имеете|что ты имеешь|что имеется в виду|в каком смысле|не понимаю|не понял*|можете объяснить|"
        "о чём|о чем|зачем|почему",
        "zh": "什么意思|你是指|你指的是|不明白|没看懂|不太懂|能解释|请解释|为什么|啥意思|哪个意思",
        "ja": "どういう意味|どういうこと|何のこと|なんのこと|意味がわから|意味が分から|とは何|説明してもら|"
        "もう少し詳しく|なぜ",
        "ko": "무슨 뜻|무슨 말|무슨 의미|이해가 안|이해 못|설명해 주|설명해주|어떤 걸 말|왜",
    }
)
EMPTY_WORDS = Phrases(
    {
        "en": "see above|see title|see the title|see ticket|see description|see screenshot|see picture|see image|"
        "see attached|see attachment|see here|see this|see the picture|see|same|same as before|same here|as before|"
        "as discussed|as described|as described above|as said|as i said|as mentioned|as above|above|n a|na|none|"
        "nothing|everything|all|all of it|all of them|anything|always|everywhere|it s obvious|obvious|obviously|"
        "self explanatory|should be clear|clear|lol|haha|ha|thanks|thank you|thx|ty|cheers|hi|hello|hey|please|pls|"
        "1|bump|ping|up|any news|any update|any updates|update|status|ok|okay|k|sure|fine|great|nice|cool|good|"
        "agreed|yes|no|yep|yeah|nope|y|n|right|correct|exactly|done|hm|hmm|hmmm|uh|eh|well|so|and|it|this|that|here|"
        "there|now|today|again|sorry|sir|guys|team|me too|too|asap|urgent|important|just do it|do it|go|go ahead|"
        "start|both|question mark|test|foo|really|me|i|to|the|a|is|was|for|your|yours|my|mine|with|of|on|in|at|"
        "already|told|you|we|us|very|just|but|be|what|fyi|cc|this one|take|can|could|answer|as soon as possible",
        "de": "siehe oben|siehe titel|siehe ticket|siehe beschreibung|siehe bild|siehe screenshot|siehe anhang|oben|"
        "wie oben|wie besprochen|wie gesagt|wie beschrieben|wie vorher|dasselbe|das gleiche|alles|nichts|immer|"
        "überall|klar|ist klar|ist doch klar|offensichtlich|danke|vielen dank|hallo|moin|bitte|ja|nein|doch|genau|"
        "gut|passt|gibt es neues|neuigkeiten|stand|beides|beide|hm|tja|naja|na ja|einfach machen|mach|los|auch|hier|"
        "das|es|ich|du|wir|der|die|den|und|ist|kunden",
        "fr": "voir ci dessus|voir titre|voir le titre|voir ticket|voir description|voir image|voir capture|"
        "comme avant|comme dit|comme discuté|comme convenu|pareil|idem|tout|rien|toujours|partout|évident|"
        "c est évident|c est clair|merci|merci beaucoup|bonjour|salut|svp|oui|non|si|d accord|ok|des nouvelles|"
        "du nouveau|les deux|ben|bof|euh|vas y|ici|ça|ce|cela|le|la|et|je|c est",
        "es": "ver arriba|ver título|ver el título|ver ticket|ver descripción|ver imagen|ver captura|como antes|"
        "como dije|como hablamos|como se habló|lo mismo|igual|todo|nada|siempre|en todas partes|es obvio|obvio|"
        "está claro|gracias|muchas gracias|hola|por favor|sí|si|no|vale|de acuerdo|novedades|alguna novedad|ambos|"
        "ambas|los dos|las dos|pues|bueno|hazlo|aquí|esto|eso|el|la|y|es|te|le",
        "pt": "ver acima|ver título|ver o título|ver ticket|ver descrição|ver imagem|ver print|como antes|como dito|"
        "como combinado|conforme combinado|o mesmo|igual|tudo|nada|sempre|em todo lugar|é óbvio|óbvio|está claro|"
        "obrigado|obrigada|olá|oi|por favor|sim|não|certo|combinado|novidades|alguma novidade|ambos|ambas|os dois|"
        "as duas|pois|bom|faça|aqui|isso|isto|o|a|e|é",
        "it": "vedi sopra|vedi titolo|vedi il titolo|vedi ticket|vedi descrizione|vedi immagine|come prima|"
        "come detto|come discusso|come concordato|lo stesso|uguale|tutto|niente|nulla|sempre|ovunque|è ovvio|ovvio|"
        "è chiaro|chiaro|grazie|grazie mille|ciao|salve|per favore|sì|si|no|va bene|d accordo|novità|ci sono novità|"
        "entrambi|entrambe|tutti e due|beh|mah|fallo|qui|questo|il|la|e|è",
        "nl": "zie boven|zie titel|zie de titel|zie ticket|zie omschrijving|zie afbeelding|zie screenshot|"
        "zoals gezegd|zoals besproken|hetzelfde|idem|alles|niets|altijd|overal|is duidelijk|duidelijk|logisch|"
        "bedankt|dank je|dankjewel|dank u|hallo|hoi|alsjeblieft|ja|nee|akkoord|prima|nieuws|is er nieuws|al nieuws|"
        "allebei|beide|tja|doe maar|hier|dit|dat|het|de|en|is",
        "pl": "jak wyżej|patrz wyżej|patrz tytuł|patrz opis|patrz obrazek|jak mówiłem|jak mówiłam|jak ustalono|"
        "jak ustaliliśmy|to samo|tak samo|wszystko|nic|zawsze|wszędzie|to oczywiste|oczywiste|jasne|dzięki|dziękuję|"
        "cześć|dzień dobry|proszę|tak|nie|dobrze|zgoda|jakieś wieści|są wieści|oba|obie|obydwa|no|zrób to|tutaj|to|"
        "i|jest",
        "ru": "см выше|смотри выше|смотрите выше|см название|см описание|см скриншот|как раньше|как обсуждали|"
        "как договорились|то же самое|тоже самое|так же|все|всё|ничего|всегда|везде|очевидно|это очевидно|понятно|"
        "ясно|спасибо|привет|здравствуйте|пожалуйста|да|нет|хорошо|ладно|есть новости|новости|оба|обе|ну|сделайте|"
        "тут|здесь|это|и",
        "zh": "如上|见上|见标题|见上面|看标题|看描述|看图|见图|如题|同上|一样|和之前一样|全部|所有|都|没有|无|总是|"
        "显而易见|很明显|很清楚|谢谢|多谢|你好|您好|好的|好|是的|是|不是|不|对|嗯|有进展吗|有消息吗|进展|两个都要|"
        "都要|哈哈|这里|加一|顶",
        "ja": "上記の通り|上記参照|上を参照|タイトルの通り|タイトル参照|画像参照|画像の通り|前と同じ|同じです|同じ|"
        "同上|以前と同様|全部|すべて|全て|何も|なし|いつも|明らか|当然|ありがとうございます|ありがとう|こんにちは|"
        "お願いします|はい|いいえ|了解です|了解しました|了解|承知しました|承知|進捗は|進捗|どうなりました|両方|笑|"
        "ここ|です|を",
        "ko": "위 참고|위를 참고하세요|위를 참고|제목 참고|그림 참고|이미지 참고|이전과 같|전과 동일|동일|같음|전부|"
        "모두|전체|없음|항상|당연|뻔한|감사합니다|고마워요|고맙습니다|안녕하세요|네|예|아니요|아니오|알겠습니다|"
        "진행 상황|소식|둘 다|둘다|ㅋㅋ|ㅎㅎ|여기|입니다",
    }
)
YES = Phrases(
    {
        "en": "yes|yep|yeah|y|sure|please do|ok|okay|go ahead|correct|right|close it|close|please close",
        "de": "ja|jawohl|gerne|genau|ok|mach zu|schließen|bitte schließen",
        "fr": "oui|ok|d accord|bien sûr|fermez|ferme",
        "es": "sí|si|claro|ok|vale|de acuerdo|ciérralo|cerrar",
        "pt": "sim|claro|ok|pode|pode fechar|fechar",
        "it": "sì|si|certo|ok|va bene|chiudi|chiudere",
        "nl": "ja|graag|ok|oké|prima|sluiten|akkoord",
        "pl": "tak|ok|jasne|zgoda|zamknij|zamknąć",
        "ru": "да|ок|конечно|хорошо|закройте|закрыть",
        "zh": "是|是的|好|好的|可以|对|关闭|嗯",
        "ja": "はい|ええ|お願いします|了解|閉じてください|ok",
        "ko": "네|예|응|맞아요|닫아주세요|좋아요",
    }
)
GOES_AHEAD = Phrases(
    {
        "en": "do it after all|needed after all|want it after all|wanted after all|after all please|still want*|"
        "still needed|still need|go ahead with|please continue|please go on|please proceed|start it|start again|"
        "begin again|take it up again|please retry|try it again|reopen it|please reopen|do it anyway|build it",
        "de": "doch machen|mach es doch|macht es doch|doch umsetzen|doch gebraucht|doch nötig|bitte weitermachen|"
        "weitermachen|bitte fortfahren|bitte doch|trotzdem machen|wieder aufnehmen|noch gebraucht|noch nötig",
        "fr": "finalement oui|faites le quand même|fais le quand même|continuez|continue s il te plaît|reprenez|"
        "reprends|toujours nécessaire|toujours besoin",
        "es": "hazlo de todos modos|al final sí|sigue adelante|continúa|continúen|retómalo|todavía lo necesit*|"
        "sigue siendo necesario",
        "pt": "faça mesmo assim|afinal sim|siga em frente|continue|continuem|retome|ainda precis*",
        "it": "fallo comunque|alla fine sì|vai avanti|procedi|continua|continuate|riprendilo|serve ancora",
        "nl": "doe het toch|toch doen|ga door|ga verder|pak het weer op|nog steeds nodig|toch nodig",
        "pl": "zrób to jednak|jednak zrób|kontynuuj|kontynuujcie|proszę kontynuować|wznów|nadal potrzebn*",
        "ru": "всё таки сделай*|все таки сделай*|сделайте всё равно|продолжай*|возобнов*|всё ещё нужно|все еще нужно",
        "zh": "还是做|还是要做|继续做|继续进行|请继续|重新开始|恢复处理",
        "ja": "やはりお願い|やっぱりお願い|続けてください|再開してください|進めてください",
        "ko": "계속해 주세요|계속해주세요|계속 진행|진행해 주세요|진행해주세요|다시 시작",
    }
)
"""Of what somebody had refused: it is wanted after all."""
NO = Phrases(
    {
        "en": "no|nope|not|don t",
        "de": "nein|nicht",
        "fr": "non",
        "es": "no",
        "pt": "não",
        "it": "no|non",
        "nl": "nee|niet",
        "pl": "nie",
        "ru": "нет|не",
        "zh": "不",
        "ja": "いいえ|いえ",
        "ko": "아니",
    }
)
BOTH = Phrases(
    {
        "en": "both|all|any|either|whichever|all of them|both of them",
        "de": "beide|beides|alle|egal welche*",
        "fr": "les deux|tous|toutes|peu importe",
        "es": "ambos|ambas|los dos|las dos|todos|todas|cualquiera",
        "pt": "ambos|ambas|os dois|as duas|todos|todas|qualquer um",
        "it": "entrambi|entrambe|tutti|tutte|qualsiasi",
        "nl": "beide|allebei|alle|maakt niet uit",
        "pl": "oba|obie|obydwa|wszystkie|którykolwiek",
        "ru": "оба|обе|все|любой",
        "zh": "都|两个都|全部|任意",
        "ja": "両方|全部|どちらでも|すべて",
        "ko": "둘 다|둘다|모두|아무거나",
    }
)
# The ticket itself says that a decision is open.
UNDECIDED = Phrases(
    {
        "en": "not decided|undecided|to be decided|please decide|which one you want|which one do you want|"
        "which you prefer|which do you prefer|have not agreed|not agreed yet|up for discussion",
        "de": "noch entschieden werden|nicht entschieden|zwei möglichkeiten|drei möglichkeiten|bitte entscheiden",
        "fr": "pas encore décidé|pas décidé|à décider|reste à choisir|pas tranché",
        "es": "falta decidir|por decidir|no está decidido|sin decidir|hay que decidir",
        "pt": "falta decidir|a decidir|não decidimos|ainda não decid*|não está decidido",
        "it": "da decidere|non ancora deciso|non abbiamo deciso",
        "nl": "nog niet besloten|niet besloten|nog te beslissen",
        "pl": "nie zdecydowano|nie zdecydowaliśmy|do ustalenia|do decyzji",
        "ru": "не решили|не решено|нужно решить|надо решить",
        "zh": "未决定|没有决定|没决定|待定|还没定|尚未确定",
        "ja": "決まっていません|決まっていない|未定|決めかねて",
        "ko": "정해지지 않|결정되지 않|결정하지 못|미정",
    }
)
ORDINALS = tuple(
    Phrases(by_language)
    for by_language in (
        {
            "en": "first", "de": "erste*", "fr": "premier|première", "es": "primer|primero|primera",
            "pt": "primeiro|primeira", "it": "primo|prima", "nl": "eerste", "pl": "pierwsz*",
            "ru": "первый|первая|первое|первую",
            "zh": "第一|第一个", "ja": "一番目|最初|1つ目|一つ目", "ko": "첫 번째|첫번째|첫째",
        },
        {
            "en": "second", "de": "zweite*", "fr": "deuxième|second|seconde", "es": "segundo|segunda",
            "pt": "segundo|segunda", "it": "secondo|seconda", "nl": "tweede", "pl": "drugi|druga|drugie|drugą",
            "ru": "второй|вторая|второе|вторую",
            "zh": "第二|第二个", "ja": "二番目|2つ目|二つ目", "ko": "두 번째|두번째|둘째",
        },
        {
            "en": "third", "de": "dritte*", "fr": "troisième", "es": "tercer|tercero|tercera",
            "pt": "terceiro|terceira", "it": "terzo|terza", "nl": "derde", "pl": "trzeci|trzecia|trzecie|trzecią",
            "ru": "третий|третья|третье|третью",
            "zh": "第三|第三个", "ja": "三番目|3つ目|三つ目", "ko": "세 번째|세번째|셋째",
        },
        {
            "en": "fourth", "de": "vierte*", "fr": "quatrième", "es": "cuarto|cuarta",
            "pt": "quarto|quarta", "it": "quarto|quarta", "nl": "vierde", "pl": "czwarty|czwarta|czwarte|czwartą",
            "ru": "четвёртый|четвертый|четвёртая|четвертая",
            "zh": "第四|第四个", "ja": "四番目|4つ目|四つ目", "ko": "네 번째|네번째|넷째",
        },
        {
            "en": "fifth", "de": "fünfte*", "fr": "cinquième", "es": "quinto|quinta",
            "pt": "quinto|quinta", "it": "quinto|quinta", "nl": "vijfde", "pl": "piąty|piąta|piąte|piątą",
            "ru": "пятый|пятая|пятое|пятую",
            "zh": "第五|第五个", "ja": "五番目|5つ目|五つ目", "ko": "다섯 번째|다섯번째|다섯째",
        },
    )
)  # fmt: skip
# What stands around a pick, and says nothing else.
PICKS = Phrases(
    {
        "en": "let s do|let s go with|let s take|let s go for|i d go with|i would go with|i d take|i d say|i ll take|"
        "i d prefer|go with|go for|i prefer|i choose|i vote for|we prefer|we want|we take|do|take|choose|option|number|"
        "choice|alternative|no|nr|the|one|answer|definitely|then",
        "de": "ich nehme|wir nehmen|nehmen wir|ich bin für|wir machen|machen wir|dann|lieber|nimm|option|variante|"
        "möglichkeit|nummer|nr|antwort|die|der|das|den",
        "fr": "je préfère|on préfère|je prends|prenons|on prend|plutôt|option|l option|numéro|choix|le|la|l|réponse|"
        "je choisis|allons y pour",
        "es": "prefiero|preferimos|mejor|elijo|vamos con|opción|número|la|el|respuesta|me quedo con|tomamos",
        "pt": "prefiro|preferimos|escolho|vamos com|opção|número|a opção|o número|resposta|fico com",
        "it": "preferisco|preferiamo|scelgo|prendiamo|opzione|l opzione|numero|la|il|risposta|meglio|andiamo con",
        "nl": "ik kies|ik neem|we nemen|liever|optie|nummer|de|het|antwoord|doe maar",
        "pl": "wybieram|wolę|bierzemy|raczej|opcja|opcję|numer|odpowiedź|wariant",
        "ru": "выбираю|предпочитаю|давайте|лучше|берём|берем|вариант|номер|ответ|опция",
        "zh": "我选|选择|选项|選項|选|就用|用|我要|号|个|方案",
        "ja": "選択肢|オプション|で|にします|でいきます|がいい|が良い|を選びます|でお願いします|にしましょう|案",
        "ko": "선택|옵션|로 할게요|로 합시다|으로 해|로 해|으로|할게요|합시다|이요",
    }
)
POLITE = Phrases(
    {
        "en": "please|pls|thanks|thank you",
        "de": "bitte|danke",
        "fr": "s il vous plaît|s il te plaît|s il vous plait|s il te plait|svp|merci",
        "es": "por favor|gracias",
        "pt": "por favor|obrigado|obrigada",
        "it": "per favore|grazie",
        "nl": "alsjeblieft|graag|bedankt",
        "pl": "proszę|dziękuję|dzięki",
        "ru": "пожалуйста|спасибо",
        "zh": "请|請|谢谢",
        "ja": "お願いします|ください|です",
        "ko": "부탁합니다|부탁드립니다|부탁해요|주세요|입니다",
    }
)
OR = Phrases(
    {
        "en": "or",
        "de": "oder",
        "fr": "ou",
        "es": "o",
        "pt": "ou",
        "it": "o|oppure",
        "nl": "of",
        "pl": "albo|lub|czy",
        "ru": "или",
        "zh": "或者|还是|或",
        "ja": "または|それとも|もしくは",
        "ko": "또는|아니면|혹은",
    }
)
WISHES = Phrases(
    {
        "en": "also|in addition|moreover|another thing|and also",
        "de": "außerdem|ausserdem|zusätzlich|ferner|darüber hinaus",
        "fr": "aussi|de plus|en outre|par ailleurs",
        "es": "además|también|por otro lado",
        "pt": "também|além disso|outra coisa",
        "it": "inoltre|anche|un altra cosa",
        "nl": "ook|daarnaast|bovendien|verder",
        "pl": "ponadto|także|również|poza tym",
        "ru": "также|кроме того|ещё",
        "zh": "另外|还有|此外",
        "ja": "また|さらに|その他",
        "ko": "또한|그리고|추가로",
    }
)

# What makes an answer definite: it says what is meant and what is not.
LIMITS = Phrases(
    {
        "en": "only|both|neither|except|default|each|exactly|at least|at most|combined|by name|by date|instead|"
        "case insensitive",
        "de": "nur|beide|beides|außer|ausser|standardmäßig|jeweils|genau|mindestens|höchstens|kombinierbar",
        "fr": "seulement|uniquement|les deux|sauf|par défaut|chaque|exactement|au moins|au plus",
        "es": "solo|sólo|solamente|ambos|ambas|excepto|salvo|por defecto|exactamente|al menos|como máximo|combinables",
        "pt": "só|somente|apenas|ambos|ambas|exceto|por padrão|exatamente|pelo menos|no máximo|combináveis",
        "it": "solo|soltanto|entrambi|entrambe|tranne|predefinito|esattamente|almeno|al massimo|combinabili",
        "nl": "alleen|beide|behalve|standaard|precies|minstens|hoogstens|combineerbaar",
        "pl": "tylko|oba|obie|oprócz|domyślnie|dokładnie|co najmniej|najwyżej",
        "ru": "только|оба|обе|кроме|по умолчанию|каждый|ровно|не менее|не более",
        "zh": "只|仅|两者|除了|默认|每个|至少|最多|不区分",
        "ja": "のみ|だけ|両方|以外|既定|デフォルト|それぞれ|ちょうど|以上|以下|区別し",
        "ko": "만 |둘 다|제외|기본값|각각|정확히|이상|이하|구분하지",
    }
)

# It happens to somebody else as well, or again: no answer says what should be different by that.
ALSO = Phrases(
    {
        "en": "me too|same here|same issue|same problem|for us|for me|on our side|we also|i also|us too|still happen*|"
        "customers|complain*",
        "de": "bei uns|bei mir|bei euch|wir auch|ich auch|gleiches problem|gleiche problem|selbe problem|immer noch",
        "fr": "chez nous|chez moi|moi aussi|nous aussi|même problème|même souci|toujours pareil",
        "es": "a nosotros|a mí|yo también|nosotros también|mismo problema|me pasa|nos pasa|sigue igual",
        "pt": "aqui também|comigo|eu também|nós também|mesmo problema|acontece com|continua igual",
        "it": "anche a me|anche a noi|anche da noi|anche io|stesso problema|ancora uguale",
        "nl": "bij ons|bij mij|wij ook|ik ook|zelfde probleem|nog steeds",
        "pl": "u nas|u mnie|ja też|my też|ten sam problem|nadal to samo",
        "ru": "у нас|у меня|я тоже|мы тоже|та же проблема|по прежнему|всё ещё",
        "zh": "我也|我们也|同样的问题|一样的问题|还是这样|也遇到",
        "ja": "弊社でも|うちでも|私も|同じ問題|同じ現象|こちらでも|まだ発生",
        "ko": "저도|저희도|우리도|같은 문제|똑같은 문제|여전히",
    }
)

# Labels, and what stands in front of a title. A label may have its group before it: `type/spike`, `Status: blocked`.
KIND_WORDS: Mapping[str, Phrases] = {
    "epic": Phrases(
        {
            "en": "epic|epics|umbrella|umbrella issue|tracking|tracking issue|tracking epic|meta|meta issue|initiative|"
            "parent issue|milestone",
            "de": "sammelticket|übersicht",
            "fr": "épopée",
            "es": "épica",
            "pt": "épico",
            "it": "epica",
            "nl": "verzamelticket",
            "pl": "epik",
            "ru": "эпик",
            "zh": "史诗|汇总|总览",
            "ja": "エピック|まとめ",
            "ko": "에픽",
        }
    ),
    "spike": Phrases(
        {
            "en": "spike|research|investigation|investigate|poc|proof of concept|exploration|experiment|feasibility",
            "de": "recherche|untersuchung|machbarkeit",
            "fr": "étude|recherche|exploration",
            "es": "investigación|estudio",
            "pt": "pesquisa|investigação|estudo",
            "it": "ricerca|indagine|studio",
            "nl": "onderzoek|verkenning",
            "pl": "badanie|rozpoznanie",
            "ru": "исследование|спайк",
            "zh": "调研|预研|研究",
            "ja": "調査|スパイク",
            "ko": "조사|리서치|스파이크",
        }
    ),
    "question": Phrases(
        {
            "en": "question|questions|support|help|help needed|discussion|discuss|q a|faq|usage question",
            "de": "frage|fragen|hilfe|diskussion",
            "fr": "question|aide|discussion",
            "es": "pregunta|ayuda|discusión|soporte",
            "pt": "pergunta|dúvida|ajuda|discussão",
            "it": "domanda|aiuto|discussione",
            "nl": "vraag|hulp|discussie",
            "pl": "pytanie|pomoc|dyskusja",
            "ru": "вопрос|помощь|обсуждение",
            "zh": "问题咨询|提问|求助|讨论",
            "ja": "質問|相談|議論",
            "ko": "질문|도움|논의",
        }
    ),
    "blocked": Phrases(
        {
            "en": "blocked|on hold|hold|waiting|stalled|postponed|deferred|paused|frozen|waiting for customer|"
            "waiting for response|waiting for reply|waiting for info|awaiting|awaiting response|awaiting reply",
            "de": "blockiert|wartet|zurückgestellt|pausiert",
            "fr": "bloqué|en attente|suspendu",
            "es": "bloqueado|bloqueada|en espera|aplazado",
            "pt": "bloqueado|bloqueada|em espera|adiado",
            "it": "bloccato|in attesa|rinviato",
            "nl": "geblokkeerd|wacht|uitgesteld",
            "pl": "zablokowane|wstrzymane|odłożone",
            "ru": "заблокировано|ожидание|отложено",
            "zh": "阻塞|暂停|搁置",
            "ja": "ブロック|保留|待ち",
            "ko": "차단|보류|대기",
        }
    ),
    "duplicate": Phrases(
        {
            "en": "duplicate|duplicated|dupe|dup",
            "de": "duplikat|doppelt",
            "fr": "doublon",
            "es": "duplicado|duplicada",
            "pt": "duplicado|duplicada",
            "it": "duplicato",
            "nl": "duplicaat|dubbel",
            "pl": "duplikat",
            "ru": "дубликат|дубль",
            "zh": "重复",
            "ja": "重複",
            "ko": "중복",
        }
    ),
    "person": Phrases(
        {
            "en": "wontfix|won t fix|won t do|invalid|rejected|declined|obsolete|needs decision|needs a decision|"
            "decision needed|needs discussion|needs design|needs spec|needs product|needs human|human only|humans only|"
            "manual|no agent|no agents|no bot|no bots|no ai|do not start|not planned|draft|wip|work in progress|rfc|"
            "needs rfc|design needed|spec needed",
            "de": "wird nicht behoben|ungültig|abgelehnt|entscheidung nötig|nur menschen|manuell|entwurf",
            "fr": "rejeté|invalide|décision requise|manuel|brouillon",
            "es": "rechazado|inválido|requiere decisión|manual|borrador",
            "pt": "rejeitado|inválido|requer decisão|manual|rascunho",
            "it": "rifiutato|non valido|serve decisione|manuale|bozza",
            "nl": "afgewezen|ongeldig|besluit nodig|handmatig|concept",
            "pl": "odrzucone|nieprawidłowe|wymaga decyzji|ręcznie|szkic",
            "ru": "отклонено|неверно|нужно решение|вручную|черновик",
            "zh": "不予修复|无效|需要决定|人工|草稿",
            "ja": "対応しない|無効|要判断|手動|下書き",
            "ko": "수정 안 함|무효|결정 필요|수동|초안",
        }
    ),
}
