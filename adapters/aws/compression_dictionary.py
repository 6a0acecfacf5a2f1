"""The words that every stored record holds. They belong to a body's format for ever: better ones are another format.

Not read by anybody but the compressor, which refers back to them; what is likeliest stands last.
"""

FIRST_WORDS = """
"untold":["gate_lifts":true"engine":"claude""model":"codex""budget-run""ineligible""attempts-exhausted""unroutable"
"ci-failed""review-failed""no-change""blocked""cancelled""failed""running""merging""new","dispatched","in-progress"
"slots":{"":{"repository":"","state":"in-review","since":"queue":[{"work_item_id":"","repository":"","priority":2,
"sweep":{"at":"","cursors":{"linear":"slack":"github":"not_before":"report":{"started":1,"answered":"closed":"changed":
"redelivered":"calls":{"thread_id":"","version":1,"work_item_id":"","question":1,"replies":[{"id":"],"deadline":"
"kind":"acknowledge_session","session_id":"","kind":"read_item"},"kind":"forget_item"},"kind":"look_at_run","run_id":"
"kind":"stop_agent","run_id":"","kind":"enable_auto_merge","sha":"","kind":"disable_auto_merge"},"not_before":"
"failing_since":"","not_before":"","why":"no outcome within 45 s"},https://linear.app//issue/https://app.slack.com/
"feedback":["handled":["armed":true,"block":{"reason":"","why":"","fix":"In the ticket of :","title":"","pull_request":
"turns":"input_tokens":"cached_tokens":"output_tokens":"usd":"0."conclusion":"failure","summary":"","url":"https://
"round":1,"generation":2,"merged_by":"changes_requested""dismissed","commit":"author":"status":"pending"
"waits_for":"a review""waits_for":"checks are still running""whether it merges cleanly is not known yet","log":[
 answered.","quote":" wrote.","quote":"The ticket was edited; the next run reads it.Nobody answered within Reminded.
Stopped by Try 1 ended: To be mended: Not merged: Waits: Cancelled: Reopened.Escalated. took it up again.QUESTION:
"kind":"open_pull_request","run_id":"","summary":""},"kind":"move_slot_to_review"},"kind":"link_pull_request","url":"
"kind":"read_pull_request"},"kind":"merge_pull_request","sha":""},"kind":"release_slot"},"kind":"post_reply",
"kind":"close_thread","thread_id":""},"kind":"post_comment","body":"From ready to merged in  h;  try, $0.00.
"kind":"take_slot"},"kind":"start_agent"},"kind":"ask_question","text":"","thread_id":""},"kind":"set_item_state","to":"
in-review","expect":["ready","dispatched","done"]},"kind":"triage_item"},"attempts":0,"faults":0,"why":""},{"key":"
{"work_item_id":"","version":1,"born":"","state":"waiting-clarification","since":"","deadline":"","wake_at":"2026-
dispatching""done""in-review""queued","since":"2026-11-"triaging","since":"2026-12-"running","since":"2027-01-
"item":{"key":"","title":"","url":"https://linear.app/","labels":["factory","bug"],"priority":2,"project":"","reporter":
"","reporter_id":"","digest":""},"tracker":"ready","session_id":"","applied":["","outbox":[{"key":"","effect":{"kind":"
"planned":1,"lease":{"holder":"","epoch":1,"until":"Z"},"attempt":1,"route":{"repository":"","engine":"","why":"project
"},"branch":"factory/","clarification":{"question":"What must be true when this is done, so that a test could check it?
 Where does it belong: which page, file, endpoint or error?","thread_id":"","url":"https://","asked_at":""},"answers":[{
"id":"","author":"","text":"","at":"Z"}],"run":{"run_id":"","engine":"","started_at":"","session":""},"spent":{
"pull_request":{"repository":"","number":1,"url":"https://github.com//pull/","branch":"factory/","base":"main",
"head_sha":"","state":"closed","draft":false,"merged":true,"mergeable":true,"checks":[{"name":"","status":"completed",
"conclusion":"success"}],"reviews":[]},"log":[{"at":"Z","by":"tracker","text":" is ready."},{"at":"Z","by":"factory",
"text":"Not clear enough: 0.1 of 0.7, missing: what must be true when it is done, where it is (a file, a page, an error
), what to do, more than a line."},{"at":"Z","by":"factory","text":"Asks.","quote":""},{"at":"Z","by":"person","text":"
"text":"Clear: 0.85. Goes to  by project .","by":"factory","text":"Starts try 1 in .","by":"agent","text":"Finished: 12
 turns, $0.00.","quote":"","by":"factory","text":"Pull request #1 is open.","by":"factory","text":"Merges : all green.
"},{"at":"2026-11-00T00:00:00Z","by":"factory","text":"Merged and done."}]}
""".replace("\n", "").encode()

WORDS = (
    FIRST_WORDS
    + """
"expect":["ready","dispatched","in-review"]},"kind":"post_reply","thread_id":"","text":"Merged. https://github.com/",
"asks":false,"person":""},"aliases":["linear:","pull:","branch:"factory/","identity":"linear:"}],
"waits_for":"no check has reported yet","spending":{"open":[{"run_id":"","usd":"10","at":"estimated":"2.0","cap":"10.0",
"started":1,"day":"2026-12-"runs":1},"verdict":{"reasons":["somebody answered what should be different","it names “”"],
"language":"en"},"mergeable":true,"checks":[{"name":"test","status":"completed","conclusion":"success","url":"
https://github.com//actions/runs/"}],"reviews":[],"files":[]},"doing":""},
"text":"Not clear enough: it does not say what should be different when it is done; it does not say where."},
"quote":"“”: what should be different when this is done?",
"text":"Clear: somebody answered what should be different; it names “”. Goes to  (project )."},
"attempts":0,"faults":0,"why":"","lost":""}],
""".replace("\n", "").encode()
)
